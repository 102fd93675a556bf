//! What the server tells a client.

use std::fmt;
use std::io::BufRead;
use std::net::SocketAddr;

use crate::lines::{number, value};
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
        room_ref: i64,
        /// The number that the client got.
        join_id: i64,
    },
    /// The client is out of the room.
    Left {
        /// The reference of the room.
        room_ref: i64,
        /// As in the request.
        join_id: i64,
    },
    /// Somebody said something.
    Chat {
        /// The reference of the room.
        room_ref: i64,
        /// Who said it.
        name: String,
        /// The text, of one line or several.
        message: String,
    },
    /// Something was wrong with a request.
    Error(Complaint),
}

/// The greeting asks for it, and nobody looks at it.
const STUDENT_ID: u32 = 0;

/// Stage 10: read the next reply; `None` at the end of the stream.
///
/// [`Lines::next_line`] reads the first line, which tells which reply it is: `value` answers what stands
/// behind its colon. The fields follow in the order of the wire. [`Lines::field`] reads one,
/// [`Lines::number`] one that is a number, and [`Lines::text`] one that goes on until a blank line.
/// `address` (given, below) makes one of a server's IP and port. A line that begins no reply is skipped: the
/// server may be newer than we are.
///
/// A number on the first line is behind its colon already: `number` makes an `i64` of it. Only the code of an
/// error is a `u32`: [`str::parse`] it yourself, and take 0 for what is no number.
///
/// # Errors
/// See [`Problem`].
pub fn read_reply(lines: &mut Lines<impl BufRead>) -> Result<Option<Reply>, Problem> {
    loop {
        let Some(line) = lines.next_line()? else { return Ok(None) };
        let reply = if line == "HELO" || line.starts_with("HELO ") {
            let ip = lines.field("IP")?;
            let port = lines.number("Port")?;
            lines.field("StudentID")?;
            Reply::Helo { line, server: address(&ip, port) }
        } else if let Some(room) = value(&line, "JOINED_CHATROOM") {
            let room = room.to_owned();
            let ip = lines.field("SERVER_IP")?;
            let port = lines.number("PORT")?;
            let room_ref = lines.number("ROOM_REF")?;
            Reply::Joined {
                room,
                server: address(&ip, port),
                room_ref,
                join_id: lines.number("JOIN_ID")?,
            }
        } else if let Some(room_ref) = value(&line, "LEFT_CHATROOM") {
            let room_ref = number("LEFT_CHATROOM", room_ref)?;
            Reply::Left { room_ref, join_id: lines.number("JOIN_ID")? }
        } else if let Some(room_ref) = value(&line, "CHAT") {
            let room_ref = number("CHAT", room_ref)?;
            let name = lines.field("CLIENT_NAME")?;
            Reply::Chat { room_ref, name, message: lines.text("MESSAGE")? }
        } else if let Some(code) = value(&line, "ERROR_CODE") {
            let code = code.trim_end().parse().unwrap_or_default();
            Reply::Error(Complaint::new(code, lines.field("ERROR_DESCRIPTION")?))
        } else {
            continue;
        };
        return Ok(Some(reply));
    }
}

/// Servers write all kinds of things here (a host name, say), and a client only shows it.
fn address(ip: &str, port: i64) -> SocketAddr {
    let ip = ip.trim_end().parse().unwrap_or([0, 0, 0, 0].into());
    SocketAddr::new(ip, port.try_into().unwrap_or_default())
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
        }
    }
}
