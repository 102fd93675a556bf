//! Runs the experiments in `examples/` automatically. What the experiments measure depends on the system and on its
//! load, so only the form of their output is checked.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[path = "../examples/loopback/mod.rs"]
mod loopback;

/// The experiments, each with the lines that it must print. `*` stands for any text.
const EXPERIMENTS: [(&str, &[&str]); 10] = [
    (
        "believed_header",
        &[
            "The server read a header that promises 9999999999 bytes.",
            "The server read 5 bytes. Its next*",
        ],
    ),
    ("deaf_peer", &["A write waited for 0.3 s*", "Then the server read everything: * bytes."]),
    (
        "glued",
        &["Glued: after 2 writes, the first read*", "Cut: 1 write of 100000 bytes needed * reads:"],
    ),
    (
        "half_close",
        &["The client read \"you said 5 bytes\".", "Another write by the client failed:*"],
    ),
    ("last_words", &["Close with 1 unread byte: * bytes*", "Close with nothing unread: * bytes*"]),
    ("late_error", &["The client read 0 bytes*", "Write 1: 1 byte was accepted."]),
    ("nagle", &["Nagle's algorithm on*: * ms", "Nagle's algorithm off*: * ms"]),
    ("queue", &["* clients are connected.", "The server read \"hello\" from client 1."]),
    ("time_wait", &["The client sent the second FIN;* 0 bytes.", "bind without SO_REUSEADDR: *."]),
    (
        "torn_send",
        &["2 x 5,000 messages*", "2 x 40 messages of 300,000 bytes: interleaved in * places."],
    ),
];

/// Returns the command that starts an experiment.
fn command(name: &str) -> Command {
    // `cargo test -p common` builds the examples first, but with `--test experiments` it does not.
    let this = std::env::current_exe().unwrap();
    let folder: PathBuf = this.ancestors().nth(2).unwrap().join("examples");
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "there is no {}: run `cargo build -p common --examples`",
        program.display()
    );
    Command::new(program)
}

/// Returns an experiment's output after running the checks that are the same for all experiments.
fn run(name: &str, input: &str) -> String {
    let mut command = command(name);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // The experiment may exit before it has read all of the input.
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    let mut stdout = child.stdout.take().unwrap();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("the output is UTF-8");
        send.send(text)
    });
    // Only an experiment that hangs reaches this time limit.
    let text = receive.recv_timeout(Duration::from_mins(2)).unwrap_or_else(|error| {
        child.kill().unwrap();
        panic!("{name}: {error}")
    });
    assert!(child.wait().unwrap().success(), "{name}: {text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{name}: this line needs more than 80 columns: {line}");
    }
    for part in ["\nWhat happened: ", "\nSource: ", "\nChapter: docs/src/"] {
        assert!(text.contains(part), "{name} lacks {part:?}: {text}");
    }
    text
}

/// Returns the part of the output between a given string and the end of the line, or between two given strings.
fn after<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}: {text}"));
    rest.lines().next().unwrap().split(end).next().unwrap()
}

fn is_like(line: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap()) else { return false };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = if piece.is_empty() { "" } else { after };
    }
    rest.is_empty()
}

#[test]
fn every_experiment_runs_without_a_person() {
    for (name, patterns) in EXPERIMENTS {
        let text = run(name, "");
        assert!(text.contains("\nYou predicted: nothing\n"), "{name}: {text}");
        assert!(!text.contains("Your prediction was"), "{name}: {text}");
        assert_eq!(text.matches("Your prediction (").count(), 1, "{name}: {text}");
        for pattern in patterns {
            let is_there = text.lines().any(|line| is_like(line, pattern));
            assert!(is_there, "{name} lacks a line like {pattern:?}:\n{text}");
        }
    }
}

#[test]
fn nobody_has_to_read_the_output() {
    for (name, _) in EXPERIMENTS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = command(name).stdin(Stdio::null()).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && stderr.is_empty(), "{name}: {}: {stderr}", run.status);
    }
}

/// On Linux, the result of this experiment does not depend on timing.
#[cfg(target_os = "linux")]
#[test]
fn a_port_in_time_wait_is_in_use() {
    let text = run("time_wait", "b");
    assert!(text.contains("\nbind without SO_REUSEADDR: address in use.\n"), "{text}");
    assert!(text.contains("\nYour prediction was right.\n"), "{text}");
}

#[test]
fn no_bytes_are_lost_in_a_clean_end() {
    let text = run("deaf_peer", "");
    assert_eq!(
        after(&text, "Before that, ", " "),
        after(&text, "read everything: ", " "),
        "{text}"
    );
    let text = run("last_words", "");
    let (_, control) = text.split_once("Close with nothing unread").unwrap();
    assert_eq!(after(control, ": ", " "), after(control, "\n  ", " "), "{text}");
    assert!(control.contains("and then: the end of the stream."), "{text}");
}

/// A student should be able to read an experiment in two minutes.
#[test]
fn every_experiment_is_short_and_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names = Vec::new();
    for path in paths.filter(|path| path.is_file()) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 120, "{} has {lines} lines", path.display());
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, EXPERIMENTS.map(|(name, _)| name));
}

#[test]
fn no_call_on_a_connection_waits_forever() {
    let (client, server) = loopback::connection().unwrap();
    for end in [client, server] {
        assert!(end.read_timeout().unwrap().is_some());
        assert!(end.write_timeout().unwrap().is_some());
    }
}

#[test]
fn a_prediction_is_compared() {
    // `half_close` has the same result on every system.
    let text = run("half_close", "A\n");
    assert!(
        text.contains("\nYou predicted: a) the reply\nWhat happened: a) the reply\n"),
        "{text}"
    );
    assert!(text.contains("\nYour prediction was right.\n"), "{text}");
    assert!(!text.contains("That is not"), "{text}");
    let text = run("half_close", "b");
    assert!(text.contains("\nYou predicted: b) 0 bytes: the end of the stream\n"), "{text}");
    assert!(text.contains("\nYour prediction was wrong.\n"), "{text}");
    let text = run("glued", "77\n");
    assert!(text.contains("\nYou predicted: 77\n"), "{text}");
    assert!(text.contains("\nYour prediction was wrong.\n"), "{text}");
}

#[test]
fn a_reply_of_the_wrong_kind_is_not_a_prediction() {
    let text = run("half_close", "7\n\nd\n");
    assert_eq!(text.matches("That is not a, b or c.").count(), 3, "{text}");
    assert!(text.contains("\nYou predicted: nothing\n"), "{text}");
    let text = run("glued", "b\n9\n");
    assert!(text.contains("That is not a whole number.\n"), "{text}");
    assert!(text.contains("\nYou predicted: 9\n"), "{text}");
}

#[test]
fn endless_input_is_not_awaited() {
    let text = run("half_close", &"x".repeat(1_000_000));
    assert_eq!(text.matches("That is not a, b or c.").count(), 3, "{text}");
    assert!(text.contains("\nYou predicted: nothing\n"), "{text}");
}

#[test]
fn a_large_number_need_not_be_exact() {
    // The number of bytes that a system accepts differs from system to system, so the expected verdict is calculated
    // from this number.
    for guess in [1, 3_000_000, u64::MAX] {
        let text = run("deaf_peer", &guess.to_string());
        let happened: u64 = after(&text, "\nWhat happened: ", "\n").parse().unwrap();
        let is_close = (happened / 2..=happened * 2 + 1).contains(&guess);
        let verdict = match guess {
            _ if guess == happened => "was right.",
            _ if is_close && happened >= 1000 => "was right to within a factor of 2.",
            _ => "was wrong.",
        };
        assert!(text.contains(&format!("\nYour prediction {verdict}\n")), "{text}");
    }
}
