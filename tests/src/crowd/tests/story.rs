//! A record that a test builds step by step.

use std::time::Duration;

use crate::crowd::checker::check;
use crate::crowd::record::{Item, ItemKind, Record, Way, What};
use crate::crowd::violation::Rule;
use crate::crowd::wire::{self, Heard};

pub const ANN: usize = 0;
pub const BOB: usize = 1;
pub const CID: usize = 2;

/// A record that a test builds step by step.
pub struct Story(pub Record);

impl Story {
    pub fn new(lab: u32) -> Self {
        Self(Record::new(lab, &["ann", "bob", "cid"].map(ToOwned::to_owned)))
    }

    pub fn add(&mut self, who: usize, what: What) {
        let at = Duration::from_millis(self.0.entries.len() as u64);
        self.0.add(at, who, what);
    }

    /// The person connects and, if the wire format has a join request, asks to join room 0.
    pub fn asks(&mut self, who: usize) {
        self.add(who, What::Connects);
        match self.0.lab {
            2 => {
                self.gets(who, "NICK");
                self.enters(who, 0);
            }
            4 => self.enters(who, 0),
            _ => {}
        }
    }

    pub fn enters(&mut self, who: usize, room: usize) {
        self.add(who, What::Asks(room, Vec::new()));
        self.sends(who, room, ItemKind::Joined, false);
    }

    pub fn sends(&mut self, who: usize, room: usize, kind: ItemKind, is_late: bool) {
        let at = Duration::from_millis(self.0.entries.len() as u64);
        self.0.send(at, Item { who, room, kind, at: 0, is_late, bytes: Vec::new() });
    }

    pub fn says(&mut self, who: usize, text: &str) {
        self.sends(who, 0, ItemKind::Text(text.into()), false);
    }

    pub fn gets(&mut self, who: usize, text: &str) {
        let lab = self.0.lab;
        let bytes = if lab == 3 { wire::frame(text) } else { text.as_bytes().to_vec() };
        let (heard, len) = wire::hear(lab, &bytes, text != "NICK").unwrap_or((Heard::Other, 0));
        assert_eq!(len, bytes.len(), "{text:?} is one message");
        self.add(who, What::Got(heard, bytes));
    }

    pub fn all_get(&mut self, people: &[usize], text: &str) {
        for &who in people {
            self.gets(who, text);
        }
    }

    /// In wire format 4, the person gets a chat message in the room with this reference.
    pub fn hears(&mut self, who: usize, reference: u32, name: &str, text: &str) {
        self.gets(who, &format!("CHAT: {reference}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n"));
    }

    pub fn leaves(&mut self, who: usize, way: Way) {
        self.add(who, What::Leaves(way));
        let is_announced = matches!(self.0.lab, 2 | 4) || self.0.lab == 3 && way == Way::Politely;
        if is_announced {
            self.sends(who, 0, ItemKind::Left, false);
        }
    }

    /// Returns a record in wire format 2 in which all the people have joined correctly.
    pub fn group() -> Self {
        let mut story = Self::new(2);
        for (who, name) in [(ANN, "ann"), (BOB, "bob"), (CID, "cid")] {
            story.asks(who);
            let joined = format!("{name} joined!\n");
            (0..=who).for_each(|member| story.gets(member, &joined));
            story.gets(who, "Connected to server!\n");
        }
        story
    }

    /// Returns a record in wire format 1 or 3 in which all the people have joined and received a probe.
    pub fn called(lab: u32) -> Self {
        let mut story = Self::new(lab);
        for who in [ANN, BOB, CID] {
            story.asks(who);
            if lab == 1 {
                story.gets(who, "Welcome to this chatroom!\n");
            }
        }
        story.says(ANN, "call-1");
        story.says(BOB, "call-2");
        for (who, name, text) in [(BOB, "ann", "call-1"), (CID, "ann", "call-1")] {
            story.of(who, name, text);
        }
        for who in [ANN, CID] {
            story.of(who, "bob", "call-2");
        }
        story
    }

    /// In wire formats 1 and 3, the person gets a chat message.
    pub fn of(&mut self, who: usize, name: &str, text: &str) {
        match self.0.lab {
            1 => self.gets(who, &format!("<127.0.0.1> {text}\n")),
            _ => self.gets(who, &format!("[{name}] : {text}")),
        }
    }

    pub fn joined(&mut self, who: usize, room: usize, reference: u32) {
        let room = Record::room_name(room);
        let id = who + 1;
        self.gets(who, &format!("JOINED_CHATROOM: {room}\nSERVER_IP: 0\nPORT: 0\nROOM_REF: {reference}\nJOIN_ID: {id}\n"));
    }

    /// Returns a record in wire format 4. Ann and Bob are in room 0, with reference 1. Ann is also in room 1, with
    /// reference 2.
    pub fn rooms() -> Self {
        let mut story = Self::new(4);
        story.asks(ANN);
        story.joined(ANN, 0, 1);
        story.hears(ANN, 1, "ann", "ann has joined this chatroom.");
        story.enters(ANN, 1);
        story.joined(ANN, 1, 2);
        story.hears(ANN, 2, "ann", "ann has joined this chatroom.");
        story.asks(BOB);
        story.joined(BOB, 0, 1);
        story.hears(ANN, 1, "bob", "bob has joined this chatroom.");
        story.hears(BOB, 1, "bob", "bob has joined this chatroom.");
        story
    }

    /// Ends the record with a quiet period and asserts that the checker finds exactly the violation `expected`, or no
    /// violation if `expected` is `None`.
    #[track_caller]
    pub fn ends(mut self, expected: Option<(Rule, usize)>) {
        self.add(0, What::Calm);
        let found = check(&self.0);
        assert_eq!(found.as_ref().map(|found| (found.rule, found.who)), expected, "{found:?}");
    }
}
