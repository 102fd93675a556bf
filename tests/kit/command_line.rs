//! Tests that `cargo lab` interprets its command line correctly and is never silent for long.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use grader::harness::person::{Key, Person};
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::kit::files;
use grader::system::program::{Launch, Place};
use predicates::prelude::*;
use predicates::str::contains;

use crate::export::{students_kit, write_bodies};
use crate::lab::{LISTENS, kit_with_server};
use crate::lab_in;

/// The longest time that a command may be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// The maximum number of attempts for each command, because on a busy machine a command may be silent for too long.
const CHANCES: usize = 3;

/// Starts `cargo lab` in a terminal.
fn at_a_terminal(kit: &Path, arguments: &[&str]) -> Person {
    let kit = ["--kit", kit.to_str().unwrap()];
    let launch = Launch {
        program: env!("CARGO_BIN_EXE_lab").into(),
        arguments: kit.iter().chain(arguments).map(ToString::to_string).collect(),
        place: Place::Free,
        elsewhere: false,
    };
    Person::start("student", &launch, Terminal::Xterm, &Journal::default()).unwrap()
}

/// Returns whether the output has a line for this stage. The line must begin with a mark, because a number alone could
/// also be a time in a report.
fn has_line_of(stage: &'static str) -> impl Predicate<str> {
    predicate::function(move |text: &str| {
        let marks = ["✓", "✗", "·", "!"].map(|mark| format!("{mark} {stage} "));
        text.lines().any(|line| marks.iter().any(|mark| line.trim_start().starts_with(mark)))
    })
}

#[test]
fn a_lab_and_a_stage_have_several_names() {
    let kit = tempfile::tempdir().unwrap();
    kit_with_server(kit.path(), LISTENS);
    let lab = |line: &str| {
        let mut command = lab_in(kit.path());
        command.args(line.split(' ')).current_dir(kit.path()).assert()
    };
    let passes = || contains("✓ 1.1").and(contains("4/4 points in 1 stage\n"));
    for line in [
        "check 1.1",
        "test 1.1",
        "1.1",
        "lab1.1",
        "Lab1.1",
        "lab 1.1",
        "check lab1.1",
        "check lab 1.1",
        "check --all lab 1.1",
        "lab 1.1 --all",
        // A file may be called `lab`.
        "check --html lab 1.1",
    ] {
        println!("cargo lab {line}");
        lab(line).success().stdout(passes());
    }
    assert!(kit.path().join("lab").is_file());
    for line in ["1", "lab1", "lab 1", "test lab 1", "test 1"] {
        println!("cargo lab {line}");
        lab(line).code(1).stdout(contains("✓ 1.1").and(has_line_of("2.1").not()));
    }
    for line in ["next 1", "next lab1", "next lab 1"] {
        println!("cargo lab {line}");
        lab(line).success().stdout(contains("next   1.2").and(contains("1.1").not()));
    }
    for line in ["hint 1.4", "hint lab1.4", "hint lab 1.4"] {
        println!("cargo lab {line}");
        lab(line).success().stdout(contains(" 1.4  The server relays"));
    }
    // The kit may be in a folder called `lab` or `1`.
    let folder = tempfile::tempdir().unwrap();
    for (name, stages) in [("lab", "1.1"), ("1", "1")] {
        kit_with_server(&folder.path().join(name), LISTENS);
        let mut command = crate::lab();
        command.args(["--kit", name, stages]).current_dir(folder.path());
        command.assert().stdout(contains("✓ 1.1"));
    }
}

#[test]
fn a_wrong_word_gets_a_suggestion() {
    let kit = students_kit();
    for (line, says) in [
        ("chekc 3", "'check'"),
        ("tset 3", "'test'"),
        ("solve 3", "<LAB OR STAGE>"),
        ("lab", "<LAB OR STAGE>"),
        ("5", "the labs are numbered 1 to 4"),
        ("lab5", "the labs are numbered 1 to 4"),
        ("check lab 5", "the labs are numbered 1 to 4"),
        ("2.99", "lab 2 has stages 1 to 17"),
        ("check two", "write 2 for a lab, 2.5 for a stage"),
        ("hint lab 3", "name one stage, for example 3.1"),
        ("hint 3.2-", "name one stage, for example 3.2"),
        ("next 3.2", "name a whole lab, for example 3"),
        ("run client", "write the number of a lab, for example 2"),
        ("run 2 sever", "'server'"),
        ("demo 9", "the labs are numbered 1 to 4"),
    ] {
        println!("cargo lab {line}");
        lab_in(kit.path()).args(line.split(' ')).assert().code(2).stderr(contains(says));
    }
}

#[test]
fn a_lab_is_run_in_the_terminal() {
    let kit = tempfile::tempdir().unwrap();
    kit_with_server(kit.path(), LISTENS);
    for line in [&["run", "lab", "1", "--", "0"][..], &["run", "--", "0"]] {
        let person = at_a_terminal(kit.path(), line);
        person.sees_soon(Duration::from_mins(2), "cargo lab run 1 client").unwrap();
        person.sees_soon(Duration::from_mins(2), "listening on 127.0.0.1:").unwrap();
        // The program has the terminal to itself, as if the student had typed `cargo run`.
        person.presses(Key::CtrlC).unwrap();
        assert!(person.process().wait().is_some(), "{line:?}");
    }
    let missing = contains("there is no package lab1-client; cargo lab reset 1 restores it");
    lab_in(kit.path()).args(["run", "1", "client"]).assert().code(1).stderr(missing);
}

/// Sets the modification times of all of a lab's files to `later` from now. If the files looked older than the last
/// build, cargo would not build them again.
fn saved(kit: &Path, lab: u32, later: Duration) {
    let labs = kit.join("labs");
    for path in files::below(&labs).unwrap() {
        if files::lab_of(&path) == Some(lab) {
            let file = File::options().append(true).open(labs.join(path)).unwrap();
            file.set_modified(SystemTime::now() + later).unwrap();
        }
    }
}

#[test]
fn the_map_begins_where_the_student_works() {
    let kit = students_kit();
    let kit = kit.path();
    let minute = Duration::from_mins(1);
    let next = |says: &str, stage: &str| {
        let step = format!("next   {stage} ");
        let output = lab_in(kit).arg("next").assert().success();
        output.stdout(contains(says).and(contains(step)));
    };
    next("Lab 1 comes next: it is the first unfinished lab", "1.1");

    // The other labs' files have also been saved, but they still match the starters.
    write_bodies(kit, |lab, stage| [1, 3].contains(&lab) && stage == 1);
    saved(kit, 3, minute);
    next("You are working on lab 3", "3.2");
    lab_in(kit).assert().success().stdout(
        contains("You are working on lab 3")
            .and(contains("✓ 3.1"))
            .and(contains("next   3.2 "))
            .and(contains("1.1").not()),
    );
    saved(kit, 1, 2 * minute);
    next("You are working on lab 1", "1.2");

    // Lab 3 was changed before lab 1, but lab 1 is finished.
    write_bodies(kit, |lab, stage| lab == 1 || lab == 3 && stage == 1);
    saved(kit, 3, minute);
    next("You are working on lab 3", "3.2");
    write_bodies(kit, |lab, _| lab == 1);
    next("Lab 2 comes next", "2.1");
}

#[test]
fn the_hint_of_a_report_is_not_repeated() {
    let kit = tempfile::tempdir().unwrap();
    let hint = |shown: [bool; 2]| {
        let output = lab_in(kit.path()).args(["hint", "1.1"]).assert().success();
        let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
        let found = [1, 2].map(|number| text.contains(&format!("hint {number}")));
        assert_eq!(found, shown, "{text}");
    };
    let check = || lab_in(kit.path()).args(["check", "1.1"]).assert().code(1);
    // A report about a program that does not compile shows no hint.
    kit_with_server(kit.path(), "fn main( {");
    check().stdout(contains("should compile"));
    hint([true, false]);
    fs::remove_dir_all(kit.path().join("target")).unwrap();

    kit_with_server(kit.path(), "fn main() {}");
    // The second report shows the same hint.
    for _ in 0..2 {
        check().stdout(contains("   hint "));
    }
    hint([false, true]);
    hint([true, true]);
}

/// A kit whose build waits until [`SlowKit::go_on`] is called.
struct SlowKit(tempfile::TempDir);

impl SlowKit {
    fn new() -> Self {
        let kit = tempfile::tempdir().unwrap();
        kit_with_server(kit.path(), LISTENS);
        let package = kit.path().join("labs/lab1-one-to-one/server");
        fs::write(kit.path().join("wait"), "").unwrap();
        // `watch` also watches this folder.
        fs::create_dir(kit.path().join("common")).unwrap();
        let wait = format!(
            "fn main() {{ while std::path::Path::new(\"{}/wait\").exists() \
             {{ std::thread::sleep(std::time::Duration::from_millis(10)) }} }}",
            kit.path().display()
        );
        fs::write(package.join("build.rs"), wait).unwrap();
        Self(kit)
    }

    fn go_on(&self) {
        fs::remove_file(self.0.path().join("wait")).unwrap();
    }
}

/// While a program is being built, the terminal shows a running clock.
#[test]
fn no_command_is_silent_for_long_at_a_terminal() {
    for (arguments, result) in [
        (&[][..], "all labs"),
        (&["check"], " points in "),
        (&["lab1.1"], " points in "),
        (&["next", "1"], "stuck?"),
        (&["watch", "1.1"], "watching 1.1"),
    ] {
        let mut silent = Vec::new();
        for _ in 0..CHANCES {
            let kit = SlowKit::new();
            let begin = Instant::now();
            let person = at_a_terminal(kit.0.path(), arguments);
            let sees = |text: &str| {
                let seen = person.sees_soon(Duration::from_mins(2), text);
                seen.unwrap_or_else(|failure| panic!("{arguments:?}: {failure}"));
            };
            sees("building your programs");
            silent.push(begin.elapsed());
            // The clock at the end of the line is running.
            sees("1s");
            kit.go_on();
            sees(result);
            if silent.last().is_some_and(|silent| *silent < SILENCE) {
                break;
            }
        }
        assert!(silent.iter().any(|time| *time < SILENCE), "{arguments:?}: {silent:?}");
    }
}

/// If the output goes to a pipe, a step that takes a long time prints one line, and a short step prints nothing.
#[test]
fn no_command_is_silent_for_long_in_a_pipe() {
    for arguments in [&[][..], &["check", "1.1"], &["next", "1"]] {
        let mut silent = Vec::new();
        for _ in 0..CHANCES {
            let kit = SlowKit::new();
            let begin = Instant::now();
            let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
            lab.arg("--kit").arg(kit.0.path()).args(arguments);
            let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let lines = BufReader::new(lab.stderr.take().unwrap()).lines();
            let (tell, told) = mpsc::channel();
            thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
            let first = told.recv_timeout(Duration::from_mins(1));
            assert_eq!(first.as_deref(), Ok(" building your programs …"), "{arguments:?}");
            silent.push(begin.elapsed());
            kit.go_on();
            for line in told {
                assert!(line.starts_with(" grading ") && line.ends_with(" …"), "{line}");
            }
            lab.wait().unwrap();
            if silent.last().is_some_and(|silent| *silent < SILENCE) {
                break;
            }
        }
        assert!(silent.iter().any(|time| *time < SILENCE), "{arguments:?}: {silent:?}");
    }
}
