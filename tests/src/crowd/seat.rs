//! The state of one simulated person in a crowd while a plan runs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::crowd::connection::Connection;
use crate::crowd::plan::{Act, Line};
use crate::crowd::wire;

/// A person and the actions that the person will perform.
pub struct Seat {
    pub name: String,
    pub connection: Option<Connection>,
    pub queue: VecDeque<Act>,
    /// The unsent pieces of messages. `next_piece` is the time when the next piece is due.
    pub pieces: VecDeque<Vec<u8>>,
    pub next_piece: Instant,
    /// The rooms, in the order in which the person joined them. In wire format 4, `references` contains the reference
    /// and the `JOIN_ID` for each room.
    pub rooms: Vec<usize>,
    pub references: BTreeMap<usize, (String, String)>,
    /// Whether the person has joined and the server has replied to every request to join.
    pub is_ready: bool,
    /// The bytes to send when the server asks for the nickname, in wire format 2.
    pub nickname: Vec<u8>,
    pub has_spoken: bool,
    pub has_left: bool,
}

impl Seat {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            connection: None,
            queue: VecDeque::new(),
            pieces: VecDeque::new(),
            next_piece: Instant::now(),
            rooms: Vec::new(),
            references: BTreeMap::new(),
            is_ready: false,
            nickname: Vec::new(),
            has_spoken: false,
            has_left: false,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            connection.send(bytes);
        }
    }

    /// Returns whether the client has nothing left to send.
    pub fn is_idle(&self) -> bool {
        let has_more = self.connection.as_ref().is_some_and(Connection::has_more);
        self.queue.is_empty() && self.pieces.is_empty() && !has_more
    }

    pub fn may_speak(&self) -> bool {
        self.connection.is_some() && self.is_ready && !self.has_left && self.is_idle()
    }

    pub fn say(&self, lab: u32, line: &Line) -> Vec<u8> {
        let reference = self.references.get(&line.room).map_or("", |(text, _)| text.as_str());
        wire::say(lab, &self.name, reference, &line.text)
    }
}
