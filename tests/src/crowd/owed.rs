//! Finds the messages that people should have received but did not.

use std::collections::{BTreeMap, BTreeSet};

use crate::crowd::member::{Person, State};
use crate::crowd::record::{Item, ItemKind, Record, Way};
use crate::crowd::violation::{Rule, Violation};

impl State {
    /// Returns a violation if a person has not received a message that was due. The message may still arrive later, so
    /// the violation is certain only after a quiet period.
    pub fn missing(&self, record: &Record) -> Option<Violation> {
        self.unanswered(record).or_else(|| self.lost(record))
    }

    fn unanswered(&self, record: &Record) -> Option<Violation> {
        let missing = |who, bytes: Option<&[u8]>, sentence: String| {
            let mut violation = Violation::lacking(Rule::Unanswered, who, sentence);
            violation.expected = bytes.map(<[u8]>::to_vec);
            Some(violation)
        };
        for (who, person) in self.people.iter().enumerate().filter(|(_, one)| one.is_connected) {
            let name = record.name(who);
            if person.left.is_some() {
                let sentence =
                    format!("after {name} left, the server did not close the connection");
                return missing(who, None, sentence);
            }
            let reply: Option<&[u8]> = match self.lab {
                1 if !person.is_welcome => Some(b"Welcome to this chatroom!\n"),
                2 if !person.has_heard => Some(b"NICK"),
                2 if !person.is_welcome && person.is_member(0) => Some(b"Connected to server!\n"),
                4 if person.unanswered_joins > 0 => Some(b"JOINED_CHATROOM: \xe2\x80\xa6\n"),
                4 if person.unanswered_leaves > 0 => Some(b"LEFT_CHATROOM: \xe2\x80\xa6\n"),
                _ => None,
            };
            if reply.is_some() {
                return missing(who, reply, format!("{name} got no reply"));
            }
        }
        None
    }

    fn lost(&self, record: &Record) -> Option<Violation> {
        let present: BTreeSet<_> = (0..self.people.len())
            .filter(|who| self.people[*who].is_connected && self.people[*who].left.is_none())
            .collect();
        for (number, item) in record.items.iter().enumerate().skip(self.settled) {
            for (who, person) in self.people.iter().enumerate() {
                let Some(member) = person.rooms.get(&item.room) else { continue };
                if item.is_late
                    || member.got.contains(&number)
                    || item.who == who && !self.announces()
                {
                    continue;
                }
                let is_own_join = item.who == who && item.kind == ItemKind::Joined;
                let was_member = is_own_join || member.sure.is_some_and(|sure| sure < item.at);
                // If a later message from the same sender has arrived, a missing earlier message can no longer arrive.
                // If the sender disconnected abruptly, the announcement that it left proves nothing, because a reset
                // destroys unread bytes.
                let is_next = |next: &&usize| {
                    let next = &record.items[**next];
                    next.who == item.who && (next.kind != ItemKind::Left || self.is_polite(next))
                };
                let next = member.got.range(number + 1..).find(is_next).copied();
                let stays = present.contains(&who)
                    && (member.leaving.is_none() || item.who == who && item.kind == ItemKind::Left);
                if was_member && (next.is_some() || stays && self.must_come(item, number)) {
                    let (name, sender) = (record.name(who), record.name(item.who));
                    let is_announcement = item.kind == ItemKind::Joined && next.is_some();
                    let rule = if is_announcement { Rule::Unannounced } else { Rule::Lost };
                    let what = match item.kind {
                        ItemKind::Joined if is_own_join => {
                            format!("the announcement that {name} had joined")
                        }
                        ItemKind::Joined => format!("the announcement that {sender} had joined"),
                        ItemKind::Left => format!("the announcement that {sender} had left"),
                        ItemKind::Text(_) if item.who == who => {
                            format!("a copy of {name}'s own message")
                        }
                        ItemKind::Text(_) => format!("a message from {sender}"),
                    };
                    let others = self.others_got(who, item.room, number);
                    let sentence = format!("{name} was a member, but did not get {what}{others}");
                    let mut violation = Violation::lacking(rule, who, sentence);
                    violation.items.push(number);
                    violation.items.extend(next);
                    let reference = reference_of(&person.references, item.room);
                    violation.expected = Some(record.expected(item, reference));
                    return Some(violation);
                }
            }
        }
        self.deaf(record, &present)
    }

    /// Returns true if the sender has not left or has left properly. In both cases, the server must pass on all earlier
    /// messages.
    fn is_polite(&self, item: &Item) -> bool {
        !matches!(self.people[item.who].left, Some(Way::Closes | Way::Resets))
    }

    /// Returns true if the server must broadcast a message. The sender must have been a member, and at least one of
    /// these must be true: the sender has not left or has left properly, the message announces that the sender has
    /// left, or somebody has received the message.
    fn must_come(&self, item: &Item, number: usize) -> bool {
        let sender = &self.people[item.who];
        let has_vanished = !self.is_polite(item);
        let is_noticed = item.kind == ItemKind::Left && self.announces();
        let was_member = !self.announces()
            || item.kind == ItemKind::Joined
            || sender.rooms.get(&item.room).is_some_and(|member| member.sure.is_some());
        was_member && (!has_vanished || is_noticed || self.first_seen[number].is_some())
    }

    /// Returns words that say how many other people in a room got a message, and whether all of them came earlier. If so,
    /// the server may have a limit, or it may forget the newest member.
    pub fn others_got(&self, who: usize, room: usize, number: usize) -> String {
        let asked = |person: &Person| person.rooms.get(&room).map(|member| member.asked);
        let got = |person: &&Person| {
            person.rooms.get(&room).is_some_and(|member| member.got.contains(&number))
        };
        let others = self.people.iter().enumerate().filter(|(other, _)| *other != who);
        let others: Vec<_> = others.map(|(_, person)| person).filter(got).collect();
        let came_earlier = others.iter().all(|other| asked(other) < asked(&self.people[who]));
        match others.len() {
            0 => String::new(),
            1 => "; 1 other person got it".to_owned(),
            count if came_earlier => {
                format!("; the {count} other people who got it had all come earlier")
            }
            count => format!("; {count} other people got it"),
        }
    }

    /// In a wire format without announcements, returns a violation if a person received none of the probes from the
    /// others.
    fn deaf(&self, record: &Record, present: &BTreeSet<usize>) -> Option<Violation> {
        if self.announces() || present.len() < 2 {
            return None;
        }
        let deaf = |who: &&usize| !self.people[**who].is_sure();
        let who = *present.iter().find(deaf)?;
        let call = |item: &Item| item.who != who && !item.is_late;
        let number = record.items.iter().rposition(call)?;
        let others = self.others_got(who, 0, number);
        let name = record.name(who);
        let sentence = format!(
            "{name} is connected, but got none of the messages, not even the last one{others}"
        );
        let mut violation = Violation::lacking(Rule::Lost, who, sentence);
        violation.expected = Some(record.expected(&record.items[number], ""));
        violation.items.push(number);
        Some(violation)
    }
}

/// Returns a room's reference, as the server sent it to a person.
fn reference_of(references: &BTreeMap<String, usize>, room: usize) -> &str {
    references.iter().find(|(_, number)| **number == room).map_or("", |(text, _)| text.as_str())
}
