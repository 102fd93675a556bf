//! The events that a relay reports. A session file stores these events.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::network::bytes::Bytes;
use crate::network::trouble::Kind;
use crate::network::way::Way;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time since the relay was started, in microseconds.
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
        /// The number of the connection, counted from 1.
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
        /// How long the relay kept the last of these bytes, in microseconds, if trouble may delay bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<u64>,
    },
    /// The sender ended its stream, and the relay passed on the end.
    Closed {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// The sender reset the connection, and the relay passed on the reset.
    Reset {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
    },
    /// As an option requires, the relay stopped, closed, or reset a connection or one direction of it.
    Trouble {
        /// The connection number.
        connection: u32,
        /// The direction.
        way: Way,
        /// The action of the relay.
        kind: Kind,
        /// The number of bytes that had been passed on in this direction.
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
    /// Returns the number of the connection that the event is about.
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
