//! Wire 4: lines of `NAME: value`.

use std::net::SocketAddr;

use crate::harness::peer::Peer;
use crate::journal::failure::{Check, Failure};

/// What a client knows about a room that it has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The reference of the room.
    pub room_ref: i64,
    /// The number that the server gave the client.
    pub join_id: i64,
}

impl Peer {
    /// Sends lines, each with its ⏎.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn sends_lines(&self, lines: &[&str]) -> Check {
        self.sends(format!("{}\n", lines.join("\n")))
    }

    /// Waits for the lines to come next.
    ///
    /// # Errors
    /// As soon as something else comes, or when they do not come.
    pub fn gets_lines(&self, lines: &[&str]) -> Check {
        self.gets(format!("{}\n", lines.join("\n")))
    }

    /// Waits for the field `name` to come next; answers its value.
    ///
    /// # Errors
    /// When another line comes, or none.
    pub fn gets_field(&self, name: &str) -> Check<String> {
        let line = self.wait(|arrived| {
            let rest = arrived.rest();
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            arrived.taken += end + 1;
            Some(line)
        });
        let expected = format!("{name}: …\n");
        let Some(line) = line else {
            return Err(self.wrong("should have got the line", expected.as_bytes()));
        };
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        let value = value.map(|value| value.trim_start_matches(' ').to_owned());
        value.ok_or_else(|| {
            let who = format!("{} should have got the line", self.name());
            Failure::wrong_bytes(who, expected.as_bytes(), line.as_bytes())
        })
    }

    /// Waits for a field whose value is a number.
    ///
    /// # Errors
    /// As [`Peer::gets_field`], and when it is no number.
    pub fn gets_number(&self, name: &str) -> Check<i64> {
        let value = self.gets_field(name)?;
        value.trim_end().parse().map_err(|_| {
            Failure::wrong(
                format!("{} should have got", self.name()),
                format!("{name}: number"),
                value,
            )
        })
    }

    /// Asks to join a room, as somebody called `name`.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn asks_to_join(&self, room: &str, name: &str) -> Check {
        self.sends_lines(&[
            &format!("JOIN_CHATROOM: {room}"),
            "CLIENT_IP: 0",
            "PORT: 0",
            &format!("CLIENT_NAME: {name}"),
        ])
    }

    /// Waits for the answer to a join.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn is_in(&self, room: &str, server: SocketAddr) -> Check<Membership> {
        self.gets_lines(&[
            &format!("JOINED_CHATROOM: {room}"),
            &format!("SERVER_IP: {}", server.ip()),
            &format!("PORT: {}", server.port()),
        ])?;
        let room_ref = self.gets_number("ROOM_REF")?;
        let join_id = self.gets_number("JOIN_ID")?;
        Ok(Membership { room_ref, join_id })
    }

    /// Joins a room under the peer's own name, and hears that it did.
    ///
    /// # Errors
    /// As [`Peer::is_in`].
    pub fn joins_room(&self, room: &str, server: SocketAddr) -> Check<Membership> {
        self.asks_to_join(room, self.name())?;
        let membership = self.is_in(room, server)?;
        self.hears_joined(membership.room_ref, self.name())?;
        Ok(membership)
    }

    /// Says something in a room that the peer has joined.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn chats(&self, room: Membership, message: &str) -> Check {
        self.sends_lines(&[
            &format!("CHAT: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
            &format!("CLIENT_NAME: {}", self.name()),
            &format!("MESSAGE: {message}\n"),
        ])
    }

    /// Leaves a room.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn asks_to_leave(&self, room: Membership) -> Check {
        self.sends_lines(&[
            &format!("LEAVE_CHATROOM: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
            &format!("CLIENT_NAME: {}", self.name()),
        ])
    }

    /// Waits for the answer to a leave.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn is_out(&self, room: Membership) -> Check {
        self.gets_lines(&[
            &format!("LEFT_CHATROOM: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
        ])
    }

    /// Disconnects.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn disconnects(&self) -> Check {
        let name = format!("CLIENT_NAME: {}", self.name());
        self.sends_lines(&["DISCONNECT: 0", "PORT: 0", &name])
    }

    /// Waits for a chat message to come next.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn hears_chat(&self, room_ref: i64, name: &str, message: &str) -> Check {
        self.gets_lines(&[
            &format!("CHAT: {room_ref}"),
            &format!("CLIENT_NAME: {name}"),
            &format!("MESSAGE: {message}\n"),
        ])
    }

    /// Waits to hear that somebody has come into a room.
    ///
    /// # Errors
    /// As [`Peer::hears_chat`].
    pub fn hears_joined(&self, room_ref: i64, name: &str) -> Check {
        self.hears_chat(room_ref, name, &format!("{name} has joined this chatroom."))
    }

    /// Waits to hear that somebody has gone from a room.
    ///
    /// # Errors
    /// As [`Peer::hears_chat`].
    pub fn hears_left(&self, room_ref: i64, name: &str) -> Check {
        self.hears_chat(room_ref, name, &format!("{name} has left this chatroom."))
    }

    /// Waits for an error reply with this code.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn hears_error(&self, code: i64) -> Check {
        self.gets_lines(&[&format!("ERROR_CODE: {code}")])?;
        self.gets_field("ERROR_DESCRIPTION").map(|_| ())
    }

    /// Greets, and waits for the answer: a fence, behind which everything asked before was answered.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn greets(&self, text: &str, server: SocketAddr) -> Check {
        self.sends_lines(&[&format!("HELO {text}")])?;
        self.is_greeted(text, server)
    }

    /// Waits for the answer to a greeting.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn is_greeted(&self, text: &str, server: SocketAddr) -> Check {
        self.gets_lines(&[
            &format!("HELO {text}"),
            &format!("IP:{}", server.ip()),
            &format!("Port:{}", server.port()),
        ])?;
        self.gets_field("StudentID").map(|_| ())
    }
}
