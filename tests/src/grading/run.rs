//! Runs one stage, with a time limit.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::stage::Stage;
use crate::journal::failure::{Check, Failure};
use crate::journal::panics::caught;
use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal};
use crate::system::process::{Ended, Process};
use crate::system::program::Runnable;

/// The time limit for a stage, after which its programs are killed.
const STAGE_LIMIT: Duration = Duration::from_secs(30);

/// A stage normally takes about a second. If the finished programs take longer than this, the machine is so slow that
/// correct programs may exceed [`STAGE_LIMIT`].
const SLOW: Duration = Duration::from_secs(10);

/// The maximum time to wait for a stage's programs to exit.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The outcome of running a stage once.
pub struct Outcome {
    /// The reason why the stage failed, if it did.
    pub result: Check,
    /// The events of the run.
    pub journal: Journal,
    /// How each program exited, in the order in which the programs were started.
    pub programs: Vec<(String, Ended)>,
    /// The seed for the random words.
    pub seed: u64,
    /// The duration of the run.
    pub took: Duration,
}

impl Outcome {
    /// Returns the outcome of a run that failed because of the grader itself.
    pub fn broken(why: impl Into<String>, seed: u64) -> Self {
        let (result, journal) = (Err(Failure::Grader(why.into())), Journal::default());
        Self { result, journal, programs: Vec::new(), seed, took: Duration::ZERO }
    }

    /// Returns whether the machine is too slow to grade programs, assuming that the programs in this run are correct.
    pub fn is_slow(&self) -> bool {
        self.took > SLOW
    }
}

/// Runs a stage with these programs, in a separate thread.
pub fn run_stage(stage: &Stage, server: &Runnable, client: &Runnable, seed: u64) -> Outcome {
    let harness = Harness::new(server.clone(), client.clone(), seed);
    let (journal, processes) = (harness.journal().clone(), harness.processes());
    let (done, finished) = mpsc::channel();
    let (script, part) = (stage.script, format!("the script of stage {}", stage.number));
    let begin = Instant::now();
    let player = thread::Builder::new().spawn(move || {
        let result = caught(&part, || script(&harness))
            .unwrap_or_else(|why| Err(Failure::Grader(format!("the script panicked: {why}"))));
        harness.journal().note("", EventKind::End);
        let _ = done.send(result);
        // By the time this thread ends, all programs have exited.
        let ended = caught("ending the programs", || drop(harness));
        let _ = done.send(ended.map_err(Failure::Grader));
    });
    let mut result = match player {
        Err(error) => Err(Failure::Grader(format!("no thread: {error}"))),
        Ok(_) => wait_for_end(&finished, || {
            let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
            processes.iter().for_each(|process| process.kill());
        }),
    };
    // If a part of the grader failed during the run, the script's result proves nothing, whether it is good or bad.
    if let Some(why) = journal.broken() {
        result = Err(Failure::Grader(why.to_owned()));
    }
    let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
    // A program that exited after the end of the script did so because the script was over.
    let end = journal.end().unwrap_or_else(Instant::now);
    let ended = |process: &Arc<Process>| {
        Some((process.name().to_owned(), process.ended()?.as_of(process.started(), end)))
    };
    let programs = processes.iter().filter_map(ended).collect();
    Outcome { result, journal, programs, seed, took: begin.elapsed() }
}

/// Waits until the script has ended and then until its programs have exited. If the script takes too long, calls
/// `kill`, which must stop the script's programs.
fn wait_for_end(finished: &Receiver<Check>, kill: impl FnOnce()) -> Check {
    let result = match finished.recv_timeout(STAGE_LIMIT) {
        Ok(result) => result,
        Err(RecvTimeoutError::Disconnected) => Err(Failure::Grader("the script vanished".into())),
        Err(RecvTimeoutError::Timeout) => {
            // If a step hangs, it ends when its programs are killed.
            kill();
            let _ = finished.recv_timeout(TIMEOUT);
            let seconds = STAGE_LIMIT.as_secs();
            Err(Failure::wrong(
                "the stage should have finished",
                format!("within {seconds} s"),
                "it did not finish and was stopped",
            ))
        }
    };
    match finished.recv_timeout(END_LIMIT) {
        Ok(Err(why)) => Err(why),
        // The script's result remains valid even if a program cannot be stopped.
        Ok(Ok(())) | Err(_) => result,
    }
}
