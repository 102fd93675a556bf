//! The hall: the connected clients, the rooms, and each room's members.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::SocketAddr;

use common::{Bytes, Outbox};
use protocol::{Complaint, Reply, write_chat};

/// The maximum number of rooms that one client may be in. Without a limit, one client could fill the server's memory
/// with rooms.
const MAX_ROOMS: usize = 100;

/// Stores each client under the number of its connection, which is its `JOIN_ID`, and each room under its
/// reference.
#[derive(Default)]
pub struct Hall {
    clients: BTreeMap<i64, Client>,
    rooms: BTreeMap<i64, Room>,
    room_refs: BTreeMap<String, i64>,
    /// Room references are numbers that start at 1 and are never reused.
    last_room_ref: i64,
    /// A room's reference, and the messages that have not been pushed into its members' outboxes yet. Pushing many
    /// messages together costs little more than pushing one.
    said: (i64, String),
}

/// A connected client.
pub struct Client {
    /// The server's address as this client sees it.
    pub server: SocketAddr,
    pub peer: SocketAddr,
    outbox: Outbox,
    /// The client's name from its first join. Later joins do not change the name.
    name: String,
    /// The references of the client's rooms, in the order in which the client joined them.
    rooms: Vec<i64>,
}

struct Room {
    name: String,
    members: BTreeSet<i64>,
}

impl Client {
    pub fn new(server: SocketAddr, peer: SocketAddr, outbox: Outbox) -> Self {
        Self { server, peer, outbox, name: String::new(), rooms: Vec::new() }
    }
}

impl Hall {
    pub fn connect(&mut self, id: i64, client: Client) {
        self.clients.insert(id, client);
    }

    pub fn client(&self, id: i64) -> Option<&Client> {
        self.clients.get(&id)
    }

    /// Sends one client a reply after all earlier chat messages.
    pub fn tell(&mut self, id: i64, reply: &Reply) {
        self.push_said();
        if let Some(client) = self.clients.get_mut(&id) {
            client.outbox.push(reply.to_string());
        }
    }

    /// Sends one client an error reply with one of the codes in [`Complaint`].
    pub fn complain(&mut self, id: i64, code: u32, description: impl Into<String>) {
        self.tell(id, &Reply::Error(Complaint::new(code, description)));
    }

    /// Pushes the pending chat messages into the outboxes of the room's current members. Call this function before a
    /// client joins or leaves.
    pub fn push_said(&mut self) {
        let (room_ref, text) = mem::take(&mut self.said);
        let Some(room) = self.rooms.get(&room_ref) else { return };
        let text = Bytes::from(text);
        for member in &room.members {
            if let Some(client) = self.clients.get_mut(member) {
                client.outbox.push(text.clone());
            }
        }
    }

    /// Puts the pending chat messages into the outboxes and then sends everything in them.
    pub fn flush(&mut self) {
        self.push_said();
        for client in self.clients.values_mut() {
            client.outbox.flush();
        }
    }

    /// Stage 2: let a client join the room with the given name.
    ///
    /// The client gets [`Reply::Joined`] first; its `join_id` is the number of the connection. After that, every
    /// member, including the newcomer, gets the message `alice has joined this chatroom.` ([`Hall::announce`]). A new
    /// room gets the next reference. Afterward, `room_refs`, the room's set of members, and the client's list of rooms
    /// agree with each other.
    ///
    /// A client may be in at most [`MAX_ROOMS`] rooms. If a client that is in this many rooms tries to join one more,
    /// the reply is [`Complaint::NOT_ALLOWED`], and nothing changes.
    ///
    /// Stage 5 tests this function: no reference is used twice. A client keeps the name from its first join. A client
    /// that is already in the room gets the same reply again, and nothing is announced.
    ///
    /// Stage 7 tests this function: a client can join as many rooms as the limit allows, but no more.
    pub fn join(&mut self, id: i64, room: String, client_name: String) {
        todo!("stage 2: let a client join the room with the given name")
    }

    /// Stage 3: pass a message on to every member of the room.
    ///
    /// The speaker also gets the message, but no client outside the room does ([`Hall::say`]).
    ///
    /// Stage 7 extends this function: if the room does not exist ([`Complaint::NO_SUCH_ROOM`]) or the speaker is not
    /// in it ([`Complaint::NOT_A_MEMBER`]), the reply is an error, and no member gets the message.
    pub fn chat(&mut self, id: i64, room_ref: String, message: String) {
        todo!("stage 3: pass a message on to every member of the room")
    }

    /// Stage 4: let a client leave a room.
    ///
    /// The handout describes the rest.
    pub fn leave(&mut self, id: i64, room_ref: String, join_id: String) {
        todo!("stage 4: let a client leave a room")
    }

    /// Stage 6: let a client leave all its rooms and the hall.
    ///
    /// For each of alice's rooms, in the order in which she joined them, all members, including alice if she is still
    /// connected, get the message `alice has left this chatroom.` Then she is removed from `clients`, the server's list
    /// of connected clients. When her outbox is dropped, it sends the bytes that it still holds and then closes the
    /// connection.
    ///
    /// This function is called whenever a connection ends, even if its client has already disconnected. For a client
    /// that is no longer in `clients`, nothing happens.
    ///
    /// Stage 13 tests this function together with the client: people leave in every possible way, and the remaining
    /// members are notified.
    pub fn disconnect(&mut self, id: i64) {
        todo!("stage 6: let a client leave all its rooms and the hall")
    }

    /// Tells every member of a room what the member `id` has done.
    fn announce(&mut self, id: i64, room_ref: i64, what: &str) {
        let name = self.clients.get(&id).map_or("", |client| &client.name);
        self.say(id, room_ref, &format!("{name} {what}"));
    }

    /// Stage 2: send a message from the member `id` to every member of the room.
    ///
    /// The name in the message is always the name that the hall has stored for the client, never a name from a request.
    /// The current members get the messages in the order in which they were sent. This function does not send: it adds
    /// the message to `said` ([`write_chat`]). `said` holds the messages of only one room, so if it holds another
    /// room's messages, push those messages first ([`Hall::push_said`]).
    ///
    /// Stage 8 tests this function: when one member does not read, the other members still get everything.
    ///
    /// Stage 15 (bonus) tests this function with a crowd.
    fn say(&mut self, id: i64, room_ref: i64, message: &str) {
        todo!("stage 2: send a message from the member id to every member of the …")
    }

    /// Returns the reference as a number and the room that it identifies. References are text on the wire, but this
    /// server's references are numbers.
    fn room(&self, room_ref: &str) -> Option<(i64, &Room)> {
        let room_ref = room_ref.parse().ok()?;
        Some((room_ref, self.rooms.get(&room_ref)?))
    }

    /// Stage 4: remove a client from a room, without an announcement.
    ///
    /// The client still gets everything that was said before ([`Hall::push_said`]), but nothing that is said later.
    /// Afterward, the room's set of members and the client's list of rooms agree with each other.
    ///
    /// Stage 5 tests this function: when a room has no members left, the hall forgets both the room and its name. A
    /// later join with this name creates a new room.
    fn take_out(&mut self, id: i64, room_ref: i64) {
        todo!("stage 4: remove a client from a room, without an announcement")
    }
}
