//! Reads a crowd's record and finds the first broken rule. The parent [module](super) describes the rules.

use std::collections::HashMap;

use crate::crowd::member::{Member, State};
use crate::crowd::record::{Item, ItemKind, Record, Way, What};
use crate::crowd::violation::{Rule, Violation};
use crate::crowd::wire::Heard;

/// Checks a record, entry by entry.
pub struct Checker {
    state: State,
    /// The number of entries that have been read.
    read: usize,
    /// The messages from each sender in each room, in the order of sending. A message is stored as its number in the
    /// record.
    sent: HashMap<(usize, usize), Vec<usize>>,
    texts: HashMap<String, usize>,
    /// The announcement of each person's arrival in or departure from each room. The flag is true for an arrival.
    announcements: HashMap<(usize, usize, bool), usize>,
    names: HashMap<String, usize>,
    found: Option<Violation>,
}

/// Checks a whole record and returns the first violation.
pub fn check(record: &Record) -> Option<Violation> {
    let mut checker = Checker::new(record);
    checker.reads(record).or_else(|| checker.missing(record))
}

impl Checker {
    /// Creates a checker for a record that may still grow.
    pub fn new(record: &Record) -> Self {
        let names = record.names.iter().enumerate().map(|(who, name)| (name.clone(), who));
        let (sent, texts, announcements) = Default::default();
        let (state, names) = (State::new(record), names.collect());
        Self { state, read: 0, sent, texts, announcements, names, found: None }
    }

    /// Returns the connected people who are not yet known to be members.
    pub fn unsure(&self) -> Vec<usize> {
        self.state.unsure()
    }

    /// Returns a violation if a person has not received a message that was due. The message may still arrive later, so
    /// the violation is certain only after a quiet period.
    pub fn missing(&self, record: &Record) -> Option<Violation> {
        self.state.missing(record)
    }

    /// Checks the entries that were added since the last call and returns the first violation.
    pub fn reads(&mut self, record: &Record) -> Option<Violation> {
        while self.found.is_none() && self.read < record.entries.len() {
            let at = self.read;
            self.read += 1;
            self.found = self.step(record, at);
        }
        self.found.clone()
    }

    fn step(&mut self, record: &Record, at: usize) -> Option<Violation> {
        let entry = &record.entries[at];
        let who = entry.who;
        match &entry.what {
            What::Connects => {
                self.state.people[who].is_connected = true;
                if !self.state.announces() {
                    self.state.people[who].rooms.insert(0, Member::new(at));
                }
            }
            What::Asks(room, _) => {
                self.state.people[who].unanswered_joins += usize::from(self.state.lab == 4);
                self.state.people[who].rooms.entry(*room).or_insert_with(|| Member::new(at));
            }
            What::Sends(number) => self.sends(&record.items[*number], *number),
            What::Exits(room) => {
                self.state.people[who].unanswered_leaves += 1;
                if let Some(member) = self.state.people[who].rooms.get_mut(room) {
                    member.leaving = Some(at);
                }
            }
            What::Leaves(way) => {
                let person = &mut self.state.people[who];
                person.left = Some(*way);
                person.is_connected = *way == Way::Politely;
                for member in person.rooms.values_mut() {
                    member.leaving.get_or_insert(at);
                }
            }
            What::Closed => {
                let person = &mut self.state.people[who];
                person.is_connected = false;
                if person.left.is_none() {
                    let name = record.name(who);
                    let sentence = format!("the server closed {name}'s connection");
                    return Some(Violation::at(at, Rule::ThrownOut, who, sentence));
                }
            }
            What::Got(heard, _) => return self.got(record, at, who, heard),
            What::Calm => {
                let missing = self.state.missing(record);
                self.state.settled = record.items.len();
                return missing;
            }
        }
        None
    }

    fn sends(&mut self, item: &Item, number: usize) {
        self.state.first_seen.resize(number + 1, None);
        match &item.kind {
            ItemKind::Text(text) => {
                self.texts.insert(text.clone(), number);
            }
            kind => {
                let key = (item.who, item.room, *kind == ItemKind::Joined);
                self.announcements.insert(key, number);
            }
        }
        if item.is_late {
            self.state.people[item.who].late += 1;
        } else {
            self.sent.entry((item.who, item.room)).or_default().push(number);
        }
    }

    fn got(&mut self, record: &Record, at: usize, who: usize, heard: &Heard) -> Option<Violation> {
        let name = record.name(who);
        let wrong = |rule, sentence: String| Some(Violation::at(at, rule, who, sentence));
        let person = &mut self.state.people[who];
        let is_first = !person.has_heard;
        person.has_heard = true;
        match heard {
            Heard::Nick if is_first => {}
            Heard::Welcome if is_first => person.is_welcome = true,
            Heard::Connected if !person.is_welcome && person.is_member(0) => {
                person.is_welcome = true;
            }
            Heard::Connected if !person.is_welcome => {
                let others = self.announcements.get(&(who, 0, true));
                let others = others.map(|&join| self.state.others_got(who, 0, join));
                let others = others.unwrap_or_default();
                let sentence = format!(
                    "{name} was welcomed, but did not get {name}'s own announcement{others}"
                );
                return wrong(Rule::Unannounced, sentence);
            }
            Heard::Refused => return wrong(Rule::Unanswered, format!("{name} was refused")),
            Heard::Entered { room, reference, .. } if person.unanswered_joins > 0 => {
                person.unanswered_joins -= 1;
                let asked = person.rooms.keys().find(|number| Record::room_name(**number) == *room);
                let Some(number) = asked.copied() else {
                    let sentence =
                        format!("this reply names a room that {name} never asked to join");
                    return wrong(Rule::Unsaid, sentence);
                };
                person.references.insert(reference.clone(), number);
            }
            Heard::Exited { reference } if person.unanswered_leaves > 0 => {
                person.unanswered_leaves -= 1;
                if !person.references.contains_key(reference) {
                    let sentence = format!("this reply names a room that {name} was never in");
                    return wrong(Rule::Unsaid, sentence);
                }
            }
            // The server may reply with an error to a message that the person sent after leaving.
            Heard::Error if person.late > 0 => person.late -= 1,
            Heard::Error if person.is_sure() && !person.rooms.is_empty() => {
                let sentence = format!("{name} is a member, but got an error");
                return wrong(Rule::ThrownOut, sentence);
            }
            Heard::Joined { .. } | Heard::Left { .. } | Heard::Said { .. } => {
                return self.got_item(record, at, who, heard);
            }
            _ => {
                let sentence = format!("{name} got an unexpected message");
                return Some(self.unexplained(record, at, Rule::Unsaid, sentence));
            }
        }
        None
    }

    /// Returns the number of the sent message that a received message corresponds to, or an error if there is none.
    fn find(&self, record: &Record, who: usize, heard: &Heard) -> Result<usize, (Rule, String)> {
        let name = record.name(who);
        let nobody = |why: String| Err((Rule::Unsaid, why));
        let room = |reference: &String| {
            if self.state.lab != 4 {
                return Ok(0);
            }
            let person = &self.state.people[who];
            person.references.get(reference).copied().ok_or_else(|| {
                if person.unanswered_joins > 0 {
                    return (Rule::Unannounced, format!("{name} got a message before joining"));
                }
                let of_others =
                    self.state.people.iter().find_map(|other| other.references.get(reference));
                let room = of_others.map(|&room| Record::room_name(room));
                (Rule::Stranger, from_outside(name, room.as_deref().unwrap_or("a room")))
            })
        };
        let (number, room) = match heard {
            Heard::Said { name: speaker, reference, text } => {
                let Some(&number) = self.texts.get(text) else {
                    return nobody(format!("{name} got a message that nobody sent"));
                };
                let sender = record.name(record.items[number].who);
                if let Some(speaker) = speaker.as_deref().filter(|speaker| *speaker != sender) {
                    return nobody(format!(
                        "{name} got a message from {sender} under the name {speaker}"
                    ));
                }
                (number, room(reference)?)
            }
            Heard::Joined { name: other, reference } | Heard::Left { name: other, reference } => {
                let has_joined = matches!(heard, Heard::Joined { .. });
                let room = room(reference)?;
                let key = self.names.get(other).map(|&other| (other, room, has_joined));
                let Some(&number) = key.and_then(|key| self.announcements.get(&key)) else {
                    let what = if has_joined { "joined" } else { "left" };
                    return nobody(format!("{name} was wrongly told that {other} had {what}"));
                };
                (number, room)
            }
            _ => return nobody(String::new()),
        };
        if record.items[number].room != room {
            let (one, other) = (record.items[number].room, room);
            let (one, other) = (Record::room_name(one), Record::room_name(other));
            return Err((Rule::Stranger, format!("{name} got a message for {one} in {other}")));
        }
        Ok(number)
    }

    /// Returns the violation for a received message that does not match any sent message. It may be a fragment of a
    /// sent message, or it may be in the wrong room.
    fn unexplained(&self, record: &Record, at: usize, rule: Rule, sentence: String) -> Violation {
        let who = record.entries[at].who;
        let mut violation = Violation::at(at, rule, who, sentence);
        let What::Got(heard, bytes) = &record.entries[at].what else { return violation };
        let bytes = String::from_utf8_lossy(bytes);
        let (text, reference) = match heard {
            Heard::Said { text, reference, .. } => (text.as_str(), reference.as_str()),
            Heard::Other => (&*bytes, ""),
            _ => return violation,
        };
        let nearest = self.texts.get(text).copied().or_else(|| nearest(record, text));
        violation.items.extend(nearest);
        let nearest = nearest.map(|number| &record.items[number]).filter(|_| rule == Rule::Unsaid);
        let may_come = |item: &&Item| item.who != who || self.state.announces();
        violation.expected = nearest.filter(may_come).map(|item| record.expected(item, reference));
        violation
    }

    fn got_item(
        &mut self,
        record: &Record,
        at: usize,
        who: usize,
        heard: &Heard,
    ) -> Option<Violation> {
        let number = match self.find(record, who, heard) {
            Ok(number) => number,
            Err((rule, sentence)) => return Some(self.unexplained(record, at, rule, sentence)),
        };
        let (item, lab) = (&record.items[number], self.state.lab);
        let has_echo = self.state.announces();
        let (name, sender) = (record.name(who), record.name(item.who));
        let wrong = |rule, others: &[usize], sentence: String| {
            let mut violation = Violation::at(at, rule, who, sentence);
            violation.items.push(number);
            violation.items.extend(others);
            Some(violation)
        };
        let seen = self.state.first_seen[number];
        self.state.first_seen[number] = seen.or(Some(at));
        // The arrival of a later message from the same sender proves that this message had been sent completely.
        let of_sender =
            self.sent.get(&(item.who, item.room)).map(Vec::as_slice).unwrap_or_default();
        let begin = of_sender.partition_point(|later| *later <= number);
        let asked = self.state.people[who].rooms.get(&item.room).map_or(0, |member| member.asked);
        let is_done =
            |later: &&usize| self.state.first_seen[**later].is_some_and(|seen| seen < asked);
        let done = of_sender[begin..].iter().filter(|_| item.at < asked).find(is_done).copied();
        let is_own = item.who == who;
        let is_own_join = is_own && item.kind == ItemKind::Joined;
        let is_own_leave = is_own && item.kind == ItemKind::Left;
        let person = &mut self.state.people[who];
        let is_welcome = person.is_welcome;
        let Some(member) = person.rooms.get_mut(&item.room) else {
            let room = if lab == 4 { Record::room_name(item.room) } else { "the group".to_owned() };
            return wrong(Rule::Stranger, &[], from_outside(name, &room));
        };
        if item.is_late {
            let sentence = format!("{name} got a message that {sender} sent after leaving");
            return wrong(Rule::AfterLeaving, &[], sentence);
        }
        if is_own && !has_echo {
            return wrong(Rule::Echo, &[], format!("the server sent {name}'s own message back"));
        }
        if !member.got.insert(number) {
            return wrong(Rule::Twice, &[], format!("{name} got the same message twice"));
        }
        if member.is_out {
            let sentence = format!("{name} got a message from a room after leaving the room");
            let leave = self.announcements.get(&(who, item.room, false));
            return wrong(Rule::AfterLeaving, leave.map_or(&[], std::slice::from_ref), sentence);
        }
        if let Some(later) = done {
            let sentence = format!("{name} got a message that was sent before {name} joined");
            return wrong(Rule::Stranger, &[later], sentence);
        }
        if lab == 1 && !is_welcome || lab == 2 && !is_own_join && member.sure.is_none() {
            let sentence = format!("{name} got a message before joining");
            return wrong(Rule::Unannounced, &[], sentence);
        }
        if has_echo {
            if is_own_join {
                member.sure = Some(at);
            }
        } else {
            member.sure.get_or_insert(at);
        }
        member.is_out = lab == 4 && is_own_leave;
        match member.last.insert(item.who, number) {
            Some(last) if last > number => {
                let (rule, sentence) = match (&item.kind, &record.items[last].kind) {
                    (_, ItemKind::Left) => (
                        Rule::AfterLeaving,
                        format!("{name} got a message from {sender} after {sender} had left"),
                    ),
                    (ItemKind::Joined, _) => (
                        Rule::Unannounced,
                        format!("{name} got a message from {sender} before {sender} had joined"),
                    ),
                    _ => (
                        Rule::Order,
                        format!("{name} got two messages from {sender} in the wrong order"),
                    ),
                };
                wrong(rule, &[last], sentence)
            }
            _ => None,
        }
    }
}

fn from_outside(name: &str, room: &str) -> String {
    format!("{name} got a message from {room}, which {name} has not joined")
}

/// Returns the most recently sent message text that resembles this text, contains it, or is part of it.
fn nearest(record: &Record, text: &str) -> Option<usize> {
    let text = text.trim();
    let is_torn = |item: &Item| match &item.kind {
        ItemKind::Text(sent) => sent.contains(text) || text.contains(sent) || alike(text, sent),
        _ => false,
    };
    record.items.iter().rposition(is_torn)
}

/// Returns true if two message texts begin or end with the same few characters.
fn alike(one: &str, other: &str) -> bool {
    const ENOUGH: usize = 5;
    let begin = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let end = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
    begin.max(end) >= ENOUGH
}
