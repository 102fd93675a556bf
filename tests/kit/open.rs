//! Tests for open labs: labs in which the student designs the programs without the starter's functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as SystemCommand;

use assert_cmd::Command;
use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::Verdict;
use grader::kit::files;
use grader::kit::way::{self, Way};
use predicates::prelude::*;
use predicates::str::contains;

use crate::export::{students_kit, write_bodies};
use crate::lab_in;

const HALL: &str = "labs/lab4-multi-room/server/src/hall.rs";
const SERVER: &str = "labs/lab1-one-to-one/server/src/main.rs";

fn reset(kit: &Path, arguments: &[&str]) -> Command {
    let mut command = lab_in(kit);
    command.arg("reset").args(arguments);
    command
}

fn make_open(kit: &Path, lab: &str) {
    reset(kit, &[lab, "--open", "--yes"]).assert().success();
}

/// Returns all files in `labs/` with their contents.
fn labs(kit: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let labs = kit.join("labs");
    let paths = files::below(&labs).unwrap().into_iter();
    paths.map(|path| (path.clone(), fs::read(labs.join(path)).unwrap())).collect()
}

/// Runs the two commands at the end of the `cargo lab reset` output.
fn restore(kit: &Path, reset_output: &[u8]) {
    let told = String::from_utf8_lossy(reset_output);
    let lines: Vec<_> = told.lines().rev().take(2).map(str::trim).collect();
    let [copy, reset_again] = lines[..] else { panic!("{told}") };
    let arguments = reset_again.strip_prefix("cargo lab reset ").expect(&told);
    let arguments: Vec<_> = arguments.split(' ').chain(["--yes"]).collect();
    reset(kit, &arguments).assert().success();
    assert!(copy.starts_with("cp -r .kept/"), "{told}");
    let status = SystemCommand::new("sh").args(["-c", copy]).current_dir(kit).status();
    assert!(status.unwrap().success(), "{told}");
}

#[test]
fn a_lab_becomes_open_and_guided_again_and_nothing_is_lost() {
    let kit = students_kit();
    let kit = kit.path();
    write_bodies(kit, |lab, stage| lab == 4 && stage <= 3);
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let written = labs(kit);
    let refused = reset(kit, &["4", "--open"]).write_stdin("n\n").assert().success();
    refused
        .stdout(contains("server/src/hall.rs   is removed").and(contains("Nothing was changed")));
    assert_eq!(labs(kit), written);

    let opened = reset(kit, &["4", "--open"]).write_stdin("y\n").assert().success();
    let open = labs(kit);
    let sources = open.keys().filter(|path| is_source(path) && path.starts_with("lab4-multi-room"));
    let sources: Vec<_> = sources.map(|path| path.to_str().unwrap()).collect();
    let expected = ["client/src/main.rs", "protocol/src/lib.rs", "server/src/main.rs"];
    assert_eq!(sources, expected.map(|path| format!("lab4-multi-room/{path}")));
    assert_eq!((way::of_lab(kit, 4), way::of_lab(kit, 3)), (Way::Open, Way::Guided));
    let hall = written[Path::new(HALL).strip_prefix("labs").unwrap()].clone();
    assert_eq!(fs::read(kit.join(".kept/1").join(HALL)).unwrap(), hall);
    reset(kit, &["4", "--open"]).assert().success().stdout(contains("nothing to reset"));
    restore(kit, &opened.get_output().stdout);
    assert_eq!(labs(kit), written);

    // The student's design has one folder that is not in the starter, and one file whose path is also in the
    // starter.
    make_open(kit, "4");
    for (path, text) in
        [(HALL, "//! Ours.\n"), ("labs/lab4-multi-room/server/src/hall/door.rs", "")]
    {
        files::write(&kit.join(path), text).unwrap();
    }
    let designed = labs(kit);
    let back = reset(kit, &["4", "--guided", "--yes"]).assert().success();
    let guided = labs(kit);
    assert!(guided.keys().eq(written.keys()), "{guided:?}");
    assert!(!kit.join("labs/lab4-multi-room/server/src/hall").exists());
    assert_eq!(way::of_lab(kit, 4), Way::Guided);
    restore(kit, &back.get_output().stdout);
    assert_eq!(labs(kit), designed);
    assert_eq!(way::of_lab(kit, 4), Way::Open);

    // Without an option, the lab remains as it is.
    reset(kit, &["4", "--yes"]).assert().success();
    assert_eq!(labs(kit), open);
    reset(kit, &["4.2", "--open"]).assert().code(1).stderr(contains("only a whole lab"));
}

#[test]
fn open_packages_compile_without_a_warning_and_are_formatted() {
    let kit = students_kit();
    for lab in ["1", "2", "3", "4"] {
        make_open(kit.path(), lab);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--offline", "--workspace", "--exclude", "grader"])
        .current_dir(kit.path());
    let compiles = contains("Compiling lab4-server").and(contains("warning").not());
    cargo.assert().success().stderr(compiles);
    for (path, text) in labs(kit.path()) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let mut rustfmt = Command::new("rustfmt");
            rustfmt.args(["--check", "--edition", "2024"]).arg(kit.path().join("labs").join(&path));
            rustfmt.assert().success();
            let count = text.split(|byte| *byte == b'\n').count();
            assert!(count <= 41, "{} has {count} lines", path.display());
        }
    }
    for program in ["lab1-server", "lab4-client"] {
        let mut run = Command::new(env!("CARGO"));
        run.args(["run", "--offline", "--quiet", "-p", program, "--", "4321"]);
        let says = contains("begin here").and(contains("127.0.0.1:4321"));
        run.current_dir(kit.path()).assert().code(1).stderr(says);
    }
}

#[test]
fn every_command_has_something_to_say_about_an_open_lab() {
    let kit = students_kit();
    make_open(kit.path(), "2");
    let lab = |arguments: &[&str]| {
        let mut command = lab_in(kit.path());
        command.args(arguments);
        command.assert()
    };
    let functions = contains("`open_listener`").or(contains("`join`")).or(contains(" write "));
    let unwritten = || contains("not started").or(contains("blocked")).or(contains("not written"));
    let page = kit.path().join("report.html");
    lab(&["check", "2", "--all", "--html", page.to_str().unwrap()]).code(1).stdout(
        contains("lab 2 is open")
            .and(contains("✗ 2.1 ").and(contains("✗ 2.15 ")))
            .and(contains("begin here"))
            .and(contains("look at").not())
            .and(unwritten().not()),
    );
    assert!(fs::read_to_string(page).unwrap().contains("; lab 2 is open<"));
    // Every stage gets a verdict, but only one report is shown at a time.
    let reports = contains("again   cargo lab check 2.").count(1);
    lab(&["check", "2"]).code(1).stdout(contains("✗ 2.15 ").and(reports));
    // The other labs are guided and have not been started.
    lab(&[]).success().stdout(
        contains("(open)")
            .count(1)
            .and(contains("next   2.1 "))
            .and(contains("labs/lab2-nick-group/README.md describes it"))
            .and(contains("labs/lab2-nick-group/server/src"))
            .and(functions.not())
            .and(unwritten().not()),
    );
    let note = || contains("The hints are written for the guided lab").count(1);
    // The report has shown the first hint.
    lab(&["hint", "2.4"]).success().stdout(note().and(contains("look at").not()));
    lab(&["hint", "2.4"]).success().stdout(note().and(contains("hint 3")));
    lab(&["hint", "1.4"]).success().stdout(contains("guided").not().and(contains("look at")));
    lab(&["reset", "2.4"])
        .code(1)
        .stderr(contains("lab 2 is an open lab, so it has no functions to reset"));
    lab(&["solution", "2.4"]).code(1).stderr(contains("hint 2.4"));
}

/// Makes lab 1 an open lab with a finished program that has none of the starter's functions.
fn finish_lab_1(kit: &Path) {
    make_open(kit, "1");
    let folder = grader::kit::root().join("tests/kit/unusual/lab1-one-function");
    for path in files::below(&folder).unwrap() {
        let text = fs::read_to_string(folder.join(&path)).unwrap();
        files::write(&kit.join("labs").join(path), &text).unwrap();
    }
    assert_eq!(way::of_lab(kit, 1), Way::Open);
}

fn replace(kit: &Path, file: &str, find: &str, replace: &str) {
    let file = kit.join(file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(find), "{find} in {}", file.display());
    fs::write(&file, text.replace(find, replace)).unwrap();
}

fn verdicts(kit: &Path, lab: u32) -> BTreeMap<u32, Verdict> {
    let grader = Grader::new(kit, &[lab], Some(1));
    let stages = grader.labs.iter().find(|one| one.number == lab).unwrap().stages.iter();
    let mut verdicts = BTreeMap::new();
    for stage in stages {
        grader.grade(Author::Student, lab, stage, |graded| {
            verdicts.insert(stage.number, graded.verdict.clone());
        });
    }
    verdicts
}

#[test]
fn each_stage_of_an_open_lab_is_judged_separately() {
    let kit = students_kit();
    finish_lab_1(kit.path());
    let is_passed = |(_, verdict): (&u32, &Verdict)| *verdict == Verdict::Passed;
    let all = verdicts(kit.path(), 1);
    assert!(all.iter().all(is_passed), "{all:?}");

    // The server now admits at most two clients. Stages 2 and 4 need more clients. Stage 6, which requires stage 4 in
    // a guided lab, needs only two clients.
    replace(kit.path(), SERVER, "members.len() >= seats", "members.len() >= seats.min(2)");
    // What a program in an open lab prints about stages does not matter.
    let says = "println!(\"not yet implemented: stage 1\");\n    ctrlc::set_handler";
    replace(kit.path(), SERVER, "ctrlc::set_handler", says);
    let some = verdicts(kit.path(), 1);
    assert_eq!((&some[&4], &some[&6]), (&Verdict::Failed, &Verdict::Passed), "{some:?}");
    let is_judged = |verdict: &Verdict| matches!(verdict, Verdict::Passed | Verdict::Failed);
    assert!(some.values().all(is_judged), "{some:?}");
}

#[test]
fn a_guided_lab_is_never_taken_for_open() {
    let kit = students_kit();
    let kit = kit.path();
    let is = |way: Way, why: &str| assert_eq!(way::of_lab(kit, 3), way, "{why}");
    let folder = "labs/lab3-length-header";
    let (server, client) =
        (format!("{folder}/server/src/main.rs"), format!("{folder}/client/src/main.rs"));
    is(Way::Guided, "the starter");
    write_bodies(kit, |_, _| true);
    replace(kit, &server, "fn main()", "fn main( {");
    is(Way::Guided, "a syntax error");
    fs::write(kit.join(&client), b"\xff").unwrap();
    fs::write(kit.join(folder).join("frame/src/lib.rs"), "").unwrap();
    is(Way::Guided, "a syntax error in the only file that is left");
    fs::remove_file(kit.join(&server)).unwrap();
    fs::remove_file(kit.join(&client)).unwrap();
    fs::remove_file(kit.join(folder).join("frame/src/lib.rs")).unwrap();
    is(Way::Guided, "no sources");

    write_bodies(kit, |_, _| true);
    for (path, text) in labs(kit) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = String::from_utf8(text).unwrap();
            let kept = text.lines().filter(|line| !line.trim().starts_with("//"));
            let kept: Vec<_> = kept.collect();
            fs::write(kit.join("labs").join(path), kept.join("\n")).unwrap();
        }
    }
    is(Way::Guided, "no comments");

    // An open lab still counts as open if it has a function with a common name, such as `relay`.
    make_open(kit, "3");
    is(Way::Open, "the open starter");
    replace(kit, &server, "fn main()", "/// Passes it on.\nfn relay() {}\n\nfn main()");
    is(Way::Open, "a function with a common name");
    replace(kit, &server, "fn main()", "fn main( {");
    is(Way::Open, "a syntax error");
}
