//! Runs a plan against a server. One thread simulates all the people, so the order of the recorded events is well
//! defined.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::crowd::checker::Checker;
use crate::crowd::connection::Connection;
use crate::crowd::plan::{Act, Event, Line, Plan};
use crate::crowd::record::{Item, ItemKind, Record, Way, What};
use crate::crowd::seat::Seat;
use crate::crowd::silence::{LOOK, Manner, Silence};
use crate::crowd::violation::Violation;
use crate::crowd::wire::{self, Heard};

/// The pause between the pieces of a message.
const BETWEEN_PIECES: Duration = Duration::from_millis(2);

/// The interval between two probes for people who are not yet known to be members.
const CALL: Duration = Duration::from_millis(10);

/// The prefix of each probe. No message text in a plan begins with this prefix.
const CALLED: &str = "call-";

/// The pauses in a plan may last up to this many times as long as planned, because the computer may be busy.
const SLOW: u32 = 20;

/// The outcome of running a plan.
#[derive(Clone, Debug)]
pub struct Played {
    /// The record of all events.
    pub record: Record,
    /// The first violation, if there is one. The player stops at the first violation.
    pub violation: Option<Violation>,
    /// The number of the plan's events that have begun.
    pub begun: usize,
}

/// Runs a plan.
///
/// # Errors
/// Returns an error if the system cannot wait for the connections or the plan takes too long.
pub fn play(plan: &Plan, server: SocketAddr, manner: &Manner) -> io::Result<Played> {
    let record = Record::new(plan.lab, &plan.names);
    let checker = Checker::new(&record);
    let seats = plan.names.iter().map(|name| Seat::new(name)).collect();
    let now = Instant::now();
    let (caller, violation) = (0, None);
    let mut stage = Stage {
        server,
        begin: now,
        record,
        checker,
        seats,
        caller,
        called: now,
        silence: Silence::begin(),
        violation,
    };
    let begun = stage.plays(&plan.events, manner)?;
    if stage.violation.is_some() {
        (manner.found_wrong)();
    }
    Ok(Played { record: stage.record, violation: stage.violation, begun })
}

struct Stage {
    server: SocketAddr,
    begin: Instant,
    record: Record,
    checker: Checker,
    seats: Vec<Seat>,
    /// The person who sent the last probe.
    caller: usize,
    /// The time when the last probe was sent.
    called: Instant,
    /// How long it has been since anything happened.
    silence: Silence,
    violation: Option<Violation>,
}

impl Stage {
    fn plays(&mut self, events: &[Event], manner: &Manner) -> io::Result<usize> {
        let (mut next, mut is_calm, mut looks) = (0, false, true);
        let mut due = self.begin;
        let limit = manner.limit + events.iter().map(|event| event.after).sum::<Duration>() * SLOW;
        loop {
            while !is_calm && next < events.len() && due <= Instant::now() {
                let event = &events[next];
                is_calm = event.what == Act::Calm;
                if !is_calm {
                    self.seats[event.who].queue.push_back(event.what.clone());
                }
                next += 1;
                due += events.get(next).map_or(Duration::ZERO, |event| event.after);
                (manner.progress)(next);
                self.acts();
            }
            looks |= self.acts();
            looks |= self.waits(if is_calm { None } else { Some(due) })?;
            self.violation = self.checker.reads(&self.record);
            if self.violation.is_some() {
                return Ok(next);
            }
            if is_calm {
                // The check for missing messages is slow, so it is repeated only after a change.
                let is_over = std::mem::take(&mut looks)
                    && self.seats.iter().all(Seat::is_idle)
                    && self.checker.missing(&self.record).is_none();
                if is_over || self.silence.is_over(manner) {
                    let now = self.now();
                    self.record.add(now, 0, What::Calm);
                    self.violation = self.checker.reads(&self.record);
                    if self.violation.is_some() || next == events.len() {
                        return Ok(next);
                    }
                    is_calm = false;
                    due = Instant::now() + events[next].after;
                }
            }
            if self.begin.elapsed() > limit {
                let why = format!("the plan was not completed within {} s", limit.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
        }
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Performs all actions that are possible now and returns whether there were any.
    fn acts(&mut self) -> bool {
        let before = self.record.entries.len();
        for who in 0..self.seats.len() {
            while self.acts_once(who) {
                self.silence = Silence::begin();
            }
        }
        self.calls();
        self.record.entries.len() != before
    }

    fn acts_once(&mut self, who: usize) -> bool {
        let lab = self.record.lab;
        let seat = &mut self.seats[who];
        // In wire formats 3 and 4, a person may disconnect in the middle of a message.
        let is_cut = lab >= 3 && matches!(seat.queue.front(), Some(Act::Vanish { .. }));
        if !is_cut && !seat.pieces.is_empty() {
            if seat.next_piece > Instant::now() {
                return false;
            }
            let piece = seat.pieces.pop_front().unwrap_or_default();
            seat.send(&piece);
            seat.next_piece = Instant::now() + BETWEEN_PIECES;
            return true;
        }
        let is_join = matches!(seat.queue.front(), Some(Act::Join { .. }));
        let is_connected = seat.connection.is_some();
        if !is_join && is_connected && !seat.is_ready {
            return false;
        }
        let Some(act) = seat.queue.pop_front() else { return false };
        // If the server has closed the connection, the action is skipped. The checker reports the closed connection.
        if is_join || is_connected {
            self.does(who, act);
        }
        true
    }

    fn does(&mut self, who: usize, act: Act) {
        let (lab, now) = (self.record.lab, self.now());
        match act {
            Act::Join { room, newline } => self.joins(who, room, newline),
            Act::Enter(room) => self.enters(who, room),
            Act::Say(lines) => {
                // In wire formats 1 and 2, a person's first message is sent separately, because a server may treat a
                // pause in this message as its end.
                let is_first = lab <= 2 && !self.seats[who].has_spoken;
                let (first, rest) = lines.split_at(usize::from(is_first));
                for lines in [first, rest] {
                    let bytes: Vec<_> = lines.iter().map(|line| self.says(who, line)).collect();
                    self.seats[who].send(&bytes.concat());
                }
            }
            Act::InPieces(line, cuts) => {
                let is_whole = lab <= 2 && !self.seats[who].has_spoken;
                let bytes = self.says(who, &line);
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % bytes.len()).collect();
                cuts.retain(|cut| *cut > 0 && !is_whole);
                cuts.sort_unstable();
                cuts.dedup();
                let ends = cuts.iter().copied().chain([bytes.len()]);
                let mut begin = 0;
                for end in ends {
                    self.seats[who].pieces.push_back(bytes[begin..end].to_vec());
                    begin = end;
                }
            }
            Act::Exit(room, late) => {
                self.record.add(now, who, What::Exits(room));
                let seat = &mut self.seats[who];
                seat.rooms.retain(|one| *one != room);
                let (reference, join_id) = seat.references.get(&room).cloned().unwrap_or_default();
                let mut bytes = wire::exit(&seat.name, &reference, &join_id);
                self.sends(who, room, ItemKind::Left, bytes.clone());
                bytes.extend(late.map(|line| self.says_late(who, line)).unwrap_or_default());
                self.seats[who].send(&bytes);
            }
            Act::Leave(late) => {
                let mut bytes = wire::leave(lab, &self.seats[who].name);
                self.leaves(who, Way::Politely, &bytes);
                bytes.extend(late.map(|line| self.says_late(who, line)).unwrap_or_default());
                self.seats[who].send(&bytes);
                if let Some(connection) = self.seats[who].connection.as_mut().filter(|_| lab <= 2) {
                    connection.ends_sending();
                }
            }
            Act::Vanish { resets } => {
                self.leaves(who, if resets { Way::Resets } else { Way::Closes }, &[]);
                let seat = &mut self.seats[who];
                seat.pieces.clear();
                match seat.connection.take() {
                    Some(connection) if resets => connection.resets(),
                    closed => drop(closed),
                }
            }
            Act::Calm => {}
        }
    }

    fn joins(&mut self, who: usize, room: usize, newline: bool) {
        let now = self.now();
        self.record.add(now, who, What::Connects);
        let seat = &mut self.seats[who];
        let end = if newline { "\n" } else { "" };
        seat.nickname = format!("{}{end}", seat.name).into_bytes();
        seat.is_ready = self.record.lab == 3;
        match Connection::new(self.record.lab, self.server) {
            Ok(connection) => seat.connection = Some(connection),
            Err(_) => self.record.add(self.begin.elapsed(), who, What::Closed),
        }
        match self.record.lab {
            4 => self.enters(who, room),
            _ => self.seats[who].rooms.push(0),
        }
    }

    fn enters(&mut self, who: usize, room: usize) {
        let now = self.now();
        let seat = &mut self.seats[who];
        let bytes = wire::enter(&seat.name, &Record::room_name(room));
        let is_new = !seat.rooms.contains(&room);
        seat.is_ready = false;
        self.record.add(now, who, What::Asks(room, bytes.clone()));
        if is_new {
            self.seats[who].rooms.push(room);
            self.sends(who, room, ItemKind::Joined, bytes.clone());
        }
        self.seats[who].send(&bytes);
    }

    fn sends(&mut self, who: usize, room: usize, kind: ItemKind, bytes: Vec<u8>) {
        let item = Item { who, room, kind, at: 0, is_late: false, bytes };
        self.record.send(self.begin.elapsed(), item);
    }

    fn says(&mut self, who: usize, line: &Line) -> Vec<u8> {
        let seat = &mut self.seats[who];
        seat.has_spoken = true;
        let bytes = seat.say(self.record.lab, line);
        self.sends(who, line.room, ItemKind::Text(line.text.clone()), bytes.clone());
        bytes
    }

    fn says_late(&mut self, who: usize, line: Line) -> Vec<u8> {
        let bytes = self.seats[who].say(self.record.lab, &line);
        let kind = ItemKind::Text(line.text);
        let item = Item { who, room: line.room, kind, at: 0, is_late: true, bytes: bytes.clone() };
        self.record.send(self.begin.elapsed(), item);
        bytes
    }

    fn leaves(&mut self, who: usize, way: Way, bytes: &[u8]) {
        self.record.add(self.begin.elapsed(), who, What::Leaves(way));
        self.seats[who].has_left = true;
        let is_announced = match self.record.lab {
            1 => false,
            3 => way == Way::Politely,
            _ => true,
        };
        for room in std::mem::take(&mut self.seats[who].rooms) {
            if is_announced {
                self.sends(who, room, ItemKind::Left, bytes.to_vec());
            }
        }
    }

    /// Sends a probe if necessary. In wire formats 1 and 3, only a received message proves that a person is a member.
    fn calls(&mut self) {
        if matches!(self.record.lab, 2 | 4) || self.called.elapsed() < CALL {
            return;
        }
        self.violation = self.checker.reads(&self.record);
        let unsure = self.checker.unsure();
        let count = self.seats.len();
        let others = (1..=count).map(|step| (self.caller + step) % count);
        let may_call =
            |who: &usize| unsure.iter().any(|one| one != who) && self.seats[*who].may_speak();
        let Some(caller) = others.into_iter().find(may_call) else { return };
        (self.caller, self.called) = (caller, Instant::now());
        let text = format!("{CALLED}{}", self.record.items.len());
        let bytes = self.says(caller, &Line { room: 0, text });
        self.seats[caller].send(&bytes);
    }

    /// Waits until bytes arrive or an event is due. Returns whether any bytes have arrived.
    fn waits(&mut self, due: Option<Instant>) -> io::Result<bool> {
        let now = Instant::now();
        let pieces = self.seats.iter().filter(|seat| !seat.pieces.is_empty());
        let dues = pieces.map(|seat| seat.next_piece).chain(due).chain([now + LOOK.min(CALL)]);
        let wait = dues.min().unwrap_or(now).saturating_duration_since(now);
        let open: Vec<_> =
            (0..self.seats.len()).filter(|who| self.seats[*who].connection.is_some()).collect();
        let mut polled: Vec<_> = open
            .iter()
            .filter_map(|who| self.seats[*who].connection.as_ref())
            .map(|connection| {
                let write =
                    if connection.has_more() { PollFlags::POLLOUT } else { PollFlags::empty() };
                PollFd::new(connection.stream.as_fd(), PollFlags::POLLIN | write)
            })
            .collect();
        // The system call takes a timeout in milliseconds, so the waiting time is rounded up.
        let millis = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        match poll(&mut polled, PollTimeout::from(millis)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd| fd.any().unwrap_or(true);
        let ready: Vec<_> = polled.iter().map(is_ready).collect();
        drop(polled);
        for (who, _) in open.into_iter().zip(ready).filter(|(_, is_ready)| *is_ready) {
            self.hears(who);
        }
        Ok(true)
    }

    fn hears(&mut self, who: usize) {
        let Some(connection) = &mut self.seats[who].connection else { return };
        connection.flush();
        let arrived = connection.receive();
        for (heard, bytes) in arrived.messages {
            let now = self.now();
            // If somebody never receives a probe, the others never stop sending probes. So a server that sends only
            // probes still counts as silent.
            let is_call = matches!(&heard, Heard::Said { text, .. } if text.starts_with(CALLED));
            if !is_call {
                self.silence = Silence::begin();
            }
            self.record.add(now, who, What::Got(heard.clone(), bytes));
            let seat = &mut self.seats[who];
            match heard {
                Heard::Welcome | Heard::Connected => seat.is_ready = true,
                Heard::Nick if self.record.lab == 2 => {
                    let bytes = seat.nickname.clone();
                    self.record.add(now, who, What::Asks(0, bytes.clone()));
                    self.sends(who, 0, ItemKind::Joined, bytes.clone());
                    self.seats[who].send(&bytes);
                }
                Heard::Entered { room, reference, join_id } => {
                    let number = seat.rooms.iter().find(|one| Record::room_name(**one) == room);
                    if let Some(number) = number {
                        seat.references.insert(*number, (reference, join_id));
                    }
                    seat.is_ready = true;
                }
                _ => {}
            }
        }
        if arrived.is_closed {
            self.record.add(self.begin.elapsed(), who, What::Closed);
            self.seats[who].connection = None;
        }
    }
}
