//! What happened in a crowd: who sent what, and what each person got, in the order in which the player did and saw it.
//!
//! One thread plays all people, so the order of the entries is certain. An entry for something sent stands before its
//! first byte is written, and an entry for something received after its last byte has arrived.

use std::time::Duration;

use crate::crowd::wire::{self, Heard};

/// The record of a played plan.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The number of the lab, and of its wire.
    pub lab: u32,
    /// The names of the people.
    pub names: Vec<String>,
    /// Everything that goes to members, in the order in which it was sent.
    pub items: Vec<Item>,
    /// What happened.
    pub entries: Vec<Entry>,
}

/// Something that a server passes on to the members of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The number of the person.
    pub who: usize,
    /// The number of the room.
    pub room: usize,
    /// What it is.
    pub kind: ItemKind,
    /// The number of the entry in which the person began to send it.
    pub at: usize,
    /// Whether the person was no longer a member when this was sent, so that nobody may get it.
    pub is_late: bool,
    /// The bytes in which the person sent it, as far as it sends any.
    pub bytes: Vec<u8>,
}

/// What is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The person has joined.
    Joined,
    /// The person has said this.
    Text(String),
    /// The person has left.
    Left,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time since the beginning.
    pub at: Duration,
    /// The number of the person; 0 if it is about nobody.
    pub who: usize,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The person connects.
    Connects,
    /// The person asks to join a room, with these bytes. On wires 1 and 3, connecting is asking.
    Asks(usize, Vec<u8>),
    /// The person sends the item with this number.
    Sends(usize),
    /// The person begins to leave a room, and stays connected.
    Exits(usize),
    /// The person begins to leave for good.
    Leaves(Way),
    /// The person got this message, with these bytes.
    Got(Heard, Vec<u8>),
    /// The server has closed the person's connection.
    Closed,
    /// Everybody waited until everything had arrived, or until nothing more came.
    Calm,
}

/// How a person leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the wire says. The person goes on reading until the server closes the connection.
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

    /// Adds an item, and the entry that it is sent.
    pub fn send(&mut self, at: Duration, mut item: Item) {
        item.at = self.entries.len();
        self.add(at, item.who, What::Sends(self.items.len()));
        self.items.push(item);
    }

    /// Returns a person's name.
    pub fn name(&self, who: usize) -> &str {
        self.names.get(who).map_or("", String::as_str)
    }

    /// Returns the name of a room on wire 4.
    pub fn room_name(room: usize) -> String {
        format!("room{}", room + 1)
    }

    /// Returns the bytes that a member of this room should receive for an item. `reference` is the room's.
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
