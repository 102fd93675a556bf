//! The events that a relay reports and that a session file stores.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::network::bytes::Bytes;
use crate::network::trouble::Kind;
use crate::network::way::Way;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time, in microseconds, since the relay was started.
    pub at: u64,
    /// The kind of event.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A client has connected.
    Opened {
        /// The connection number, starting at 1.
        connection: u32,
        /// The client's address.
        from: SocketAddr,
    },
    /// The client's nickname has become known.
    Named {
        /// The connection number.
        connection: u32,
        /// The nickname.
        name: String,
    },
    /// The relay passed on bytes in one piece.
    Passed {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
        /// The bytes.
        bytes: Bytes,
        /// How long, in microseconds, the relay held the last of these bytes, or `None` if no option can delay bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<u64>,
    },
    /// The sender ended its stream, and the relay ended the stream to the receiver.
    Closed {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// One end reset the connection, and the relay reset the connection to the other end.
    Reset {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// Because of an option, the relay stopped or closed one direction of a connection, or it closed or reset
    /// the whole connection.
    Trouble {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
        /// The relay's action.
        kind: Kind,
        /// The number of bytes that the relay had passed on in this direction before the action.
        after: u64,
    },
    /// The relay refused a connection, because the server was unreachable or there were too many connections.
    Refused {
        /// The connection number.
        connection: u32,
        /// The reason.
        why: String,
    },
    /// The connection has ended.
    Gone {
        /// The connection number.
        connection: u32,
    },
    /// The server printed a line.
    Printed {
        /// The line.
        line: String,
    },
    /// Any other event, described in words.
    Note {
        /// The description.
        text: String,
    },
}

impl What {
    /// Returns the number of the connection to which the event belongs, if any.
    pub fn connection(&self) -> Option<u32> {
        match *self {
            Self::Opened { connection, .. }
            | Self::Named { connection, .. }
            | Self::Passed { connection, .. }
            | Self::Closed { connection, .. }
            | Self::Reset { connection, .. }
            | Self::Trouble { connection, .. }
            | Self::Refused { connection, .. }
            | Self::Gone { connection } => Some(connection),
            Self::Printed { .. } | Self::Note { .. } => None,
        }
    }
}
