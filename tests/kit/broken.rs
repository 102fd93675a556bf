//! Tests that a bug in one part of the grader affects only that part's output, and that the last line always gives the
//! total points or says that there is no total.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::thread;

use assert_cmd::Command;
use grader::grading::grader::{Author, Grader};
use grader::system::program::Runnable;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::export::{cargo_test, students_kit, write_bodies};
use crate::{LIMIT, lab_in};

/// The environment variable that names the part that panics; see `grader::journal::panics`.
const PANICS_IN: &str = "GRADER_PANICS_IN";

/// A check whose report is also written to a page.
struct Check {
    output: Output,
    page: String,
}

impl Check {
    fn of(mut command: Command, breaks: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let page = folder.path().join("page.html");
        command.arg("--html").arg(&page).env_remove(PANICS_IN).env("RUST_BACKTRACE", "0");
        command.envs(breaks.map(|part| (PANICS_IN, part)));
        let output = command.output().unwrap();
        Self { output, page: fs::read_to_string(page).unwrap_or_default() }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Returns the line for each stage, and the last line.
    fn verdicts(&self) -> Vec<String> {
        let text = self.text();
        let is_stage = |line: &&str| {
            line.trim_start().starts_with(['✓', '✗', '·', '!']) && !line.contains('│')
        };
        let mut lines: Vec<_> = text.lines().filter(is_stage).map(ToOwned::to_owned).collect();
        lines.push(last_line(&text));
        lines
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

fn finished_server(lab: u32) -> PathBuf {
    let grader = Grader::new(&grader::kit::root(), &[lab], Some(1));
    match grader.program(Author::Kit, lab, "server") {
        Runnable::Executable(server) => server,
        other => panic!("{other:?}"),
    }
}

/// Returns the text without line breaks.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_part_of_a_report_that_panics_costs_only_this_part() {
    // A server that exits immediately fails each stage quickly.
    let kit = TempDir::new().unwrap();
    let check = |breaks| {
        let mut check = lab_in(kit.path());
        check.args([
            "check",
            "1",
            "--all",
            "--seed",
            "1",
            "--server",
            "sh -c 'echo oh dear; exit 3' {port}",
        ]);
        Check::of(check, breaks)
    };
    let sentence = "this part of the report could not be created: ";
    let whole = check(None);
    let count = whole.text().matches("✗ 1.").count();
    assert!(count >= 3 && !unwrapped(&whole.text()).contains(sentence), "{}", whole.text());
    assert!(!whole.page.contains(sentence), "{}", whole.page);
    for part in [
        "the failure",
        "the near misses",
        "the ladder",
        "the screens",
        "the states",
        "the advice",
        "the report",
    ] {
        let broken = check(Some(part));
        let text = broken.text();
        assert_eq!(broken.verdicts(), whole.verdicts(), "{part}\n{text}");
        assert_eq!(broken.output.status.code(), Some(1), "{part}\n{text}");
        let told = unwrapped(&text);
        assert!(told.matches(sentence).count() >= count, "{part}\n{text}");
        assert!(told.contains(&format!("{part} panics on purpose (")), "{part}\n{text}");
        let error = String::from_utf8_lossy(&broken.output.stderr);
        assert!(!error.contains("panicked"), "{part}: {error}");
        // The page shows all stages and the total.
        let page = &broken.page;
        assert_eq!(
            page.matches("<tr").count(),
            whole.page.matches("<tr").count(),
            "{part}\n{page}"
        );
        assert!(page.contains(last_line(&text).trim()) && page.ends_with("</html>\n"), "{part}");
        if part == "the report" {
            continue;
        }
        // All parts of the report except the one that panics are shown on the terminal and on the page.
        assert_eq!(page.matches("<section").count(), count, "{part}\n{page}");
        assert!(page.matches(sentence).count() >= count, "{part}\n{page}");
        let parts = [
            ("the failure", "     expected ", "expected <span"),
            ("the ladder", "     ms ", "<svg"),
            ("the screens", "┌ server", "class=\"screens\""),
            ("the states", "status 3, after", "status 3, after"),
            ("the advice", "   again ", "<dt>again"),
        ];
        for (other, on_terminal, on_page) in parts {
            let is_there = part != other;
            assert_eq!(text.contains(on_terminal), is_there, "{part}: {on_terminal}\n{text}");
            assert_eq!(page.contains(on_page), is_there, "{part}: {on_page}\n{page}");
        }
    }
}

#[test]
fn a_script_that_panics_costs_only_its_stage() {
    let server = finished_server(1);
    let check = |breaks: Option<&str>| {
        let kit = TempDir::new().unwrap();
        let mut check = lab_in(kit.path());
        check.args(["check", "1", "--all", "--server", &format!("{} {{port}}", server.display())]);
        Check::of(check, breaks)
    };
    let whole = check(None);
    assert!(whole.output.status.success(), "{}", whole.text());
    for part in ["the script of stage 4", "the grading of stage 4"] {
        let broken = check(Some(part));
        let text = broken.text();
        let differ: Vec<_> =
            whole.verdicts().into_iter().zip(broken.verdicts()).filter(|(a, b)| a != b).collect();
        let [(_, stage), (sum, last)] = &differ[..] else { panic!("{part}: {differ:#?}\n{text}") };
        assert!(stage.starts_with("  ! 1.4 ") && stage.contains("grader error"), "{stage}");
        assert!(last.ends_with("; no verdict on 1.4 (grader error)"), "{last}");
        // The points of stage 4 are missing.
        let points = |line: &str| line.trim().split('/').next().unwrap().parse::<u32>().unwrap();
        assert!(points(last) > 0 && points(last) < points(sum), "{sum}\n{last}");
        assert!(unwrapped(&text).contains("panics on purpose ("), "{text}");
        assert!(broken.page.contains("panics on purpose ("), "{}", broken.page);
        assert_eq!(broken.output.status.code(), Some(1), "{text}");
    }
    // If one of the reading threads panics, each stage either still passes or ends with a grader error.
    for part in ["reading from a connection", "reading a terminal"] {
        let broken = check(Some(part));
        let text = broken.text();
        assert!(unwrapped(&text).contains(&format!("{part}: {part} panics on purpose")), "{text}");
        let verdicts = broken.verdicts();
        let (last, stages) = verdicts.split_last().unwrap();
        assert_eq!(stages.len(), whole.verdicts().len() - 1, "{text}");
        let is_right = |line: &String| line.contains('✓') || line.contains("grader error");
        assert!(stages.iter().all(is_right), "{stages:#?}");
        assert!(last.contains(" points in ") && last.contains("; no verdict on "), "{last}");
        assert_eq!(broken.output.status.code(), Some(1), "{text}");
    }
}

#[test]
fn the_last_line_says_that_there_is_no_sum() {
    let kit = TempDir::new().unwrap();
    let check = |arguments: &[&str], breaks: Option<&str>| {
        let mut command = lab_in(kit.path());
        command.arg("check").args(arguments);
        Check::of(command, breaks)
    };
    let server = ["1.1", "--server", "./nowhere {port}"];
    for (arguments, breaks, told) in [
        (&server[..], Some("the check"), "the grader failed: the check panics on purpose ("),
        (&["1"], Some("the build"), "nothing was graded"),
        // The kit has no Cargo.toml.
        (&["1"], None, "nothing was graded"),
        (&["1.4", "--client", "./nowhere {port}"], None, "nothing was graded"),
    ] {
        let Check { output, .. } = check(arguments, breaks);
        let text = String::from_utf8_lossy(&output.stdout);
        let last = last_line(&text);
        assert!(last.starts_with(&format!(" no points: {told}")), "{arguments:?}\n{text}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}\n{text}");
    }
    // Some parent processes ignore SIGCHLD, and their child processes inherit this setting.
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' CHLD; exec \"$0\" check 1 --kit \"$1\"", env!("CARGO_BIN_EXE_lab")]);
    let output = shell.arg(kit.path()).timeout(LIMIT).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(last_line(&text), " no points: nothing was graded", "{text}");
    assert_eq!(output.status.code(), Some(1), "{text}");
    // If the page cannot be written, the command fails before it grades anything.
    let mut command = lab_in(kit.path());
    command.arg("check").args(server).args(["--html", "/nowhere/page.html"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(last_line(&text), " no points: nothing was graded", "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write /nowhere/page.html"));
    assert_eq!(output.status.code(), Some(1), "{text}");
}

/// The server never listens, which keeps the grader busy.
#[test]
fn a_grader_that_is_killed_has_no_sum() {
    let is_killed_by = |signal: Signal, code: Option<i32>| {
        let kit = TempDir::new().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lab"));
        command.arg("--kit").arg(kit.path()).args(["check", "1", "--all"]);
        command.args(["--server", "sh -c 'while sleep 1; do :; done' {port}"]);
        let mut waiting = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(waiting.stdout.take().unwrap());
        // The first line appears after the first stages have been graded.
        let mut text = String::new();
        output.read_line(&mut text).unwrap();
        kill(child_of(waiting.id()), signal).unwrap();
        output.read_to_string(&mut text).unwrap();
        let last = last_line(&text);
        assert_eq!(
            last,
            format!(
                " no points: the grader was terminated by {signal} before all stages were graded"
            ),
            "{text}"
        );
        assert_eq!(waiting.wait().unwrap().code(), code, "{text}");
    };
    thread::scope(|scope| {
        // If a signal from the user terminates a program, a shell reports this in its own way. So the grader terminates
        // itself with the same signal.
        scope.spawn(|| is_killed_by(Signal::SIGTERM, None));
        is_killed_by(Signal::SIGKILL, Some(137));
    });
}

/// Returns a process's only child.
fn child_of(process: u32) -> Pid {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(path).unwrap();
    let [child] = children.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{children}") };
    Pid::from_raw(child.parse().unwrap())
}

#[test]
fn cargo_test_also_ends_with_the_sum() {
    let kit = students_kit();
    write_bodies(kit.path(), |lab, _| lab == 1);
    let run = |arguments: &[&str], breaks: Option<&str>| {
        let mut cargo = cargo_test(kit.path());
        cargo.args(arguments).envs(breaks.map(|part| (PANICS_IN, part)));
        let output = cargo.env("RUST_BACKTRACE", "0").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), last_line(&text), text)
    };
    let (succeeds, last, text) = run(&["labs::lab1"], Some("the script of stage 4"));
    assert!(!succeeds && last.ends_with("/100 points; no verdict on 1.4 (grader error)"), "{text}");
    assert!(text.contains("labs::lab1::01_the_server_listens") && text.contains("✓ 1.1"), "{text}");
    let (succeeds, last, text) = run(&["labs::lab1"], Some("the trials"));
    assert!(!succeeds && last.starts_with(" no points: the grader failed: the trials"), "{text}");
    let (succeeds, last, text) = run(&["labs::lab9"], None);
    assert!(succeeds && last == " no points: no stage was graded", "{text}");
}
