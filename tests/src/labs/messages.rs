//! Wire formats 1 and 2: a message ends with ⏎.

use crate::harness::peer::Peer;
use crate::harness::peer::receiving::{Next, late_end};
use crate::journal::failure::Check;

/// The maximum number of bytes in a message, without its newline.
pub const LIMIT: usize = 64 * 1024;

/// A message length, in bytes, that exceeds the limit.
pub const TOO_LONG: usize = LIMIT + 64;

/// Returns a message of 2,000 characters that fills many terminal rows. No two rows are alike, however wide the
/// terminal is.
pub fn long_text() -> String {
    let numbers: Vec<_> = (0..400).map(|number| format!("{number:04}")).collect();
    numbers.join(" ") + " "
}

impl Peer {
    /// Sends a message and its ⏎.
    pub fn says(&self, message: &str) -> Check {
        self.sends(format!("{message}\n"))
    }

    /// Waits for the next message, which must be `message`. The message's ⏎ may be missing, because only one stage of
    /// each lab requires it.
    pub fn hears(&self, message: &str) -> Check {
        self.hears_message(message, "")
    }

    /// Waits for the next message, which must be `message`, with its ⏎.
    pub fn hears_line(&self, message: &str) -> Check {
        self.hears_message(message, "\n")
    }

    /// Like [`Peer::hears`], but accepts any of several messages. Returns the index of the message that arrived.
    pub fn hears_one_of(&self, messages: &[&str]) -> Check<usize> {
        let found = self.wait(|arrived| {
            let late = late_end(arrived.rest());
            let rest = &arrived.rest()[late..];
            let which = messages.iter().position(|message| rest.starts_with(message.as_bytes()))?;
            arrived.taken += late + messages[which].len();
            Some(which)
        });
        let expected = || messages.join("\nor ");
        found.ok_or_else(|| self.wrong_message("should have heard", expected().as_bytes()))
    }

    fn hears_message(&self, message: &str, end: &str) -> Check {
        let expected = format!("{message}{end}");
        let expected = expected.as_bytes();
        let has_come = self.takes(|rest| {
            let late = late_end(rest);
            let rest = &rest[late..];
            let common = rest.len().min(expected.len());
            if rest[..common] != expected[..common] {
                return Next::Wrong;
            }
            if common == expected.len() { Next::Right(late + common) } else { Next::NotYet }
        });
        if has_come {
            return Ok(());
        }
        // If `message` ends with a space, it is only the beginning of the expected message.
        let rest = if message.ends_with(' ') { "…" } else { "\n" };
        Err(self.wrong_message("should have heard", format!("{message}{rest}").as_bytes()))
    }
}
