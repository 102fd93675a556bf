//! The tests of the kit itself: `cargo test --test kit`. A plain `cargo test` runs the grader instead of these tests.

mod address;
// Programs are confined only on Linux.
#[cfg(target_os = "linux")]
mod attacks;
// A benchmark's load generator needs Linux.
#[cfg(target_os = "linux")]
mod bench;
mod book;
// This test looks in /proc for the grader's process.
#[cfg(target_os = "linux")]
mod broken;
// Builds are confined only on Linux.
#[cfg(target_os = "linux")]
mod builds;
mod chats;
// The class contains hostile submissions, which can be confined only on Linux.
#[cfg(target_os = "linux")]
mod class;
mod command_line;
#[cfg(target_os = "linux")]
mod confined;
mod crowd;
mod designs;
mod experiments;
mod export;
mod floors;
mod forms;
// This test looks in /proc for leftover processes.
#[cfg(target_os = "linux")]
mod hostile;
mod joining;
mod lab;
mod labs;
// This test creates its terminals in a way that needs Linux.
#[cfg(target_os = "linux")]
mod leaving;
mod limits;
mod manifests;
mod musts;
mod mutants;
mod never_reads;
mod open;
// These tests need Linux, because they replace the browser with a program.
#[cfg(target_os = "linux")]
mod pages;
// These tests run the scripts for course platforms, which are written for Linux: for example, they use `timeout`.
#[cfg(target_os = "linux")]
mod platforms;
mod random;
mod results;
mod servers;
// This test uses a function from the module `class`, which is compiled only on Linux.
#[cfg(target_os = "linux")]
mod shards;
mod shell_lines;
// These tests use files in /proc.
#[cfg(target_os = "linux")]
mod stats;
mod submit;
mod trace;
mod unusual;
mod walk;

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;

/// No program in these tests runs for long. A program that hangs is killed, and its test fails.
const LIMIT: Duration = Duration::from_secs(20);

/// Returns the command `cargo lab` for this kit.
fn lab() -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    // `cargo lab` may have to build programs first.
    lab.timeout(Duration::from_mins(5));
    lab
}

/// Returns the command `cargo lab` for another kit.
fn lab_in(kit: &Path) -> Command {
    let mut lab = lab();
    lab.arg("--kit").arg(kit);
    lab
}
