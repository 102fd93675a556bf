//! The events of a run.

use std::num::NonZero;
use std::time::Duration;

use crate::journal::terminal::Terminal;

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time since the stage began.
    pub at: Duration,
    /// The person, peer, or program.
    pub who: String,
    /// What happened.
    pub what: EventKind,
}

impl Event {
    /// Returns the sender and the receiver, if the event is about a connection.
    pub fn ends(&self) -> Option<(&str, &str)> {
        match &self.what {
            EventKind::Sent(to, _) => Some((&self.who, to)),
            EventKind::Got(from, _) => Some((from, &self.who)),
            _ => None,
        }
    }
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The participant sent bytes, or a signal such as `closes`, to the participant named here.
    Sent(String, Wire),
    /// The participant received bytes, or a signal such as `closes`, from the participant named here.
    Got(String, Wire),
    /// A person typed text or pressed keys.
    Typed(Vec<u8>),
    /// A person pressed keys that do not appear on the terminal, because the terminal does not echo them and the
    /// program does not edit lines.
    Unechoed(Vec<u8>),
    /// A person resized a window to this number of columns and rows.
    Resized(NonZero<u16>, NonZero<u16>),
    /// A program showed output on its terminal.
    Showed(Vec<u8>),
    /// A program was started on this kind of terminal, with this command line.
    Started(Terminal, String),
    /// The script began a new step.
    Step(Step),
    /// All events since this time have served only to confirm that all participants had joined.
    AllJoined(Duration),
    /// Any other event, described in words.
    Note(String),
    /// The script ended. Later events record only what the programs did after the script had ended.
    End,
}

/// One case that a script tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// A description of the case.
    pub name: String,
    /// The functions in the student's code that decide whether the step succeeds.
    pub functions: &'static [&'static str],
}

/// Something that is sent over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A change in the state of the connection, such as `connects` or `closes`.
    Signal(&'static str),
}
