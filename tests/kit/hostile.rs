//! Programs that mean no good end in a verdict that says so, in time, and nothing of them is left.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use grader::labs;
use grader::report::failure::Report;
use grader::verdict::{Grader, Maker, Verdict};

use crate::export::students_kit;

/// A server that says that it listens, as the first lab wants it, and then does something else.
fn hostile(kit: &Path, what_it_does: &str) {
    let source = format!(
        r#"
#![allow(unsafe_code, unused_imports)]
use std::io::{{Read, Write}};
use std::os::fd::FromRawFd;
use std::process::Command;
use std::{{net, thread, time}};

fn main() {{
    let port = std::env::args().nth(1).unwrap_or_default();
    let Ok(listener) = net::TcpListener::bind(format!("127.0.0.1:{{port}}")) else {{
        println!("port {{port}} is taken");
        std::process::exit(1);
    }};
    println!("listening on {{}}", listener.local_addr().unwrap());
    {what_it_does}
}}

#[allow(dead_code)]
fn hangs() -> ! {{
    loop {{
        thread::sleep(time::Duration::from_secs(1000));
    }}
}}

#[allow(dead_code)]
fn unused(mut reader: impl Read, mut writer: impl Write) {{
    let _ = (reader.read(&mut []), writer.write(&[]), Command::new("true"));
}}
"#
    );
    fs::write(kit.join("labs/lab1-one-to-one/server/src/main.rs"), source).unwrap();
}

/// What is left of programs that were started with this mark in their command line.
fn left_with(mark: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let commands = processes.filter_map(|process| {
        let command = fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&command).replace('\0', " "))
    });
    commands.filter(|command| command.contains(mark)).collect()
}

#[test]
fn what_means_no_good_ends_in_a_verdict_and_leaves_nothing() {
    // A number of seconds that nobody else sleeps for.
    let mark = format!("sleep {}", 100_000 + std::process::id());
    let forks = format!(
        r#"for _ in 0..50 {{
            let _ = Command::new("setsid").args(["sh", "-c", "{mark} & {mark}"]).spawn();
        }}
        hangs()"#
    );
    let cases = [
        ("hangs", "hangs()", "nothing"),
        ("spins", "loop { std::hint::spin_loop(); }", "in circles"),
        ("floods", "loop { print!(\"{}\", \"flood \".repeat(1000)); }", "flood"),
        ("forks and leaves its session", forks.as_str(), "nothing"),
        (
            "ignores every signal",
            "let _ = Command::new(\"sh\").args([\"-c\", \"trap '' HUP INT QUIT TERM; while :; do sleep 1; done\"]).status(); hangs()",
            "nothing",
        ),
        (
            "closes its terminal",
            "for fd in 0..3 { drop(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) }); } hangs()",
            "nothing",
        ),
        ("is killed", "std::process::abort();", "SIGABRT"),
        (
            "eats memory",
            "let mut all: Vec<Vec<u8>> = Vec::new(); loop { all.push(vec![1; 64 << 20]); }",
            "memory",
        ),
        (
            "panics in a thread",
            "let _ = thread::spawn(|| panic!(\"oh dear\")).join(); hangs()",
            "oh dear",
        ),
        ("exits as if all were well", "drop(listener);", "should have"),
    ];
    let kit = students_kit();
    let plan = labs::all().remove(0);
    for (name, what_it_does, told) in cases {
        hostile(kit.path(), what_it_does);
        let grader = Grader::new(kit.path(), &[1], 1);
        assert!(grader.build(Maker::Student).as_ref().unwrap()["lab1-server"].is_ok(), "{name}");
        let begin = Instant::now();
        // The second stage is the first that talks to the server.
        grader.grade(Maker::Student, 1, &plan.stages[1], |graded| {
            let report = Report::new(&plan, &plan.stages[1], graded, "again".into());
            let report = report.to_text(kit.path());
            let verdict = &graded.verdict;
            assert_eq!(*verdict, Verdict::Failed, "{name}\n{report}");
            assert!(report.contains(told), "{name}: the report should tell of {told}\n{report}");
            println!("{name}\n{report}");
        });
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(25), "{name}: took {took:?}");
        let left = left_with(&mark);
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}
