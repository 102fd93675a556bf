//! Uses `cargo lab grade` to grade a class that contains every kind of submission.

mod apart;
mod students;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use grader::class::record::{Control, Record};
use serde_json::Value;

use self::students::Class;
use crate::lab;

/// Only one grading run at a time can use a kit; a second run waits for a short time and then fails. So each test that
/// starts a grading run holds this lock.
static TURN: Mutex<()> = Mutex::new(());

fn grade(class: &Class, json: &Path, jobs: u32) -> Command {
    let mut grade = Command::new(env!("CARGO_BIN_EXE_lab"));
    grade.arg("grade").arg(class.folder()).arg("--json").arg(json);
    grade.arg("--settings").arg(class.file("grading.toml"));
    grade.args(["--jobs", &jobs.to_string()]);
    grade.args(class.labs().iter().map(|lab| format!("--lab={lab}")));
    grade
}

fn record(json: &Path) -> Record {
    serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap()
}

/// Returns the parts of a record that depend neither on the random words nor on the time.
pub fn lasting(record: &Record) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["date", "seconds", "seed", "report"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(record).unwrap();
    strip(&mut value);
    value
}

/// Starts a grading run, waits until `results` results exist, waits for `pause`, and then kills the run.
fn kill_after(class: &Class, json: &Path, results: usize, pause: Duration) {
    let mut running = grade(class, json, 2);
    running
        .arg("--resume")
        .arg("--control")
        .arg(class.file("control.tar.gz"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = running.spawn().unwrap();
    let count = |json: &Path| match fs::read_to_string(json) {
        // No matter when the grading run is killed, the file is complete.
        Ok(text) => serde_json::from_str::<Record>(&text).unwrap().submissions.len(),
        Err(_) => 0,
    };
    while count(json) < results && running.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(pause);
    let _ = running.kill();
    running.wait().unwrap();
    println!("killed with {} results", count(json));
}

/// One test checks everything about the class, because grading a class takes a long time. With `CLASS=60`, the class
/// has about 60 submissions.
#[test]
fn a_class_gets_the_right_points() {
    let _turn = TURN.lock();
    let is_large = env::var_os("CLASS").is_some();
    let class = if is_large { Class::large() } else { Class::small() };
    let json = class.file("class.json");
    let status = grade(&class, &json, 2).status().unwrap();
    assert_eq!(status.code(), Some(1), "some submissions have no points");
    let first = record(&json);
    class.check(&first.submissions);
    holds_no_folder(&json, &class);

    // A second grading run must have the same results, although it is repeatedly killed, uses a different number of
    // jobs, and reads the finished programs (the control) from a file.
    let control = class.file("control.tar.gz");
    lab().arg("export").arg("--control").arg(&control).assert().success();
    let again = class.file("again.json");
    let kills = 5;
    for kill in 1..=kills {
        let results = class.len() * kill / (kills + 1);
        kill_after(&class, &again, results, Duration::from_millis(rand::random_range(0..4000)));
    }
    let jobs = if is_large { 1 } else { 3 };
    grade(&class, &again, jobs).arg("--resume").arg("--control").arg(control).status().unwrap();
    let mut second = record(&again);
    assert_eq!(second.control, Control::File);
    second.control = Control::Kit;
    class.check(&second.submissions);
    assert_eq!(lasting(&first), lasting(&second));

    // Finally, only one lab of one submission is graded.
    let one = class.folder().join("manifests");
    lab().arg("grade").arg(one).args(["--lab", "1"]).assert().success();
}

/// Asserts that the record names no folder on the machine that graded the class.
fn holds_no_folder(json: &Path, class: &Class) {
    let text = fs::read_to_string(json).unwrap();
    let kit = grader::kit::root();
    let class = class.folder();
    for folder in [kit.as_path(), class.as_path(), Path::new("/root/")] {
        let folder = folder.to_str().unwrap();
        if let Some(at) = text.find(folder) {
            let around = &text[text.floor_char_boundary(at.saturating_sub(300))..];
            panic!("{folder} is in the record: {}", around.chars().take(500).collect::<String>());
        }
    }
}
