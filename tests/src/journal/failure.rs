//! Why a script failed, and the bytes that prove it.

use std::fmt;
use std::io;

use crate::journal::visible::visible;

/// The result of one step of a script.
pub type Check<T = ()> = Result<T, Failure>;

/// The bytes that a person or peer waited for, and the bytes that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The person or peer that waited.
    pub name: String,
    /// The expected bytes.
    pub expected: Vec<u8>,
    /// The bytes that arrived before these, and were correct.
    pub before: Vec<u8>,
    /// The bytes that arrived instead.
    pub rest: Vec<u8>,
    /// Whether the bytes are screen lines, which may have other lines between them, rather than part of a stream.
    pub is_screen: bool,
}

/// Why a script failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The program did not do what was expected.
    Wrong {
        /// The person, peer or program, and what it should have done, worded as the beginning of a sentence.
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
    /// The program did not do what was expected.
    pub fn wrong(
        who: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        let (who, expected, came) = (who.into(), expected.into(), came.into());
        Self::Wrong { who, expected, came, evidence: None }
    }

    /// Adds the bytes that the failure is about.
    #[must_use]
    pub fn with(mut self, given: Evidence) -> Self {
        if let Self::Wrong { evidence, .. } = &mut self {
            *evidence = Some(Box::new(given));
        }
        self
    }

    /// Like [`Failure::wrong`], but for bytes.
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
                write!(out, "{who}\n    expected  {expected}\n    but got   {came}")
            }
            Self::Grader(why) => write!(out, "the grader failed: {why}"),
        }
    }
}
