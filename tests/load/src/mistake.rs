//! The mistakes that wrong messages reveal.

use std::fmt;

/// A mistake that a server makes when it delivers messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The server has lost a message.
    Lost,
    /// The server has delivered a message twice.
    Twice,
    /// The server has delivered a sender's messages in the wrong order.
    OutOfOrder,
    /// The server has sent a message back to its sender, although the wire format forbids this.
    Own,
    /// The server has delivered bytes that nobody sent.
    Changed,
    /// Nothing has arrived for a long time, although messages are missing.
    Stalled,
}

/// A mistake that was found, with a sentence that names the people and the messages involved.
#[derive(Clone, Debug)]
pub struct Found {
    /// The mistake.
    pub mistake: Mistake,
    /// What happened.
    pub sentence: String,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let what = match self.mistake {
            Mistake::Lost => "a message was lost",
            Mistake::Twice => "a message was delivered twice",
            Mistake::OutOfOrder => "messages from one sender were delivered in the wrong order",
            Mistake::Own => "a message was sent back to its sender",
            Mistake::Changed => "bytes were changed",
            Mistake::Stalled => "the server stopped delivering messages",
        };
        write!(formatter, "{what}: {}", self.sentence)
    }
}

impl std::error::Error for Found {}
