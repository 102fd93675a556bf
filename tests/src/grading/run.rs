//! Runs one stage, with a time limit.

use std::sync::{Arc, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::stage::Stage;
use crate::journal::failure::{Check, Failure};
use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal};
use crate::system::process::{Ended, Process};
use crate::system::program::Runnable;

/// The time limit of a stage, after which its programs are killed.
const STAGE_LIMIT: Duration = Duration::from_secs(30);

/// The outcome of running a stage once.
pub struct Outcome {
    /// Why the stage failed, if it did.
    pub result: Check,
    /// The events of the run.
    pub journal: Journal,
    /// How each program ended, in the order in which the programs were started.
    pub programs: Vec<(String, Ended)>,
    /// The seed of the random words.
    pub seed: u64,
    /// How long the run took.
    pub took: Duration,
}

/// Runs a stage with the programs of one author, in a separate thread.
pub fn run_stage(stage: &Stage, server: &Runnable, client: &Runnable, seed: u64) -> Outcome {
    let harness = Harness::new(server.clone(), client.clone(), seed);
    let (journal, processes) = (harness.journal().clone(), harness.processes());
    let (done, finished) = mpsc::channel();
    let script = stage.script;
    let begin = Instant::now();
    let player = thread::Builder::new().spawn(move || {
        let result = script(&harness);
        harness.journal().note("", EventKind::End);
        let _ = done.send(result);
        drop(harness);
    });
    let result = match player {
        Err(error) => Err(Failure::Grader(format!("no thread: {error}"))),
        Ok(player) => {
            let mut result = finished.recv_timeout(STAGE_LIMIT);
            if result == Err(mpsc::RecvTimeoutError::Timeout) {
                // The step that hangs ends when its programs end.
                let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
                processes.iter().for_each(|process| process.kill());
                drop(processes);
                let _ = finished.recv_timeout(TIMEOUT);
                let seconds = STAGE_LIMIT.as_secs();
                result = Ok(Err(Failure::wrong(
                    "the stage should have ended",
                    format!("within {seconds} s"),
                    "it did not end, and was stopped",
                )));
            } else {
                // When the thread has ended, all programs have ended.
                let panicked = player.join().is_err();
                if panicked {
                    result = Ok(Err(Failure::Grader("the script panicked".into())));
                }
            }
            result.unwrap_or_else(|_| Err(Failure::Grader("the script vanished".into())))
        }
    };
    let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
    // If a program ended after the script, it ended because the script was over.
    let end = journal.end().unwrap_or_else(Instant::now);
    let ended = |process: &Arc<Process>| {
        Some((process.name().to_owned(), process.ended()?.as_of(process.started(), end)))
    };
    let programs = processes.iter().filter_map(ended).collect();
    Outcome { result, journal, programs, seed, took: begin.elapsed() }
}
