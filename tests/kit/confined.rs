//! Tests what a confined program can still do and what its limits are.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::kit::files;
use grader::system::confinement;
use grader::system::ports;
use grader::system::process::Excess;
use grader::system::program::Runnable;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use crate::lab_in;

const LIMIT: Duration = Duration::from_mins(1);

/// Starts a Python program.
fn start(folder: &Path, program: &str) -> (Person, Journal) {
    fs::write(folder.join("chat.py"), program).unwrap();
    let command = format!("python3 {}/chat.py {{port}}", folder.display());
    let launch = Runnable::Command(command).launch(ports::unused(), &[]).unwrap();
    let journal = Journal::default();
    (Person::start("mallory", &launch, Terminal::Dumb, &journal).unwrap(), journal)
}

/// Returns the limit that the program exceeded, or `None` if the grader did not stop the program.
fn excess(person: &Person) -> Option<Excess> {
    let begin = Instant::now();
    while person.process().ended().is_none() && begin.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(10));
    }
    person.process().ended()?.excess.map(|(excess, _)| excess)
}

#[test]
fn two_processes_together_have_too_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    let each_has_its_own = "import os, time\nos.fork()\nown = b'x' * (700 << 20)\ntime.sleep(60)\n";
    let (person, _journal) = start(folder.path(), each_has_its_own);
    assert_eq!(excess(&person), Some(Excess::Memory));
}

/// Asserts that the grader does not stop the program, although the grader checks the limits several times while the
/// program waits.
fn is_not_ended(program: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (person, _journal) = start(folder.path(), program);
    let seen = person.sees_soon(LIMIT, "it is alive");
    assert!(seen.is_ok(), "{seen:?} {:?}", person.process().ended());
}

#[test]
fn one_process_may_have_much_memory() {
    is_not_ended("import time\nown = b'x' * (900 << 20)\ntime.sleep(1)\nprint('it is alive')\n");
}

#[test]
fn two_processes_may_share_much_memory() {
    is_not_ended(
        "import os, time\nown = b'x' * (700 << 20)\nchild = os.fork()\ntime.sleep(1)\n\
         if child:\n    os.wait()\n    print('it is alive')\n",
    );
}

#[test]
fn a_program_reads_what_its_user_allows() {
    if !confinement::holds().reading {
        println!("NOT CHECKED: {}", confinement::tier());
        return;
    }
    let [kit, own, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    files::write(&kit.path().join("Cargo.toml"), "[workspace]\nmembers = [\"labs/*/*\"]\n")
        .unwrap();
    fs::create_dir(kit.path().join("labs")).unwrap();
    fs::write(other.path().join("words"), "words").unwrap();
    let server = grader::kit::root().join("tests/kit/unusual/lab2-python/server.py");
    fs::copy(server, own.path().join("server.py")).unwrap();
    let reads = format!("open('{}/words').read()\nimport server\n", other.path().display());
    fs::write(own.path().join("chat.py"), reads).unwrap();
    let command = format!("python3 {}/chat.py {{port}}", own.path().display());
    let check = || {
        let mut lab = lab_in(kit.path());
        lab.args(["check", "2.1", "--server", &command]);
        lab
    };
    check().assert().failure().stdout(contains("✗ 2.1").and(contains("Permission denied")));
    check().arg("--read").arg(other.path()).assert().success().stdout(contains("✓ 2.1"));
}
