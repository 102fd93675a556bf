//! The connected clients, the rooms, and the members of each room.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::SocketAddr;

use common::{Bytes, Outbox};
use protocol::{Complaint, Reply, write_chat};

/// How many rooms one client may be in. Without a limit, one client could fill the memory with rooms.
const MAX_ROOMS: usize = 100;

/// The clients by the number of their connection, which is their `JOIN_ID`, and the rooms by their
/// reference.
#[derive(Default)]
pub struct Hall {
    clients: BTreeMap<i64, Client>,
    rooms: BTreeMap<i64, Room>,
    room_refs: BTreeMap<String, i64>,
    /// References count from 1, and are never reused.
    last_room_ref: i64,
    /// The messages in one room that are not in the members' outboxes yet. Pushing many messages together
    /// costs hardly more than pushing one.
    said: (i64, String),
}

/// A connected client.
pub struct Client {
    /// The server's address as this client sees it.
    pub server: SocketAddr,
    pub peer: SocketAddr,
    outbox: Outbox,
    /// The name from its first join. Later joins do not change it.
    name: String,
    /// The references of its rooms, in the order of joining.
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

    /// Sends one client a reply, after the messages that were said before.
    pub fn tell(&mut self, id: i64, reply: &Reply) {
        self.push_said();
        if let Some(client) = self.clients.get_mut(&id) {
            client.outbox.push(reply.to_string());
        }
    }

    /// Sends one client an error reply with one of the codes of [`Complaint`].
    pub fn complain(&mut self, id: i64, code: u32, description: impl Into<String>) {
        self.tell(id, &Reply::Error(Complaint::new(code, description)));
    }

    /// Pushes the messages that were said into the outboxes of the room's present members. Call it before a client
    /// joins or leaves.
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

    /// Puts the pending chat messages into the outboxes, and sends what is in them.
    pub fn flush(&mut self) {
        self.push_said();
        for client in self.clients.values_mut() {
            client.outbox.flush();
        }
    }

    /// Stage 2: let a client join a room, by the name of the room.
    ///
    /// If there is no such room, make it. First the client gets [`Reply::Joined`]; its `join_id` is
    /// the number of the connection. Then every member, including the newcomer, gets
    /// `alice has joined this chatroom.` as a message from the newcomer ([`announce`]). A new room gets the
    /// reference after [`Hall::last_room_ref`]. A client may be in [`MAX_ROOMS`] rooms; the reply to one more
    /// join is a complaint, [`Complaint::NOT_ALLOWED`].
    ///
    /// Stage 5 tests this function: a client keeps the name of its first join. A client that is already in the
    /// room gets the same reply again, and nothing is announced.
    ///
    /// [`announce`]: Hall::announce
    pub fn join(&mut self, id: i64, room: String, client_name: String) {
        todo!("stage 2: let a client join a room, by the name of the room")
    }

    /// Stage 3: pass a message on to every member of the room.
    ///
    /// The speaker gets it, too, but no client outside the room: [`say`] does that. Stage 7 comes back to this
    /// function: if the room does not exist, or the speaker is not in it, reply with [`complain`].
    ///
    /// [`say`]: Hall::say
    /// [`complain`]: Hall::complain
    pub fn chat(&mut self, id: i64, room_ref: String, message: String) {
        todo!("stage 3: pass a message on to every member of the room")
    }

    /// Stage 4: let a client leave a room, and announce it.
    ///
    /// First the client gets [`Reply::Left`], whether it was in the room or not. If it was, every member
    /// *and* the client that leaves get `alice has left this chatroom.` ([`announce`]). A room without members
    /// is removed: [`take_out`].
    ///
    /// [`announce`]: Hall::announce
    /// [`take_out`]: Hall::take_out
    pub fn leave(&mut self, id: i64, room_ref: String, join_id: String) {
        todo!("stage 4: let a client leave a room, and announce it")
    }

    /// Stage 6: let a client leave all its rooms and the hall.
    ///
    /// It leaves the rooms in the order in which it joined them. The members of each room get
    /// `alice has left this chatroom.`, and so does alice, if she is still connected. Dropping an outbox sends
    /// its bytes and closes the connection.
    ///
    /// Stage 13 tests this function, together with the client: people leave in all ways, and the remaining members
    /// see it.
    pub fn disconnect(&mut self, id: i64) {
        todo!("stage 6: let a client leave all its rooms and the hall")
    }

    /// Announces to every member of a room what its member `id` does.
    fn announce(&mut self, id: i64, room_ref: i64, what: &str) {
        let name = self.clients.get(&id).map_or("", |client| &client.name);
        self.say(id, room_ref, &format!("{name} {what}"));
    }

    /// Stage 2: send a message of the member `id` to every member of the room.
    ///
    /// The name is that of the client, never the one that the request claims. All members get the same
    /// bytes: write them once ([`write_chat`]), at the end of `said`, which belongs to one room. If it belongs to
    /// another room, call [`Hall::push_said`] first.
    ///
    /// Stage 8 tests this function: one member does not read. Pushing into an outbox does not wait for that.
    fn say(&mut self, id: i64, room_ref: i64, message: &str) {
        todo!("stage 2: send a message of the member id to every member of the room")
    }

    /// Returns the room with this reference, and its number. References are text on the wire; ours are numbers.
    fn room(&self, room_ref: &str) -> Option<(i64, &Room)> {
        let room_ref = room_ref.parse().ok()?;
        Some((room_ref, self.rooms.get(&room_ref)?))
    }

    /// Removes a client from a room without an announcement, and the room from the hall if it is then empty.
    fn take_out(&mut self, id: i64, room_ref: i64) {
        self.push_said();
        if let Some(client) = self.clients.get_mut(&id) {
            client.rooms.retain(|&joined| joined != room_ref);
        }
        let Some(room) = self.rooms.get_mut(&room_ref) else { return };
        room.members.remove(&id);
        if room.members.is_empty() {
            self.room_refs.remove(&room.name);
            self.rooms.remove(&room_ref);
        }
    }
}
