//! Who sent which bytes, typed or saw what, and when, on one clock.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many events are kept. A stage has dozens; a program gone wild must not fill the memory.
const MAX_EVENTS: usize = 4000;

/// How many bytes of one event are shown.
const MAX_SHOWN: usize = 160;

/// How many bytes of what a program showed are shown: a panic must be readable in full.
const MAX_SCREEN: usize = 800;

/// The events of one run of a stage.
#[derive(Clone)]
pub struct Record {
    begin: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

struct Event {
    at: Duration,
    who: String,
    what: What,
}

/// What can happen.
pub enum What {
    /// A scripted peer sent bytes to the program.
    Sent(Vec<u8>),
    /// A scripted peer got bytes from the program.
    Got(Vec<u8>),
    /// A person typed or pressed something.
    Typed(Vec<u8>),
    /// A program showed something on its terminal.
    Showed(Vec<u8>),
    /// Anything else, in words.
    Note(String),
}

impl Default for Record {
    fn default() -> Self {
        Self { begin: Instant::now(), events: Arc::default() }
    }
}

impl Record {
    /// Notes what happens now.
    pub fn note(&self, who: &str, what: What) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() < MAX_EVENTS {
            events.push(Event { at: self.begin.elapsed(), who: who.to_owned(), what });
        }
    }

    /// The stages that the programs have said themselves are not written yet.
    pub fn unwritten_stages(&self) -> Vec<u32> {
        const MARK: &str = "not yet implemented: stage ";
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // What one terminal shows may come in pieces.
        let mut shown: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        for event in events.iter() {
            if let What::Showed(bytes) = &event.what {
                shown.entry(&event.who).or_default().extend_from_slice(bytes);
            }
        }
        let mut stages = Vec::new();
        for bytes in shown.values() {
            let text = String::from_utf8_lossy(bytes);
            for (at, _) in text.match_indices(MARK) {
                let digits = text[at + MARK.len()..].split(|char: char| !char.is_ascii_digit());
                stages.extend(digits.take(1).filter_map(|digits| digits.parse::<u32>().ok()));
            }
        }
        stages
    }

    /// The events as text, a line each.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for Event { at, who, what } in
            self.events.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let what = match what {
                What::Sent(bytes) => format!("sends   {}", shown(bytes, MAX_SHOWN)),
                What::Got(bytes) => format!("gets    {}", shown(bytes, MAX_SHOWN)),
                What::Typed(bytes) => match bytes[..] {
                    [3] => "presses Ctrl-C".to_owned(),
                    [4] => "presses Ctrl-D".to_owned(),
                    _ => format!("types   {}", shown(bytes, MAX_SHOWN)),
                },
                What::Showed(bytes) => format!("shows   {}", shown(bytes, MAX_SCREEN)),
                What::Note(note) => note.clone(),
            };
            let _ = writeln!(text, "{:9.1}  {who:11}  {what}", at.as_secs_f64() * 1000.0);
        }
        text
    }
}

fn shown(bytes: &[u8], limit: usize) -> String {
    if bytes.len() <= limit {
        return visible(bytes);
    }
    let half = limit / 2;
    let (begin, end) = (visible(&bytes[..half]), visible(&bytes[bytes.len() - half..]));
    format!("{begin} … {end} ({} bytes)", bytes.len())
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
                '\u{80}'..='\u{9f}' => text.extend(char.escape_unicode()),
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
    use super::visible;

    #[test]
    fn every_byte_can_be_seen() {
        assert_eq!(visible(b"a\n\r\x1b\x7f caf\xc3\xa9 \xff"), "a⏎\\r\\x1b\\x7f café \\xff");
    }
}
