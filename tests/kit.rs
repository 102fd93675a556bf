//! Tests of the kit itself: `cargo test --test kit`. Not part of a plain `cargo test`, which grades.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use assert_cmd::Command;
use grader::cli::starters;
use grader::labs;
use grader::program::{Built, build};
use grader::stage::Kind;
use grader::verdict::{Grader, Maker, Verdict};
use grader::wire::ClosedPort;
use predicates::prelude::*;
use predicates::str::contains;

/// No command here does anything for long; who hangs is ended, and fails.
const LIMIT: Duration = Duration::from_secs(20);

/// The number of a lab, and its default port.
const LABS: [(u32, u16); 4] = [(1, 9999), (2, 55555), (3, 9095), (4, 8080)];

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let packages = LABS.iter().flat_map(|(lab, _)| {
        ["server", "client"].map(|program| format!("solution{lab}-{program}"))
    });
    build(&grader::kit(), &packages.collect::<Vec<_>>()).expect("cargo builds the solutions")
});

fn executable(package: &str) -> PathBuf {
    BUILT[package].clone().expect("the solutions compile")
}

fn server(lab: u32) -> Command {
    command(&format!("solution{lab}-server"))
}

/// A client, with somebody who answers its question for a name.
fn client(lab: u32) -> Command {
    let mut command = command(&format!("solution{lab}-client"));
    command.write_stdin("alice\n");
    command
}

fn command(package: &str) -> Command {
    let mut command = Command::new(executable(package));
    command.timeout(LIMIT);
    command
}

#[test]
fn help_tells_port_and_host() {
    for (lab, port) in LABS {
        for mut command in [server(lab), client(lab)] {
            let tells = contains("[PORT]").and(contains("--host")).and(contains(port.to_string()));
            command.arg("--help").assert().success().stdout(tells);
        }
    }
}

#[test]
fn a_bad_port_is_refused_with_its_value() {
    for (lab, _) in LABS {
        for bad in ["99999", "abc", "-1"] {
            server(lab).arg(bad).assert().code(2).stderr(contains(bad));
            client(lab).arg(bad).assert().code(2).stderr(contains(bad));
        }
    }
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (lab, _) in LABS {
        let says = contains(format!("another program is using port {port}"))
            .and(contains(format!("cargo run -p solution{lab}-server -- {}", port - 1)));
        server(lab).arg(port.to_string()).assert().code(1).stderr(says);
    }
}

#[test]
fn an_address_of_somebody_else_is_refused() {
    for (lab, _) in LABS {
        let says = contains("cannot listen on 203.0.113.7:0").and(contains("--host"));
        server(lab).args(["0", "--host", "203.0.113.7"]).assert().code(1).stderr(says);
    }
}

#[test]
fn nobody_listening_is_named_with_what_to_do() {
    let nobody = ClosedPort::new().unwrap();
    let port = nobody.address().port();
    for (lab, _) in LABS {
        let says = contains(format!("nobody is listening on 127.0.0.1:{port}"))
            .and(contains(format!("cargo run -p solution{lab}-server -- {port}")));
        client(lab).arg(port.to_string()).assert().code(1).stderr(says);
    }
}

#[test]
fn the_points_of_each_lab_add_up_to_100() {
    for plan in labs::all() {
        let points: u32 = plan.stages.iter().map(|stage| stage.points).sum();
        assert_eq!(points, 100, "lab {}", plan.number);
    }
}

#[test]
fn every_stage_has_a_number_a_hint_and_stands_on_earlier_ones() {
    for plan in labs::all() {
        for (stage, number) in plan.stages.iter().zip(1..) {
            let name = format!("stage {}.{}", plan.number, stage.number);
            assert_eq!(stage.number, number, "{name}");
            assert!(!stage.hints.is_empty(), "{name} has no hint");
            assert!(stage.stands_on.iter().all(|&other| other < number), "{name}");
        }
    }
}

#[test]
fn every_stage_is_in_the_handout() {
    let folders = fs::read_dir(grader::kit().join("labs")).unwrap();
    let mut handouts: Vec<_> =
        folders.map(|folder| folder.unwrap().path().join("README.md")).collect();
    handouts.sort();
    for (plan, handout) in labs::all().iter().zip(&handouts) {
        let text = fs::read_to_string(handout).unwrap();
        for stage in &plan.stages {
            let on: Vec<_> = stage.stands_on.iter().map(ToString::to_string).collect();
            let program = match stage.kind {
                Kind::Server => "server",
                Kind::Client => "client",
                Kind::Together => "both",
            };
            let (number, title, points) = (stage.number, stage.title, stage.points);
            let row = format!("| {number} | {title} | {program} | {points} | {} |", on.join(", "));
            assert!(text.contains(&row), "{} should have the row\n{row}", handout.display());
        }
    }
}

/// A mutant that no longer applies would prove nothing.
#[test]
fn every_stage_has_a_mutant_that_applies() {
    let kit = grader::kit();
    let text = fs::read_to_string(kit.join("tests/mutants.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let mutants = table["mutant"].as_array().unwrap();
    let field = |mutant: &toml::Value, name: &str| mutant[name].as_str().unwrap().to_owned();
    for mutant in mutants {
        let file = fs::read_to_string(kit.join(field(mutant, "file"))).unwrap();
        let count = file.matches(&field(mutant, "find")).count();
        assert_eq!(count, 1, "{} in {}", field(mutant, "name"), field(mutant, "file"));
    }
    for plan in labs::all() {
        for stage in plan.stages {
            let stage = format!("{}.{}", plan.number, stage.number);
            assert!(mutants.iter().any(|mutant| field(mutant, "stage") == stage), "{stage}");
        }
    }
}

/// The solutions' bodies are put into the starters one by one, in the order of the stages: each stage
/// passes when its functions are there, and none after it fails.
fn walk(lab: u32) {
    let kit = tempfile::tempdir().unwrap();
    make_students_kit(kit.path());
    let plan = labs::all().into_iter().find(|plan| plan.number == lab).unwrap();
    for done in 0..=plan.stages.len() as u32 {
        let is_written = |other: u32, stage: u32| other == lab && stage <= done;
        let starters = starters::make(&grader::kit().join("solutions"), is_written).unwrap();
        for (path, text) in starters {
            let target = kit.path().join("labs").join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
        let grader = Grader::new(kit.path(), &[lab], u64::from(done));
        for stage in &plan.stages {
            grader.grade(Maker::Student, lab, stage, |graded| {
                let is_right = match graded.verdict {
                    Verdict::Passed => true,
                    Verdict::NotStarted | Verdict::Blocked(_) => stage.number > done,
                    Verdict::Failed | Verdict::GraderError => false,
                };
                let outcome = graded.outcome.as_ref();
                let (result, record) = outcome
                    .map(|outcome| (format!("{:?}", outcome.result), outcome.record.to_text()))
                    .unwrap_or_default();
                assert!(
                    is_right,
                    "with stages 1 to {done} written, stage {lab}.{} is {:?}\n{result}\n{record}",
                    stage.number, graded.verdict
                );
            });
        }
    }
}

/// A kit without solutions: the workspace, the helper crate, and room for the labs.
fn make_students_kit(folder: &Path) {
    let kit = grader::kit();
    let manifest = fs::read_to_string(kit.join("Cargo.toml")).unwrap();
    let manifest = manifest
        .replace("\"solutions/*/*\", \"tests\"", "")
        .replace("default-members = [\"tests\"]", "");
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(kit.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    // One for all walks, so that the libraries are built once.
    let target = kit.join("target/walk");
    let config = format!("[build]\ntarget-dir = {target:?}\n");
    fs::write(folder.join(".cargo/config.toml"), config).unwrap();
    fs::create_dir_all(folder.join("common/src")).unwrap();
    fs::copy(kit.join("common/Cargo.toml"), folder.join("common/Cargo.toml")).unwrap();
    for file in fs::read_dir(kit.join("common/src")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join("common/src").join(file.file_name())).unwrap();
    }
}

#[test]
fn lab_1_can_be_solved_stage_by_stage() {
    walk(1);
}

#[test]
fn lab_2_can_be_solved_stage_by_stage() {
    walk(2);
}

#[test]
fn lab_3_can_be_solved_stage_by_stage() {
    walk(3);
}

#[test]
fn lab_4_can_be_solved_stage_by_stage() {
    walk(4);
}
