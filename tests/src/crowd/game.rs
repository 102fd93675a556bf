//! Starts a server, runs a plan against it, and stops the server.

use std::time::Duration;

use nix::sys::wait::WaitStatus;

use crate::crowd::plan::Plan;
use crate::crowd::player::{Played, play};
use crate::crowd::silence::Manner;
use crate::harness::Harness;
use crate::journal::failure::{Check, Failure};
use crate::system::program::Runnable;

/// The outcome of running a plan, and whether the server exited.
#[derive(Clone, Debug)]
pub struct Game {
    /// The outcome of running the plan.
    pub played: Played,
    /// The server's exit status or the signal that terminated it, if it exited.
    pub ended: Option<String>,
}

/// Starts a server and runs a plan against it.
///
/// # Errors
/// Returns an error if the server cannot be started, if a stage is not written yet, or if the plan takes too long.
pub fn game(
    server: &Runnable,
    plan: &Plan,
    patience: Duration,
    progress: &dyn Fn(usize),
) -> Check<Game> {
    let client = Runnable::Missing(Failure::Grader("a crowd does not run a client".into()));
    let harness = Harness::new(server.clone(), client, plan.seed);
    let seats = plan.names.len().to_string();
    let options: &[&str] = if plan.lab == 1 { &["--seats", &seats] } else { &[] };
    let started = harness.server_with(options);
    let server = started.map_err(|failure| unwritten(&harness, plan.lab).unwrap_or(failure))?;
    let process = server.terminal().process();
    // If the system cannot tell whether the server is busy, the player only measures how long the server is silent.
    let is_busy = || process.is_running().unwrap_or(false);
    let manner = Manner { patience, is_busy: &is_busy, progress };
    let played = play(plan, server.address(), &manner)?;
    if played.violation.is_some() {
        harness.journal().settle();
        if let Some(unwritten) = unwritten(&harness, plan.lab) {
            return Err(unwritten);
        }
    }
    let ended = process.status().map(|status| match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("terminated by {signal}"),
        other => format!("{other:?}"),
    });
    Ok(Game { played, ended })
}

/// If the server reported that some stages are not written yet, returns an error that names the first of them.
fn unwritten(harness: &Harness, lab: u32) -> Option<Failure> {
    let stage = harness.journal().unwritten_stages().into_iter().min()?;
    let why = format!("stage {lab}.{stage} is not written yet; first run: cargo lab check {lab}");
    Some(Failure::Grader(why))
}
