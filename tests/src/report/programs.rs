//! The state of the programs when a stage failed: which had ended, which had panicked, and which were in a busy loop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::sys::wait::WaitStatus;

use crate::journal::is_server;
use crate::journal::unwritten::{unwritten_stages, without_unwritten};
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};
use crate::system::process::Ended;

/// The maximum number of lines of a panic message that are shown.
const LAST_LINES: usize = 3;

/// An amount of memory, in bytes, that is more than any chat needs.
const MUCH_MEMORY: u64 = 500_000_000;

/// Returns the remarks about each program. There is no remark about a program that waits as it should.
pub fn states(
    programs: &[(String, Ended)],
    shown: &BTreeMap<String, Vec<u8>>,
    events: &[Event],
) -> Vec<String> {
    let mut lines = Vec::new();
    let ended_badly = |ended: &Ended| {
        ended.status.is_some_and(|status| !matches!(status, WaitStatus::Exited(_, 0)))
    };
    let server_died = programs.iter().any(|(name, ended)| is_server(name) && ended_badly(ended));
    // A stage may run several servers.
    let mut server_is_mentioned = false;
    let mut seen = BTreeSet::new();
    for (name, ended) in programs {
        let output =
            shown.get(name).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        // A program that edits lines or fills the screen may place a panic with escape sequences.
        let output = console::strip_ansi_codes(&output).replace('\r', "");
        let unwritten = unwritten_stages(&output);
        let after = format!("after {:.1} s", ended.after.as_secs_f64());
        let said = match ended.status {
            // A client is allowed to exit, but a server is not.
            Some(WaitStatus::Exited(_, 0)) if !is_server(name) => None,
            // Clients are expected to end when their server ends.
            Some(WaitStatus::Exited(..)) if server_died && !is_server(name) => None,
            Some(WaitStatus::Exited(_, code)) => {
                let on_its_own =
                    if !is_server(name) && !was_left(name, events) { " on its own" } else { "" };
                Some(format!("{name}'s program ended{on_its_own} with exit status {code}, {after}"))
            }
            Some(WaitStatus::Signaled(_, signal, _)) => {
                Some(format!("{name}'s program was terminated by {signal}, {after}"))
            }
            _ if ended.busy_time > ended.after / 2 && ended.after > Duration::from_millis(500) => {
                let used = ended.cpu_time.as_secs_f64();
                let lived = ended.after.as_secs_f64();
                Some(format!(
                    "{name}'s program was still in a busy loop: {used:.1} s of processor time in {lived:.1} s"
                ))
            }
            // The other programs wait for the server, so the report says what the server did.
            _ if is_server(name)
                && ended.after > Duration::from_secs(3)
                && !server_is_mentioned =>
            {
                Some(format!(
                    "{name}'s program was still waiting: {:.2} s of processor time in {:.1} s",
                    ended.cpu_time.as_secs_f64(),
                    ended.after.as_secs_f64()
                ))
            }
            _ => None,
        };
        server_is_mentioned |= is_server(name) && said.is_some();
        let has_died = ended.status.is_some();
        lines.extend(said);
        if ended.memory > MUCH_MEMORY {
            let megabytes = ended.memory / 1_000_000;
            lines.push(format!("{name}'s program used {megabytes} MB of memory"));
        }
        // The output of all programs with this name is joined, so it is examined only once.
        if !seen.insert(name) {
            continue;
        }
        for stage in unwritten.into_iter().collect::<BTreeSet<_>>() {
            lines.push(format!("{name}'s program reported that stage {stage} is not written yet"));
        }
        for panic in panics(&without_unwritten(&output)) {
            let still = if has_died { "" } else { "; the program kept running" };
            lines.push(format!("{name}'s program panicked{still}"));
            lines.extend(panic.iter().map(|line| format!("  │ {}", visible(line.as_bytes()))));
        }
    }
    lines
}

/// Whether the other end closed this program's connection, or the program never had a connection.
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

/// Returns the panics in the output, each with its file, line and message.
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

#[cfg(test)]
mod tests {
    use super::panics;

    #[test]
    fn a_panic_is_found_with_its_message() {
        let output = "listening\n\nthread '<unnamed>' (7) panicked at src/main.rs:3:5:\nattempt to \
                      subtract with overflow\nnote: run with `RUST_BACKTRACE=1`\nmore\n";
        let found = panics(output);
        assert_eq!(found.len(), 1);
        assert!(found[0][0].ends_with("src/main.rs:3:5:"), "{found:?}");
        assert_eq!(found[0][1], "attempt to subtract with overflow");
    }
}
