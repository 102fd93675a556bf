//! The messages of the multi-room chat: lines of the form `NAME: value` that carry requests in one direction and
//! replies in the other.
//!
//! Reading is lenient where the wire format allows it (spaces after the colon, `\r`, and blank lines between messages)
//! and strict otherwise. The reply to an invalid message is an error; then reading continues at the next line that
//! begins a message.

mod lines;
mod reply;
mod request;

pub use lines::{Lines, MAX_LINE};
pub use reply::{Reply, read_reply, write_chat};
pub use request::{Request, read_request};

use std::fmt;
use std::io;

/// The reason why no message could be read.
#[derive(Debug)]
pub enum Problem {
    /// The lines are not a valid message; the connection can continue.
    Message(Complaint),
    /// A line or a message's text is longer than the limit; tell the peer and close the connection.
    TooLong,
    /// The connection failed or ended within a message.
    Connection(io::Error),
}

/// The contents of an error reply. For a table of the codes, see the page "The four wire formats".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// [`Complaint::NOT_UNDERSTOOD`] or one of the other codes below.
    pub code: u32,
    /// A line that explains the error to a person.
    pub description: String,
}

impl Complaint {
    /// The line does not begin a message.
    pub const NOT_UNDERSTOOD: u32 = 1;
    /// There is no room with this reference.
    pub const NO_SUCH_ROOM: u32 = 2;
    /// The room exists, but the speaker is not in it.
    pub const NOT_A_MEMBER: u32 = 3;
    /// A field is missing, or its value is invalid.
    pub const BAD_FIELD: u32 = 4;
    /// A line or a message's text is longer than [`MAX_LINE`].
    pub const TOO_LONG: u32 = 5;
    /// The client is not allowed to do what it requests.
    pub const NOT_ALLOWED: u32 = 6;

    /// Creates a complaint with one of these codes.
    pub fn new(code: u32, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<Complaint> for Problem {
    fn from(complaint: Complaint) -> Self {
        Self::Message(complaint)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(complaint) => formatter.write_str(&complaint.description),
            Self::TooLong => write!(
                formatter,
                "a line or a message's text is longer than {} KiB",
                MAX_LINE / 1024
            ),
            Self::Connection(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Problem {}
