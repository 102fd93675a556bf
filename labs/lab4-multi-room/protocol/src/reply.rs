//! The messages from the server to a client.

use std::fmt;
use std::io::BufRead;
use std::net::SocketAddr;

use crate::lines::value;
use crate::{Complaint, Lines, Problem};

/// A reply or a chat message from a room. Its `Display` output is sent over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The reply to a greeting.
    Helo {
        /// The greeting line, unchanged.
        line: String,
        /// The server's own address.
        server: SocketAddr,
    },
    /// The client is now in the room.
    Joined {
        /// The room's name.
        room: String,
        /// The server's own address.
        server: SocketAddr,
        /// The reference that identifies the room from now on.
        room_ref: String,
        /// The client's ID.
        join_id: String,
    },
    /// The client is no longer in the room.
    Left {
        /// The room's reference.
        room_ref: String,
        /// The ID from the request, unchanged.
        join_id: String,
    },
    /// A member of the room said something.
    Chat {
        /// The room's reference.
        room_ref: String,
        /// The speaker's name.
        name: String,
        /// The text, which has one or more lines.
        message: String,
    },
    /// Something was wrong with a request.
    Error(Complaint),
    /// A line that does not begin any of these replies; other servers may send other kinds of replies.
    Unknown(String),
}

/// The reply to a greeting must contain a student ID, but no program uses it.
const STUDENT_ID: u32 = 0;

/// Stage 10: read the next reply; `None` at the end of the stream.
///
/// The first line says which reply it is; the fields follow in the order of the wire format. References and IDs remain
/// text, because other servers' numbers can be too large for any integer type; trailing spaces are removed. If an
/// error's code is not a number, it is read as 0. `address` accepts any IP and port that a server sends.
///
/// Blank lines between replies are skipped. Any other line that does not begin a reply is a [`Reply::Unknown`]: the
/// server may be newer than this client, and the person wants to see the line.
///
/// # Errors
/// See [`Problem`].
pub fn read_reply(lines: &mut Lines<impl BufRead>) -> Result<Option<Reply>, Problem> {
    todo!("stage 10: read the next reply; None at the end of the stream")
}

/// Instead of an address, some servers send other text, for example a host name. The client only shows the address.
fn address(ip: &str, port: &str) -> SocketAddr {
    let ip = ip.trim_end().parse().unwrap_or([0, 0, 0, 0].into());
    SocketAddr::new(ip, port.trim_end().parse().unwrap_or_default())
}

/// Writes a [`Reply::Chat`], without copying its parts. Most messages that a server writes are chat messages.
///
/// # Errors
/// Returns an error if writing to `out` fails.
pub fn write_chat(
    out: &mut impl fmt::Write,
    room_ref: impl fmt::Display,
    name: &str,
    message: &str,
) -> fmt::Result {
    writeln!(out, "CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {message}\n")
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helo { line, server } => {
                let (ip, port) = (server.ip(), server.port());
                writeln!(out, "{line}\nIP:{ip}\nPort:{port}\nStudentID:{STUDENT_ID}")
            }
            Self::Joined { room, server, room_ref, join_id } => {
                let (ip, port) = (server.ip(), server.port());
                writeln!(out, "JOINED_CHATROOM: {room}\nSERVER_IP: {ip}\nPORT: {port}")?;
                writeln!(out, "ROOM_REF: {room_ref}\nJOIN_ID: {join_id}")
            }
            Self::Left { room_ref, join_id } => {
                writeln!(out, "LEFT_CHATROOM: {room_ref}\nJOIN_ID: {join_id}")
            }
            Self::Chat { room_ref, name, message } => write_chat(out, room_ref, name, message),
            Self::Error(Complaint { code, description }) => {
                writeln!(out, "ERROR_CODE: {code}\nERROR_DESCRIPTION: {description}")
            }
            Self::Unknown(line) => writeln!(out, "{line}"),
        }
    }
}
