//! Records what every participant sent, typed and saw, with times from one clock.

pub mod failure;
pub mod inbox;
pub mod screen;
pub mod terminal;
pub mod timeout;
pub mod unwritten;
pub mod visible;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::journal::failure::Failure;
use crate::journal::terminal::Terminal;
use crate::journal::unwritten::unwritten_stages;

/// The maximum number of events that are kept. A stage normally has dozens of events, but a faulty program must
/// not fill the memory.
const MAX_EVENTS: usize = 4000;

/// The name of the server in the journal and in reports; a second server is `server 2`.
pub const SERVER: &str = "server";

/// Returns whether this is the name of a server.
pub fn is_server(name: &str) -> bool {
    name.starts_with(SERVER)
}

/// The events of one run of a stage.
#[derive(Clone)]
pub struct Journal {
    begin: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time since the stage began.
    pub at: Duration,
    /// The person, peer or program.
    pub who: String,
    /// What happened.
    pub what: EventKind,
}

impl Event {
    /// The sender and the receiver, if the event is about the wire.
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
    /// The participant sent bytes to the participant named here, or did something else to the connection.
    Sent(String, Wire),
    /// The participant received bytes from the participant named here, or something else happened to the
    /// connection.
    Got(String, Wire),
    /// A person typed or pressed something.
    Typed(Vec<u8>),
    /// A person typed keys that the terminal does not show, because it has no echo and the program does not edit lines.
    Unechoed(Vec<u8>),
    /// A person changed the number of columns and of rows of a window.
    Resized(NonZero<u16>, NonZero<u16>),
    /// A program showed something on its terminal.
    Showed(Vec<u8>),
    /// A program was started on this kind of terminal, with this command line.
    Started(Terminal, String),
    /// The script began a new step.
    Step(String),
    /// Anything else, in words.
    Note(String),
    /// The script ended. Later events are the programs' last output.
    End,
}

/// Something that is sent over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Something other than bytes: `connects`, `closes`.
    Signal(&'static str),
}

impl Default for Journal {
    fn default() -> Self {
        Self { begin: Instant::now(), events: Arc::default() }
    }
}

impl Journal {
    /// Records an event that happens now.
    pub fn note(&self, who: &str, what: EventKind) {
        let mut events = self.lock();
        // The end of the script is always recorded.
        if events.len() < MAX_EVENTS || what == EventKind::End {
            events.push(Event { at: self.begin.elapsed(), who: who.to_owned(), what });
        }
    }

    /// Records that the script ends here, because it found something wrong.
    pub fn found_wrong(&self) {
        self.settle();
        self.note("", EventKind::End);
    }

    /// Waits until nothing has happened for a moment, so that bytes that are still on their way are also recorded.
    /// No verdict depends on this wait.
    pub fn settle(&self) {
        const QUIET: Duration = Duration::from_millis(100);
        const AT_MOST: u32 = 5;
        let count = || self.lock().len();
        for _ in 0..AT_MOST {
            let before = count();
            thread::sleep(QUIET);
            if count() == before {
                break;
            }
        }
    }

    /// Like [`Journal::found_wrong`], but also returns the failure.
    pub fn wrong(
        &self,
        who: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Failure {
        self.found_wrong();
        Failure::wrong(who, expected, came)
    }

    /// Returns the time when the script ended, or found something wrong.
    pub fn end(&self) -> Option<Instant> {
        let events = self.lock();
        let end = events.iter().find(|event| event.what == EventKind::End)?;
        Some(self.begin + end.at)
    }

    /// The events so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// Returns the name of the program that was started last. That program is probably the next one to connect to
    /// a scripted server.
    pub fn last_started(&self) -> Option<String> {
        let is_start = |event: &&Event| matches!(event.what, EventKind::Started(..));
        self.lock().iter().rev().find(is_start).map(|event| event.who.clone())
    }

    /// Returns all output of each program, including output after the end of the script.
    pub fn shown(&self) -> BTreeMap<String, Vec<u8>> {
        // The output of a terminal may arrive in pieces.
        let mut shown: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for event in self.lock().iter() {
            if let EventKind::Showed(bytes) = &event.what {
                shown.entry(event.who.clone()).or_default().extend_from_slice(bytes);
            }
        }
        shown
    }

    /// Returns everything that was typed or sent: each piece, and all pieces of each participant together, because
    /// nobody knows where the texts in them end.
    pub fn said(&self) -> Vec<Vec<u8>> {
        let (mut said, mut joined) = (Vec::new(), BTreeMap::<String, Vec<u8>>::new());
        for event in self.lock().iter() {
            if let EventKind::Typed(bytes) | EventKind::Sent(_, Wire::Bytes(bytes)) = &event.what {
                said.push(bytes.clone());
                joined.entry(event.who.clone()).or_default().extend_from_slice(bytes);
            }
        }
        said.extend(joined.into_values());
        said
    }

    /// Returns the stages that the programs themselves reported as not written yet.
    pub fn unwritten_stages(&self) -> Vec<u32> {
        let shown = self.shown();
        shown.values().flat_map(|bytes| unwritten_stages(&String::from_utf8_lossy(bytes))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the events up to the end of the script. Consecutive pieces of the same kind are joined into one.
pub fn merged(events: &[Event]) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::new();
    for event in events.iter().take_while(|event| event.what != EventKind::End) {
        let before = merged.last_mut().filter(|before| before.who == event.who);
        let is_more = before.is_some_and(|before| match (&mut before.what, &event.what) {
            (
                EventKind::Sent(to, Wire::Bytes(bytes)),
                EventKind::Sent(other, Wire::Bytes(more)),
            )
            | (EventKind::Got(to, Wire::Bytes(bytes)), EventKind::Got(other, Wire::Bytes(more)))
                if to == other =>
            {
                bytes.extend_from_slice(more);
                true
            }
            (EventKind::Typed(bytes), EventKind::Typed(more))
            | (EventKind::Showed(bytes), EventKind::Showed(more)) => {
                bytes.extend_from_slice(more);
                true
            }
            _ => false,
        });
        if !is_more {
            merged.push(event.clone());
        }
    }
    merged
}
