//! The reason for a script's failure and the bytes that prove it.

use std::fmt;
use std::io;

use crate::journal::visible::visible;

/// The result of one step in a script.
pub type Check<T = ()> = Result<T, Failure>;

/// The maximum number of bytes in each field of [`Evidence`]. Additional bytes would prove nothing more.
pub const MAX_BYTES: usize = 256 * 1024;

/// The text that a failure shows if no bytes arrived.
pub const NOTHING: &str = "nothing";

/// The maximum length of each string in a [`Failure`], in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// The bytes that a person or peer waited for and the bytes that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The person or peer that waited.
    pub name: String,
    /// The expected bytes.
    pub expected: Vec<u8>,
    /// The correct bytes that had arrived before the failure.
    pub before: Vec<u8>,
    /// The bytes that arrived instead of the expected bytes.
    pub rest: Vec<u8>,
    /// Whether the bytes are lines on a screen, possibly with other lines between them, rather than part of a stream.
    pub is_screen: bool,
}

/// Why a script failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The program did not do what was expected.
    Wrong {
        /// The beginning of a sentence: the person, peer, or program, and what it should have done.
        who: String,
        /// What was expected.
        expected: String,
        /// What happened instead.
        came: String,
        /// The bytes, if the failure is about bytes.
        evidence: Option<Box<Evidence>>,
    },
    /// The grader or the machine failed, not the submission.
    Grader(String),
}

impl Failure {
    /// Creates a failure for a program that did not do what was expected.
    pub fn wrong(
        who: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        let (who, expected, came) = (who.into(), expected.into(), came.into());
        let [who, expected, came] = [who, expected, came].map(not_too_long);
        Self::Wrong { who, expected, came, evidence: None }
    }

    /// Adds the bytes that prove the failure, up to [`MAX_BYTES`] in each field.
    #[must_use]
    pub fn with(mut self, mut given: Evidence) -> Self {
        given.expected.truncate(MAX_BYTES);
        given.before.drain(..given.before.len().saturating_sub(MAX_BYTES));
        given.rest.truncate(MAX_BYTES);
        for bytes in [&mut given.expected, &mut given.before, &mut given.rest] {
            bytes.shrink_to_fit();
        }
        if let Self::Wrong { came, evidence, .. } = &mut self {
            // Correct bytes had arrived before, so `nothing` becomes `nothing more`.
            if given.rest.trim_ascii().is_empty()
                && !given.before.trim_ascii().is_empty()
                && came.starts_with(NOTHING)
            {
                came.insert_str(NOTHING.len(), " more");
            }
            *evidence = Some(Box::new(given));
        }
        self
    }

    /// Like [`Failure::wrong`], but for bytes.
    pub fn wrong_bytes(who: impl Into<String>, expected: &[u8], came: &[u8]) -> Self {
        // Each byte becomes at least one byte of text. The text of `MAX_TEXT + 1` bytes is therefore always too long,
        // so it is truncated and marked.
        let beginning = |bytes: &[u8]| visible(&bytes[..bytes.len().min(MAX_TEXT + 1)]);
        let came = if came.is_empty() { NOTHING.into() } else { beginning(came) };
        Self::wrong(who, beginning(expected), came)
    }
}

fn not_too_long(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Grader(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong { who, expected, came, .. } => {
                write!(out, "{who}\n    expected  {expected}\n    but got   {came}")
            }
            Self::Grader(why) => write!(out, "the grader failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, Failure};

    fn came(before: &[u8]) -> String {
        let evidence = Evidence {
            name: "bob".into(),
            expected: b"two\n".to_vec(),
            before: before.to_vec(),
            rest: Vec::new(),
            is_screen: false,
        };
        let failure = Failure::wrong_bytes("bob should have heard", b"two\n", b"").with(evidence);
        let Failure::Wrong { came, .. } = failure else { unreachable!() };
        came
    }

    #[test]
    fn nothing_more_follows_something() {
        assert_eq!(came(b""), "nothing");
        assert_eq!(came(b"one\n"), "nothing more");
    }
}
