//! A terminal where a person types a line while messages keep arriving.
//!
//! On a terminal that understands escape sequences, rustyline keeps the half-typed line intact while messages are
//! printed. With a pipe or `TERM=dumb`, lines are read and printed without an editor.
//!
//! The user can always leave: lines are read before the program asks for them (`input.rs`), so this crate notices
//! immediately when the user leaves, no matter what the program is doing. This crate also stops a program that hangs.

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

/// The prompt before the line that is being typed.
const PROMPT: &str = "> ";

/// Text that moves the cursor up and then down again. This text occupies a slot in rustyline's queue without changing
/// the screen.
const NOTHING: &str = "\x1b[A\n";

/// The maximum number of messages that can wait to be shown. When this maximum is reached, printing blocks.
const TO_SHOW: usize = 16;

/// The maximum length of an answer to a question, in bytes.
const MAX_ANSWER: usize = 256;

/// The time after which the program says what it is waiting for.
const SILENTLY: Duration = Duration::from_secs(1);

/// Whether `main` has panicked, which stops the program.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The input side, which returns the lines that the user types. [`Terminal::screen`] returns the output side.
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
    /// `None` once the reading thread has started.
    reader: Option<Reader>,
    input: Arc<Input>,
    screen: Screen,
    /// The time at which the last line was typed.
    typed: Instant,
}

/// The output side, which shows incoming messages. Clones write to the same terminal.
#[derive(Clone)]
pub struct Screen {
    /// The channel to the thread that passes pieces of output to rustyline, which shows them while a line is being
    /// typed.
    printer: Option<SyncSender<Piece>>,
    /// Whether the editor is reading lines, in which case output must go through the editor.
    reading: Arc<AtomicBool>,
    /// Whether the user has left, in which case the end of the connection is expected.
    left: Arc<AtomicBool>,
    /// The reason why the program is exiting. The reading thread prints this reason below the half-typed line.
    ending: Arc<OnceLock<String>>,
}

enum Piece {
    Line(String),
    /// Asks for a notification when all earlier pieces are on the screen.
    Mark(SyncSender<()>),
}

/// Prints what the program is waiting for if the wait takes longer than a second. Drop this value when the wait is
/// over.
pub struct Waiting {
    _is_over: mpsc::Sender<()>,
}

impl Terminal {
    /// Takes control of the terminal. The terminal's mode is restored no matter how the program exits, even after a
    /// panic.
    ///
    /// A person leaves by typing `word`, or by pressing Ctrl-D or Ctrl-C. A SIGTERM, or the SIGHUP that is sent when
    /// the window is closed, has the same effect as Ctrl-C. If the program is busy with something else and does not
    /// read the next line, this crate makes it exit within a second, with status 0.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be set up.
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
            // A signal that is meant for the editor arrives here if the editor has not started yet.
            let is_for_editor = shown.ending.get().is_some() && shown.is_reading();
            if !is_for_editor {
                handled.interrupt();
                shown.interrupt_editor();
                handled.see_off();
                // The program knows that the user is leaving; give it time to react.
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

    /// Asks a question in green and repeats it until the answer is neither blank nor longer than 256 bytes. Returns
    /// `None` if the user leaves instead, or if [`Terminal::screen`] or [`Terminal::read_line`] has already been
    /// called. After the user has answered, a thread reads lines before the program asks for them.
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
                // The user can answer even if the question could not be printed.
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

    /// Waits for the next line. Returns `None` when the user leaves with Ctrl-D or Ctrl-C, or when the input ends.
    ///
    /// The line fits in a message, and newlines in pasted text have become spaces.
    pub fn read_line(&mut self) -> Option<String> {
        self.read_ahead();
        let (typed, line) = self.input.take()?;
        self.typed = typed;
        Some(line)
    }

    /// Returns the time at which the line last returned by [`Terminal::read_line`] was typed. The line may have been
    /// typed long before [`Terminal::read_line`] returned it.
    pub fn typed(&self) -> Instant {
        self.typed
    }

    /// If the user leaves and the program does not notice, runs `call`, which must make the program stop waiting.
    /// After Ctrl-C, `call` runs immediately; otherwise, the program first gets a moment to send earlier lines.
    pub fn on_leaving(&self, call: impl FnOnce() + Send + 'static) {
        self.input.on_leaving(Box::new(call));
    }

    /// Shows one message, like [`Screen::print`].
    pub fn print(&self, text: &str) {
        self.screen.print(text);
    }

    /// See [`Screen::waiting_for`].
    #[must_use]
    pub fn waiting_for(&self, what: impl Into<String>) -> Waiting {
        self.screen.waiting_for(what)
    }

    /// Returns the output side, for the receiving thread. After this call, a thread reads lines before the program asks
    /// for them.
    pub fn screen(&mut self) -> Screen {
        self.read_ahead();
        self.screen.clone()
    }

    /// Leaves the chat: sends the `last_words`, shuts down the sending side of `stream`, and gives the server time to
    /// close its side, all within a second. Then exits with status 0.
    pub fn leave(&self, stream: &TcpStream, last_words: &[u8]) -> ! {
        // Sets the flag before sending the final message, because the server can close the connection as soon as it
        // receives this message.
        self.screen.left.store(true, Ordering::SeqCst);
        self.input.leaves();
        let end = Instant::now() + LINGER;
        if write_until(end, stream, last_words)
            .and_then(|()| stream.shutdown(Shutdown::Write))
            .is_ok()
        {
            // The receiving thread stops the program, in [`Screen::end`], as soon as the server has closed the
            // connection.
            thread::sleep(end.saturating_duration_since(Instant::now()));
        }
        exit(0)
    }

    /// Starts a thread that reads lines.
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

/// Ensures that a message about a failure appears below the half-typed line.
impl Drop for Terminal {
    fn drop(&mut self) {
        if self.screen.is_reading() && !thread::panicking() {
            let _ = self.screen.ending.set(String::new());
            self.screen.interrupt_editor();
            saved_mode::restore();
        }
    }
}

/// Runs the reading thread, from the first line to the last.
fn read_lines(mut reader: Reader, input: &Input, screen: &Screen) {
    loop {
        let typed = reader.read(PROMPT);
        if screen.is_ending() {
            break;
        }
        let is_last = matches!(typed, Typed::End | Typed::Interrupted);
        let leaves = is_last || matches!(&typed, Typed::Line(line) if input.is_word(line));
        // While the user is leaving, the editor does not run and cannot show messages.
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
    /// Shows one message. Characters that could control the terminal are replaced.
    pub fn print(&self, text: &str) {
        let line = printable(text).into_owned();
        match &self.printer {
            // An error means that the terminal is gone.
            Some(printer) if self.is_reading() => {
                let _ = printer.send(Piece::Line(line));
            }
            _ => print_line(&line),
        }
    }

    /// Prints `waiting for …` if the result is not dropped within a second.
    ///
    /// Assign the result to a named variable, because otherwise it is dropped immediately:
    /// `let _waiting = screen.waiting_for("the server to speak");`
    #[must_use]
    pub fn waiting_for(&self, what: impl Into<String>) -> Waiting {
        let (screen, what) = (self.clone(), what.into());
        let (is_over, wait) = mpsc::channel();
        // If no thread can be started, the program waits silently.
        let _ = thread::Builder::new().spawn(move || {
            if wait.recv_timeout(SILENTLY) == Err(RecvTimeoutError::Timeout) {
                screen.print(&format!("waiting for {what}"));
            }
        });
        Waiting { _is_over: is_over }
    }

    /// Exits after the connection has ended with `result`. The status is 0 if the user has already left; otherwise it
    /// is 1, and a message is printed.
    pub fn end(&self, result: io::Result<()>) -> ! {
        if self.left.load(Ordering::SeqCst) {
            exit(0);
        }
        let message = match result {
            Ok(()) => "the server closed the connection".to_owned(),
            Err(error) => format!("the connection to the server was lost: {error}"),
        };
        if self.is_reading() {
            self.wait_until_shown();
            let _ = self.ending.set(message.clone());
            self.interrupt_editor();
        } else {
            // `fail` ends the input of the reading thread. This thread must not conclude that the user is leaving,
            // because `main` would then exit with status 0 before the message is printed.
            let _ = self.ending.set(String::new());
        }
        fail(&message)
    }

    /// Records whether lines are being read. Without an editor, this function has no effect.
    fn set_reading(&self, reading: bool) {
        self.set_quiet(reading);
        self.reading.store(reading && self.printer.is_some(), Ordering::SeqCst);
    }

    /// Turns the terminal's quiet mode on or off. In quiet mode, the terminal neither echoes keys nor assembles them
    /// into lines.
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

    /// For the reading thread: returns whether the program is exiting. If a message gives the reason, this function
    /// prints the message and exits.
    fn is_ending(&self) -> bool {
        if PANICKED.load(Ordering::SeqCst) {
            // Normally, `main` stops the program. But if `main` is waiting for this thread, this thread must stop the
            // program.
            thread::sleep(LINGER);
            process::exit(101)
        }
        match self.ending.get() {
            Some(message) if !message.is_empty() => fail(message),
            ending => ending.is_some(),
        }
    }

    /// Waits until everything that was printed before this call is on the screen.
    fn wait_until_shown(&self) {
        let Some(printer) = &self.printer else { return };
        let (shown, wait) = mpsc::sync_channel(1);
        if printer.try_send(Piece::Mark(shown)).is_err() {
            // The queue is full and has not accepted the mark, so no notification will arrive. Wait a short time
            // instead.
            thread::sleep(LINGER / 10);
            return;
        }
        // Without a time limit, this wait might never end: if the user has just pressed Enter, the editor does not show
        // the output.
        let _ = wait.recv_timeout(LINGER);
    }

    /// Makes the editor stop reading its line, which only SIGINT can do. The signal is sent repeatedly, because the
    /// editor may be just about to read a line.
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

/// Runs the thread that passes pieces of output to rustyline. The reading thread shows the pieces above the line that
/// is being typed. While no line is being read, the pieces are written immediately.
fn show(pieces: Receiver<Piece>, mut printer: impl ExternalPrinter) {
    for piece in pieces {
        // An error means that the terminal is gone.
        match piece {
            Piece::Line(line) => drop(printer.print(format!("{line}\n"))),
            Piece::Mark(shown) => {
                // The printer's queue holds only one piece of output. When two more pieces have been queued, all pieces
                // before them are on the screen.
                for _ in 0..2 {
                    let _ = printer.print(NOTHING.to_owned());
                }
                let _ = shown.try_send(());
            }
        }
    }
}

/// Writes all the bytes, or returns an error if they are not written before the time `end`, because a server that does
/// not read must not keep the user from leaving.
fn write_until(end: Instant, mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // When no time is left, the timeout is zero, which `set_write_timeout` rejects with an error.
        stream.set_write_timeout(Some(end.saturating_duration_since(Instant::now())))?;
        let written = stream.write(bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Restores the terminal and exits.
fn exit(status: i32) -> ! {
    saved_mode::restore();
    process::exit(status)
}

fn fail(message: &str) -> ! {
    saved_mode::restore();
    // If standard error is closed, the message is lost.
    let _ = writeln!(io::stderr(), "Error: {message}");
    process::exit(1)
}

/// Ensures that the terminal is also restored when `main` panics, which stops the program. A panic in another thread
/// stops only that thread, and the user can still finish typing the line.
fn restore_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        if thread::current().name() == Some("main") {
            // When the terminal is restored, the reading thread sees the end of its input but must not conclude that
            // the user wants to leave.
            PANICKED.store(true, Ordering::SeqCst);
            saved_mode::restore();
        }
    }));
}
