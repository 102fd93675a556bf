//! A stage: what it asks, what it is worth, and why a submission fails it.

use std::fmt;
use std::io;

use crate::lab::Lab;
use crate::record::visible;

/// The stages of one lab, in their order. Their points add up to 100.
pub struct Plan {
    /// From 1.
    pub number: u32,
    /// What the lab is about.
    pub title: &'static str,
    /// Whether what one says comes back to oneself as well.
    pub speaker_hears: bool,
    /// In the order of their numbers.
    pub stages: Vec<Stage>,
}

/// One thing that a submission must be able to do.
pub struct Stage {
    /// From 1 in each lab.
    pub number: u32,
    /// What the program does when it passes.
    pub title: &'static str,
    /// Of the 100 of the lab.
    pub points: u32,
    /// Which program is to blame for a failure.
    pub kind: Kind,
    /// The stages without which this one makes no sense.
    pub stands_on: &'static [u32],
    /// From a question that leads to the mistake to what to write; at least two.
    pub hints: Vec<&'static str>,
    /// Plays it.
    pub script: fn(&Lab) -> Check,
}

/// Which programs of the submission a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its server, against scripted peers.
    Server,
    /// Its client, at terminals, against a scripted server.
    Client,
    /// Its clients, at terminals, with its server.
    Together,
}

/// A stage without its script yet; see [`Stage`].
pub fn stage(number: u32, title: &'static str, points: u32) -> Draft {
    Draft { number, title, points, stands_on: &[], hints: Vec::new() }
}

/// A stage being written.
pub struct Draft {
    number: u32,
    title: &'static str,
    points: u32,
    stands_on: &'static [u32],
    hints: Vec<&'static str>,
}

impl Draft {
    /// The stages without which this one makes no sense.
    #[must_use]
    pub fn on(mut self, stages: &'static [u32]) -> Self {
        self.stands_on = stages;
        self
    }

    /// One more hint. The first is a question that leads to the mistake; the next says more.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hints.push(hint);
        self
    }

    /// A stage that tests the server.
    pub fn server(self, script: fn(&Lab) -> Check) -> Stage {
        self.with(Kind::Server, script)
    }

    /// A stage that tests the client.
    pub fn client(self, script: fn(&Lab) -> Check) -> Stage {
        self.with(Kind::Client, script)
    }

    /// A stage that tests clients and server together.
    pub fn together(self, script: fn(&Lab) -> Check) -> Stage {
        self.with(Kind::Together, script)
    }

    fn with(self, kind: Kind, script: fn(&Lab) -> Check) -> Stage {
        let Self { number, title, points, stands_on, hints } = self;
        Stage { number, title, points, kind, stands_on, hints, script }
    }
}

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
