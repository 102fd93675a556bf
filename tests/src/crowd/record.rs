//! The record of a crowd: who sent which message and what each person received, in the order in which the player
//! observed the events.
//!
//! One thread simulates all people, so the order of the entries is well defined. The entry for a sent message is
//! written before its first byte is sent, and the entry for a received message is written after its last byte has
//! arrived.

use std::time::Duration;

use crate::crowd::wire::{self, Heard};

/// The record of everything that happened while a plan ran.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The number of the lab, which is also the number of its wire format.
    pub lab: u32,
    /// The names of the people.
    pub names: Vec<String>,
    /// All messages that the server should broadcast, in the order in which they were sent.
    pub items: Vec<Item>,
    /// The entries, in order.
    pub entries: Vec<Entry>,
}

/// A message that the server should broadcast to the members of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The sender's number.
    pub who: usize,
    /// The room number.
    pub room: usize,
    /// The kind of message.
    pub kind: ItemKind,
    /// The number of the entry that records the sending of the message.
    pub at: usize,
    /// Whether the sender was no longer a member, in which case no member may receive the message.
    pub is_late: bool,
    /// The bytes that the person sent, which may be empty.
    pub bytes: Vec<u8>,
}

/// The kinds of messages that are broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The announcement that the person has joined.
    Joined,
    /// A chat message from the person.
    Text(String),
    /// The announcement that the person has left.
    Left,
}

/// One recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time since the player was started.
    pub at: Duration,
    /// The number of the person, or 0 if the event does not concern one person.
    pub who: usize,
    /// The event.
    pub what: What,
}

/// The events in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The person connects.
    Connects,
    /// The person sends these bytes to ask to join a room. Wire formats 1 and 3 have no request to join: a person joins
    /// by connecting.
    Asks(usize, Vec<u8>),
    /// The person sends the message with this number.
    Sends(usize),
    /// The person begins to leave a room but stays connected.
    Exits(usize),
    /// The person begins to leave the chat.
    Leaves(Way),
    /// The person has received this message, which consisted of these bytes.
    Got(Heard, Vec<u8>),
    /// The server has closed the person's connection.
    Closed,
    /// A quiet period is over: nobody did anything until all messages had arrived or no more were expected.
    Calm,
}

/// How a person leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The person leaves as the wire format requires and continues to read until the server closes the connection.
    Politely,
    /// The person closes the connection.
    Closes,
    /// The person resets the connection.
    Resets,
}

impl Record {
    /// Creates an empty record.
    pub fn new(lab: u32, names: &[String]) -> Self {
        Self { lab, names: names.to_vec(), ..Self::default() }
    }

    /// Adds an entry.
    pub fn add(&mut self, at: Duration, who: usize, what: What) {
        self.entries.push(Entry { at, who, what });
    }

    /// Adds a message and the entry that records that it was sent.
    pub fn send(&mut self, at: Duration, mut item: Item) {
        item.at = self.entries.len();
        self.add(at, item.who, What::Sends(self.items.len()));
        self.items.push(item);
    }

    /// Returns a person's name.
    pub fn name(&self, who: usize) -> &str {
        self.names.get(who).map_or("", String::as_str)
    }

    /// Returns the name of a room in wire format 4.
    pub fn room_name(room: usize) -> String {
        format!("room{}", room + 1)
    }

    /// Returns the bytes that a member should receive when the server broadcasts a message. `reference` is the
    /// number by which the server identifies the room (`ROOM_REF` in lab 4).
    pub fn expected(&self, item: &Item, reference: &str) -> Vec<u8> {
        let name = self.name(item.who);
        let text = match (&item.kind, self.lab) {
            (ItemKind::Joined, 2) => return format!("{name} joined!\n").into_bytes(),
            (ItemKind::Left, 2) => return format!("{name} left!\n").into_bytes(),
            (ItemKind::Joined, _) => format!("{name} has joined this chatroom."),
            (ItemKind::Left, 3) => "!DISCONNECT".to_owned(),
            (ItemKind::Left, _) => format!("{name} has left this chatroom."),
            (ItemKind::Text(text), _) => text.clone(),
        };
        match self.lab {
            1 => format!("<127.0.0.1> {text}\n"),
            2 => format!("{name}: {text}\n"),
            3 => return wire::frame(&format!("[{name}] : {text}")),
            _ => format!("CHAT: {reference}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n"),
        }
        .into_bytes()
    }
}
