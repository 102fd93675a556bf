//! What the checker knows of everybody, as far as it has read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::crowd::record::{Record, Way};

/// Everybody.
pub struct State {
    /// The number of the lab, and of its wire.
    pub lab: u32,
    /// The people.
    pub people: Vec<Person>,
    /// The entry in which each item arrived first, wherever.
    pub first_seen: Vec<Option<usize>>,
    /// The number of items that were sent before the last calm. All of them have arrived.
    pub settled: usize,
}

/// One person.
#[derive(Default)]
pub struct Person {
    /// Whether the connection is open, as far as the record says.
    pub is_connected: bool,
    /// Whether anything has arrived.
    pub has_heard: bool,
    /// Whether the welcome of wire 1, or `Connected to server!` of wire 2, has arrived.
    pub is_welcome: bool,
    /// How the person has begun to leave for good.
    pub left: Option<Way>,
    /// The rooms that the person has asked to join.
    pub rooms: BTreeMap<usize, Member>,
    /// The room of each reference that the server has told this person.
    pub references: BTreeMap<String, usize>,
    /// The number of joins without a reply, on wire 4.
    pub unanswered_joins: usize,
    /// The number of leaves without a reply, on wire 4.
    pub unanswered_leaves: usize,
    /// The number of texts that came too late, each of which may be answered by an error on wire 4.
    pub late: usize,
}

/// A person in a room.
pub struct Member {
    /// The entry in which the person began to join.
    pub asked: usize,
    /// The entry since which the person certainly is a member.
    pub sure: Option<usize>,
    /// The entry since which the person may no longer be a member.
    pub leaving: Option<usize>,
    /// Whether the person was told that it has left, on wire 4.
    pub is_out: bool,
    /// The items that have arrived.
    pub got: BTreeSet<usize>,
    /// The last item of each sender that has arrived.
    pub last: HashMap<usize, usize>,
}

impl State {
    /// Nothing has been read.
    pub fn new(record: &Record) -> Self {
        let people = record.names.iter().map(|_| Person::default()).collect();
        Self { lab: record.lab, people, first_seen: Vec::new(), settled: 0 }
    }

    /// Whether a server of this wire announces who joins and leaves, and sends a message to its speaker, too.
    pub fn announces(&self) -> bool {
        matches!(self.lab, 2 | 4)
    }

    /// Returns the people who are connected, and of whom it is not certain yet that they get what is said.
    pub fn unsure(&self) -> Vec<usize> {
        let is_unsure =
            |person: &Person| person.is_connected && person.left.is_none() && !person.is_sure();
        (0..self.people.len()).filter(|who| is_unsure(&self.people[*who])).collect()
    }
}

impl Person {
    /// Whether the person certainly is a member of the room, or was one.
    pub fn is_member(&self, room: usize) -> bool {
        self.rooms.get(&room).is_some_and(|member| member.sure.is_some())
    }

    /// Whether the person certainly is a member of all rooms that it has asked to join.
    pub fn is_sure(&self) -> bool {
        self.rooms.values().all(|member| member.sure.is_some())
    }
}

impl Member {
    /// A member that has begun to join.
    pub fn new(asked: usize) -> Self {
        let (got, last) = Default::default();
        Self { asked, sure: None, leaving: None, is_out: false, got, last }
    }
}
