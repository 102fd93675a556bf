//! Tests `cargo lab bench`: it measures the finished servers and names the mistakes of servers that deliver messages
//! incorrectly.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use grader::system::orphans;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

use crate::{lab, lab_in};

/// The smallest benchmark.
const TINY: [&str; 8] = ["--rounds", "1", "--seconds", "0.2", "--people", "12", "--idle", "12"];

/// A lab 1 server that makes a mistake after some messages.
const SERVER: &str = r#"
import selectors, socket, sys
port, mistake, count = int(sys.argv[1]), sys.argv[2], 0
listener = socket.create_server(("127.0.0.1", port), backlog=1000)
ready = selectors.DefaultSelector()
ready.register(listener, selectors.EVENT_READ)
begun, peers = {}, []
while True:
    for key, _ in ready.select():
        if key.fileobj is listener:
            peer = listener.accept()[0]
            ready.register(peer, selectors.EVENT_READ)
            begun[peer] = b""
            peers.append(peer)
            continue
        sender = key.fileobj
        data = sender.recv(65536)
        if not data:
            ready.unregister(sender)
            peers.remove(sender)
            continue
        *lines, begun[sender] = (begun[sender] + data).split(b"\n")
        lines = [b"<127.0.0.1> " + line + b"\n" for line in lines]
        count += len(lines)
        wrong = list(lines)
        if count > 400 and len(lines) > 1 and mistake != "none":
            if mistake == "drop":
                del wrong[0]
            elif mistake == "double":
                wrong.insert(1, wrong[0])
            elif mistake == "reorder":
                wrong[0], wrong[1] = wrong[1], wrong[0]
            elif mistake == "change":
                wrong[0] = wrong[0].replace(b"quick", b"slick")
            elif mistake == "stop":
                wrong = []
            elif mistake == "echo":
                sender.sendall(lines[0])
            elif mistake == "crash":
                raise Exception("out of chairs")
            mistake = "none"
        for peer in peers:
            if peer is not sender:
                peer.sendall(b"".join(wrong if peer is peers[-1] else lines))
"#;

/// Returns what a benchmark has printed, with one space between words.
fn words(assert: &assert_cmd::assert::Assert) -> String {
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs a small benchmark of one server in an empty kit.
fn bench(number: &str, server: &str, only: &str) -> assert_cmd::assert::Assert {
    let kit = tempfile::tempdir().unwrap();
    let arguments = ["bench", number, "--server", server, "--only", only];
    lab_in(kit.path()).args(arguments).args(TINY).assert()
}

/// Runs a benchmark of [`SERVER`], which makes this mistake once.
fn with_mistake(mistake: &str, folder: &Path, only: &str) -> assert_cmd::assert::Assert {
    let file = folder.join("server.py");
    fs::write(&file, SERVER).unwrap();
    bench("1", &format!("python3 {} {{port}} {mistake}", file.display()), only)
}

fn measures_the_finished_server(number: u32) {
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (folder.path().join("bench.json"), folder.path().join("bench.svg"));
    let said = lab()
        .args(["bench", &number.to_string(), "--finished"])
        .args(TINY)
        .arg("--json")
        .arg(&json)
        .arg("--svg")
        .arg(&svg)
        .assert()
        .success();
    let text = words(&said);
    let json: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!((&json["lab"], &json["rounds"]), (&number.into(), &1.into()));
    assert_eq!(json["not_measured"], Value::Array(Vec::new()), "{text}");
    let svg = fs::read_to_string(svg).unwrap();
    let mut ids = Vec::new();
    for quantity in json["quantities"].as_array().unwrap() {
        ids.push(quantity["id"].as_str().unwrap());
        let title = quantity["title"].as_str().unwrap();
        assert!(text.contains(title), "«{title}» is not in\n{text}");
        assert!(svg.contains(title), "«{title}» is not in the plot");
        let servers = quantity["servers"].as_array().unwrap();
        let names: Vec<_> = servers.iter().map(|server| server["server"].as_str()).collect();
        assert_eq!(names, [Some("relay"), Some("finished")], "{title}");
        let value = |at: usize| servers[at]["values"][0].as_f64().unwrap();
        let is_empty_relay = ["idle-memory", "idle-threads"].contains(ids.last().unwrap());
        assert!(value(1) > 0.0 && (value(0) > 0.0 || is_empty_relay), "{quantity}");
        let ratio = servers[1]["ratio_to_relay"]["median"].as_f64();
        assert!(is_empty_relay || ratio == Some(value(1) / value(0)), "{quantity}");
    }
    let all = [
        "rate-1x12",
        "rate-10x12",
        "deaf-1x12-2",
        "latency-p50",
        "latency-p99",
        "idle-memory",
        "idle-threads",
        "connect-12",
    ];
    assert_eq!(ids, all, "{text}");
    assert!(
        svg.contains("<title") && svg.contains("<desc") && svg.contains("prefers-color-scheme")
    );
}

#[test]
fn the_finished_server_of_lab_1_is_measured() {
    measures_the_finished_server(1);
}

#[test]
fn the_finished_server_of_lab_2_is_measured() {
    measures_the_finished_server(2);
}

#[test]
fn the_finished_server_of_lab_3_is_measured() {
    measures_the_finished_server(3);
}

#[test]
fn the_finished_server_of_lab_4_is_measured() {
    measures_the_finished_server(4);
}

#[test]
fn a_server_that_delivers_wrongly_is_named_and_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let right = with_mistake("none", folder.path(), "throughput").success();
    right.stdout(contains("python3").and(contains("×")));
    let mistakes = [
        ("drop", "a message was lost: p0011 received message"),
        ("double", "a message was delivered twice: p0011 received message"),
        ("reorder", "messages from one sender were delivered in the wrong order: p0011"),
        ("change", "bytes were changed: p0011 waits for message"),
        ("stop", "the server stopped delivering messages"),
        ("echo", "a message was sent back to its sender: p0000 received its own message"),
        ("crash", "out of chairs"),
    ];
    for (mistake, what) in mistakes {
        let text = words(&with_mistake(mistake, folder.path(), "throughput").code(1));
        assert!(text.contains(what), "{mistake}: «{what}» is not in\n{text}");
        // The table contains values only for the relay.
        assert!(!text.contains("× 0.") && !text.contains("× 1."), "{mistake}:\n{text}");
    }
}

/// Some clients never read, so the server is blocked in `sendall`.
#[test]
fn a_server_that_waits_for_people_who_do_not_read_has_no_rate() {
    let folder = tempfile::tempdir().unwrap();
    let text = words(&with_mistake("none", folder.path(), "deaf").success());
    assert!(text.contains("stopped delivering in 1 of 1 rounds"), "{text}");
    assert!(text.contains("relay: disconnected 2 of 2 people in each round"), "{text}");
}

#[test]
fn a_server_that_does_not_listen_is_named() {
    let ended = words(&bench("2", "false {port}", "throughput").code(1));
    assert!(ended.contains("✗ false {port} was not measured"), "{ended}");
    assert!(ended.contains("exit status: 1"), "{ended}");
    let silent = words(&bench("2", "sleep 600 # {port}", "throughput").code(1));
    assert!(silent.contains("was told to listen on port"), "{silent}");
    let kit = tempfile::tempdir().unwrap();
    lab_in(kit.path()).args(["bench", "2"]).assert().code(1).stderr(contains("use --server"));
}

#[test]
fn an_unwritten_server_is_left_out() {
    let mut lab = lab();
    lab.args(["bench", "2", "--only", "latency"]).args(TINY);
    let text = words(&lab.assert().success());
    let left_out = "yours was not measured: stage 2.1 is not written yet";
    assert!(text.contains("finished") && text.contains(left_out), "{text}");
}

#[test]
fn too_low_a_limit_of_open_files_is_reported() {
    let lab = env!("CARGO_BIN_EXE_lab");
    let script = format!("ulimit -n 200 && exec '{lab}' bench 2 --only connect");
    let mut shell = assert_cmd::Command::new("sh");
    let assert = shell.args(["-c", &script]).timeout(crate::LIMIT).assert().code(1);
    assert.stderr(contains("1000 connections need 1064 open files").and(contains("ulimit -Hn")));
}

/// When a benchmark exits, every process that it started exits as well, even one that has left the server's session.
#[test]
fn ctrl_c_ends_everything_that_a_benchmark_has_started() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.py"), SERVER).unwrap();
    // No other test sleeps for this long.
    let sleep = format!("sleep {}", 100_000 + std::process::id());
    let server = format!("sh -c 'setsid {sleep} & exec python3 server.py {{port}} none' server");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["--kit", ".", "bench", "1", "--only", "throughput"])
        .args(["--seconds", "3", "--rounds", "20", "--people", "12", "--server", &server])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(lab.id().cast_signed());
    let is = |pid: &Pid, what: &str| {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.replace('\0', " ").contains(what)
    };
    let begin = Instant::now();
    let started = loop {
        let family = orphans::family(pid);
        let is_sleeping = |pid: &&Pid| is(pid, &sleep) && !is(pid, "setsid") && !is(pid, "sh");
        let sleeps = family.iter().find(is_sleeping);
        let listens = family.iter().find(|pid| is(pid, "python3 server.py"));
        if let (Some(sleeps), Some(listens)) = (sleeps, listens) {
            break [(*sleeps, sleep.as_str()), (*listens, "python3 server.py")];
        }
        assert!(begin.elapsed() < Duration::from_mins(3), "the server was not started");
        thread::sleep(Duration::from_millis(20));
    };
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(lab.wait().unwrap().code(), Some(130));
    for (pid, what) in started {
        assert!(!is(&pid, what), "{what} is still running");
    }
}
