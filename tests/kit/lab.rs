//! Tests `cargo lab`, as students and instructors use it.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::kit::files;
use grader::system::program::{Launch, Place};
use predicates::prelude::*;
use predicates::str::contains;

use crate::export::{students_kit, write_bodies};
use crate::{lab, lab_in};

const SERVER: &str = "labs/lab1-one-to-one/server/src/main.rs";

#[test]
fn the_map_shows_what_comes_next() {
    let kit = students_kit();
    write_bodies(kit.path(), |lab, stage| lab == 1 && stage <= 4);
    lab_in(kit.path()).assert().success().stdout(
        contains("✓ 1.4")
            .and(contains("next   1.5  The client sends typed lines"))
            .and(contains("labs/lab1-one-to-one/client/src/main.rs:"))
            .and(contains("write `type_messages`"))
            // Output to a pipe has no colors.
            .and(contains("\x1b").not()),
    );
}

#[test]
fn a_check_stops_at_the_first_stage_that_is_not_passed() {
    let kit = students_kit();
    write_bodies(kit.path(), |lab, stage| lab == 1 && stage <= 2);
    let check = |arguments: &[&str]| lab_in(kit.path()).arg("check").args(arguments).assert();
    check(&["1"])
        .code(1)
        .stdout(contains("✓ 1.2").and(contains("· 1.3")).and(contains("1.4 ").not()));
    check(&["1", "--all"]).code(1).stdout(contains("✓ 1.2").and(contains("· 1.14")));
    check(&["1.2"]).success().stdout(contains("✓ 1.2").and(contains("1.1 ").not()));
    check(&["1.4"]).code(1).stdout(contains("write `receive_messages`"));
}

#[test]
fn each_call_shows_the_next_hint() {
    let kit = students_kit();
    let hint = || lab_in(kit.path()).args(["hint", "1.4"]).assert().success();
    hint().stdout(contains("hint 1 ").and(contains("hint 2 ").not()));
    hint().stdout(contains("hint 2 ").and(contains("hint 1 ").not()));
    hint().stdout(contains("hint 3").and(contains("That was the last hint")));
    // All hints have been shown, so all of them are shown again.
    hint().stdout(contains("hint 1 ").and(contains("hint 2 ")));
    let output = lab_in(kit.path()).args(["hint", "2.99"]).assert().code(2);
    output.stderr(contains("lab 2 has stages 1 to 17"));
}

#[test]
fn a_reset_asks_and_keeps_a_copy() {
    let kit = students_kit();
    let file = kit.path().join(SERVER);
    let pristine = fs::read_to_string(&file).unwrap();
    write_bodies(kit.path(), |lab, _| lab == 1);
    let written = fs::read_to_string(&file).unwrap();
    let reset = |target: &str| {
        let mut command = lab_in(kit.path());
        command.args(["reset", target]);
        command
    };
    reset("1").write_stdin("n\n").assert().success().stdout(contains("Nothing was changed"));
    reset("1").assert().success();
    assert_eq!(fs::read_to_string(&file).unwrap(), written);

    reset("1.2").write_stdin("y\n").assert().success().stdout(contains("`accept_clients`"));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("todo!(\"stage 2: ") && !text.contains("todo!(\"stage 4: "), "{text}");
    assert_eq!(fs::read_to_string(kit.path().join(".kept/1").join(SERVER)).unwrap(), written);

    reset("1").arg("--yes").assert().success();
    assert_eq!(fs::read_to_string(&file).unwrap(), pristine);
    reset("1").assert().success().stdout(contains("nothing to reset"));

    fs::write(&file, "fn main( {").unwrap();
    reset("1.2").assert().code(1).stderr(contains("cargo lab reset 1"));
}

#[test]
fn a_solution_is_shown_if_the_kit_has_one() {
    let solution = || {
        let mut command = lab();
        command.args(["solution", "1.4"]);
        command
    };
    // The functions in this kit's starters are not written yet.
    solution().assert().success().stdout(contains("not passed yet").and(contains("fn ").not()));
    solution().write_stdin("y\n").assert().success().stdout(contains("fn receive_messages"));
    let kit = students_kit();
    lab_in(kit.path()).args(["solution", "1.4"]).assert().code(1).stderr(contains("hint 1.4"));
}

/// Tests a server in another language. The server has no options and does not print the address that it listens on.
#[cfg(unix)]
#[test]
fn programs_in_any_language_are_graded() {
    let kit = students_kit();
    let welcomes = "while true; do :; done";
    let mut check = lab_in(kit.path());
    check.args(["check", "1.1", "--server", &format!("sh -c '{welcomes}' {{port}}")]);
    check.assert().code(1).stdout(contains("the server should have listened on"));
    let mut check = lab_in(kit.path());
    check.args(["check", "1.1", "--server", "./nowhere {port}"]);
    check.assert().code(1).stdout(contains("it has ended").and(contains("not found")));
    let server = grader::kit::root().join("target/debug/solution1-server");
    let mut check = lab();
    check.args(["check", "1", "--all", "--server", &format!("{} {{port}}", server.display())]);
    check.assert().success().stdout(contains("✓ 1.8").and(contains("1.3 ").not()));
    let mut check = lab_in(kit.path());
    check.args(["check", "1", "--server", "true"]);
    check.assert().code(2).stderr(contains("{port}"));
}

/// If the demo's output is piped, it is plain text without pauses.
#[test]
fn the_demos_play() {
    for number in ["1", "2", "3", "4"] {
        lab().args(["demo", number]).assert().success().stdout(
            contains("┌ server")
                .and(contains("┌ carol"))
                .and(contains("├─ connects"))
                .and(contains("\x1b").not()),
        );
    }
    let kit = students_kit();
    let refused = contains("yours are not ready yet");
    lab_in(kit.path()).args(["demo", "2"]).assert().code(1).stderr(refused);
}

/// Like a student at a terminal, the test saves a file and presses keys.
#[test]
fn watching_checks_again_whenever_a_file_is_saved() {
    for poll in [&[][..], &["--poll"]] {
        let kit = students_kit();
        let arguments = ["--kit", kit.path().to_str().unwrap(), "watch", "1"];
        let lab = Launch {
            program: env!("CARGO_BIN_EXE_lab").into(),
            arguments: arguments.iter().chain(poll).map(ToString::to_string).collect(),
            place: Place::Free,
            elsewhere: false,
        };
        let record = Journal::default();
        let person = Person::start("student", &lab, Terminal::Xterm, &record).unwrap();
        let sees = |text: &str| {
            let seen = person.sees_soon(Duration::from_mins(2), text);
            seen.unwrap_or_else(|failure| panic!("{poll:?}: {failure}"));
        };
        sees("· 1.1");
        sees("watching ");
        write_bodies(kit.path(), |lab, stage| lab == 1 && stage == 1);
        sees("· 1.2");
        sees("watching ");
        person.press(b"h").unwrap();
        sees("hint 1");
        person.press(b"q").unwrap();
        person.exits(0).unwrap();
    }
}

#[test]
fn soaking_finds_no_different_verdict() {
    // Run only a few stages, because running all of them would take too long.
    lab()
        .args(["soak", "3", "1.2", "--load"])
        .assert()
        .success()
        .stdout(contains("3 rounds of 2 stages"));
}

/// A program that passes stage 1.
pub const LISTENS: &str = r#"fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) else {
        eprintln!("port {port} is taken");
        std::process::exit(1)
    };
    println!("listening on {}", listener.local_addr().unwrap());
    loop { std::thread::park() }
}"#;

/// Writes a kit with only the lab 1 server; its files are an hour old.
pub fn kit_with_server(folder: &Path, source: &str) {
    let package = "labs/lab1-one-to-one/server";
    let manifest = "[package]\nname = \"lab1-server\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let written = [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"labs/*/*\"]\n"),
        (&format!("{package}/Cargo.toml"), manifest),
        (&format!("{package}/src/main.rs"), source),
    ];
    let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
    for (path, text) in written {
        let path = folder.join(path);
        files::write(&path, text).unwrap();
        File::options().append(true).open(path).unwrap().set_modified(an_hour_ago).unwrap();
    }
}

/// The report does not mention programs that were never started.
#[test]
fn a_grader_error_is_not_blamed_on_the_student() {
    let kit = tempfile::tempdir().unwrap();
    kit_with_server(kit.path(), LISTENS);
    let check = || {
        let mut check = lab_in(kit.path());
        check.args(["check", "1.1"]);
        check
    };
    // Build the server before `TMPDIR` names a folder that does not exist, because the compiler, like the grader, needs
    // a folder for temporary files.
    check().assert().success();
    let report = kit.path().join("report.html");
    let nowhere = kit.path().join("nowhere");
    check().arg("--html").arg(&report).env("TMPDIR", nowhere).assert().code(1).stdout(
        contains("grader error")
            .and(contains("the grader failed: cannot make a folder for programs"))
            .and(contains("show this report to your"))
            .and(contains("again   cargo lab check 1.1"))
            .and(contains("$ lab1-server").not())
            .and(contains("hint").not())
            .and(contains("look at").not()),
    );
    assert!(!fs::read_to_string(report).unwrap().contains("$ lab1-server"));
}

/// Cargo considers a newer program up to date, even if it was built from another kit.
#[test]
fn kits_that_share_a_build_folder_are_graded_with_their_own_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (finished, broken) = (folder.path().join("finished"), folder.path().join("broken"));
    kit_with_server(&finished, LISTENS);
    kit_with_server(&broken, "fn main() {}");
    for variable in ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
        let check = |kit: &Path| {
            let mut check = lab_in(kit);
            check.env(variable, folder.path().join(variable)).args(["check", "1.1"]).assert()
        };
        for _ in 0..2 {
            check(&finished).success().stdout(contains("✓ 1.1"));
            check(&broken).code(1).stdout(contains("✗ 1.1"));
        }
    }
}

/// If a kit and its build folder are copied, the copy grades its own programs, not those of the original kit.
#[test]
fn a_copied_kit_grades_itself() {
    let kit = students_kit();
    write_bodies(kit.path(), |lab, stage| (lab, stage) == (1, 1));
    let mut check = lab();
    // `cargo lab` is an alias for `cargo run`, and `cargo run` sets these variables.
    check.env("CARGO_PKG_NAME", "grader").env("CARGO_MANIFEST_DIR", kit.path().join("tests"));
    check.args(["check", "1.1"]).assert().success().stdout(contains("✓ 1.1"));
}
