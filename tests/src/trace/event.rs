//! What a relay reports. A session file contains these events.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::trace::bytes::Bytes;
use crate::trace::trouble::Kind;
use crate::trace::way::Way;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time since the relay began, in microseconds.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A client has connected.
    Opened {
        /// The number of the connection, from 1.
        connection: u32,
        /// The client's address.
        from: SocketAddr,
    },
    /// The wire has shown the client's nickname.
    Named {
        /// The number of the connection.
        connection: u32,
        /// The nickname.
        name: String,
    },
    /// Bytes were passed on, in one piece.
    Passed {
        /// The number of the connection.
        connection: u32,
        /// The direction.
        way: Way,
        /// The bytes.
        bytes: Bytes,
        /// How long the relay has kept the last of them, in microseconds, if trouble delayed them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<u64>,
    },
    /// The sender has ended its stream, and the relay has passed this on.
    Closed {
        /// The number of the connection.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// The sender has reset the connection, and the relay has passed this on.
    Reset {
        /// The number of the connection.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// The relay has made trouble that is not about single pieces.
    Trouble {
        /// The number of the connection.
        connection: u32,
        /// The direction.
        way: Way,
        /// What the relay did.
        kind: Kind,
        /// How many bytes had been passed on in this direction.
        after: u64,
    },
    /// The relay has ended a connection, because it could not reach the server, or had too many connections.
    Refused {
        /// The number of the connection.
        connection: u32,
        /// The reason.
        why: String,
    },
    /// The connection is over.
    Gone {
        /// The number of the connection.
        connection: u32,
    },
    /// The server has printed a line.
    Printed {
        /// The line.
        line: String,
    },
    /// Anything else, in words.
    Note {
        /// The words.
        text: String,
    },
}

impl What {
    /// The number of the connection that the event is about.
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
