//! A person at a terminal: types a line while messages of others keep arriving.
//!
//! On a terminal that understands escape sequences the half-typed line stays whole, whatever is
//! printed meanwhile (rustyline). On a pipe, or with `TERM=dumb`, lines are read and printed plainly.
//!
//! Nobody is trapped: lines are read ahead (`input.rs`), so that it is noticed at once when the person leaves,
//! whatever the program is doing then. A program that hangs in something is ended.

mod input;
mod saved_mode;

use std::io::{self, IsTerminal, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{panic, thread};

use anyhow::Result;
use rustyline::{Config, DefaultEditor, ExternalPrinter};

use common::closing::LINGER;
use common::{green, print_line, printable};
use support::text::is_capable_terminal;

use input::{Input, Reader, Typed};

/// What a person sees in front of the line that is typed.
const PROMPT: &str = "> ";

/// Moves up and down again: takes part in rustyline's queue without showing anything.
const NOTHING: &str = "\x1b[A\n";

/// How many messages may wait to be shown before the program waits for them.
const TO_SHOW: usize = 16;

/// The longest answer to a question, in bytes.
const MAX_ANSWER: usize = 256;

/// How long a program waits before it says for what.
const SILENTLY: Duration = Duration::from_secs(1);

/// `main` has panicked, which ends the program.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The reading side: what the person types. See [`Terminal::screen`] for the other side.
///
/// ```no_run
/// use terminal::Terminal;
///
/// let mut terminal = Terminal::open("/quit")?;
/// let Some(name) = terminal.ask("Choose your nickname: ") else { return Ok(()) };
/// let screen = terminal.screen();
/// std::thread::spawn(move || screen.print("bob: this may come while you are typing"));
/// while let Some(line) = terminal.read_line().filter(|line| line != "/quit") {
///     terminal.print(&format!("{name}: {line}"));
/// }
/// # Ok::<(), anyhow::Error>(())
/// ```
pub struct Terminal {
    /// Until lines are read ahead.
    reader: Option<Reader>,
    input: Arc<Input>,
    screen: Screen,
    /// When the last line was typed.
    typed: Instant,
}

/// The writing side: shows what arrives. Clones write to the same terminal.
#[derive(Clone)]
pub struct Screen {
    /// What a thread hands to rustyline, which takes it while a line is being typed.
    printer: Option<SyncSender<Piece>>,
    /// Lines are being read, by the editor: what is to be shown goes through it.
    reading: Arc<AtomicBool>,
    /// The person has left, so the end of the connection is no surprise.
    left: Arc<AtomicBool>,
    /// Why the program ends, for the thread that reads: it can say so below the half-typed line.
    ending: Arc<OnceLock<String>>,
}

enum Piece {
    Line(String),
    /// Tell when all before it is on the screen.
    Mark(SyncSender<()>),
}

/// Says what the program waits for, if that takes longer than a second. Drop it when the wait is over.
pub struct Waiting {
    _is_over: mpsc::Sender<()>,
}

impl Terminal {
    /// Takes over the terminal. It is given back as it was found, however the program ends, even by a panic.
    ///
    /// A person leaves by typing `word`, by Ctrl-D or by Ctrl-C. To end the program from outside (SIGTERM), or to
    /// close the window (SIGHUP), is the same as Ctrl-C. A program that is then busy with something else, and
    /// does not come to read that, is ended within a second, with status 0.
    ///
    /// # Errors
    /// When the terminal cannot be set up.
    pub fn open(word: &'static str) -> Result<Self> {
        saved_mode::save();
        let mut screen = Screen {
            printer: None,
            reading: Arc::default(),
            left: Arc::default(),
            ending: Arc::default(),
        };
        let input = Arc::new(Input::new(word, io::stdin().is_terminal()));
        let (handled, shown) = (Arc::clone(&input), screen.clone());
        ctrlc::set_handler(move || {
            // (this thread gets the signals that are to end the editor, when that has not begun yet)
            let is_for_editor = shown.ending.get().is_some() && shown.is_reading();
            if !is_for_editor {
                handled.interrupt();
                shown.interrupt_editor();
                handled.see_off();
                // It knows, and has had time to leave.
                thread::sleep(LINGER + LINGER / 4);
                exit(130)
            }
        })?;
        let reader = if io::stdin().is_terminal() && is_capable_terminal() {
            let config = Config::builder().bracketed_paste(false).build();
            let mut editor = DefaultEditor::with_config(config)?;
            let printer = editor.create_external_printer()?;
            let (to_show, pieces) = mpsc::sync_channel(TO_SHOW);
            thread::Builder::new().spawn(move || show(pieces, printer))?;
            screen.printer = Some(to_show);
            restore_on_panic();
            Reader::Editor(Box::new(editor))
        } else {
            Reader::Plain
        };
        Ok(Self { reader: Some(reader), input, screen, typed: Instant::now() })
    }

    /// Asks a question, in green, again and again until the answer is neither blank nor longer than 256 bytes;
    /// `None` when the person leaves instead. From then on lines are read.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        let mut reader = self.reader.take()?;
        self.input.set_asking(true);
        self.screen.set_quiet(true);
        let Some(answer) = self.answer(&mut reader, &green(question)) else {
            self.screen.set_quiet(false);
            return None;
        };
        self.input.set_asking(false);
        self.reader = Some(reader);
        self.read_ahead();
        Some(answer)
    }

    fn answer(&self, reader: &mut Reader, question: &str) -> Option<String> {
        loop {
            if let Reader::Plain = reader {
                let mut stdout = io::stdout().lock();
                // (an answer may come even if nobody can read the question)
                let _ = write!(stdout, "{question}").and_then(|()| stdout.flush());
            }
            match reader.read(question) {
                Typed::Line(line) if self.input.is_word(&line) => return None,
                Typed::Line(line) if line.trim().is_empty() => {}
                Typed::Line(line) if line.len() <= MAX_ANSWER => return Some(line),
                Typed::Line(_) | Typed::TooLong => {
                    print_line(&format!("That is too long; at most {MAX_ANSWER} bytes, please"));
                }
                Typed::End | Typed::Interrupted => return None,
            }
        }
    }

    /// Waits for the next line; `None` when the person leaves with Ctrl-D or Ctrl-C, and when the
    /// input ends.
    ///
    /// It is one line, and no longer than a message may be: newlines in what was pasted are spaces here.
    pub fn read_line(&mut self) -> Option<String> {
        self.read_ahead();
        let (typed, line) = self.input.take()?;
        self.typed = typed;
        Some(line)
    }

    /// When the last line that [`Terminal::read_line`] has returned was typed. It may have waited.
    pub fn typed(&self) -> Instant {
        self.typed
    }

    /// Does `call` when the person leaves and the program does not notice: it may be waiting for something
    /// that can be given up. At once for Ctrl-C; otherwise what was typed before gets a moment.
    pub fn on_leaving(&self, call: impl FnOnce() + Send + 'static) {
        self.input.on_leaving(Box::new(call));
    }

    /// Shows one line, as [`Screen::print`] does.
    pub fn print(&self, text: &str) {
        self.screen.print(text);
    }

    /// As [`Screen::waiting_for`].
    #[must_use]
    pub fn waiting_for(&self, what: impl Into<String>) -> Waiting {
        self.screen.waiting_for(what)
    }

    /// The writing side, for the thread that receives. From now on lines are read.
    pub fn screen(&mut self) -> Screen {
        self.read_ahead();
        self.screen.clone()
    }

    /// Leaves the chat: sends the `last_words`, shuts `stream` for writing, and gives the server time to close
    /// its side; a second in all. Ends the program with status 0.
    pub fn leave(&self, stream: &TcpStream, last_words: &[u8]) -> ! {
        // Before the last words, because the server may close at once.
        self.screen.left.store(true, Ordering::SeqCst);
        self.input.leaves();
        let end = Instant::now() + LINGER;
        if write_until(end, stream, last_words)
            .and_then(|()| stream.shutdown(Shutdown::Write))
            .is_ok()
        {
            // Whoever receives ends the program, in [`Screen::end`], as soon as the server has closed.
            thread::sleep(end.saturating_duration_since(Instant::now()));
        }
        exit(0)
    }

    /// Begins to read lines, in a thread of its own.
    fn read_ahead(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        self.screen.set_reading(true);
        let (input, screen) = (Arc::clone(&self.input), self.screen.clone());
        let begun = thread::Builder::new().spawn(move || read_lines(reader, &input, &screen));
        if begun.is_err() {
            self.input.end();
        }
    }
}

/// What the program says when it fails is to stand below the half-typed line.
impl Drop for Terminal {
    fn drop(&mut self) {
        if self.screen.is_reading() && !thread::panicking() {
            let _ = self.screen.ending.set(String::new());
            self.screen.interrupt_editor();
            saved_mode::restore();
        }
    }
}

/// The thread that reads, from the first line to the last.
fn read_lines(mut reader: Reader, input: &Input, screen: &Screen) {
    loop {
        let typed = reader.read(PROMPT);
        if screen.is_ending() {
            break;
        }
        let is_last = matches!(typed, Typed::End | Typed::Interrupted);
        let leaves = is_last || matches!(&typed, Typed::Line(line) if input.is_word(line));
        // (while the person leaves, nobody takes from the editor what is to be shown)
        screen.set_reading(!leaves);
        match typed {
            Typed::Line(line) => {
                reader.remember(&line);
                input.push(line);
            }
            Typed::TooLong => print_line(input::TOO_LONG),
            Typed::End => input.end(),
            Typed::Interrupted => input.interrupt(),
        }
        if leaves {
            input.see_off();
        }
        if is_last {
            break;
        }
        if leaves {
            input.wait_until_asked_again();
            screen.set_reading(true);
        }
    }
    screen.set_reading(false);
}

impl Screen {
    /// Shows one message, with whatever could steer the terminal made harmless.
    pub fn print(&self, text: &str) {
        let line = printable(text).into_owned();
        match &self.printer {
            // (when that is gone, the terminal is)
            Some(printer) if self.is_reading() => {
                let _ = printer.send(Piece::Line(line));
            }
            _ => print_line(&line),
        }
    }

    /// Says `waiting for …` if the result is not dropped within a second.
    ///
    /// `let _waiting = screen.waiting_for("the server to speak");` names it, or it would be dropped at once.
    #[must_use]
    pub fn waiting_for(&self, what: impl Into<String>) -> Waiting {
        let (screen, what) = (self.clone(), what.into());
        let (is_over, wait) = mpsc::channel();
        // (without a thread the program waits silently)
        let _ = thread::Builder::new().spawn(move || {
            if wait.recv_timeout(SILENTLY) == Err(RecvTimeoutError::Timeout) {
                screen.print(&format!("waiting for {what}"));
            }
        });
        Waiting { _is_over: is_over }
    }

    /// Ends the program when the connection has ended, with `result`: status 1 and a message, or,
    /// when the person has left before, status 0.
    pub fn end(&self, result: io::Result<()>) -> ! {
        if self.left.load(Ordering::SeqCst) {
            exit(0);
        }
        let message = match result {
            Ok(()) => "the server closed the connection".to_owned(),
            Err(error) => format!("the connection to the server is lost: {error}"),
        };
        if self.is_reading() {
            self.wait_until_shown();
            let _ = self.ending.set(message.clone());
            self.interrupt_editor();
        }
        fail(&message)
    }

    /// Lines are being read, or not any more. Without an editor that makes no difference.
    fn set_reading(&self, reading: bool) {
        self.set_quiet(reading);
        self.reading.store(reading && self.printer.is_some(), Ordering::SeqCst);
    }

    /// Whether the terminal itself shows what is typed, and cuts it into lines.
    fn set_quiet(&self, quiet: bool) {
        match self.printer {
            None => {}
            Some(_) if quiet => saved_mode::quieten(),
            Some(_) => saved_mode::unquieten(),
        }
    }

    fn is_reading(&self) -> bool {
        self.reading.load(Ordering::SeqCst)
    }

    /// For the thread that reads: whether the program ends. If it has something to say, this says it.
    fn is_ending(&self) -> bool {
        if PANICKED.load(Ordering::SeqCst) {
            // `main` is about to end the program. Should it wait for this thread instead, this thread ends it.
            thread::sleep(LINGER);
            process::exit(101)
        }
        match self.ending.get() {
            Some(message) if !message.is_empty() => fail(message),
            ending => ending.is_some(),
        }
    }

    /// Waits until what was printed before is on the screen.
    fn wait_until_shown(&self) {
        let Some(printer) = &self.printer else { return };
        let (shown, wait) = mpsc::sync_channel(1);
        if printer.try_send(Piece::Mark(shown)).is_err() {
            // There is too much.
            thread::sleep(LINGER / 10);
            return;
        }
        // It does not take them any more when the person has just pressed Enter.
        let _ = wait.recv_timeout(LINGER);
    }

    /// Makes the editor, which obeys SIGINT only, return from its line. It may be about to begin one, so
    /// this is tried again and again.
    fn interrupt_editor(&self) {
        for _ in 0..50 {
            if !self.is_reading() {
                return;
            }
            #[cfg(unix)]
            let _ = nix::sys::signal::raise(nix::sys::signal::SIGINT);
            thread::sleep(LINGER / 200);
        }
    }
}

/// The thread that hands pieces to rustyline, which shows them in the thread that reads, above the line that is
/// being typed. While nobody reads, they are written at once.
fn show(pieces: Receiver<Piece>, mut printer: impl ExternalPrinter) {
    for piece in pieces {
        // An error: the terminal is gone, and there is nobody to show it to.
        match piece {
            Piece::Line(line) => drop(printer.print(format!("{line}\n"))),
            Piece::Mark(shown) => {
                // Its queue has one place: when there is room for a second further piece, all before the first
                // are on the screen.
                for _ in 0..2 {
                    let _ = printer.print(NOTHING.to_owned());
                }
                let _ = shown.try_send(());
            }
        }
    }
}

/// Writes all of it, or fails at the end of the time: a server that does not read cannot keep anybody.
fn write_until(end: Instant, mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // (when no time is left, zero is an error)
        stream.set_write_timeout(Some(end.saturating_duration_since(Instant::now())))?;
        let written = stream.write(bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Ends the program, and gives the terminal back.
fn exit(status: i32) -> ! {
    saved_mode::restore();
    process::exit(status)
}

fn fail(message: &str) -> ! {
    saved_mode::restore();
    // (nobody may be reading; there is nothing else left to do)
    let _ = writeln!(io::stderr(), "Error: {message}");
    process::exit(1)
}

/// Makes a panic in `main`, which ends the program, give the terminal back too. In another thread it ends
/// only that thread, and the line may still be typed.
fn restore_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        if thread::current().name() == Some("main") {
            // The thread that reads finds the terminal gone, and must not take that for the person's wish to leave.
            PANICKED.store(true, Ordering::SeqCst);
            saved_mode::restore();
        }
    }));
}
