//! Records what every participant sent, typed, and saw, with times from one clock.

pub mod event;
pub mod failure;
pub mod inbox;
pub mod kept;
pub mod panics;
pub mod screen;
pub mod terminal;
pub mod timeout;
pub mod unwritten;
pub mod visible;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use crate::journal::event::{Event, EventKind, Step, Wire};

use crate::journal::failure::Failure;
use crate::journal::kept::Kept;
use crate::journal::panics::caught;
use crate::journal::unwritten::unwritten_stages;

/// The name of the server in the journal and in reports. A second server is called `server 2`.
pub const SERVER: &str = "server";

/// Returns whether this is the name of a server.
pub fn is_server(name: &str) -> bool {
    name.starts_with(SERVER)
}

/// The events from one run of a stage.
#[derive(Clone)]
pub struct Journal {
    begin: Instant,
    events: Arc<Mutex<Kept>>,
    /// The reason why the grader itself failed in this run, if it did.
    broken: Arc<OnceLock<String>>,
    /// The function that is called when the script has found something wrong.
    look: Arc<OnceLock<Look>>,
}

/// A function that inspects the programs.
type Look = Box<dyn Fn() + Send + Sync>;

impl Default for Journal {
    fn default() -> Self {
        let (events, broken, look) = Default::default();
        Self { begin: Instant::now(), events, broken, look }
    }
}

/// Creates a journal with these events, for a report about a run that did not take place here.
impl From<Vec<Event>> for Journal {
    fn from(events: Vec<Event>) -> Self {
        let journal = Self::default();
        let mut kept = journal.lock();
        for event in events {
            kept.add(event);
        }
        drop(kept);
        journal
    }
}

impl Journal {
    /// Records an event that happens now.
    pub fn note(&self, who: &str, what: EventKind) {
        let mut events = self.lock();
        events.add(Event { at: self.now(), who: who.to_owned(), what });
    }

    /// Returns the time since the stage began.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Starts a grader thread that takes part in this run. If the thread panics, the run says nothing about the
    /// programs; see [`Journal::broken`].
    ///
    /// # Errors
    /// Returns an error if the system cannot start a thread.
    pub fn spawn(
        &self,
        part: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        // Each peer in a crowd needs its own thread, so each thread has a small stack.
        const STACK: usize = 256 * 1024;
        let journal = self.clone();
        thread::Builder::new().stack_size(STACK).spawn(move || {
            if let Err(why) = caught(part, work) {
                journal.breaks(&format!("{part}: {why}"));
            }
        })?;
        Ok(())
    }

    /// Records that the grader itself, rather than the tested program, has failed in this run. Only the first reason is
    /// kept.
    pub fn breaks(&self, why: &str) {
        let _ = self.broken.set(why.to_owned());
    }

    /// Returns the reason why the grader itself failed in this run, if it did.
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    /// Sets the function to call when the script has found something wrong, while the people and peers still exist.
    pub fn when_wrong(&self, look: impl Fn() + Send + Sync + 'static) {
        let _ = self.look.set(Box::new(look));
    }

    /// Records that the script stops here because it found something wrong.
    pub fn found_wrong(&self) {
        if let Some(look) = self.look.get() {
            look();
        }
        self.settle();
        self.note("", EventKind::End);
    }

    /// Waits until nothing has happened for a moment, so that bytes that are still in transit are also recorded. No
    /// verdict depends on this wait.
    pub fn settle(&self) {
        const QUIET: Duration = Duration::from_millis(100);
        const AT_MOST: u32 = 5;
        let last = || self.lock().iter().next_back().map(|event| event.at);
        for _ in 0..AT_MOST {
            let before = last();
            thread::sleep(QUIET);
            if last() == before {
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

    /// Replaces the events in this journal with the events of `run` and the additional events in `more`, in
    /// chronological order. If `run` is a different journal, this journal also keeps its own steps.
    pub fn retell(&self, run: &Self, more: impl IntoIterator<Item = Event>) {
        let later = run.begin.saturating_duration_since(self.begin);
        let moved = |event: Event| Event { at: event.at + later, ..event };
        let mut events: Vec<_> = run.events().into_iter().chain(more).map(moved).collect();
        if !Arc::ptr_eq(&self.events, &run.events) {
            let is_step = |event: &Event| matches!(event.what, EventKind::Step(_));
            events.extend(self.events().into_iter().filter(is_step));
        }
        events.sort_by_key(|event| event.at);
        let mut kept = self.lock();
        *kept = Kept::default();
        for event in events {
            kept.add(event);
        }
    }

    /// Returns the time when the script ended or found something wrong.
    pub fn end(&self) -> Option<Instant> {
        let events = self.lock();
        let end = events.iter().find(|event| event.what == EventKind::End)?;
        self.begin.checked_add(end.at)
    }

    /// Returns the events so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.lock().iter().cloned().collect()
    }

    /// Returns the name of the program that was started last, which is probably the next program to connect to a
    /// scripted server.
    pub fn last_started(&self) -> Option<String> {
        let is_start = |event: &&Event| matches!(event.what, EventKind::Started(..));
        self.lock().iter().rev().find(is_start).map(|event| event.who.clone())
    }

    /// Returns whether the program that was started last has shown anything since its start.
    pub fn last_started_has_shown(&self) -> bool {
        let events = self.lock();
        let mut has_shown = Vec::new();
        for event in events.iter().rev() {
            match event.what {
                EventKind::Showed(_) => has_shown.push(&event.who),
                EventKind::Started(..) => return has_shown.contains(&&event.who),
                _ => {}
            }
        }
        false
    }

    /// Returns each program's complete output, including output after the end of the script.
    pub fn shown(&self) -> BTreeMap<String, Vec<u8>> {
        // A terminal's output may arrive in pieces.
        let mut shown: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for event in self.lock().iter() {
            if let EventKind::Showed(bytes) = &event.what {
                shown.entry(event.who.clone()).or_default().extend_from_slice(bytes);
            }
        }
        shown
    }

    /// Returns everything that was typed or sent: each piece by itself, then all pieces from each participant joined,
    /// because a message may be one piece or several.
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

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the events up to the end of the script. Consecutive pieces of the same kind are joined into one.
pub fn merged(events: &[Event]) -> Vec<Event> {
    joined(events, Duration::MAX).into_iter().map(|(event, _)| event).collect()
}

/// Like [`merged`], but also returns the position at which each piece begins. Output that a program shows after a pause
/// is an event of its own, because it was shown later.
pub fn merged_with_pieces(events: &[Event]) -> Vec<(Event, Vec<usize>)> {
    const PAUSE: Duration = Duration::from_millis(40);
    joined(events, PAUSE)
}

fn joined(events: &[Event], pause: Duration) -> Vec<(Event, Vec<usize>)> {
    let mut merged: Vec<(Event, Vec<usize>)> = Vec::new();
    let mut last = Duration::ZERO;
    for event in events.iter().take_while(|event| event.what != EventKind::End) {
        let before = merged.last_mut().filter(|(before, _)| before.who == event.who);
        let joined = before.and_then(|(before, begins)| match (&mut before.what, &event.what) {
            (
                EventKind::Sent(to, Wire::Bytes(bytes)),
                EventKind::Sent(other, Wire::Bytes(more)),
            )
            | (EventKind::Got(to, Wire::Bytes(bytes)), EventKind::Got(other, Wire::Bytes(more)))
                if to == other =>
            {
                Some((begins, bytes, more))
            }
            (EventKind::Typed(bytes), EventKind::Typed(more)) => Some((begins, bytes, more)),
            (EventKind::Showed(bytes), EventKind::Showed(more))
                if event.at.saturating_sub(last) < pause =>
            {
                Some((begins, bytes, more))
            }
            _ => None,
        });
        last = event.at;
        match joined {
            Some((begins, bytes, more)) => {
                begins.push(bytes.len());
                bytes.extend_from_slice(more);
            }
            None => merged.push((event.clone(), vec![0])),
        }
    }
    merged
}
