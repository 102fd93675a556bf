//! A crowd's plan: who joins, speaks, and leaves, and in what order. Plans are generated from a seed and can be shrunk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a crowd does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of the lab, which is also the number of its wire format.
    pub lab: u32,
    /// The plan's seed.
    pub seed: u64,
    /// The names of the people. No person connects twice.
    pub names: Vec<String>,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// One action by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time since the previous event.
    pub after: Duration,
    /// The person's number.
    pub who: usize,
    /// What the person does.
    pub what: Act,
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Connects and joins a room.
    Join {
        /// The room number.
        room: usize,
        /// Whether the nickname ends with a newline, in wire format 2.
        newline: bool,
    },
    /// Joins another room, in wire format 4. If the person is already a member of the room, the request is a repeat
    /// and must get the same reply as before.
    Enter(usize),
    /// Sends one or more chat messages in one piece.
    Say(Vec<Line>),
    /// Sends a chat message in pieces, with a short pause between them. Each number, modulo the length of the message,
    /// is the position in bytes where a piece ends.
    InPieces(Line, Vec<usize>),
    /// Leaves a room and stays connected, in wire format 4. The optional chat message is sent too late, that is, after
    /// the request to leave.
    Exit(usize, Option<Line>),
    /// Leaves the chat in the way that the wire format requires. In wire format 3, an optional chat message is sent
    /// after the `!DISCONNECT` frame.
    Leave(Option<Line>),
    /// Closes the connection.
    Vanish {
        /// Whether to reset the connection.
        resets: bool,
    },
    /// Nobody does anything until all messages have arrived.
    Calm,
}

/// The text of a chat message for a room. Each message text occurs only once in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The room number.
    pub room: usize,
    /// The text.
    pub text: String,
}

/// The size and the duration of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The maximum number of people who are connected at the same time.
    pub people: usize,
    /// The number of events.
    pub events: usize,
    /// The approximate duration of all events.
    pub time: Duration,
}

const NAMES: [&str; 26] = [
    "ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida", "jim", "kim", "lea", "max",
    "nia", "oli", "pia", "quy", "ron", "sue", "tom", "una", "val", "wim", "xia", "yan", "zoe",
];

// Some of these words contain characters that take more than one byte.
const WORDS: [&str; 16] = [
    "amber", "birch", "café", "daisy", "ember", "fjord", "grüß", "hazel", "ivory", "kite", "lemon",
    "maple", "naïve", "olive", "piñata", "raven",
];

/// On average, one message text in this many is long.
const LONG_ONE_OF: u32 = 24;

/// The length of a long message text, in bytes. A text this long is too large for the original programs' buffers.
const LONG: std::ops::Range<usize> = 1000..5000;

impl Plan {
    /// Generates a plan. The same lab, extent, and seed always produce the same plan.
    pub fn new(lab: u32, extent: Extent, seed: u64) -> Self {
        let mut maker = Maker::new(lab, extent, seed);
        // Most people join at the beginning.
        for _ in 0..extent.people.saturating_sub(extent.people / 4).max(2) {
            maker.joins();
        }
        maker.add(0, Act::Calm);
        while maker.plan.events.len() < extent.events {
            maker.adds_something();
        }
        maker.plan.valid()
    }

    /// Removes events that are impossible, for example, messages from a person who has not joined. The last event is
    /// always a quiet period.
    #[must_use]
    pub fn valid(mut self) -> Self {
        let mut members: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let (mut known, mut entered) = (BTreeSet::new(), BTreeSet::new());
        let is_many = self.lab == 4;
        self.events.retain_mut(|Event { who, what, .. }| {
            let who = *who;
            if let Act::Join { room, .. } = what {
                let is_new = known.insert(who);
                if is_new {
                    members.insert(who, [*room].into());
                    entered.insert((who, *room));
                }
                return is_new;
            }
            if *what == Act::Calm {
                return true;
            }
            let Some(rooms) = members.get_mut(&who) else { return false };
            match what {
                // A person does not join a room again after leaving it, so that each announcement is unambiguous.
                Act::Enter(room) if rooms.contains(room) => is_many,
                Act::Enter(room) => is_many && entered.insert((who, *room)) && rooms.insert(*room),
                Act::Say(lines) => {
                    lines.retain(|line| rooms.contains(&line.room));
                    !lines.is_empty()
                }
                Act::InPieces(line, _) => rooms.contains(&line.room),
                Act::Exit(room, _) => is_many && rooms.remove(room),
                Act::Leave(_) | Act::Vanish { .. } => members.remove(&who).is_some(),
                Act::Join { .. } | Act::Calm => true,
            }
        });
        if self.events.last().is_some_and(|last| last.what != Act::Calm) {
            self.events.push(Event { after: Duration::ZERO, who: 0, what: Act::Calm });
        }
        self
    }

    /// Returns a copy of the plan with different events.
    #[must_use]
    pub fn with(&self, events: Vec<Event>) -> Self {
        let (names, lab, seed) = (self.names.clone(), self.lab, self.seed);
        Self { lab, seed, names, events }.valid()
    }

    /// Returns the number of people who join.
    pub fn people(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.what, Act::Join { .. })).count()
    }
}

/// Generates a plan from a seed.
struct Maker {
    plan: Plan,
    random: StdRng,
    extent: Extent,
    rooms: usize,
    /// The connected people, each with their rooms.
    present: Vec<(usize, Vec<usize>)>,
    texts: usize,
}

impl Maker {
    fn new(lab: u32, extent: Extent, seed: u64) -> Self {
        let plan = Plan { lab, seed, names: Vec::new(), events: Vec::new() };
        let rooms = if lab == 4 { (extent.people / 4).clamp(2, 8) } else { 1 };
        let (random, present) = (StdRng::seed_from_u64(seed), Vec::new());
        Self { plan, random, extent, rooms, present, texts: 0 }
    }

    fn one_of(&mut self, count: usize) -> usize {
        self.random.random_range(..count)
    }

    /// Adds an event. Most events immediately follow the previous event.
    fn add(&mut self, who: usize, what: Act) {
        const PAUSES_ONE_OF: u32 = 4;
        let count = u32::try_from(self.extent.events.max(1)).unwrap_or(u32::MAX);
        let most = self.extent.time * 2 * PAUSES_ONE_OF / count;
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1);
        let pauses = self.random.random_ratio(1, PAUSES_ONE_OF);
        let after = if pauses { self.random.random_range(..micros) } else { 0 };
        self.plan.events.push(Event { after: Duration::from_micros(after), who, what });
    }

    fn joins(&mut self) {
        let who = self.plan.names.len();
        let name = NAMES[who % NAMES.len()];
        let again = who / NAMES.len();
        let name = if again == 0 { name.to_owned() } else { format!("{name}{}", again + 1) };
        self.plan.names.push(name);
        let (room, newline) = (self.one_of(self.rooms), self.random.random_ratio(2, 3));
        self.present.push((who, vec![room]));
        self.add(who, Act::Join { room, newline });
    }

    fn line(&mut self, room: usize) -> Line {
        self.texts += 1;
        let word = WORDS[self.one_of(WORDS.len())];
        let mut text = format!("{word}-{}", self.texts);
        if self.random.random_ratio(1, LONG_ONE_OF) {
            let word = text.clone();
            let end = self.random.random_range(LONG);
            while text.len() < end {
                text += " ";
                text += &word;
            }
        }
        Line { room, text }
    }

    fn adds_something(&mut self) {
        if self.present.len() < self.extent.people / 2 {
            return self.joins();
        }
        let at = self.one_of(self.present.len());
        let (who, rooms) = self.present[at].clone();
        let room = if rooms.is_empty() { None } else { Some(rooms[self.one_of(rooms.len())]) };
        let dice = self.random.random_range(..100_u32);
        match (dice, room) {
            (0..=3, _) => {
                let ghost = if self.plan.lab == 3 { Some(self.line(0)) } else { None };
                let ghost = ghost.filter(|_| dice < 2);
                self.present.remove(at);
                self.add(who, Act::Leave(ghost));
            }
            (4..=7, _) => {
                self.present.remove(at);
                self.add(who, Act::Vanish { resets: dice < 6 });
            }
            (8..=16, _) if self.present.len() < self.extent.people => self.joins(),
            (17..=18, _) => self.add(0, Act::Calm),
            (19..=26, _) if self.plan.lab == 4 => {
                let room = self.one_of(self.rooms);
                if !self.present[at].1.contains(&room) {
                    self.present[at].1.push(room);
                }
                self.add(who, Act::Enter(room));
            }
            (27..=30, Some(room)) if self.plan.lab == 4 && rooms.len() > 1 => {
                self.present[at].1.retain(|one| *one != room);
                let late = if dice == 30 { Some(self.line(room)) } else { None };
                self.add(who, Act::Exit(room, late));
            }
            (31..=44, Some(room)) => {
                let line = self.line(room);
                let pieces = (0..2).map(|_| self.one_of(line.text.len() + 64)).collect();
                self.add(who, Act::InPieces(line, pieces));
            }
            (45..=59, Some(_)) => {
                let count = 2 + self.one_of(4);
                let lines = (0..count).map(|_| {
                    let room = rooms[self.one_of(rooms.len())];
                    self.line(room)
                });
                let lines = lines.collect();
                self.add(who, Act::Say(lines));
            }
            (_, Some(room)) => {
                let line = self.line(room);
                self.add(who, Act::Say(vec![line]));
            }
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(lab: u32, seed: u64) -> Plan {
        let extent = Extent { people: 12, events: 250, time: Duration::from_millis(300) };
        Plan::new(lab, extent, seed)
    }

    #[test]
    fn a_seed_always_makes_the_same_plan_and_each_text_once() {
        for lab in 1..=4 {
            for seed in 0..50 {
                let plan = plan(lab, seed);
                assert_eq!(plan.events, self::plan(lab, seed).events);
                assert!(plan.events.len() >= 200, "{} events", plan.events.len());
                assert!(plan.people() >= 12, "{} people", plan.people());
                assert_eq!(plan.clone().valid().events, plan.events, "it is valid");
                let lines = plan.events.iter().flat_map(|event| match &event.what {
                    Act::Say(lines) => lines.iter().collect(),
                    Act::InPieces(line, _) => vec![line],
                    _ => Vec::new(),
                });
                let texts: Vec<_> = lines.map(|line| &line.text).collect();
                assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
            }
        }
        assert_ne!(plan(2, 1).events, plan(2, 2).events);
    }

    #[test]
    fn what_is_no_longer_possible_is_left_out() {
        let line = |text: &str| Line { room: 0, text: text.into() };
        let event = |who, what| Event { after: Duration::ZERO, who, what };
        let plan = plan(4, 1).with(vec![
            event(0, Act::Say(vec![line("too early")])),
            event(0, Act::Join { room: 0, newline: true }),
            event(1, Act::Say(vec![line("of nobody")])),
            event(0, Act::Enter(1)),
            event(0, Act::Exit(0, None)),
            event(0, Act::Say(vec![line("in no room"), Line { room: 1, text: "kept".into() }])),
            event(0, Act::Enter(0)),
            event(0, Act::Vanish { resets: true }),
            event(0, Act::Leave(None)),
        ]);
        let acts: Vec<_> = plan.events.into_iter().map(|event| event.what).collect();
        let expected = [
            Act::Join { room: 0, newline: true },
            Act::Enter(1),
            Act::Exit(0, None),
            Act::Say(vec![Line { room: 1, text: "kept".into() }]),
            Act::Vanish { resets: true },
            Act::Calm,
        ];
        assert_eq!(acts, expected);
    }
}
