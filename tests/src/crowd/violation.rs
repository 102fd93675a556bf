//! A rule violation and where it was found.

use std::fmt;

/// The rules for broadcast messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Every member gets every message.
    Lost,
    /// Nobody gets a message twice.
    Twice,
    /// In wire formats 1 and 3, a message is not sent back to its sender.
    Echo,
    /// Only members of a room get its messages.
    Stranger,
    /// Nobody gets a message that was not sent.
    Unsaid,
    /// The messages from one sender stay in order.
    Order,
    /// The announcement that a person has joined arrives before the person's first message.
    Unannounced,
    /// No message from or to a person arrives after the announcement that the person has left.
    AfterLeaving,
    /// Members stay members until they leave: the server neither closes the connection nor sends an error.
    ThrownOut,
    /// The server grants each request to join or leave, and replies to it.
    Unanswered,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Lost => "every member gets every message",
            Self::Twice => "nobody gets a message twice",
            Self::Echo => "a message is not sent back to its speaker",
            Self::Stranger => "only members of a room get its messages",
            Self::Unsaid => "nobody gets a message that was not sent",
            Self::Order => "the messages of one sender stay in order",
            Self::Unannounced => "a join is announced before the first message",
            Self::AfterLeaving => "no message arrives from or for a former member",
            Self::ThrownOut => "a member stays a member until it leaves",
            Self::Unanswered => "each request to join or leave is granted",
        })
    }
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The person who received a wrong message or missed a message.
    pub who: usize,
    /// The number of the entry that breaks the rule, or `None` if a message is missing.
    pub entry: Option<usize>,
    /// The broadcast messages involved in the violation, starting with the most important one.
    pub items: Vec<usize>,
    /// The bytes that should have arrived, if the checker knows them.
    pub expected: Option<Vec<u8>>,
    /// A description of the violation.
    pub sentence: String,
}

impl Violation {
    /// Creates the violation for a wrong message or event.
    pub(super) fn at(entry: usize, rule: Rule, who: usize, sentence: String) -> Self {
        Self { rule, who, entry: Some(entry), items: Vec::new(), expected: None, sentence }
    }

    /// Creates the violation for a message that did not arrive.
    pub(super) fn lacking(rule: Rule, who: usize, sentence: String) -> Self {
        Self { rule, who, entry: None, items: Vec::new(), expected: None, sentence }
    }

    /// Returns the bytes that did not arrive.
    pub fn missing(&self) -> Option<&[u8]> {
        self.expected.as_deref().filter(|_| self.entry.is_none())
    }
}
