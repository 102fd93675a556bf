//! The tests of the kit itself: `cargo test --test kit`. A plain `cargo test` does not run them, because it grades.

mod book;
// This test looks in /proc for the grader's process.
#[cfg(target_os = "linux")]
mod broken;
mod chats;
mod export;
mod floors;
// This test looks in /proc for processes that are left.
#[cfg(target_os = "linux")]
mod hostile;
mod joining;
mod lab;
mod labs;
// This test makes its terminals as on Linux.
#[cfg(target_os = "linux")]
mod leaving;
mod limits;
mod mutants;
mod random;
mod servers;
mod shell_lines;
mod unusual;
mod walk;

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;

/// No program here runs for long. One that hangs is ended, and its test fails.
const LIMIT: Duration = Duration::from_secs(20);

/// `cargo lab` on this kit.
fn lab() -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    // It may have to build programs.
    lab.timeout(Duration::from_mins(5));
    lab
}

/// `cargo lab` on another kit.
fn lab_in(kit: &Path) -> Command {
    let mut lab = lab();
    lab.arg("--kit").arg(kit);
    lab
}
