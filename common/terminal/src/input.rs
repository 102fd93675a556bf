//! What the person types, read ahead of the program; and whether the person leaves.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use common::{MAX_MESSAGE, print_line};

use crate::exit;

/// The longest line, in bytes: it is to fit into a message, with what a client puts in front of it.
const MAX_LINE: usize = MAX_MESSAGE - 1024;

/// What is said of a longer one.
pub const TOO_LONG: &str = "That line is too long for one message; it is not sent";

/// How much may wait for the program, in bytes. On a pipe more is not read before there is room.
const MAX_WAITING: usize = 1024 * 1024;

/// What is said of a line that is typed then.
const TOO_MUCH: &str = "Too much waits to be sent; that line is not sent";

/// How long a program that does not notice that the person leaves is left alone: what was typed before may
/// still be on its way.
const PATIENCE: Duration = Duration::from_millis(400);

/// How long it has then to notice, before it is ended.
const LAST_MOMENT: Duration = Duration::from_millis(300);

/// Reads one line after the other.
pub enum Reader {
    Editor(Box<DefaultEditor>),
    Plain,
}

/// What a person has done.
pub enum Typed {
    Line(String),
    /// A line that is no message, and was thrown away.
    TooLong,
    /// Ctrl-D, the end of the pipe, or the terminal is gone.
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

    /// The line comes back with the arrow key.
    pub fn remember(&mut self, line: &str) {
        if let Self::Editor(editor) = self {
            let _ = editor.add_history_entry(line);
        }
    }
}

fn read_plainly() -> Typed {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    // (with room for its end)
    let limit = MAX_LINE + 2;
    match stdin.by_ref().take(limit as u64).read_until(b'\n', &mut line) {
        Ok(1..) if line.len() < limit || line.ends_with(b"\n") => {
            typed(&String::from_utf8_lossy(&line))
        }
        // An endless line does not fill the memory.
        Ok(1..) if stdin.skip_until(b'\n').is_ok() => Typed::TooLong,
        _ => Typed::End,
    }
}

/// One line is one message, even if something with newlines in it was pasted.
fn typed(line: &str) -> Typed {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.len() > MAX_LINE {
        Typed::TooLong
    } else {
        Typed::Line(line.replace(['\r', '\n'], " "))
    }
}

/// The lines that wait for the program, between the thread that reads and the one that types.
pub struct Input {
    /// The word by which a person leaves.
    word: &'static str,
    /// There is a person. Nobody waits in front of a pipe.
    is_terminal: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<(Instant, String)>,
    /// The length of all of them.
    bytes: usize,
    /// How often the program has come for a line.
    asked: usize,
    /// Which of these times it got the word.
    asked_word: usize,
    /// The program has got a line, and has not come back.
    is_busy: bool,
    /// A question is asked, and nothing else is done.
    is_asking: bool,
    end: Option<End>,
    /// The program has heard of the end.
    is_told: bool,
    on_leaving: Option<Box<dyn FnOnce() + Send>>,
}

/// Why no more lines come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The input is over. What has come before is still to be sent.
    Input,
    /// By Ctrl-C: nothing more is to be sent.
    Interrupted,
}

impl State {
    /// Whether the program knows that the person leaves. The word is the last line that is read ahead.
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

    /// A line was typed. On a pipe this waits until there is room for it.
    pub fn push(&self, line: String) {
        let mut state = self.state();
        // (to leave is always possible)
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

    /// The next line, and when it was typed. Waits for it; `None` when there is none any more.
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

    /// No more lines come.
    pub fn end(&self) {
        self.state().end.get_or_insert(End::Input);
        self.changed.notify_all();
    }

    /// The person leaves, and nothing more is to be sent.
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

    /// The person leaves: waits until the program knows, and ends it when it is busy with something else.
    pub fn see_off(&self) {
        let mut state = self.state();
        let mut asked = state.asked;
        let mut is_last_moment = state.is_interrupted();
        let mut end = Instant::now() + if is_last_moment { LAST_MOMENT } else { PATIENCE };
        while !state.is_known() {
            if !self.is_terminal && !state.is_interrupted() && state.asked != asked {
                // What came through a pipe is sent, however long that takes, as long as it goes on.
                (asked, end, is_last_moment) = (state.asked, Instant::now() + PATIENCE, false);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.is_asking || left.is_zero() && is_last_moment {
                self.say_what_was_not_sent(&state);
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

    /// The program was told that the person leaves, and may want another line all the same.
    pub fn wait_until_asked_again(&self) {
        let mut state = self.state();
        while state.asked == state.asked_word {
            state = self.wait(state);
        }
    }

    /// The program leaves.
    pub fn leaves(&self) {
        let mut state = self.state();
        (state.is_told, state.is_busy) = (true, false);
        self.changed.notify_all();
        self.say_what_was_not_sent(&state);
    }

    fn say_what_was_not_sent(&self, state: &State) {
        let is_text = |line: &str| !line.is_empty() && !self.is_word(line);
        let waiting = state.lines.iter().filter(|(_, line)| is_text(line)).count();
        let (said, wait) = mpsc::channel::<()>();
        let text = match waiting + usize::from(state.is_busy) {
            0 => return,
            1 => "one line was not sent".to_owned(),
            lines => format!("{lines} lines were not sent"),
        };
        // (the person may have stopped the output, with Ctrl-S)
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
