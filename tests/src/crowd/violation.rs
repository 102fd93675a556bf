//! A rule that was broken, and where.

use std::fmt;

/// The rules of broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Every member gets what is said.
    Lost,
    /// Nobody gets anything twice.
    Twice,
    /// On wires 1 and 3, the speaker does not get its own message.
    Echo,
    /// Nobody gets what is said in a room without being a member.
    Stranger,
    /// Nobody gets what nobody has said.
    Unsaid,
    /// One sender's messages stay in order.
    Order,
    /// A join is announced before the first message.
    Unannounced,
    /// Nothing comes after somebody has left.
    AfterLeaving,
    /// A member stays a member: the server closes no connection, and sends no error.
    ThrownOut,
    /// The server replies to a join and to a leave.
    Unanswered,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Lost => "every member gets every message",
            Self::Twice => "nobody gets a message twice",
            Self::Echo => "the speaker does not get its own message",
            Self::Stranger => "only members get a message",
            Self::Unsaid => "nobody gets a message that was not sent",
            Self::Order => "the messages of one sender stay in order",
            Self::Unannounced => "a join is announced before the first message",
            Self::AfterLeaving => "nothing comes after somebody has left",
            Self::ThrownOut => "a member stays a member until it leaves",
            Self::Unanswered => "joining and leaving are acknowledged",
        })
    }
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The person who got something wrong, or did not get something.
    pub who: usize,
    /// The number of the entry in which it shows; `None` if something did not come.
    pub entry: Option<usize>,
    /// The items that it is about, the most important one first.
    pub items: Vec<usize>,
    /// The bytes that should have arrived, if they are known.
    pub expected: Option<Vec<u8>>,
    /// What went wrong, in a sentence.
    pub sentence: String,
}

impl Violation {
    /// Something that arrived is wrong.
    pub(super) fn at(entry: usize, rule: Rule, who: usize, sentence: String) -> Self {
        Self { rule, who, entry: Some(entry), items: Vec::new(), expected: None, sentence }
    }

    /// Something did not arrive.
    pub(super) fn lacking(rule: Rule, who: usize, sentence: String) -> Self {
        Self { rule, who, entry: None, items: Vec::new(), expected: None, sentence }
    }

    /// The bytes that did not arrive.
    pub fn missing(&self) -> Option<&[u8]> {
        self.expected.as_deref().filter(|_| self.entry.is_none())
    }
}
