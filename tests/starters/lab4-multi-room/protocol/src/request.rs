//! The messages from a client to the server.

use std::fmt;
use std::io::BufRead;

use crate::lines::{name_of, number, value};
use crate::{Complaint, Lines, Problem};

/// A request. Its `Display` output is sent over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The whole line of a greeting, which the reply repeats.
    Helo(String),
    /// The client wants the server to exit.
    Kill,
    /// The client wants to join a room.
    Join {
        /// The room's name.
        room: String,
        /// The client's name.
        name: String,
    },
    /// The client wants to leave a room.
    Leave {
        /// The room's reference.
        room_ref: String,
        /// The ID that the client gave; the reply repeats this ID.
        join_id: String,
        /// The name that the client gave. The server identifies the client by its connection, not by this name.
        name: String,
    },
    /// The client says something in a room.
    Chat {
        /// The room's reference.
        room_ref: String,
        /// The ID that the client gave.
        join_id: String,
        /// The name that the client gave. The server identifies the client by its connection, not by this name.
        name: String,
        /// The text, which has one or more lines.
        message: String,
    },
    /// The client leaves all rooms and the server.
    Disconnect {
        /// The name that the client gave.
        name: String,
    },
}

/// Reads the next request; returns `None` at the end of the stream.
///
/// A line that does not begin a message is reported once; the lines after it are skipped until a line begins a message.
///
/// # Errors
/// See [`Problem`].
pub fn read_request(lines: &mut Lines<impl BufRead>) -> Result<Option<Request>, Problem> {
    loop {
        let Some(line) = lines.first_line()? else { return Ok(None) };
        let request = if line == "HELO" || line.starts_with("HELO ") {
            Ok(Request::Helo(line))
        } else if line == "KILL_SERVICE" {
            Ok(Request::Kill)
        } else if let Some(room) = value(&line, "JOIN_CHATROOM") {
            read_join(room, lines)
        } else if let Some(room_ref) = value(&line, "CHAT") {
            read_chat(room_ref, lines)
        } else if let Some(room_ref) = value(&line, "LEAVE_CHATROOM") {
            read_leave(room_ref, lines)
        } else if value(&line, "DISCONNECT").is_some() {
            read_disconnect(lines)
        } else if line.is_empty() || lines.is_skipping {
            continue;
        } else {
            lines.is_skipping = true;
            let description = "this line does not begin a message".to_owned();
            return Err(Complaint::new(Complaint::NOT_UNDERSTOOD, description).into());
        };
        // An error in a message has already been reported, so the rest of the message must not be reported as well.
        lines.is_skipping = request.is_err();
        return request.map(Some);
    }
}

/// Stage 2: read the rest of a join request.
///
/// The first line has already been read; `room` is its value. The other fields follow in the order of the wire
/// format. Only `CLIENT_NAME` is used.
///
/// Stage 7 extends this function: an invalid join request is an error, not a panic. Both names must be valid
/// ([`name_of`]).
fn read_join(room: &str, lines: &mut Lines<impl BufRead>) -> Result<Request, Problem> {
    todo!("stage 2: read the rest of a join request")
}

/// Stage 3: read the rest of a chat message.
///
/// The first line has already been read; `room_ref` is its value. The fields follow in the order of the wire
/// format; the value of `MESSAGE` can have several lines.
///
/// Stage 7 extends this function: `room_ref` and `JOIN_ID` must be numbers ([`number`]). Even if `room_ref` or
/// `JOIN_ID` is not a number, the lines of this message must never be read as requests, because the text may contain
/// anything, including `KILL_SERVICE`.
fn read_chat(room_ref: &str, lines: &mut Lines<impl BufRead>) -> Result<Request, Problem> {
    todo!("stage 3: read the rest of a chat message")
}

/// Stage 4: read the rest of a leave request.
///
/// The handout describes the rest.
fn read_leave(room_ref: &str, lines: &mut Lines<impl BufRead>) -> Result<Request, Problem> {
    todo!("stage 4: read the rest of a leave request")
}

/// Stage 6: read the rest of a disconnect request.
///
/// The first line has already been read, and its value does not matter. The fields follow in the order of the wire
/// format.
fn read_disconnect(lines: &mut Lines<impl BufRead>) -> Result<Request, Problem> {
    todo!("stage 6: read the rest of a disconnect request")
}

impl Request {
    /// Returns how many bytes of text the request holds. The request needs this much memory.
    pub fn text_len(&self) -> usize {
        match self {
            Self::Helo(line) => line.len(),
            Self::Kill => 0,
            Self::Join { room, name } => room.len() + name.len(),
            Self::Leave { room_ref, join_id, name } => room_ref.len() + join_id.len() + name.len(),
            Self::Chat { room_ref, join_id, name, message } => {
                room_ref.len() + join_id.len() + name.len() + message.len()
            }
            Self::Disconnect { name } => name.len(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helo(line) => writeln!(out, "{line}"),
            Self::Kill => writeln!(out, "KILL_SERVICE"),
            Self::Join { room, name } => {
                writeln!(out, "JOIN_CHATROOM: {room}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}")
            }
            Self::Leave { room_ref, join_id, name } => {
                writeln!(out, "LEAVE_CHATROOM: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}")
            }
            Self::Chat { room_ref, join_id, name, message } => {
                writeln!(out, "CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}")?;
                writeln!(out, "MESSAGE: {message}\n")
            }
            Self::Disconnect { name } => {
                writeln!(out, "DISCONNECT: 0\nPORT: 0\nCLIENT_NAME: {name}")
            }
        }
    }
}
