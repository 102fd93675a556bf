//! A person at a terminal: types a line while messages of others keep arriving.
//!
//! On a terminal that understands escape sequences the half-typed line stays whole, whatever is
//! printed meanwhile (rustyline). On a pipe, or with `TERM=dumb`, lines are read and printed plainly.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{panic, thread};

use anyhow::Result;
use rustyline::{Config, DefaultEditor, ExternalPrinter};

use common::closing::LINGER;
use common::{MAX_MESSAGE, green, print_line, printable};
use support::text::is_capable_terminal;

/// What a person sees in front of the line that is typed.
const PROMPT: &str = "> ";

/// Moves up and down again: takes part in rustyline's queue without showing anything.
const NOTHING: &str = "\x1b[A\n";

/// `main` has panicked, which ends the program.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The reading side: what the person types. See [`Terminal::screen`] for the other side.
pub struct Terminal {
    input: Input,
    interrupted: Arc<AtomicBool>,
    screen: Screen,
}

enum Input {
    Editor(Box<DefaultEditor>),
    /// Lines as they come; `None` when they end.
    Lines(Receiver<Option<String>>),
}

/// The writing side: shows what arrives. Clones write to the same terminal.
#[derive(Clone)]
pub struct Screen {
    printer: Option<Arc<Mutex<Box<dyn ExternalPrinter + Send>>>>,
    /// The person has decided to leave, so the end of the connection is no surprise.
    left: Arc<AtomicBool>,
    /// Why the program ends, for the thread that types: it can say so below the half-typed line.
    ending: Arc<OnceLock<String>>,
}

impl Terminal {
    /// Takes over the terminal. It is given back as it was found, however the program ends, even by a panic.
    /// Who ends the program from outside (SIGTERM), or closes the window (SIGHUP), leaves as if by Ctrl-C.
    ///
    /// # Errors
    /// When the terminal cannot be set up.
    pub fn open() -> Result<Self> {
        saved_mode::save();
        let (lines, plain_lines) = mpsc::sync_channel(1);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (interrupt, waiting) = (Arc::clone(&interrupted), lines.clone());
        ctrlc::set_handler(move || {
            interrupt.store(true, Ordering::SeqCst);
            let _ = waiting.try_send(None);
            interrupt_editor();
            thread::sleep(LINGER);
            // By now the program has left. If not, it hangs in something, and must be ended.
            saved_mode::restore();
            process::exit(130)
        })?;
        let (left, ending) = (Arc::default(), Arc::default());
        if !io::stdin().is_terminal() || !is_capable_terminal() {
            thread::Builder::new().spawn(move || read_plain_lines(&lines))?;
            let screen = Screen { printer: None, left, ending };
            return Ok(Self { input: Input::Lines(plain_lines), interrupted, screen });
        }
        let config = Config::builder().bracketed_paste(false).build();
        let mut editor = DefaultEditor::with_config(config)?;
        let printer: Box<dyn ExternalPrinter + Send> = Box::new(editor.create_external_printer()?);
        let screen = Screen { printer: Some(Arc::new(Mutex::new(printer))), left, ending };
        restore_on_panic();
        Ok(Self { input: Input::Editor(Box::new(editor)), interrupted, screen })
    }

    /// Asks a question, in green; `None` when the person leaves instead of answering.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        let question = green(question);
        if let Input::Lines(_) = self.input {
            let mut stdout = io::stdout().lock();
            // (an answer may come even if nobody can read the question)
            let _ = write!(stdout, "{question}").and_then(|()| stdout.flush());
        }
        self.read(&question)
    }

    /// Waits for the next line; `None` when the person leaves with Ctrl-D or Ctrl-C, and when the
    /// input ends.
    pub fn read_line(&mut self) -> Option<String> {
        let line = self.read(PROMPT)?;
        if let Input::Editor(editor) = &mut self.input {
            let _ = editor.add_history_entry(&line);
        }
        Some(line)
    }

    /// Shows one line, for the thread that types: no line is being typed now.
    ///
    /// Through the [`Screen`] it could wait for ever for somebody to take it, which only this thread does.
    pub fn print(&self, text: &str) {
        print_line(&printable(text));
    }

    /// The writing side, for the thread that receives.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Leaves the chat: sends the `last_words`, shuts `stream` for writing, and gives the server a second
    /// to close its side. Ends the program with status 0.
    pub fn leave(&self, stream: &TcpStream, last_words: &[u8]) -> ! {
        // Before the last words, because the server may close at once.
        self.screen.left.store(true, Ordering::SeqCst);
        // A server that does not read cannot keep anybody.
        let _ = stream.set_write_timeout(Some(LINGER));
        let mut writer = stream;
        if writer.write_all(last_words).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok() {
            // Whoever receives ends the program, in [`Screen::end`], as soon as the server has closed.
            thread::sleep(LINGER);
        }
        process::exit(0)
    }

    fn read(&mut self, prompt: &str) -> Option<String> {
        self.screen.exit_if_ending();
        if self.interrupted.load(Ordering::SeqCst) {
            return None;
        }
        let line = match &mut self.input {
            Input::Lines(lines) => lines.recv().unwrap_or(None),
            // An error is Ctrl-D, Ctrl-C, or a terminal that is gone: the person leaves.
            Input::Editor(editor) => editor.readline(prompt).ok(),
        };
        self.screen.exit_if_ending();
        line
    }
}

impl Screen {
    /// Shows one message, with whatever could steer the terminal made harmless.
    pub fn print(&self, text: &str) {
        let line = printable(text);
        match &self.printer {
            None => print_line(&line),
            Some(printer) => {
                let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
                // The terminal is gone: there is nobody to show it to.
                let _ = printer.print(format!("{line}\n"));
            }
        }
    }

    /// Ends the program when the connection has ended, with `result`: status 1 and a message, or,
    /// when the person has left before, status 0.
    pub fn end(&self, result: io::Result<()>) -> ! {
        if self.left.load(Ordering::SeqCst) {
            process::exit(0);
        }
        let message = match result {
            Ok(()) => "the server closed the connection".to_owned(),
            Err(error) => format!("the connection to the server is lost: {error}"),
        };
        if self.printer.is_some() {
            self.wait_until_shown();
            let _ = self.ending.set(message.clone());
            interrupt_editor();
            // The thread that types has not come back: it does something else than to read a line.
            saved_mode::restore();
        }
        fail(&message)
    }

    /// Says why the program ends, if it does.
    fn exit_if_ending(&self) {
        if PANICKED.load(Ordering::SeqCst) {
            // `main` is about to end the program. Should it wait for this thread instead, this thread ends it.
            thread::sleep(LINGER);
            process::exit(101)
        }
        if let Some(message) = self.ending.get() {
            fail(message);
        }
    }

    /// rustyline shows pieces one by one in the thread that reads, and its queue has one place: when
    /// there is room for a second further piece, all before the first are on the screen.
    fn wait_until_shown(&self) {
        let Some(printer) = self.printer.clone() else { return };
        let (shown, wait) = mpsc::channel();
        thread::spawn(move || {
            let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..2 {
                let _ = printer.print(NOTHING.to_owned());
            }
            let _ = shown.send(());
        });
        // It does not take them any more when the person has just pressed Enter.
        let _ = wait.recv_timeout(LINGER);
    }
}

fn fail(message: &str) -> ! {
    // (nobody may be reading; there is nothing else left to do)
    let _ = writeln!(io::stderr(), "Error: {message}");
    process::exit(1)
}

/// Reads lines in a thread of its own, so that Ctrl-C can end the waiting for one.
fn read_plain_lines(lines: &SyncSender<Option<String>>) {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    // (a line longer than a message may be becomes several)
    while let Ok(1..) = stdin.by_ref().take(MAX_MESSAGE as u64 / 2).read_until(b'\n', &mut line) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if lines.send(Some(String::from_utf8_lossy(text).into_owned())).is_err() {
            return;
        }
        line.clear();
    }
    let _ = lines.send(None);
}

/// Makes the editor, which answers to SIGINT only, return from its line. It may be about to begin one, so
/// this is tried again and again, for [`LINGER`].
fn interrupt_editor() {
    for _ in 0..10 {
        #[cfg(unix)]
        let _ = nix::sys::signal::raise(nix::sys::signal::SIGINT);
        thread::sleep(LINGER / 10);
    }
}

/// Makes a panic in `main`, which ends the program, give the terminal back too. In another thread it ends
/// only that thread, and the line may still be typed.
fn restore_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        if thread::current().name() == Some("main") {
            // Whoever types finds the terminal gone, and must not take that for the person's wish to leave.
            PANICKED.store(true, Ordering::SeqCst);
            saved_mode::restore();
        }
    }));
}

/// The mode in which the terminal was found.
#[cfg(unix)]
mod saved_mode {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;
    use std::sync::{Mutex, OnceLock};

    use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
    use nix::unistd::dup2_stdin;

    static MODE: OnceLock<Mutex<Termios>> = OnceLock::new();

    pub fn save() {
        if let Ok(mode) = tcgetattr(io::stdin()) {
            let _ = MODE.set(mode.into());
        }
    }

    /// Only for the end of the program: nobody can type any more.
    pub fn restore() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let Ok(terminal) = io::stdin().as_fd().try_clone_to_owned() else { return };
        // Or a thread that is about to begin a line would change the mode again.
        let _ = File::open("/dev/null").map(dup2_stdin);
        let _ = tcsetattr(terminal, SetArg::TCSADRAIN, &mode);
    }
}

/// Windows shells set up their console themselves before each prompt.
#[cfg(not(unix))]
mod saved_mode {
    pub fn save() {}
    pub fn restore() {}
}
