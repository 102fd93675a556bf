//! Why a script did not come to its end, and the bytes that show it.

use std::fmt;
use std::io;

use crate::journal::visible::visible;

/// What a step of a script answers.
pub type Check<T = ()> = Result<T, Failure>;

/// Bytes that somebody waited for, and those that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who waited.
    pub name: String,
    /// For what.
    pub expected: Vec<u8>,
    /// What had come before, and was as it should be.
    pub before: Vec<u8>,
    /// What came instead.
    pub rest: Vec<u8>,
    /// Whether it is about the lines of a screen, where others may stand between, and not about a stream.
    pub is_screen: bool,
}

/// Why a script did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The program did something else than what was expected.
    Wrong {
        /// Who should have got or done something, as the beginning of a sentence.
        who: String,
        /// What was expected.
        expected: String,
        /// What came instead.
        came: String,
        /// The bytes, when it is about bytes.
        evidence: Option<Box<Evidence>>,
    },
    /// The grader or the machine failed; nobody's fault but ours.
    Grader(String),
}

impl Failure {
    /// The program did something else than what was expected.
    pub fn wrong(
        who: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        let (who, expected, came) = (who.into(), expected.into(), came.into());
        Self::Wrong { who, expected, came, evidence: None }
    }

    /// With the bytes that it is about.
    #[must_use]
    pub fn with(mut self, given: Evidence) -> Self {
        if let Self::Wrong { evidence, .. } = &mut self {
            *evidence = Some(Box::new(given));
        }
        self
    }

    /// As [`Failure::wrong`], for bytes.
    pub fn wrong_bytes(who: impl Into<String>, expected: &[u8], came: &[u8]) -> Self {
        let came = if came.is_empty() { "nothing".into() } else { visible(came) };
        Self::wrong(who, visible(expected), came)
    }
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
                write!(out, "{who}\n    expected  {expected}\n    but came  {came}")
            }
            Self::Grader(why) => write!(out, "the grader failed: {why}"),
        }
    }
}
