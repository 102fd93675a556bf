//! Reads lines before the program asks for them and notices when the user leaves.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use common::{MAX_MESSAGE, print_line};

use crate::exit;

/// The maximum length of a line, in bytes. A line and the prefix that a client adds must together fit in one message.
const MAX_LINE: usize = MAX_MESSAGE - 1024;

/// The text that is printed when a line is too long for a message.
pub const TOO_LONG: &str = "That line is too long for one message; it was not sent";

/// The maximum total length, in bytes, of the lines that are waiting for the program. If a line from a pipe would
/// exceed this limit, nothing more is read from the pipe until there is space for the line.
const MAX_WAITING: usize = 1024 * 1024;

/// The text that is printed when there is no space for a typed line.
const TOO_MUCH: &str = "Too much is waiting to be sent; that line was not sent";

/// How long the program has to notice on its own that the user is leaving. Before that, it sends the earlier lines
/// that are still waiting.
const PATIENCE: Duration = Duration::from_millis(400);

/// The additional time for a program that has not noticed within [`PATIENCE`] that the user is leaving.
const LAST_MOMENT: Duration = Duration::from_millis(300);

/// Reads input line by line.
pub enum Reader {
    Editor(Box<DefaultEditor>),
    Plain,
}

/// The result of reading a line.
pub enum Typed {
    Line(String),
    /// The line was too long for a message and was discarded.
    TooLong,
    /// Ctrl-D, the end of the pipe, or a terminal that is gone.
    End,
    /// Ctrl-C.
    Interrupted,
}

impl Reader {
    pub fn read(&mut self, prompt: &str) -> Typed {
        match self {
            Self::Plain => read_plainly(),
            Self::Editor(editor) => match editor.readline(prompt) {
                Ok(line) => typed(&line),
                Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Typed::Interrupted,
                Err(_) => Typed::End,
            },
        }
    }

    /// Adds the line to the history, which the user can browse with the arrow keys.
    pub fn remember(&mut self, line: &str) {
        if let Self::Editor(editor) = self {
            let _ = editor.add_history_entry(line);
        }
    }
}

fn read_plainly() -> Typed {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    // The limit leaves space for the longest line and the characters that end it.
    let limit = MAX_LINE + 2;
    match stdin.by_ref().take(limit as u64).read_until(b'\n', &mut line) {
        Ok(1..) if line.len() < limit || line.ends_with(b"\n") => {
            typed(&String::from_utf8_lossy(&line))
        }
        // The rest of the line is discarded, because an endless line must not use up all memory.
        Ok(1..) if stdin.skip_until(b'\n').is_ok() => Typed::TooLong,
        _ => Typed::End,
    }
}

/// Turns one line into one message, even if the line contains pasted newlines.
fn typed(line: &str) -> Typed {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.len() > MAX_LINE {
        Typed::TooLong
    } else {
        Typed::Line(line.replace(['\r', '\n'], " "))
    }
}

/// The lines that are waiting for the program. One thread reads and adds the lines, and the thread that calls
/// `Terminal::read_line` removes them.
pub struct Input {
    /// The quit command: the word that a person types to leave.
    word: &'static str,
    /// Whether the input is a terminal rather than a pipe.
    is_terminal: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<(Instant, String)>,
    /// The total length of `lines`, in bytes.
    bytes: usize,
    /// The number of times the program has asked for a line.
    asked: usize,
    /// The value of `asked` when the program received the quit command.
    asked_word: usize,
    /// Whether the program has received a line but has not yet asked for the next one.
    is_busy: bool,
    /// Whether the program is only waiting for the answer to a question.
    is_asking: bool,
    end: Option<End>,
    /// Whether the program has been notified that the user is leaving.
    is_told: bool,
    on_leaving: Option<Box<dyn FnOnce() + Send>>,
}

/// The reason why there are no more lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The input has ended. Earlier lines must still be sent.
    Input,
    /// The user pressed Ctrl-C. No more lines are sent.
    Interrupted,
}

impl State {
    /// Returns whether the program knows that the user is leaving. If the user has typed the quit command, it is the
    /// last of the `lines`.
    fn is_known(&self) -> bool {
        if self.end.is_some() { self.is_told } else { self.lines.is_empty() }
    }

    fn is_interrupted(&self) -> bool {
        self.end == Some(End::Interrupted)
    }
}

impl Input {
    pub fn new(word: &'static str, is_terminal: bool) -> Self {
        Self { word, is_terminal, state: Mutex::default(), changed: Condvar::new() }
    }

    pub fn is_word(&self, line: &str) -> bool {
        line == self.word
    }

    pub fn set_asking(&self, is_asking: bool) {
        self.state().is_asking = is_asking;
    }

    pub fn on_leaving(&self, call: Box<dyn FnOnce() + Send>) {
        let mut state = self.state();
        if state.is_interrupted() {
            drop(state);
            return call();
        }
        state.on_leaving = Some(call);
    }

    /// Adds a line that was typed. If the input is a pipe, this function waits until there is space for the line.
    pub fn push(&self, line: String) {
        let mut state = self.state();
        // The quit command is always accepted.
        let is_too_much = |state: &State| {
            state.bytes + line.len() > MAX_WAITING
                && !self.is_word(&line)
                && !state.is_interrupted()
        };
        if self.is_terminal && is_too_much(&state) {
            return print_line(TOO_MUCH);
        }
        while is_too_much(&state) {
            state = self.wait(state);
        }
        if !state.is_interrupted() {
            state.bytes += line.len();
            state.lines.push_back((Instant::now(), line));
            self.changed.notify_all();
        }
    }

    /// Waits for the next line and returns it with the time at which it was typed. Returns `None` when there are no
    /// more lines.
    pub fn take(&self) -> Option<(Instant, String)> {
        let mut state = self.state();
        state.asked += 1;
        state.is_busy = false;
        self.changed.notify_all();
        loop {
            if state.is_interrupted() || state.end.is_some() && state.lines.is_empty() {
                state.is_told = true;
                self.changed.notify_all();
                return None;
            }
            if let Some(next) = state.lines.pop_front() {
                state.bytes -= next.1.len();
                state.is_busy = true;
                if self.is_word(&next.1) {
                    state.asked_word = state.asked;
                }
                self.changed.notify_all();
                return Some(next);
            }
            state = self.wait(state);
        }
    }

    /// Records that there are no more lines.
    pub fn end(&self) {
        self.state().end.get_or_insert(End::Input);
        self.changed.notify_all();
    }

    /// Records that the user is leaving and that no more lines will be sent.
    pub fn interrupt(&self) {
        let mut state = self.state();
        state.end = Some(End::Interrupted);
        self.changed.notify_all();
        let call = state.on_leaving.take();
        drop(state);
        if let Some(call) = call {
            call();
        }
    }

    /// Waits until the program has noticed that the user is leaving. If the program does not notice in time,
    /// or is only waiting for the answer to a question, this function ends the program.
    pub fn see_off(&self) {
        let mut state = self.state();
        let mut asked = state.asked;
        let mut is_last_moment = state.is_interrupted();
        let mut end = Instant::now() + if is_last_moment { LAST_MOMENT } else { PATIENCE };
        while !state.is_known() {
            if !self.is_terminal && !state.is_interrupted() && state.asked != asked {
                // As long as sending makes progress, all lines from a pipe are sent, no matter how long this takes.
                (asked, end, is_last_moment) = (state.asked, Instant::now() + PATIENCE, false);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.is_asking || left.is_zero() && is_last_moment {
                self.report_unsent(&state);
                exit(0);
            }
            if left.is_zero() {
                (end, is_last_moment) = (Instant::now() + LAST_MOMENT, true);
                if let Some(call) = state.on_leaving.take() {
                    drop(state);
                    call();
                    state = self.state();
                }
            } else {
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Waits until the program asks for another line. Even a program that knows that the user is leaving may ask for
    /// another line.
    pub fn wait_until_asked_again(&self) {
        let mut state = self.state();
        while state.asked == state.asked_word {
            state = self.wait(state);
        }
    }

    /// Records that the program is leaving the chat.
    pub fn leaves(&self) {
        let mut state = self.state();
        (state.is_told, state.is_busy) = (true, false);
        self.changed.notify_all();
        self.report_unsent(&state);
    }

    fn report_unsent(&self, state: &State) {
        let is_text = |line: &str| !line.is_empty() && !self.is_word(line);
        let waiting = state.lines.iter().filter(|(_, line)| is_text(line)).count();
        let (said, wait) = mpsc::channel::<()>();
        let text = match waiting + usize::from(state.is_busy) {
            0 => return,
            1 => "one line was not sent".to_owned(),
            lines => format!("{lines} lines were not sent"),
        };
        // A separate thread prints the text, because the user may have paused the output with Ctrl-S.
        thread::spawn(move || {
            let _ = writeln!(io::stderr(), "{text}");
            drop(said);
        });
        let _ = wait.recv_timeout(LAST_MOMENT);
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
