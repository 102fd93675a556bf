//! Tests that every shell command in the book works.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::book::pages;
use crate::export::{export_built_in, write_bodies};

/// The maximum time for a shell command. Some commands build programs.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs the commands as a student does, in a finished kit.
#[test]
fn every_shell_line_works() {
    let kit = export_built_in("target/students-book");
    write_bodies(kit.path(), |_, _| true);
    let mut done = BTreeSet::new();
    for (path, page) in pages(&grader::kit::root()) {
        for (_, block) in page.blocks.iter().filter(|(language, _)| language == "sh") {
            if done.insert(block.clone()) {
                run_block(kit.path(), block, &path);
            }
        }
    }
    assert!(!done.is_empty());
}

/// Runs a code block's lines. A server runs until the end of the block. Each client connects to its lab's server and
/// then exits; if necessary, the server is started first.
fn run_block(kit: &Path, block: &str, page: &Path) {
    let mut servers: BTreeMap<char, Running> = BTreeMap::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let told = format!("{}: {line}", page.display());
        let program = line.strip_prefix("cargo run -p lab");
        match program.and_then(|program| Some((program.chars().next()?, program))) {
            Some((lab, program)) if program[1..].starts_with("-server") => {
                servers.insert(lab, Running::server(kit, line, &told));
            }
            Some((lab, _)) => {
                servers.entry(lab).or_insert_with(|| {
                    Running::server(kit, &format!("cargo run -p lab{lab}-server"), &told)
                });
                succeeds(kit, line, "alice\n", &told);
            }
            None => succeeds(kit, line, "", &told),
        }
    }
}

fn succeeds(kit: &Path, line: &str, input: &str, told: &str) {
    let mut command = assert_cmd::Command::from_std(shell(kit, line));
    let assert = command.timeout(PATIENCE).write_stdin(input).assert();
    if let Err(failure) = assert.try_success() {
        panic!("{told}\n{failure}");
    }
}

/// Runs a line in a shell, without the variables that cargo has set for these tests.
fn shell(kit: &Path, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(kit);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_") {
            shell.env_remove(name);
        }
    }
    shell
}

/// A server that is killed when this value is dropped.
struct Running(Child);

impl Running {
    /// Starts a server and waits until clients can connect.
    fn server(kit: &Path, line: &str, told: &str) -> Self {
        // The system may briefly have given the lab's port to another connection.
        const TRIES: usize = 5;
        let mut said = Vec::new();
        for _ in 0..TRIES {
            // With `exec`, there is only one process to kill, because cargo replaces the shell, and the server replaces
            // cargo.
            let mut server = shell(kit, &format!("exec {line}"));
            server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut server = Self(server.spawn().unwrap());
            let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
            let (tell, told_lines) = mpsc::channel();
            // The server's output must be read to the end; otherwise, the server blocks.
            thread::spawn(move || {
                lines.map_while(Result::ok).for_each(|line| drop(tell.send(line)));
            });
            while let Ok(line) = told_lines.recv_timeout(PATIENCE) {
                if line.contains("listening on") {
                    return server;
                }
                said.push(line);
            }
        }
        panic!("{told}: the server never listened: {said:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
