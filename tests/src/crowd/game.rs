//! Starts a server, runs a plan against it, and stops the server.

use std::io::ErrorKind;
use std::time::Duration;

use nix::sys::wait::WaitStatus;

use crate::crowd::plan::Plan;
use crate::crowd::player::{Played, play};
use crate::crowd::silence::Manner;
use crate::harness::{Harness, Run};
use crate::journal::failure::{Check, Failure};
use crate::journal::unwritten::first_unwritten;
use crate::system::program::Runnable;

/// The outcome of running a plan, and how the server ended if it is no longer running.
#[derive(Clone)]
pub struct Game {
    /// The outcome of running the plan.
    pub played: Played,
    /// The server's exit status, or the signal that terminated the server, or `None` if the server is still running.
    pub ended: Option<String>,
    /// The run in which the game was played, and the time in this run when the player started.
    pub run: Option<(Run, Duration)>,
}

/// The time limits of a game, which is one run of a plan against a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// If a server that is not busy is silent for longer than this, no more messages are expected.
    pub patience: Duration,
    /// The additional time for the whole plan.
    pub limit: Duration,
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
    let client = Runnable::Missing(Failure::Grader("a simulated crowd starts no clients".into()));
    let harness = Harness::new(server.clone(), client, plan.seed);
    let limit = Duration::from_mins(2);
    let game = game_of(&harness, plan, &Limits { patience, limit }, progress);
    match game {
        Ok(game) if game.played.violation.is_none() => Ok(game),
        // If a stage is not written yet, that explains the failure.
        _ => match first_unwritten(plan.lab, harness.journal().unwritten_stages()) {
            Some(why) => Err(Failure::Grader(why)),
            None => game,
        },
    }
}

/// Starts a harness's server and plays a plan against it. If a rule is broken, the script of this harness ends.
///
/// # Errors
/// Returns an error if the server cannot be started or the plan takes too long.
pub fn game_of(
    harness: &Harness,
    plan: &Plan,
    limits: &Limits,
    progress: &dyn Fn(usize),
) -> Check<Game> {
    let seats = plan.names.len().to_string();
    let options: &[&str] = if plan.lab == 1 { &["--seats", &seats] } else { &[] };
    let server = harness.server_with(options)?;
    let process = server.terminal().process();
    // If the system cannot tell whether the server is busy, the player only measures how long the server is silent.
    let is_busy = || process.is_running().unwrap_or(false);
    let Limits { patience, limit } = *limits;
    let found_wrong = || harness.journal().found_wrong();
    let manner = Manner { patience, limit, is_busy: &is_busy, progress, found_wrong: &found_wrong };
    let begin = harness.journal().now();
    let played = play(plan, server.address(), &manner).map_err(|error| match error.kind() {
        ErrorKind::TimedOut => {
            harness.journal().wrong("the server should have", "served the crowd", error.to_string())
        }
        _ => error.into(),
    })?;
    let ended = process.status().map(|status| match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("terminated by {signal}"),
        other => format!("{other:?}"),
    });
    Ok(Game { played, ended, run: Some((harness.run(), begin)) })
}
