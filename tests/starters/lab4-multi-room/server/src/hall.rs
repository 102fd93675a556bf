//! Who is connected, which rooms there are, and who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::mem;
use std::net::SocketAddr;

use common::{Bytes, Outbox};
use protocol::{Complaint, Reply};

/// How many rooms one client may be in, or one client could fill the memory with rooms.
const MAX_ROOMS: usize = 100;

/// The clients by the number of their connection, which is their `JOIN_ID`, and the rooms by their
/// reference.
#[derive(Default)]
pub struct Hall {
    clients: BTreeMap<i64, Client>,
    rooms: BTreeMap<i64, Room>,
    room_refs: BTreeMap<String, i64>,
    /// References are given out from 1, and never again.
    last_room_ref: i64,
    /// What was said in a room, and is not in the outboxes of its members yet: to push many messages at once
    /// costs hardly more than to push one.
    said: (i64, String),
}

/// A connected client.
pub struct Client {
    /// The server's address as this client sees it.
    pub server: SocketAddr,
    pub peer: SocketAddr,
    outbox: Outbox,
    /// The name of its first join. Later ones change nothing.
    name: String,
    /// References, in the order of joining.
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

    /// Sends one client a reply, after what was said before.
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

    /// Pushes what was said into the outboxes of those who are in the room now: before anybody comes or goes.
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

    /// Sends what was said and what was pushed into the outboxes.
    pub fn flush(&mut self) {
        self.push_said();
        for client in self.clients.values_mut() {
            client.outbox.flush();
        }
    }

    /// Stage 2: let a client into a room, by the name of the room.
    ///
    /// If there is no such room, it is made. First the client gets [`Reply::Joined`]; its `join_id` is
    /// the number of the connection. Then every member, the newcomer too, hears from the newcomer
    /// `alice has joined this chatroom.` ([`announce`]). A new room gets the reference after
    /// [`Hall::last_room_ref`]. A client may be in [`MAX_ROOMS`] rooms; for one more the answer is a
    /// complaint, [`Complaint::NOT_ALLOWED`].
    ///
    /// Stage 5 tests this function: a client keeps the name of its first join. One that is in the room
    /// already gets the same reply again, and nothing is announced.
    ///
    /// [`announce`]: Hall::announce
    pub fn join(&mut self, id: i64, room: String, client_name: String) {
        todo!("stage 2: let a client into a room, by the name of the room")
    }

    /// Stage 3: pass a message on to every member of the room.
    ///
    /// The speaker gets it, too, and nobody else: [`say`] does that. Stage 7 comes back to this function:
    /// a room that does not exist, and one that the speaker is not in, are answered with [`complain`].
    ///
    /// [`say`]: Hall::say
    /// [`complain`]: Hall::complain
    pub fn chat(&mut self, id: i64, room_ref: String, message: String) {
        todo!("stage 3: pass a message on to every member of the room")
    }

    /// Stage 4: let a client out of a room, and say so.
    ///
    /// First the client gets [`Reply::Left`], whether it was in the room or not. If it was, every member
    /// *and* the one who leaves hear `alice has left this chatroom.` ([`announce`]). A room without members
    /// is forgotten: [`take_out`].
    ///
    /// [`announce`]: Hall::announce
    /// [`take_out`]: Hall::take_out
    pub fn leave(&mut self, id: i64, room_ref: String, join_id: String) {
        todo!("stage 4: let a client out of a room, and say so")
    }

    /// Stage 6: let a client out of all its rooms and of the hall.
    ///
    /// It leaves the rooms in the order in which it joined them. Each room hears
    /// `alice has left this chatroom.`, and so does alice, if she can still hear. Dropping an outbox sends
    /// what is in it, and closes the connection.
    ///
    /// Stage 13 tests this function, together with the client: people leave in all ways, and those who stay
    /// see it.
    pub fn disconnect(&mut self, id: i64) {
        todo!("stage 6: let a client out of all its rooms and of the hall")
    }

    /// Tells every member of a room what its member `id` does.
    fn announce(&mut self, id: i64, room_ref: i64, what: &str) {
        let name = self.clients.get(&id).map_or("", |client| &client.name);
        self.say(id, room_ref, format!("{name} {what}"));
    }

    /// Stage 2: send every member of a room what its member `id` says.
    ///
    /// The name is that of the client, never the one that the message claims. All members get the same
    /// bytes: make them once ([`Reply::Chat`]), and add them to what is `said` in this room. When something
    /// is said in another room, [`Hall::push_said`] first.
    ///
    /// Stage 8 tests this function: one member does not read. Pushing into an outbox does not wait for that.
    fn say(&mut self, id: i64, room_ref: i64, message: String) {
        todo!("stage 2: send every member of a room what its member id says")
    }

    /// The room with this reference. References are text; ours are numbers.
    fn room(&self, room_ref: &str) -> Option<(i64, &Room)> {
        let room_ref = room_ref.parse().ok()?;
        Some((room_ref, self.rooms.get(&room_ref)?))
    }

    /// Takes a client out of a room without a word, and the room out of the hall when it is empty.
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
