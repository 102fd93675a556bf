//! What the checker knows about all the people from the entries that it has read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::crowd::record::{Record, Way};

/// What the checker knows about all the people.
pub struct State {
    /// The number of the lab, which is also the number of its wire format.
    pub lab: u32,
    /// The people.
    pub people: Vec<Person>,
    /// For each broadcast message, the entry that records its first arrival.
    pub first_seen: Vec<Option<usize>>,
    /// The number of broadcast messages that were sent before the last quiet period ended. [`State::missing`] skips
    /// these broadcast messages, because it has already checked them.
    pub settled: usize,
}

/// One person.
#[derive(Default)]
pub struct Person {
    /// Whether the connection is open, according to the record.
    pub is_connected: bool,
    /// Whether the person has received any message.
    pub has_heard: bool,
    /// Whether the welcome message (wire format 1) or `Connected to server!` (wire format 2) has arrived.
    pub is_welcome: bool,
    /// How the person is leaving or has left the chat; `None` if the person is staying.
    pub left: Option<Way>,
    /// The rooms that the person has asked to join.
    pub rooms: BTreeMap<usize, Member>,
    /// The room that belongs to each reference that the server has sent to this person.
    pub references: BTreeMap<String, usize>,
    /// The number of join requests that are still waiting for a reply, in wire format 4.
    pub unanswered_joins: usize,
    /// The number of leave requests that are still waiting for a reply, in wire format 4.
    pub unanswered_leaves: usize,
    /// The number of chat messages that the person sent after leaving. In wire format 4, the server may reply to each
    /// of these chat messages with an error.
    pub late: usize,
}

/// A person in a room.
pub struct Member {
    /// The entry that records that the person began to join.
    pub asked: usize,
    /// The entry after which the person is certain to be a member.
    pub sure: Option<usize>,
    /// The entry after which the person may no longer be a member.
    pub leaving: Option<usize>,
    /// In wire format 4, whether the person has received the announcement of their own departure.
    pub is_out: bool,
    /// The broadcast messages that have arrived.
    pub got: BTreeSet<usize>,
    /// The last broadcast message that has arrived from each sender.
    pub last: HashMap<usize, usize>,
}

impl State {
    /// Creates the initial state, before any entry has been read.
    pub fn new(record: &Record) -> Self {
        let people = record.names.iter().map(|_| Person::default()).collect();
        Self { lab: record.lab, people, first_seen: Vec::new(), settled: 0 }
    }

    /// Returns whether a server in this wire format announces who joins or leaves and also sends each message back to
    /// its sender.
    pub fn announces(&self) -> bool {
        matches!(self.lab, 2 | 4)
    }

    /// Returns the connected people whose membership is not certain yet.
    pub fn unsure(&self) -> Vec<usize> {
        let is_unsure =
            |person: &Person| person.is_connected && person.left.is_none() && !person.is_sure();
        (0..self.people.len()).filter(|who| is_unsure(&self.people[*who])).collect()
    }
}

impl Person {
    /// Returns true if it is certain that the person is or was a member of the room.
    pub fn is_member(&self, room: usize) -> bool {
        self.rooms.get(&room).is_some_and(|member| member.sure.is_some())
    }

    /// Returns whether the person is certain to be a member of all rooms that they have asked to join.
    pub fn is_sure(&self) -> bool {
        self.rooms.values().all(|member| member.sure.is_some())
    }
}

impl Member {
    /// Creates a member who has begun to join.
    pub fn new(asked: usize) -> Self {
        let (got, last) = Default::default();
        Self { asked, sure: None, leaving: None, is_out: false, got, last }
    }
}
