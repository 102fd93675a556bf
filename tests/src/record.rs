//! Who sent which bytes, typed or saw what, and when, on one clock.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::TerminalKind;
use crate::stage::Failure;

/// How many events are kept. A stage has dozens; a program gone wild must not fill the memory.
const MAX_EVENTS: usize = 4000;

/// The events of one run of a stage.
#[derive(Clone)]
pub struct Record {
    begin: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the stage began.
    pub at: Duration,
    /// The person, peer or program.
    pub who: String,
    /// What it did.
    pub what: What,
}

impl Event {
    /// From whom something went over the wire, and to whom.
    pub fn ends(&self) -> Option<(&str, &str)> {
        match &self.what {
            What::Sent(to, _) => Some((&self.who, to)),
            What::Got(from, _) => Some((from, &self.who)),
            _ => None,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Sent bytes, or did something else to its connection, to the other end, which is named.
    Sent(String, Wire),
    /// Got bytes from the other end, or something else happened to the connection.
    Got(String, Wire),
    /// A person typed or pressed something.
    Typed(Vec<u8>),
    /// A program showed something on its terminal.
    Showed(Vec<u8>),
    /// A program is started on this kind of terminal, with this command line.
    Started(TerminalKind, String),
    /// The script comes to a new part.
    Step(String),
    /// Anything else, in words.
    Note(String),
    /// The script is done; what comes later are last words.
    End,
}

/// What goes over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bytes.
    Bytes(Vec<u8>),
    /// What is no bytes: `connects`, `closes`.
    Signal(&'static str),
}

impl Default for Record {
    fn default() -> Self {
        Self { begin: Instant::now(), events: Arc::default() }
    }
}

impl Record {
    /// Notes what happens now.
    pub fn note(&self, who: &str, what: What) {
        let mut events = self.lock();
        // (the end is always noted)
        if events.len() < MAX_EVENTS || what == What::End {
            events.push(Event { at: self.begin.elapsed(), who: who.to_owned(), what });
        }
    }

    /// Something was found wrong, and the script ends with it.
    pub fn found_wrong(&self) {
        self.settle();
        self.note("", What::End);
    }

    /// Waits until nothing has happened for a moment, so that what is on its way still becomes evidence. No verdict
    /// depends on it.
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

    /// As [`Record::found_wrong`]; answers the failure that says what it was.
    pub fn wrong(
        &self,
        who: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Failure {
        self.found_wrong();
        Failure::wrong(who, expected, came)
    }

    /// When the script was done, or found something wrong.
    pub fn end(&self) -> Option<Instant> {
        let events = self.lock();
        let end = events.iter().find(|event| event.what == What::End)?;
        Some(self.begin + end.at)
    }

    /// What has happened so far, in its order.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// The program that was started last: who connects to a scripted server is likely to be it.
    pub fn last_started(&self) -> Option<String> {
        let is_start = |event: &&Event| matches!(event.what, What::Started(..));
        self.lock().iter().rev().find(is_start).map(|event| event.who.clone())
    }

    /// Everything that each program has shown, also after the end.
    pub fn shown(&self) -> BTreeMap<String, Vec<u8>> {
        // What one terminal shows may come in pieces.
        let mut shown: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for event in self.lock().iter() {
            if let What::Showed(bytes) = &event.what {
                shown.entry(event.who.clone()).or_default().extend_from_slice(bytes);
            }
        }
        shown
    }

    /// The stages that the programs have said themselves are not written yet.
    pub fn unwritten_stages(&self) -> Vec<u32> {
        let shown = self.shown();
        shown.values().flat_map(|bytes| unwritten_stages(&String::from_utf8_lossy(bytes))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How `todo!` begins what it says in a starter.
const UNWRITTEN: &str = "not yet implemented: stage ";

/// The stages of which a program has said that they are not written yet.
pub fn unwritten_stages(text: &str) -> Vec<u32> {
    let mut stages = Vec::new();
    for (at, mark) in text.match_indices(UNWRITTEN) {
        let digits = text[at + mark.len()..].split(|char: char| !char.is_ascii_digit());
        stages.extend(digits.take(1).filter_map(|digits| digits.parse::<u32>().ok()));
    }
    stages
}

/// The text without the panics of stages that are not written yet: of a stage before them they say nothing.
pub fn without_unwritten(text: &str) -> String {
    let mut left: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_unwritten = line.contains(" panicked at ")
            && lines.peek().is_some_and(|next| next.starts_with(UNWRITTEN));
        if !is_unwritten {
            left.push(line);
            continue;
        }
        // Before it stands an empty line, behind it a note.
        lines.next();
        lines.next_if(|next| next.starts_with("note: run with `RUST_BACKTRACE"));
        left.pop_if(|before| before.trim().is_empty());
    }
    let end = if text.ends_with('\n') { "\n" } else { "" };
    left.join("\n") + end
}

/// The events up to the end of the script, with pieces of the same thing put together.
pub fn merged(events: &[Event]) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::new();
    for event in events.iter().take_while(|event| event.what != What::End) {
        let before = merged.last_mut().filter(|before| before.who == event.who);
        let is_more = before.is_some_and(|before| match (&mut before.what, &event.what) {
            (What::Sent(to, Wire::Bytes(bytes)), What::Sent(other, Wire::Bytes(more)))
            | (What::Got(to, Wire::Bytes(bytes)), What::Got(other, Wire::Bytes(more)))
                if to == other =>
            {
                bytes.extend_from_slice(more);
                true
            }
            (What::Typed(bytes), What::Typed(more)) | (What::Showed(bytes), What::Showed(more)) => {
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

/// The bytes as text in which everything can be seen: `⏎` for a newline, `\x1b` for an escape, `\xff` for what
/// is not UTF-8.
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\n' => text.push('⏎'),
                '\r' => text.push_str("\\r"),
                '\0'..='\x1f' | '\x7f' => {
                    let _ = write!(text, "\\x{:02x}", u32::from(char));
                }
                // (and those that turn the direction of what follows, so that it is read as something else)
                '\u{80}'..='\u{9f}'
                | '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => text.extend(char.escape_unicode()),
                _ => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{unwritten_stages, visible, without_unwritten};

    #[test]
    fn what_is_not_written_is_found_and_left_out() {
        let text = "hello\n\nthread 'main' (7) panicked at src/main.rs:3:5:\nnot yet implemented: stage 12: \
                    send it\nnote: run with `RUST_BACKTRACE=1` environment variable\n> hi";
        assert_eq!(unwritten_stages(text), [12]);
        assert_eq!(without_unwritten(text), "hello\n> hi");
        let other = "thread 'main' (7) panicked at src/main.rs:3:5:\noh dear\nnote: more\n";
        assert_eq!(without_unwritten(other), other);
    }

    #[test]
    fn every_byte_can_be_seen() {
        assert_eq!(visible("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(visible(b"a\n\r\x1b\x7f caf\xc3\xa9 \xff"), "a⏎\\r\\x1b\\x7f café \\xff");
    }
}
