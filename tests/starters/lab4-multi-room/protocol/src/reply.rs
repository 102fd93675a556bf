//! What the server tells a client.

use std::fmt;
use std::io::BufRead;
use std::net::SocketAddr;

use crate::lines::value;
use crate::{Complaint, Lines, Problem};

/// A reply, or a message from somebody else. Its `Display` is what goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer to a greeting.
    Helo {
        /// The line of the greeting, unchanged.
        line: String,
        /// The server's own address.
        server: SocketAddr,
    },
    /// The client is in the room.
    Joined {
        /// The name of the room.
        room: String,
        /// The server's own address.
        server: SocketAddr,
        /// The reference by which to speak of the room from now on.
        room_ref: String,
        /// The id that the client got.
        join_id: String,
    },
    /// The client is out of the room.
    Left {
        /// The reference of the room.
        room_ref: String,
        /// As in the request.
        join_id: String,
    },
    /// Somebody said something.
    Chat {
        /// The reference of the room.
        room_ref: String,
        /// Who said it.
        name: String,
        /// The text, of one line or several.
        message: String,
    },
    /// Something was wrong with a request.
    Error(Complaint),
    /// A line that begins none of these; servers of others say more.
    Unknown(String),
}

/// The greeting asks for it, and nobody looks at it.
const STUDENT_ID: u32 = 0;

/// Stage 10: read the next reply; `None` at the end of the stream.
///
/// [`Lines::next_line`] reads the first line, which tells which reply it is: `value` returns what stands
/// after its colon. The fields follow in the order of the wire. [`Lines::field`] reads one, [`Lines::id`]
/// one that is a reference or an id, and [`Lines::text`] one that goes on until a blank line. A reference on
/// the first line has no field of its own: take the spaces at its end away yourself (`trim_end`).
/// `address` (given, below) makes an address of a server's IP and port.
///
/// A blank line is skipped. Any other line that begins no reply is [`Reply::Unknown`]: the server may be newer
/// than we are, and its person wants to know. The code of an error is a `u32`: [`str::parse`] it, and take 0
/// for what is no number.
///
/// # Errors
/// See [`Problem`].
pub fn read_reply(lines: &mut Lines<impl BufRead>) -> Result<Option<Reply>, Problem> {
    todo!("stage 10: read the next reply; None at the end of the stream")
}

/// Servers write all kinds of things here (a host name, say), and a client only shows it.
fn address(ip: &str, port: &str) -> SocketAddr {
    let ip = ip.trim_end().parse().unwrap_or([0, 0, 0, 0].into());
    SocketAddr::new(ip, port.trim_end().parse().unwrap_or_default())
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
            Self::Chat { room_ref, name, message } => {
                writeln!(out, "CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {message}\n")
            }
            Self::Error(Complaint { code, description }) => {
                writeln!(out, "ERROR_CODE: {code}\nERROR_DESCRIPTION: {description}")
            }
            Self::Unknown(line) => writeln!(out, "{line}"),
        }
    }
}
