//! Random runs: events, failures, and how the programs ended.

use std::num::NonZero;
use std::time::Duration;

use fastrand::Rng;
use grader::grading::run::Outcome;
use grader::grading::verdict::{Graded, Verdict};
use grader::journal::failure::{Check, Evidence, Failure, MAX_BYTES};
use grader::journal::terminal::Terminal;
use grader::journal::{Event, EventKind, Journal, Wire};
use grader::report::scoreboard::Points;
use grader::system::process::Ended;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::random::hostile_bytes::{almost, bytes, frame, text};

/// A run of a stage that did not take place.
pub struct Run {
    pub graded: Graded,
    pub events: Vec<Event>,
    pub programs: Vec<(String, Ended)>,
    pub points: Points,
    /// Two similar texts.
    pub texts: [String; 2],
}

impl Run {
    pub fn new(rng: &mut Rng) -> Self {
        let names = names(rng);
        let message = message(rng);
        let result = result(rng, &names, &message);
        let mut events = events(rng, &names, &message);
        if let Err(Failure::Wrong { evidence: Some(evidence), .. }) = &result {
            explain(rng, evidence, &mut events);
        }
        let programs: Vec<_> =
            (0..rng.usize(..5)).map(|_| (name(rng, &names), ended(rng))).collect();
        let outcome = Outcome {
            result,
            journal: Journal::from(events.clone()),
            programs: programs.clone(),
            seed: rng.u64(..),
            took: Duration::from_millis(rng.u64(..30_000)),
        };
        let verdict = match rng.usize(..8) {
            0 => Verdict::GraderError,
            1 => Verdict::NotStarted,
            2 => Verdict::Blocked(rng.u32(..)),
            _ => Verdict::Failed,
        };
        let graded = Graded {
            verdict,
            outcome: (rng.usize(..50) > 0).then_some(outcome),
            control_passes: *rng.choice(&[None, Some(true), Some(false)]).unwrap(),
            is_of_kit: rng.bool(),
        };
        let points = Points { won: rng.u32(..1000), all: rng.u32(..1000) };
        let one = text(rng);
        let other = String::from_utf8_lossy(&almost(rng, one.as_bytes())).into_owned();
        Self { graded, events, programs, points, texts: [one, other] }
    }

    /// As many bytes as are kept, made of one piece.
    pub fn flood(piece: &[u8], is_screen: bool) -> Self {
        let bytes = piece.repeat(64 * 1024 / piece.len());
        let event = |who: &str, what| Event { at: Duration::ZERO, who: who.into(), what };
        let mut events = Vec::new();
        for (who, kind) in
            [("server", Terminal::Dumb), ("alice", Terminal::Dumb), ("bob", Terminal::Xterm)]
        {
            events.push(event(who, EventKind::Started(kind, String::new())));
        }
        for at in 0..400 {
            let who = ["server", "alice", "bob"][at % 3];
            events.push(event(who, EventKind::Typed(bytes[..100].to_vec())));
            events.push(event(who, EventKind::Showed(bytes.clone())));
            events.push(event(who, EventKind::Got("server".into(), Wire::Bytes(bytes.clone()))));
        }
        let most = piece.repeat(1024 * 1024 / piece.len());
        let expected = [&bytes[..], b"the end\n"].concat();
        let evidence = Evidence {
            name: "bob".into(),
            expected: expected.clone(),
            before: most.clone(),
            // One byte less than what is too much to look for near misses.
            rest: most[..MAX_BYTES - 1].to_vec(),
            is_screen,
        };
        let failure = Failure::wrong_bytes("bob should have received", &expected, &most);
        let journal = Journal::from(events);
        let events = journal.events();
        let outcome = Outcome {
            result: Err(failure.with(evidence)),
            journal,
            programs: Vec::new(),
            seed: 1,
            took: Duration::ZERO,
        };
        let graded = Graded {
            verdict: Verdict::Failed,
            outcome: Some(outcome),
            control_passes: None,
            is_of_kit: true,
        };
        let points = Points::default();
        Self { graded, events, programs: Vec::new(), points, texts: Default::default() }
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.graded.outcome.as_ref()?.result.as_ref().err()
    }
}

/// What a participant waits for. It is mostly like a message of some wire.
fn message(rng: &mut Rng) -> Vec<u8> {
    match rng.usize(..8) {
        0 => frame(rng),
        1 => bytes(rng),
        2 => [b"bob: ", &bytes(rng)[..]].concat(),
        3 => b"bob: ".iter().copied().chain(bytes(rng)).chain(*b"\n").collect(),
        4 => format!("…{}…\n", text(rng)).into_bytes(),
        5 => b"alice joined!\n".to_vec(),
        6 => b" \r\n".to_vec(),
        _ => b"alice: kite seven amber\n".to_vec(),
    }
}

/// Adds events that explain a failure: the bytes that arrived were typed, or were sent by the peer that waits.
fn explain(rng: &mut Rng, evidence: &Evidence, events: &mut Vec<Event>) {
    let Evidence { name, expected, rest, .. } = evidence;
    for _ in 0..rng.usize(..4) {
        let bytes = if rng.bool() { expected } else { rest };
        let begin = rng.usize(..=bytes.len());
        let end = rng.usize(begin..=bytes.len());
        let part = match rng.usize(..4) {
            0 => bytes.splitn(2, |byte| *byte == b' ').last().unwrap_or_default(),
            1 => &bytes[..begin],
            2 => &bytes[begin..],
            _ => &bytes[begin..end],
        };
        let what = match rng.usize(..3) {
            0 => EventKind::Sent("server".into(), Wire::Bytes(part.to_vec())),
            _ => EventKind::Typed([part, b"\r"].concat()),
        };
        let at = events.last().map_or(Duration::ZERO, |event| event.at);
        let index = rng.usize(..=events.len());
        events.insert(index, Event { at, who: name.clone(), what });
    }
}

/// The participants of a run.
fn names(rng: &mut Rng) -> Vec<String> {
    let usual = ["server", "alice", "bob", "carol", "server 2", "guest", "dave", "erin"];
    let count = if rng.usize(..20) == 0 { rng.usize(..200) } else { rng.usize(..7) };
    let name = |at: usize| match (usual.get(at), rng.usize(..12)) {
        (Some(usual), 1..) => (*usual).to_owned(),
        (None, 1..) => format!("guest {at}"),
        _ => text(rng),
    };
    (0..count).map(name).collect()
}

fn name(rng: &mut Rng, names: &[String]) -> String {
    if rng.usize(..30) == 0 {
        return text(rng);
    }
    rng.choice(names).cloned().unwrap_or_default()
}

fn events(rng: &mut Rng, names: &[String], message: &[u8]) -> Vec<Event> {
    let count = match rng.usize(..20_000) {
        0 => rng.usize(4000..12_000),
        1..100 => rng.usize(..500),
        100..3000 => rng.usize(..2),
        _ => rng.usize(..25),
    };
    let mut at = Duration::ZERO;
    let mut events = Vec::new();
    for _ in 0..count {
        at += Duration::from_micros(rng.u64(..3) * rng.u64(..1_500_000));
        events.push(Event { at, who: name(rng, names), what: event(rng, names, message) });
    }
    events
}

fn event(rng: &mut Rng, names: &[String], message: &[u8]) -> EventKind {
    let signals = ["connects", "closes", "resets the connection", "ends sending"];
    let said = |rng: &mut Rng| match rng.usize(..4) {
        0 => almost(rng, message),
        _ => bytes(rng),
    };
    let wire = |rng: &mut Rng| match rng.usize(..3) {
        0 => Wire::Signal(signals[rng.usize(..signals.len())]),
        _ => Wire::Bytes(said(rng)),
    };
    match rng.usize(..20) {
        0..5 => EventKind::Sent(name(rng, names), wire(rng)),
        5..10 => EventKind::Got(name(rng, names), wire(rng)),
        10 | 11 => EventKind::Typed(said(rng)),
        12 => EventKind::Typed(
            rng.choice([&b" \r"[..], b"\r", b"\x03", b"\x04", b" ", b""]).unwrap().into(),
        ),
        13..16 => EventKind::Showed(said(rng)),
        16 => EventKind::Started(terminal(rng), text(rng)),
        17 => EventKind::Step(text(rng)),
        18 => EventKind::Note(text(rng)),
        _ if rng.usize(..3) == 0 => EventKind::End,
        _ => EventKind::Step("bob leaves".into()),
    }
}

fn terminal(rng: &mut Rng) -> Terminal {
    match rng.usize(..3) {
        0 => Terminal::Dumb,
        1 => Terminal::Xterm,
        _ => Terminal::Window(NonZero::new(rng.u16(1..=90)).unwrap()),
    }
}

fn result(rng: &mut Rng, names: &[String], message: &[u8]) -> Check {
    match rng.usize(..12) {
        0 => return Ok(()),
        1 => return Err(Failure::Grader(text(rng))),
        _ => {}
    }
    let who = match rng.usize(..4) {
        0 => text(rng),
        _ => format!("{} should have received", name(rng, names)),
    };
    let rest = almost(rng, message);
    if rng.usize(..5) == 0 {
        return Err(Failure::wrong(who, text(rng), text(rng)));
    }
    let failure = Failure::wrong_bytes(who, message, &rest);
    if rng.usize(..8) == 0 {
        return Err(failure);
    }
    let evidence = Evidence {
        name: name(rng, names),
        expected: message.to_vec(),
        before: if rng.bool() { almost(rng, message) } else { bytes(rng) },
        rest,
        is_screen: rng.bool(),
    };
    Err(failure.with(evidence))
}

fn ended(rng: &mut Rng) -> Ended {
    let pid = Pid::from_raw(7);
    let status = match rng.usize(..4) {
        0 => Some(WaitStatus::Exited(pid, rng.i32(-1..256))),
        1 => Some(WaitStatus::Signaled(pid, Signal::SIGSEGV, rng.bool())),
        _ => None,
    };
    let mut time = || Duration::from_micros(rng.u64(..10_000_000) * rng.u64(..3));
    let (after, cpu_time, busy_time) = (time(), time(), time());
    // Mostly little, sometimes more than any machine has.
    let memory = rng.u64(..) >> rng.u32(..64);
    Ended { status, after, cpu_time, busy_time, memory }
}
