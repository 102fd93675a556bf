//! Tests of the kit itself: `cargo test --test kit`. Not part of a plain `cargo test`, which grades.

mod book;
mod chats;
mod export;
// (what they leave is looked up in /proc)
mod floors;
#[cfg(target_os = "linux")]
mod hostile;
mod joining;
mod lab;
mod labs;
// (its terminals are made as on Linux)
#[cfg(target_os = "linux")]
mod leaving;
mod limits;
mod mutants;
mod servers;
mod shell_lines;
mod unusual;
mod walk;

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;

/// No program here does anything for long; who hangs is ended, and fails.
const LIMIT: Duration = Duration::from_secs(20);

/// `cargo lab` on this kit.
fn lab() -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    // (it may have to build programs)
    lab.timeout(Duration::from_mins(5));
    lab
}

/// `cargo lab` on another kit.
fn lab_in(kit: &Path) -> Command {
    let mut lab = lab();
    lab.arg("--kit").arg(kit);
    lab
}
