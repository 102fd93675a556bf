//! Wire format 4: lines of the form `NAME: value`.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use crate::harness::Harness;
use crate::harness::listener::Listener;
use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::terminal::Terminal;
use crate::labs::checks::{WayOut, enters_with_name, ways_out};

/// The numbers that identify a client in a room that it has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The room's reference.
    pub room_ref: i64,
    /// The number that the server has assigned to the client.
    pub join_id: i64,
}

impl Peer {
    /// Sends lines, each followed by ⏎.
    pub fn sends_lines(&self, lines: &[&str]) -> Check {
        self.sends(format!("{}\n", lines.join("\n")))
    }

    /// Waits for the next lines, which must be `lines`.
    pub fn gets_lines(&self, lines: &[&str]) -> Check {
        self.gets(format!("{}\n", lines.join("\n")))
    }

    /// Waits for the next line, which must be the field `name`, and returns its value.
    pub fn gets_field(&self, name: &str) -> Check<String> {
        let value = self.wait(|arrived| {
            let rest = arrived.rest();
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
            let value = value.map(|value| value.trim_start_matches(' ').to_owned());
            if value.is_some() {
                arrived.taken += end + 1;
            }
            Some(value)
        });
        let expected = format!("{name}:…\n");
        let wrong = || self.wrong("should have received the line", expected.as_bytes());
        value.flatten().ok_or_else(wrong)
    }

    /// Waits for a field whose value is a number.
    pub fn gets_number(&self, name: &str) -> Check<i64> {
        let value = self.gets_field(name)?;
        value.trim_end().parse().map_err(|_| {
            Failure::wrong(
                format!("{} should have received", self.name()),
                format!("{name}: number"),
                value,
            )
        })
    }

    /// Asks to join a room under the name `name`.
    pub fn asks_to_join(&self, room: &str, name: &str) -> Check {
        self.sends_lines(&[
            &format!("JOIN_CHATROOM: {room}"),
            "CLIENT_IP: 0",
            "PORT: 0",
            &format!("CLIENT_NAME: {name}"),
        ])
    }

    /// Waits for the reply to a request to join.
    pub fn is_in(&self, room: &str, server: SocketAddr) -> Check<Membership> {
        let (ip, port) = (server.ip(), server.port());
        self.gets_beginning(format!("JOINED_CHATROOM: {room}\nSERVER_IP: {ip}\nPORT: {port}\n"))?;
        let room_ref = self.gets_number("ROOM_REF")?;
        let join_id = self.gets_number("JOIN_ID")?;
        Ok(Membership { room_ref, join_id })
    }

    /// Joins a room under the peer's own name and waits until the peer has joined.
    pub fn joins_room(&self, room: &str, server: SocketAddr) -> Check<Membership> {
        self.asks_to_join(room, self.name())?;
        let membership = self.is_in(room, server)?;
        self.hears_joined(membership.room_ref, self.name())?;
        Ok(membership)
    }

    /// Sends a message to a room that the peer has joined.
    pub fn chats(&self, room: Membership, message: &str) -> Check {
        self.sends_lines(&[
            &format!("CHAT: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
            &format!("CLIENT_NAME: {}", self.name()),
            &format!("MESSAGE: {message}\n"),
        ])
    }

    /// Asks to leave a room.
    pub fn asks_to_leave(&self, room: Membership) -> Check {
        self.sends_lines(&[
            &format!("LEAVE_CHATROOM: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
            &format!("CLIENT_NAME: {}", self.name()),
        ])
    }

    /// Waits for the reply to a request to leave.
    pub fn is_out(&self, room: Membership) -> Check {
        self.gets_lines(&[
            &format!("LEFT_CHATROOM: {}", room.room_ref),
            &format!("JOIN_ID: {}", room.join_id),
        ])
    }

    /// Disconnects.
    pub fn disconnects(&self) -> Check {
        let name = format!("CLIENT_NAME: {}", self.name());
        self.sends_lines(&["DISCONNECT: 0", "PORT: 0", &name])
    }

    /// Waits for the next chat message, which must be `message` from `name`.
    pub fn hears_chat(&self, room_ref: i64, name: &str, message: &str) -> Check {
        self.gets_lines(&[
            &format!("CHAT: {room_ref}"),
            &format!("CLIENT_NAME: {name}"),
            &format!("MESSAGE: {message}\n"),
        ])
    }

    /// Waits until the peer is told that `name` has joined a room.
    pub fn hears_joined(&self, room_ref: i64, name: &str) -> Check {
        self.hears_chat(room_ref, name, &format!("{name} has joined this chatroom."))
    }

    /// Waits until the peer is told that `name` has left a room.
    pub fn hears_left(&self, room_ref: i64, name: &str) -> Check {
        self.hears_chat(room_ref, name, &format!("{name} has left this chatroom."))
    }

    /// Waits for an error reply with this code.
    pub fn hears_error(&self, code: i64) -> Check {
        self.gets_lines(&[&format!("ERROR_CODE: {code}")])?;
        self.gets_field("ERROR_DESCRIPTION").map(|_| ())
    }

    /// Sends a greeting and waits for the reply. The reply is a barrier: when it arrives, the server has already
    /// replied to every earlier request.
    pub fn greets(&self, text: &str, server: SocketAddr) -> Check {
        self.sends_lines(&[&format!("HELO {text}")])?;
        self.is_greeted(text, server)
    }

    /// Waits for the reply to a greeting.
    pub fn is_greeted(&self, text: &str, server: SocketAddr) -> Check {
        let (ip, port) = (server.ip(), server.port());
        self.gets_beginning(format!("HELO {text}\nIP:{ip}\nPort:{port}\n"))?;
        self.gets_field("StudentID").map(|_| ())
    }
}

/// The maximum time that the server may take to exit. The lab allows one second, but a busy machine may need two.
pub const TO_DIE: Duration = Duration::from_secs(2);

/// Makes one peer send a random message to a room. All members, including the speaker, must receive it.
pub fn talk(harness: &Harness, speaker: &Peer, room: Membership, members: &[&Peer]) -> Check {
    let line = harness.words(3);
    speaker.chats(room, &line)?;
    members.iter().try_for_each(|member| member.hears_chat(room.room_ref, speaker.name(), &line))
}

/// Connects scripted peers, which join the room one after another. Each peer is notified of the peers that join later.
pub fn all_join(server: &Server, room: &str, names: &[&str]) -> Check<Vec<(Peer, Membership)>> {
    let mut members: Vec<(Peer, Membership)> = Vec::new();
    for name in names {
        let peer = server.peer(name)?;
        peer.asks_to_join(room, name)?;
        let membership = peer.is_in(room, server.address())?;
        if let Some((first, same)) = members.first() {
            let who = format!("{name} should have received the same ROOM_REF as {}", first.name());
            let [expected, came] =
                [*same, membership].map(|number| format!("ROOM_REF: {}", number.room_ref));
            ensure(expected == came, &who, &expected, &came)?;
        }
        peer.hears_joined(membership.room_ref, name)?;
        for (member, _) in &members {
            member.hears_joined(membership.room_ref, name)?;
        }
        members.push((peer, membership));
    }
    Ok(members)
}

/// Starts a client and answers its prompt for a name. The client is not in a room yet; see [`joins_room`].
pub fn enters(
    harness: &Harness,
    server: SocketAddr,
    name: &str,
    terminal: Terminal,
) -> Check<Person> {
    enters_with_name(harness, server, name, terminal, "name")
}

/// Like [`enters`], but with a scripted server that lets alice into a room.
pub fn client_in(
    harness: &Harness,
    listener: &Listener,
    room: &str,
    room_ref: i64,
) -> Check<(Person, Peer)> {
    let alice = enters(harness, listener.address()?, "alice", Terminal::Dumb)?;
    let server = listener.accepts("server")?;
    lets_in(&alice, &server, room, room_ref)?;
    Ok((alice, server))
}

/// Makes alice join a room on a scripted server.
pub fn lets_in(alice: &Person, server: &Peer, room: &str, room_ref: i64) -> Check {
    alice.types(&format!("/join {room}"))?;
    gets_join(server, room)?;
    replies_to_join(server, room, room_ref)?;
    alice.sees(&format!("[{room}] alice: alice has joined this chatroom."))
}

/// Waits until the scripted server receives alice's request to join.
pub fn gets_join(server: &Peer, room: &str) -> Check {
    server.gets_lines(&[
        &format!("JOIN_CHATROOM: {room}"),
        "CLIENT_IP: 0",
        "PORT: 0",
        "CLIENT_NAME: alice",
    ])
}

/// Makes the scripted server reply to alice's request to join and announce her in the room.
pub fn replies_to_join(server: &Peer, room: &str, room_ref: impl Display) -> Check {
    server.sends_lines(&[
        &format!("JOINED_CHATROOM: {room}"),
        "SERVER_IP: 127.0.0.1",
        "PORT: 8080",
        &format!("ROOM_REF: {room_ref}"),
        "JOIN_ID: -17",
    ])?;
    server.sends(chat(room_ref, "alice", "alice has joined this chatroom."))
}

/// Waits until the scripted server receives a message from alice.
pub fn gets_chat(server: &Peer, room_ref: impl Display, text: &str) -> Check {
    server.gets_lines(&[
        &format!("CHAT: {room_ref}"),
        "JOIN_ID: -17",
        "CLIENT_NAME: alice",
        &format!("MESSAGE: {text}\n"),
    ])
}

/// Returns a chat message as the server sends it.
pub fn chat(room_ref: impl Display, name: &str, message: &str) -> String {
    format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {message}\n\n")
}

/// The ways in which a person can leave lab 4's chat.
pub const WAYS_OUT: [WayOut; 3] = ways_out(("types /quit", |person| person.types("/quit")));

/// Makes a person join a room. All members, including the newcomer, must see the announcement.
pub fn joins_room(person: &Person, name: &str, room: &str, members: &[&Person]) -> Check {
    person.types(&format!("/join {room}"))?;
    let line = format!("[{room}] {name}: {name} has joined this chatroom.");
    members.iter().try_for_each(|member| member.sees(&line))
}

/// Fails with the expected and the actual text if `is_right` is false.
pub fn ensure(is_right: bool, who: &str, expected: &str, came: &str) -> Check {
    if is_right { Ok(()) } else { Err(Failure::wrong(who, expected, came)) }
}
