//! Starts a server, plays a plan against it, and ends it.

use std::time::Duration;

use nix::sys::wait::WaitStatus;

use crate::crowd::plan::Plan;
use crate::crowd::player::{Played, play};
use crate::crowd::silence::Manner;
use crate::harness::Harness;
use crate::journal::failure::{Check, Failure};
use crate::system::program::Runnable;

/// A played plan, and what became of the server.
#[derive(Clone, Debug)]
pub struct Game {
    /// The played plan.
    pub played: Played,
    /// How the server had ended, if it had ended.
    pub ended: Option<String>,
}

/// Plays a plan against a server of its own.
///
/// # Errors
/// When the server cannot be started, a stage is not written yet, or the play does not end.
pub fn game(
    server: &Runnable,
    plan: &Plan,
    patience: Duration,
    progress: &dyn Fn(usize),
) -> Check<Game> {
    let client = Runnable::Missing(Failure::Grader("a crowd runs no client".into()));
    let harness = Harness::new(server.clone(), client, plan.seed);
    let seats = plan.names.len().to_string();
    let options: &[&str] = if plan.lab == 1 { &["--seats", &seats] } else { &[] };
    let started = harness.server_with(options);
    let server = started.map_err(|failure| unwritten(&harness, plan.lab).unwrap_or(failure))?;
    let process = server.terminal().process();
    // If the system does not tell, the silence alone counts.
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
        WaitStatus::Exited(_, code) => format!("with exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("by {signal}"),
        other => format!("{other:?}"),
    });
    Ok(Game { played, ended })
}

/// The first stage that the server reported as not written yet, as a reason why there is nothing to check.
fn unwritten(harness: &Harness, lab: u32) -> Option<Failure> {
    let stage = harness.journal().unwritten_stages().into_iter().min()?;
    let why = format!("stage {lab}.{stage} is not written yet; first: cargo lab check {lab}");
    Some(Failure::Grader(why))
}
