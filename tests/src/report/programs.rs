//! The state of the programs when a stage failed: whether they had exited, had panicked, or were in a busy loop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::sys::wait::WaitStatus;

use crate::journal::is_server;
use crate::journal::unwritten::{unwritten_stages, without_unwritten};
use crate::journal::{Event, EventKind, Wire};
use crate::report::text::{plain, quoted_line};
use crate::system::memory::{MAX_MEMORY, MAX_PROCESSES};
use crate::system::process::{Ended, Excess};

/// The maximum number of lines that are shown from a panic message.
const LAST_LINES: usize = 3;

/// A report names at most this many stages that are not written yet.
const MOST_STAGES: usize = 3;

/// While the script continues, the grader notices a program's exit after at most this time.
const NOTICED: Duration = Duration::from_millis(200);

/// If the script ended with a longer pause than this, the programs are assumed to have been waiting.
const SILENCE: Duration = Duration::from_millis(500);

/// The maximum number of panic locations that are named.
const MOST_PLACES: usize = 2;

/// An amount of memory, in bytes, that is more than any chat needs.
const MUCH_MEMORY: u64 = 500_000_000;

/// Remarks about the programs.
#[derive(Default)]
pub struct States {
    /// Remarks about programs that had exited or panicked, which may explain why something did not happen afterward.
    pub ended: Vec<String>,
    /// Remarks about programs that were still running. Each remark says in which system calls the program was waiting,
    /// or that it was in a busy loop.
    pub running: Vec<String>,
}

/// Returns the remarks about each program. `about` is the participant that the failure concerns. A program's output
/// after the end of the script is not evidence, because the grader stops the programs at that point.
pub fn states(programs: &[(String, Ended)], events: &[Event], about: Option<&str>) -> States {
    let mut states = States::default();
    let ended_badly = |ended: &Ended| {
        ended.status.is_some_and(|status| !matches!(status, WaitStatus::Exited(_, 0)))
    };
    let server_died = programs.iter().any(|(name, ended)| is_server(name) && ended_badly(ended));
    let shown = shown(events);
    let mut seen = BTreeSet::new();
    for (at, (name, ended)) in programs.iter().enumerate() {
        let step = || step(name, number(name, &programs[..at]), ended, events);
        let after = || format!("after {}{}", short(ended.after), step());
        if let Some((excess, _)) = ended.excess {
            let what = match excess {
                Excess::Memory => format!("used more than {} GiB of memory", MAX_MEMORY >> 30),
                Excess::Processes => format!("started more than {MAX_PROCESSES} processes"),
            };
            states.ended.push(format!("{name}'s program {what} and was stopped, {}", after()));
        }
        match ended.status {
            _ if ended.excess.is_some() => {}
            // Another program with the same name was started later, so this program was expected to exit.
            Some(WaitStatus::Exited(_, 0))
                if programs[at + 1..].iter().any(|(other, _)| other == name) => {}
            // A client is allowed to exit, but a server is not.
            Some(WaitStatus::Exited(_, 0)) if !is_server(name) && about != Some(name) => {}
            // Clients are expected to exit when their server exits.
            Some(WaitStatus::Exited(..)) if server_died && !is_server(name) => {}
            Some(WaitStatus::Exited(_, code)) => {
                let on_its_own =
                    if !is_server(name) && !was_left(name, events) { " on its own" } else { "" };
                states.ended.push(format!(
                    "{name}'s program had exited{on_its_own} with status {code}, {}",
                    after()
                ));
            }
            Some(WaitStatus::Signaled(_, signal, _)) => {
                states
                    .ended
                    .push(format!("{name}'s program was terminated by {signal}, {}", after()));
            }
            _ => states.running.extend(running(name, ended, about, is_silent(events))),
        }
        if ended.activity.memory > MUCH_MEMORY && ended.excess.is_none() {
            let megabytes = ended.activity.memory / 1_000_000;
            states.running.push(format!("{name}'s program used {megabytes} MB of memory"));
        }
        // The output of all programs with this name is combined, so it is examined only once.
        if !seen.insert(name) {
            continue;
        }
        let output = shown.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let has_died = ended.status.is_some();
        states.ended.extend(confessions(name, output, has_died));
    }
    for lines in [&mut states.ended, &mut states.running] {
        for line in lines.iter_mut() {
            *line = quoted_line(line);
        }
    }
    states
}

/// Returns the time at which a program with this name was started. `number` is the number of programs with the same
/// name that were started before it.
fn start(name: &str, number: usize, events: &[Event]) -> Option<Duration> {
    let is_start =
        |event: &&Event| event.who == name && matches!(event.what, EventKind::Started(..));
    events.iter().filter(is_start).nth(number).map(|start| start.at)
}

/// Removes the bytes that arrived for a program after the program had exited, because nobody received them.
pub fn without_unheard(mut events: Vec<Event>, programs: &[(String, Ended)]) -> Vec<Event> {
    let gone = programs.iter().enumerate().filter(|(_, (_, ended))| ended.status.is_some());
    let gone: Vec<_> = gone
        .filter_map(|(at, (name, ended))| {
            let number = number(name, &programs[..at]);
            let exit = start(name, number, &events)?.saturating_add(ended.after);
            Some((name, exit..start(name, number + 1, &events).unwrap_or(Duration::MAX)))
        })
        .collect();
    events.retain(|event| {
        !matches!(event.what, EventKind::Got(_, Wire::Bytes(_)))
            || !gone.iter().any(|(name, time)| event.who == **name && time.contains(&event.at))
    });
    events
}

/// Returns how many of the `earlier` programs have this name.
fn number(name: &str, earlier: &[(String, Ended)]) -> usize {
    earlier.iter().filter(|(other, _)| other == name).count()
}

/// Returns the step during which a program exited, if another step followed.
fn step(name: &str, number: usize, ended: &Ended, events: &[Event]) -> String {
    let Some(start) = start(name, number, events) else { return String::new() };
    let steps = || {
        events.iter().rev().filter_map(|event| match &event.what {
            EventKind::Step(step) => Some((event.at, &step.name)),
            _ => None,
        })
    };
    let end = start + ended.after;
    let is_later = |(at, _): &(Duration, &String)| *at > end;
    let Some((next, _)) = steps().take_while(is_later).last() else { return String::new() };
    // The grader notices an exit only after a delay, so the step is named only if the program clearly exited before the
    // next step.
    if next < end + NOTICED {
        return String::new();
    }
    match steps().find(|step| !is_later(step)) {
        Some((_, step)) => format!(", in the step «{step}»"),
        None => ", before the first step".to_owned(),
    }
}

/// Formats a time in milliseconds or seconds. A time of less than 1 ms is shown as 1 ms.
fn short(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis().max(1));
    }
    format!("{:.1} s", time.as_secs_f64())
}

/// If a program was still running, returns what it was doing. Most programs wait as they should, so a wait is reported
/// only for the server and for the participant that the failure concerns, and only if nothing else happened.
fn running(name: &str, ended: &Ended, about: Option<&str>, is_silent: bool) -> Option<String> {
    let activity = &ended.activity;
    let (used, lived) = (activity.cpu_time.as_secs_f64(), activity.at.as_secs_f64());
    if activity.busy_time > activity.at / 2 && activity.at > Duration::from_millis(500) {
        let time = format!("{used:.1} s of processor time in {lived:.1} s");
        let program = format!("{name}'s program");
        let program = match &activity.busiest_child {
            Some(child) => format!("{}, a child process of {program},", quoted_line(child)),
            None => program,
        };
        return Some(format!("{program} was still in a busy loop: {time}"));
    }
    let is_worth_it = is_server(name) || about == Some(name);
    if !is_worth_it || !is_silent {
        return None;
    }
    Some(if activity.waits.is_empty() {
        let time = format!("{used:.2} s of processor time in {lived:.1} s");
        format!("{name}'s program was still waiting: {time}")
    } else {
        format!("{name}'s program was waiting in {}", activity.waits)
    })
}

/// Returns whether the script ended with a pause that was longer than [`SILENCE`].
fn is_silent(events: &[Event]) -> bool {
    let end = events.iter().position(|event| event.what == EventKind::End);
    let (script, end) = match end {
        Some(end) => (&events[..end], events[end].at),
        None => return false,
    };
    script.last().is_some_and(|last| end.saturating_sub(last.at) > SILENCE)
}

/// Returns what a program itself reported: that stages are not written yet, or that it panicked.
fn confessions(name: &str, output: &[u8], has_died: bool) -> Vec<String> {
    // A program that edits lines or fills the screen may position a panic message with escape sequences.
    let output = plain(output);
    let unwritten: BTreeSet<_> = unwritten_stages(&output).into_iter().collect();
    // Only the first few are reported, because a long list of stages does not help the reader.
    let mut lines: Vec<_> = unwritten
        .into_iter()
        .take(MOST_STAGES)
        .map(|stage| format!("{name}'s program reported that stage {stage} is not written yet"))
        .collect();
    for panic in panics(&without_unwritten(&output)) {
        let still = if has_died { "" } else { "; the program kept running" };
        lines.push(format!("{name}'s program panicked{still}"));
        lines.extend(panic.iter().map(|line| format!("  │ {line}")));
    }
    lines
}

/// Returns each program's output before the end of the script. The output may have arrived in pieces.
fn shown(events: &[Event]) -> BTreeMap<&str, Vec<u8>> {
    let mut shown: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for event in events.iter().take_while(|event| event.what != EventKind::End) {
        if let EventKind::Showed(bytes) = &event.what {
            shown.entry(&event.who).or_default().extend_from_slice(bytes);
        }
    }
    shown
}

/// Returns true if the other end closed this program's connection, or if the program never had a connection.
fn was_left(name: &str, events: &[Event]) -> bool {
    let is_end = |event: &Event| match &event.what {
        EventKind::Sent(to, Wire::Signal(signal)) => to == name && *signal != "connects",
        EventKind::Got(_, Wire::Signal(signal)) => event.who == name && *signal != "connects",
        _ => false,
    };
    let connected = events.iter().any(|event| match &event.what {
        EventKind::Got(from, Wire::Signal("connects")) => from == name,
        EventKind::Sent(_, Wire::Signal("connects")) => event.who == name,
        _ => false,
    });
    !connected || events.iter().any(is_end)
}

/// Returns the panics in the output, each with its file, line, and message.
fn panics(output: &str) -> Vec<Vec<String>> {
    let mut panics = Vec::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if !(line.contains("thread '") && line.contains(" panicked at ")) {
            continue;
        }
        let mut panic = vec![line.trim().to_owned()];
        while let Some(more) = lines.next_if(|line| !line.starts_with("note: ") && !line.is_empty())
        {
            panic.push(more.to_owned());
            if panic.len() > LAST_LINES {
                break;
            }
        }
        panics.push(panic);
    }
    // A repeated panic adds no information.
    panics.dedup_by(|a, b| a[1..] == b[1..]);
    panics.truncate(3);
    panics
}

/// Returns the locations where programs panicked before the end of the script, as `FILE:LINE`. Only the first few
/// locations are returned.
pub fn panic_places(events: &[Event]) -> Vec<String> {
    let place = |panic: Vec<String>| {
        let (_, place) = panic.first()?.split_once(" panicked at ")?;
        let mut parts = place.split(':');
        Some(format!("{}:{}", parts.next()?, parts.next()?.parse::<u32>().ok()?))
    };
    let shown = shown(events);
    let texts = shown.values().map(|bytes| without_unwritten(&plain(bytes)));
    let mut places: Vec<_> = texts.flat_map(|text| panics(&text)).filter_map(place).collect();
    places.dedup();
    places.truncate(MOST_PLACES);
    places
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::Duration;

    use nix::sys::wait::WaitStatus;
    use nix::unistd::Pid;

    use super::{Ended, Event, EventKind, LAST_LINES, MOST_STAGES, Wire, panic_places, panics};
    use super::{states, without_unheard};
    use crate::journal::terminal::Terminal;
    use crate::system::process::Activity;

    #[test]
    fn a_program_receives_nothing_after_its_exit() {
        let event = |at, what| Event { at: Duration::from_millis(at), who: "bob".to_owned(), what };
        let started = |at| event(at, EventKind::Started(Terminal::Dumb, String::new()));
        let got = |at| event(at, EventKind::Got("server".to_owned(), Wire::Bytes(b"hi".to_vec())));
        let closes = event(40, EventKind::Got("server".to_owned(), Wire::Signal("closes")));
        let exited = |after| Ended {
            status: Some(WaitStatus::Exited(Pid::from_raw(7), 1)),
            after: Duration::from_millis(after),
            activity: Activity::default(),
            excess: None,
        };
        let running = Ended { status: None, ..exited(5) };
        let programs = [("bob".to_owned(), exited(20)), ("bob".to_owned(), running)];
        let events = vec![started(10), got(29), got(31), closes.clone(), started(50), got(60)];
        let heard = [started(10), got(29), closes, started(50), got(60)];
        assert_eq!(without_unheard(events, &programs), heard);
    }

    #[test]
    fn a_program_cannot_make_the_report_long() {
        let mut output = String::new();
        for number in 0..9999 {
            let _ = write!(
                output,
                "\nthread 'main' panicked at x.rs:{number}:1:\nnot yet implemented: stage {number}\n\
                 thread 'main' (7) panicked at x.rs:{number}:1:\n{number}\n{}\n",
                "long ".repeat(100)
            );
        }
        let zero = Duration::ZERO;
        let ended =
            Ended { status: None, after: zero, activity: Activity::default(), excess: None };
        let what = EventKind::Showed(output.into_bytes());
        let shown = Event { at: zero, who: "bob".to_owned(), what };
        let lines = states(&[("bob".into(), ended)], &[shown], None).ended;
        assert_eq!(lines.len(), MOST_STAGES + 3 * (1 + 1 + LAST_LINES), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 300), "{lines:#?}");
    }

    #[test]
    fn a_panic_is_found_with_its_message() {
        let output = "listening\n\nthread '<unnamed>' (7) panicked at src/main.rs:3:5:\nattempt to \
                      subtract with overflow\nnote: run with `RUST_BACKTRACE=1`\nmore\n";
        let found = panics(output);
        assert_eq!(found.len(), 1);
        assert!(found[0][0].ends_with("src/main.rs:3:5:"), "{found:?}");
        assert_eq!(found[0][1], "attempt to subtract with overflow");
        let what = EventKind::Showed(output.into());
        let event = Event { at: Duration::ZERO, who: "server".to_owned(), what };
        assert_eq!(panic_places(&[event]), ["src/main.rs:3"]);
    }
}
