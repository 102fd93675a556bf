//! Picks the messages that are relevant to a violation and converts them to events for a ladder diagram.

use std::collections::{BTreeMap, BTreeSet};

use crate::crowd::record::{Entry, ItemKind, Record, Way, What};
use crate::crowd::violation::{Rule, Violation};
use crate::crowd::wire::Heard;
use crate::journal::failure::Evidence;
use crate::journal::{Event, EventKind, SERVER, Wire};

/// If there are fewer messages than this, all of them are shown.
pub const MOST: usize = 10;

/// How many of a person's last messages are shown to explain a violation, for example a closed connection.
const BEFORE_CLOSED: usize = 4;

/// The messages that are relevant to a violation.
pub struct Slice {
    /// The events that the ladder diagram in the report shows.
    pub events: Vec<Event>,
    /// The wrong or missing bytes.
    pub evidence: Evidence,
    /// The people involved in the violation, starting with the most important one.
    pub about: Vec<String>,
    /// The number of messages among the events, plus one if a message is missing.
    pub messages: usize,
}

/// Picks the messages that are relevant to a violation.
pub fn slice(record: &Record, violation: &Violation) -> Slice {
    let slicer = Slicer { record, violation };
    let all: BTreeSet<_> = (0..record.entries.len()).collect();
    let is_small = all.iter().filter(|at| slicer.is_message(**at)).count() < MOST;
    let chosen = if is_small { all } else { slicer.relevant() };
    let (mut events, mut before) = (Vec::new(), Vec::new());
    for &at in &chosen {
        let Some(what) = slicer.event(at) else { continue };
        let entry = &record.entries[at];
        let is_before = violation.entry.is_none_or(|wrong| at < wrong);
        if let (true, EventKind::Got(_, Wire::Bytes(bytes))) =
            (entry.who == violation.who && is_before, &what)
        {
            before.extend_from_slice(bytes);
        }
        events.push(Event { at: entry.at, who: record.name(entry.who).to_owned(), what });
    }
    let rest = match violation.entry.map(|at| &record.entries[at].what) {
        Some(What::Got(_, bytes)) => bytes.clone(),
        _ => Vec::new(),
    };
    let name = record.name(violation.who).to_owned();
    let mut about = vec![name.clone()];
    for &item in &violation.items {
        let sender = record.name(record.items[item].who).to_owned();
        if !about.contains(&sender) {
            about.push(sender);
        }
    }
    let expected = violation.expected.clone().unwrap_or_default();
    let messages = chosen.iter().filter(|at| slicer.is_message(**at)).count()
        + usize::from(violation.missing().is_some());
    let evidence = Evidence { name, expected, before, rest, is_screen: false };
    Slice { events, evidence, about, messages }
}

struct Slicer<'a> {
    record: &'a Record,
    violation: &'a Violation,
}

impl Slicer<'_> {
    /// Returns the ladder event for an entry, or `None` if the entry is not shown.
    fn event(&self, at: usize) -> Option<EventKind> {
        let sent = |wire| Some(EventKind::Sent(SERVER.to_owned(), wire));
        match &self.record.entries[at].what {
            What::Connects => sent(Wire::Signal("connects")),
            What::Asks(_, bytes) => sent(Wire::Bytes(bytes.clone())),
            What::Sends(item) => {
                let item = &self.record.items[*item];
                // The record has a separate entry for the request to join, `What::Asks`, so the request is not shown
                // here again. A person who leaves without a message sends no bytes.
                let is_shown = item.kind != ItemKind::Joined && !item.bytes.is_empty();
                is_shown
                    .then(|| EventKind::Sent(SERVER.to_owned(), Wire::Bytes(item.bytes.clone())))
            }
            What::Leaves(Way::Closes) => sent(Wire::Signal("closes")),
            What::Leaves(Way::Resets) => sent(Wire::Signal("resets the connection")),
            What::Leaves(Way::Politely) if self.record.lab <= 2 => {
                sent(Wire::Signal("ends sending"))
            }
            What::Got(_, bytes) => {
                Some(EventKind::Got(SERVER.to_owned(), Wire::Bytes(bytes.clone())))
            }
            What::Closed => Some(EventKind::Got(SERVER.to_owned(), Wire::Signal("closes"))),
            What::Leaves(Way::Politely) | What::Exits(_) | What::Calm => None,
        }
    }

    fn is_message(&self, at: usize) -> bool {
        matches!(
            self.event(at),
            Some(EventKind::Sent(_, Wire::Bytes(_)) | EventKind::Got(_, Wire::Bytes(_)))
        )
    }

    /// Returns the entries that explain the violation.
    fn relevant(&self) -> BTreeSet<usize> {
        let (record, violation) = (self.record, self.violation);
        let mut chosen: BTreeSet<usize> = violation.entry.into_iter().collect();
        let entries = || record.entries.iter().enumerate();
        let last = |end: usize, is_it: &dyn Fn(usize) -> bool| (0..end).rev().find(|at| is_it(*at));
        let end = violation.entry.unwrap_or(record.entries.len());
        let of = |who: usize| move |at: usize| record.entries[at].who == who;
        for &number in &violation.items {
            let item = &record.items[number];
            chosen.insert(item.at);
            // An earlier entry records why a person joined or left.
            if !matches!(item.kind, ItemKind::Text(_)) {
                let is_cause = |at: usize| {
                    of(item.who)(at)
                        && matches!(record.entries[at].what, What::Asks(..) | What::Leaves(_))
                };
                chosen.extend(last(item.at, &is_cause));
            }
            if violation.rule == Rule::Stranger {
                let is_join = |at: usize| {
                    let asks =
                        matches!(record.entries[at].what, What::Asks(room, _) if room == item.room);
                    of(item.who)(at) && asks
                };
                chosen.extend(last(item.at, &is_join));
            }
            if violation.rule == Rule::Lost {
                // The lost message may have been the last one before the sender left.
                let is_leave = |(_, entry): &(usize, &Entry)| match entry.what {
                    What::Leaves(_) => entry.who == item.who,
                    What::Sends(sent) => {
                        let sent = &record.items[sent];
                        sent.kind == ItemKind::Left
                            && (sent.who, sent.room) == (item.who, item.room)
                    }
                    _ => false,
                };
                chosen.extend(entries().filter(is_leave).map(|(at, _)| at));
            }
            let got = self.receipts(number);
            chosen.extend(got.iter().filter(|at| of(violation.who)(**at)));
            // A member who received the message is shown for comparison.
            chosen.extend(got.iter().find(|at| !of(violation.who)(**at)));
        }
        let people = violation.items.iter().map(|&item| record.items[item].who);
        let people: BTreeSet<_> = people.chain([violation.who]).collect();
        // The ladder shows when each of these people connects, but not the rest of the handshake.
        let begins = |(_, entry): &(usize, &Entry)| {
            people.contains(&entry.who) && entry.what == What::Connects
        };
        chosen.extend(entries().filter(begins).map(|(at, _)| at));
        if matches!(violation.rule, Rule::Unanswered | Rule::Stranger | Rule::Unannounced) {
            let is_ask = |at: usize| {
                of(violation.who)(at)
                    && matches!(
                        record.entries[at].what,
                        What::Asks(..) | What::Leaves(_) | What::Exits(_)
                    )
            };
            chosen.extend(last(end, &is_ask));
        }
        if violation.rule == Rule::Stranger {
            // The replies say which rooms the person is in.
            let is_reply = |at: &usize| {
                let what = &record.entries[*at].what;
                of(violation.who)(*at) && matches!(what, What::Got(Heard::Entered { .. }, _))
            };
            chosen.extend((0..end).filter(is_reply));
        }
        if matches!(violation.rule, Rule::ThrownOut | Rule::Unanswered | Rule::Unsaid) {
            let of_person =
                (0..end).rev().filter(|at| of(violation.who)(*at) && self.is_message(*at));
            chosen.extend(of_person.take(BEFORE_CLOSED));
        }
        // A person who left just before may be the cause of the violation.
        let begin = violation.items.first().map_or(end, |&item| record.items[item].at);
        let is_leave = |at: usize| matches!(record.entries[at].what, What::Leaves(_));
        if matches!(violation.rule, Rule::Lost | Rule::ThrownOut) {
            chosen.extend(last(begin, &is_leave));
        }
        chosen
    }

    /// Returns the entries that record the arrival of a broadcast message.
    fn receipts(&self, number: usize) -> Vec<usize> {
        let item = &self.record.items[number];
        let name = self.record.name(item.who);
        // In wire format 4, each person has their own references.
        let mut rooms: BTreeMap<(usize, &str), &str> = BTreeMap::new();
        let wanted = Record::room_name(item.room);
        let mut found = Vec::new();
        for (at, entry) in self.record.entries.iter().enumerate().skip(item.at) {
            let What::Got(heard, _) = &entry.what else { continue };
            let (is_it, reference) = match heard {
                Heard::Said { text, reference, .. } => {
                    (item.kind == ItemKind::Text(text.clone()), reference)
                }
                Heard::Joined { name: other, reference } => {
                    (item.kind == ItemKind::Joined && other == name, reference)
                }
                Heard::Left { name: other, reference } => {
                    (item.kind == ItemKind::Left && other == name, reference)
                }
                Heard::Entered { room, reference, .. } => {
                    rooms.insert((entry.who, reference), room);
                    continue;
                }
                _ => continue,
            };
            let room = rooms.get(&(entry.who, reference.as_str()));
            if is_it
                && (matches!(item.kind, ItemKind::Text(_))
                    || room.is_none_or(|room| *room == wanted))
            {
                found.push(at);
            }
        }
        found
    }
}
