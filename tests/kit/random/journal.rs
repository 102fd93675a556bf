//! Generates random runs: events, failures, and how the programs exited.

use std::num::NonZero;
use std::time::Duration;

use grader::grading::run::Outcome;
use grader::grading::verdict::{Graded, Verdict};
use grader::journal::failure::{Check, Evidence, Failure, MAX_BYTES};
use grader::journal::terminal::Terminal;
use grader::journal::{Event, EventKind, Journal, Step, Wire};
use grader::report::scoreboard::Points;
use grader::system::process::{Activity, Ended, Excess};
use grader::system::waits::Waits;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::random::hostile_bytes::{almost, bytes, frame, text};

/// An invented run of a stage.
pub struct Run {
    pub graded: Graded,
    pub events: Vec<Event>,
    pub programs: Vec<(String, Ended)>,
    pub points: Points,
    /// Two similar texts.
    pub texts: [String; 2],
}

impl Run {
    pub fn new(rng: &mut StdRng) -> Self {
        let names = names(rng);
        let message = message(rng);
        let result = result(rng, &names, &message);
        let mut events = events(rng, &names, &message);
        if let Err(Failure::Wrong { evidence: Some(evidence), .. }) = &result {
            explain(rng, evidence, &mut events);
        }
        let programs: Vec<_> =
            (0..rng.random_range(..5_u32)).map(|_| (name(rng, &names), ended(rng))).collect();
        let outcome = Outcome {
            result,
            journal: Journal::from(events.clone()),
            programs: programs.clone(),
            seed: rng.random::<u64>(),
            took: Duration::from_millis(rng.random_range(..30_000)),
        };
        let verdict = match rng.random_range(..8_u32) {
            0 => Verdict::GraderError,
            1 => Verdict::NotStarted,
            2 => Verdict::Blocked(rng.random::<u32>()),
            _ => Verdict::Failed,
        };
        let graded = Graded {
            verdict,
            outcome: (!rng.random_ratio(1, 50)).then_some(outcome),
            control_passes: *[None, Some(true), Some(false)].choose(rng).unwrap(),
            is_of_kit: rng.random::<bool>(),
        };
        let mut number = || rng.random_range(..1000);
        let (won, all, bonus_won, bonus_all) = (number(), number(), number(), number());
        let points = Points { won, all, bonus_won, bonus_all };
        let one = text(rng);
        let other = String::from_utf8_lossy(&almost(rng, one.as_bytes())).into_owned();
        Self { graded, events, programs, points, texts: [one, other] }
    }

    /// Generates a run with as many bytes as a journal keeps. All these bytes are repetitions of one piece.
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
            // If this text were one byte longer, it would be too long for the grader to check whether it is almost
            // right.
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

/// Returns the bytes that a participant is waiting for. In most cases, the bytes resemble a message from one of the
/// labs.
fn message(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(..8_u32) {
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

/// Adds events that may explain a failure. In each of these events, the participant that waited for bytes types or
/// sends either a part of the expected bytes or a part of the bytes that arrived.
fn explain(rng: &mut StdRng, evidence: &Evidence, events: &mut Vec<Event>) {
    let Evidence { name, expected, rest, .. } = evidence;
    for _ in 0..rng.random_range(..4_u32) {
        let bytes = if rng.random::<bool>() { expected } else { rest };
        let begin = rng.random_range(..=bytes.len());
        let end = rng.random_range(begin..=bytes.len());
        let part = match rng.random_range(..4_u32) {
            0 => bytes.splitn(2, |byte| *byte == b' ').last().unwrap_or_default(),
            1 => &bytes[..begin],
            2 => &bytes[begin..],
            _ => &bytes[begin..end],
        };
        let what = match rng.random_range(..3_u32) {
            0 => EventKind::Sent("server".into(), Wire::Bytes(part.to_vec())),
            _ => EventKind::Typed([part, b"\r"].concat()),
        };
        let at = events.last().map_or(Duration::ZERO, |event| event.at);
        let index = rng.random_range(..=events.len());
        events.insert(index, Event { at, who: name.clone(), what });
    }
}

/// Returns the names of a run's participants.
fn names(rng: &mut StdRng) -> Vec<String> {
    let usual = ["server", "alice", "bob", "carol", "server 2", "guest", "dave", "erin"];
    let count: usize =
        if rng.random_ratio(1, 20) { rng.random_range(..200) } else { rng.random_range(..7) };
    let name = |at: usize| match (usual.get(at), rng.random_range(..12_u32)) {
        (Some(usual), 1..) => (*usual).to_owned(),
        (None, 1..) => format!("guest {at}"),
        _ => text(rng),
    };
    (0..count).map(name).collect()
}

fn name(rng: &mut StdRng, names: &[String]) -> String {
    if rng.random_ratio(1, 30) {
        return text(rng);
    }
    names.choose(rng).cloned().unwrap_or_default()
}

fn events(rng: &mut StdRng, names: &[String], message: &[u8]) -> Vec<Event> {
    let count: usize = match rng.random_range(..20_000_u32) {
        0 => rng.random_range(4000..12_000),
        1..100 => rng.random_range(..500),
        100..3000 => rng.random_range(..2),
        _ => rng.random_range(..25),
    };
    let mut at = Duration::ZERO;
    let mut events = Vec::new();
    for _ in 0..count {
        at += Duration::from_micros(rng.random_range(..3_u64) * rng.random_range(..1_500_000_u64));
        events.push(Event { at, who: name(rng, names), what: event(rng, names, message) });
    }
    events
}

fn event(rng: &mut StdRng, names: &[String], message: &[u8]) -> EventKind {
    let signals = ["connects", "closes", "resets the connection", "ends sending"];
    let said = |rng: &mut StdRng| match rng.random_range(..4_u32) {
        0 => almost(rng, message),
        _ => bytes(rng),
    };
    let wire = |rng: &mut StdRng| match rng.random_range(..3_u32) {
        0 => Wire::Signal(signals[rng.random_range(..signals.len())]),
        _ => Wire::Bytes(said(rng)),
    };
    match rng.random_range(..22_u32) {
        0..5 => EventKind::Sent(name(rng, names), wire(rng)),
        5..10 => EventKind::Got(name(rng, names), wire(rng)),
        10 | 11 => EventKind::Typed(said(rng)),
        12 => EventKind::Typed(
            (*[&b" \r"[..], b"\r", b"\x03", b"\x04", b" ", b""].choose(rng).unwrap()).into(),
        ),
        13..16 => EventKind::Showed(said(rng)),
        16 => EventKind::Started(terminal(rng), text(rng)),
        17 => EventKind::Step(Step { name: text(rng), functions: &[] }),
        18 => EventKind::Note(text(rng)),
        19 => EventKind::Unechoed(said(rng)),
        20 => EventKind::Resized(size(rng), size(rng)),
        _ if rng.random_ratio(1, 3) => EventKind::End,
        _ => EventKind::Step(Step { name: "bob leaves".into(), functions: &["leave"] }),
    }
}

fn terminal(rng: &mut StdRng) -> Terminal {
    match rng.random_range(..3_u32) {
        0 => Terminal::Dumb,
        1 => Terminal::Xterm,
        _ => Terminal::Window(size(rng)),
    }
}

/// Returns the number of columns or rows of a window.
fn size(rng: &mut StdRng) -> NonZero<u16> {
    NonZero::new(rng.random_range(1..=90)).unwrap()
}

fn result(rng: &mut StdRng, names: &[String], message: &[u8]) -> Check {
    match rng.random_range(..12_u32) {
        0 => return Ok(()),
        1 => return Err(Failure::Grader(text(rng))),
        _ => {}
    }
    let who = match rng.random_range(..4_u32) {
        0 => text(rng),
        _ => format!("{} should have received", name(rng, names)),
    };
    let rest = almost(rng, message);
    if rng.random_ratio(1, 5) {
        return Err(Failure::wrong(who, text(rng), text(rng)));
    }
    let failure = Failure::wrong_bytes(who, message, &rest);
    if rng.random_ratio(1, 8) {
        return Err(failure);
    }
    let evidence = Evidence {
        name: name(rng, names),
        expected: message.to_vec(),
        before: if rng.random::<bool>() { almost(rng, message) } else { bytes(rng) },
        rest,
        is_screen: rng.random::<bool>(),
    };
    Err(failure.with(evidence))
}

fn ended(rng: &mut StdRng) -> Ended {
    let pid = Pid::from_raw(7);
    let status = match rng.random_range(..4_u32) {
        0 => Some(WaitStatus::Exited(pid, rng.random_range(-1..256))),
        1 => Some(WaitStatus::Signaled(pid, Signal::SIGSEGV, rng.random::<bool>())),
        _ => None,
    };
    let mut time =
        || Duration::from_micros(rng.random_range(..10_000_000_u64) * rng.random_range(..3_u64));
    let (after, at, cpu_time, busy_time) = (time(), time(), time(), time());
    // The value is usually small but sometimes larger than any machine's memory.
    let memory = rng.random::<u64>() >> rng.random_range(..64_u32);
    let busiest_child = rng.random_bool(0.2).then(|| text(rng));
    let waits = Waits::default();
    Ended {
        status,
        after,
        activity: Activity { at, cpu_time, busy_time, memory, waits, busiest_child },
        excess: rng.random_bool(0.1).then_some((Excess::Memory, after)),
    }
}
