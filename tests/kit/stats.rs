//! Tests the log of checks and `cargo lab stats`, which summarizes one log or a class's logs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use grader::grading::log::{MAX_BYTES, OFF, ON};
use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::kit::{files, root};
use grader::report::text::width;
use grader::system::program::{Launch, Place};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::{LISTENS, kit_with_server};
use crate::{LIMIT, lab, lab_in};

/// A server that fails stage 1.1.
const ENDS: &str = "fn main() {}";

/// Returns a kit in which logging is on.
fn kit(server: &str) -> TempDir {
    let kit = tempfile::tempdir().unwrap();
    kit_with_server(kit.path(), server);
    let says = contains("no names, paths").and(contains("Nothing is sent"));
    lab_in(kit.path()).args(["stats", "--on"]).assert().success().stdout(says);
    kit
}

fn run(kit: &Path, words: &str) -> Command {
    let mut command = lab_in(kit);
    command.args(words.split(' '));
    command
}

/// Changes the server so that cargo builds it again.
fn change(kit: &Path, server: &str) {
    fs::write(kit.join("labs/lab1-one-to-one/server/src/main.rs"), server).unwrap();
}

/// Returns the stages and events in a log.
fn events(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap();
    let event = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["event", "lab", "stage", "time"], "{line}");
        format!("{}.{} {}", line["lab"], line["stage"], line["event"].as_str().unwrap())
    };
    text.lines().map(event).collect()
}

/// Returns a log whose lines have these times (in minutes), stages, and events.
fn log(lines: &[(u64, (u32, u32), &str)]) -> String {
    let line = |(minutes, (lab, stage), event): &(u64, (u32, u32), &str)| {
        let time = 1_800_000_000 + minutes * 60;
        format!("{}\n", json!({"time": time, "lab": lab, "stage": stage, "event": event}))
    };
    lines.iter().map(line).collect()
}

#[test]
fn nothing_is_noted_unless_the_student_wants_it() {
    let kit = tempfile::tempdir().unwrap();
    kit_with_server(kit.path(), LISTENS);
    let nothing = || {
        run(kit.path(), "check 1.1").assert().success();
        run(kit.path(), "hint 1.1").assert().success();
        assert!(!kit.path().join(ON).exists());
    };
    run(kit.path(), "stats").assert().success().stdout(contains("There is no log."));
    run(kit.path(), "stats --off").assert().success().stdout(contains("The log is off"));
    nothing();
    assert!(!kit.path().join(".kept").exists());
    run(kit.path(), "stats --on").assert().success();
    run(kit.path(), "check 1.1").assert().success();
    run(kit.path(), "stats --off").assert().success().stdout(contains(OFF));
    nothing();
    let off = kit.path().join(OFF);
    assert_eq!(events(&off), ["1.1 passed"]);
    run(kit.path(), "stats").assert().success().stdout(contains("Logging is off."));
    // If logging is turned on again, the log still contains its earlier lines.
    run(kit.path(), "stats --on").assert().success();
    run(kit.path(), "stats --on").assert().success();
    assert!(!off.exists());
    change(kit.path(), ENDS);
    run(kit.path(), "check 1.1").assert().code(1);
    assert_eq!(events(&kit.path().join(ON)), ["1.1 passed", "1.1 failed"]);
}

#[test]
fn checks_and_hints_are_noted() {
    let kit = kit(ENDS);
    let log = kit.path().join(ON);
    let notes = |words: &str, expected: &[&str]| {
        let before = events(&log).len();
        run(kit.path(), words).output().unwrap();
        assert_eq!(&events(&log)[before..], expected, "{words}");
    };
    notes("check 1.1", &["1.1 failed"]);
    notes("test 1.1", &["1.1 failed"]);
    notes("1.1 --seed 7", &["1.1 failed"]);
    notes("hint 1.1", &["1.1 hint"]);
    // The log records only the student's own programs.
    notes("check 1.1 --server ./nowhere{port}", &[]);
    change(kit.path(), LISTENS);
    notes("check 1.1", &["1.1 passed"]);
    notes("check 1.1", &[]);
    notes("next 1", &["1.2 failed"]);
    // After the last hint, the same hints are shown again.
    for _ in 0..3 {
        run(kit.path(), "hint 1.1").assert().success();
    }
    notes("hint 1.1", &[]);
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains('/') && !text.contains("port"), "{text}");
    run(kit.path(), "stats").assert().success().stdout(
        contains("✓ 1.1 ")
            .and(contains("· 1.2 "))
            .and(contains("You stopped at stage 1.2."))
            .and(contains("The log is .kept/stats.log. Logging is on."))
            .and(contains("\x1b").not()),
    );
}

#[test]
fn watching_and_the_map_are_noted() {
    let kit = kit(LISTENS);
    // `watch` also watches this folder.
    fs::create_dir(kit.path().join("common")).unwrap();
    let watch = Launch {
        program: env!("CARGO_BIN_EXE_lab").into(),
        arguments: ["--kit", kit.path().to_str().unwrap(), "watch", "1.1"].map(Into::into).into(),
        place: Place::Free,
        elsewhere: false,
    };
    let person = Person::start("student", &watch, Terminal::Xterm, &Journal::default()).unwrap();
    person.sees_soon(Duration::from_mins(2), "watching ").unwrap();
    person.press(b"q").unwrap();
    person.exits(0).unwrap();
    assert_eq!(events(&kit.path().join(ON)), ["1.1 passed"]);
    // Without arguments, `cargo lab` grades all labs to draw the map of stages.
    change(kit.path(), ENDS);
    lab_in(kit.path()).assert().success();
    assert!(events(&kit.path().join(ON)).contains(&"1.1 failed".to_owned()));
}

/// If the log cannot be written, a message says so, and the verdict is not affected.
#[test]
fn a_log_that_cannot_be_written_costs_no_verdict() {
    let kit = kit(LISTENS);
    let log = kit.path().join(ON);
    let check = |why: &str, part: Option<&str>| {
        let mut check = run(kit.path(), "check 1.1");
        check.envs(part.map(|part| ("GRADER_PANICS_IN", part))).timeout(LIMIT);
        let output = check.assert().success().get_output().clone();
        let (said, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(said.contains("✓ 1.1 ") && said.ends_with(" 4/4 points in 1 stage\n"), "{said}");
        assert_eq!(
            errors.matches("Not everything was recorded in .kept/stats.log: ").count(),
            1,
            "{errors}"
        );
        assert!(errors.contains(why), "{errors}");
        let hint = run(kit.path(), "hint 1.1").timeout(LIMIT).assert().success();
        hint.stdout(contains("hint"));
    };
    check("the log panics on purpose", Some("the log"));
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    check("it is not a regular file", None);
    fs::remove_dir(&log).unwrap();
    mkfifo(&log, Mode::S_IRWXU).unwrap();
    check("it is not a regular file", None);
    fs::remove_file(&log).unwrap();
    // Not even root can write to this file.
    symlink("/proc/version", &log).unwrap();
    check("os error", None);
    fs::remove_file(&log).unwrap();
    symlink("nowhere", &log).unwrap();
    check("No such file", None);
}

#[test]
fn a_log_has_a_limited_size() {
    let kit = kit(LISTENS);
    let file = kit.path().join(ON);
    let line = log(&[(1, (2, 1), "failed")]);
    let full = line.repeat(usize::try_from(MAX_BYTES).unwrap() / line.len());
    let size = || fs::metadata(&file).unwrap().len();
    // If a line was cut off because the disk was full, only that line is lost.
    fs::write(&file, format!("{full}{{\"time\":")).unwrap();
    run(kit.path(), "check 1.1")
        .assert()
        .success()
        .stderr(contains("Not everything was recorded").not());
    assert!((MAX_BYTES / 4..=MAX_BYTES / 2 + 200).contains(&size()), "{}", size());
    let text = fs::read_to_string(&file).unwrap();
    let mut lines = text.lines().rev();
    assert!(lines.next().unwrap().contains("\"passed\""));
    assert_eq!(lines.next().unwrap(), "{\"time\":");
    assert!(lines.all(|other| other == line.trim_end()));
    let says = contains("A line of .kept/stats.log was skipped");
    run(kit.path(), "stats").assert().success().stdout(says.and(contains("· 2.1 ")));
}

/// Writes the logs of three students: one finishes stage 1 after a pause, one needs a hint, and one never finishes
/// the stage.
fn class(folder: &Path) -> Vec<String> {
    let logs = [
        log(&[
            (0, (1, 1), "failed"),
            (5, (1, 1), "failed"),
            // This pause is not counted.
            (5 + 21, (1, 1), "failed"),
            (5 + 21 + 20, (1, 1), "passed"),
            // These events are not counted, because the stage has already passed.
            (47, (1, 1), "failed"),
            (47, (1, 1), "hint"),
            (50, (1, 2), "failed"),
            (50, (2, 1), "not started"),
        ]),
        log(&[
            (0, (1, 1), "not started"),
            (6, (1, 1), "hint"),
            (7, (1, 1), "passed"),
            // If the clock jumps backward, no working time is counted.
            (2, (1, 2), "not started"),
        ]),
        log(&[(0, (1, 1), "failed"), (10, (1, 1), "failed"), (11, (3, 1), "passed")]),
    ];
    let names = ["a.log", "b.log", "c.log"].map(|name| folder.join(name));
    for (name, text) in names.iter().zip(logs) {
        fs::write(name, text).unwrap();
    }
    names.map(|name| name.to_str().unwrap().to_owned()).to_vec()
}

/// Returns the table's rows, with each run of spaces replaced by one space.
fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().take_while(|line| !line.is_empty());
    rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_numbers_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let logs = class(folder.path());
    files::write(&folder.path().join(ON), &fs::read_to_string(&logs[0]).unwrap()).unwrap();
    let own = run(folder.path(), "stats").assert().success().get_output().stdout.clone();
    let own = String::from_utf8(own).unwrap();
    assert_eq!(
        rows(&own),
        [
            "stage checks minutes hints",
            "✓ 1.1 The server listens 4 25 0",
            "· 1.2 The server welcomes every client 1 3 0",
        ]
    );
    assert!(own.contains("You stopped at stage 1.2.\n") && !own.contains("stage 2."), "{own}");

    let class = lab().arg("stats").args(&logs).assert().success().get_output().stdout.clone();
    let class = String::from_utf8(class).unwrap();
    assert_eq!(
        rows(&class),
        [
            "stage logs checks minutes hints stopped",
            "1.1 The server listens 3 2 10 0 1",
            "1.2 The server welcomes every client 2 0.5 2 0 2",
            "3.1 The client sends each line as a frame 1 1 1 0 0",
            "3.2 The client reads frames however they a… 1 0 0 0 1",
        ]
    );
    assert!(class.contains(" 3 logs. ") && class.lines().all(|line| width(line) <= 80), "{class}");
}

#[test]
fn the_numbers_fit_into_a_narrow_window() {
    let folder = tempfile::tempdir().unwrap();
    let logs = class(folder.path());
    let kit = ["--kit", folder.path().to_str().unwrap(), "stats"].map(ToOwned::to_owned);
    files::write(&folder.path().join(ON), &fs::read_to_string(&logs[0]).unwrap()).unwrap();
    let own = [
        " stage              checks minutes hints",
        " ✓ 1.1   The serve…      4      25     0",
        " You stopped at stage 1.2.",
    ];
    let of_class = [
        " stage logs checks minutes hints stopped",
        " 1.1 …    3      2      10     0       1",
        " 3 logs. Checks, minutes, and hints are",
    ];
    for (logs, lines) in [(vec![], own), (logs, of_class)] {
        let stats = Launch {
            program: env!("CARGO_BIN_EXE_lab").into(),
            arguments: kit.iter().cloned().chain(logs).collect(),
            place: Place::Free,
            elsewhere: false,
        };
        let narrow = Terminal::Window(40.try_into().unwrap());
        let person = Person::start("reader", &stats, narrow, &Journal::default()).unwrap();
        for line in lines {
            person.sees(line).unwrap();
        }
        person.exits(0).unwrap();
    }
}

/// Only the two files listed in this test write to the log. `cargo lab grade` uses neither file.
#[test]
fn the_log_has_one_writer() {
    let source = root().join("tests/src");
    let is_writer = |path: &PathBuf| {
        fs::read_to_string(source.join(path)).is_ok_and(|text| text.contains("Log::open("))
    };
    let writers: Vec<_> = files::below(&source).unwrap().into_iter().filter(is_writer).collect();
    assert_eq!(writers, [Path::new("cli/hint.rs"), Path::new("cli/progress.rs")]);
    let class = files::below(&source.join("class")).unwrap();
    let grades_with = |path: &PathBuf| {
        fs::read_to_string(source.join("class").join(path)).unwrap().contains("cli::progress")
    };
    assert!(!class.iter().any(grades_with));
}

/// A class's logs come from its students, so they may contain anything.
#[test]
fn hostile_logs_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let deep = "[".repeat(100_000);
    let good = log(&[(0, (1, 1), "failed"), (1, (1, 1), "passed")]);
    let broken = [
        "\x1b[2J\x1b]0;title\x07",
        "{}",
        "[]",
        "null",
        "7",
        deep.as_str(),
        r#"{"time":-1,"lab":1,"stage":1,"event":"passed"}"#,
        r#"{"time":1e999,"lab":1,"stage":1,"event":"passed"}"#,
        r#"{"time":1,"lab":99999999999999999999,"stage":1,"event":"passed"}"#,
        r#"{"time":1,"lab":4294967297,"stage":1,"event":"passed"}"#,
        r#"{"time":1,"lab":1,"stage":99,"event":"passed"}"#,
        r#"{"time":1,"lab":1,"stage":1,"event":"\u001b[2J"}"#,
        r#"{"time":1,"lab":1,"stage":1,"event":{"passed":1}}"#,
        r#"{"time":1,"lab":1,"stage":1}"#,
    ];
    // These lines are valid, but their times are absurd.
    let absurd = [u64::MAX, 0, u64::MAX, u64::MAX - 1].map(|time| {
        format!("{}\n", json!({"time": time, "lab": 4, "stage": 1, "event": "failed"}))
    });
    let text = format!("{}\n{}{good}", broken.join("\n"), absurd.concat());
    fs::write(path("broken.log"), [text.as_bytes(), b"\xff\xfe\0\n"].concat()).unwrap();
    let flood = good.repeat(4 * 1024 * 1024 / good.len());
    fs::write(path("flood.log"), flood).unwrap();
    fs::write(path("one-line.log"), vec![b'9'; 4 * 1024 * 1024]).unwrap();
    fs::write(path("empty.log"), "").unwrap();
    let strange = folder.path().join(OsStr::from_bytes(b"\x1b[2J\xff.log"));
    fs::write(&strange, "broken\n").unwrap();
    mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
    let mut stats = lab();
    stats.arg("stats").arg(&strange).args(["/dev/zero", "/nowhere/a.log", "/proc/version"]);
    stats.args(["broken.log", "flood.log", "one-line.log", "empty.log", "fifo", "."].map(path));
    let output = stats.timeout(LIMIT).assert().success().stderr("").get_output().stdout.clone();
    let said = String::from_utf8(output).unwrap();
    assert!(said.chars().all(|char| char == '\n' || !char.is_control()), "{said:?}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        &format!("{} lines of {} were skipped", broken.len() + 1, path("broken.log").display()),
        "\\x1b[2J\\xff.log was skipped",
        "/dev/zero was not read: it is not a regular file",
        "/nowhere/a.log was not read: No such file",
        "fifo was not read: it is not a regular file",
        "1.1 The server listens 2 1.5 1 0 0",
        " 6 logs.",
    ] {
        assert!(said.contains(part), "«{part}» is not in\n{said}");
    }
    let none = lab().args(["stats", "/dev/zero"]).timeout(LIMIT).assert().code(1);
    none.stderr(contains("none of the logs could be read"));
}
