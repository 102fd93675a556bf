//! Running one stage, with a time limit.

use std::sync::{Arc, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::feed::PATIENCE;
use crate::lab::Lab;
use crate::process::{Ended, Process};
use crate::program::Runnable;
use crate::record::{Record, What};
use crate::stage::{Check, Failure, Stage};

/// How long one stage may take. What it started is killed then.
const STAGE_LIMIT: Duration = Duration::from_secs(30);

/// What a stage came to.
pub struct Outcome {
    /// Why it failed, if it did.
    pub result: Check,
    /// What happened.
    pub record: Record,
    /// How each program ended, in the order in which they were started.
    pub programs: Vec<(String, Ended)>,
    /// From which the words were made.
    pub seed: u64,
    /// How long the last run took.
    pub took: Duration,
}

/// Runs a stage with the programs of one maker, in a thread of its own.
pub fn run_stage(stage: &Stage, server: &Runnable, client: &Runnable, seed: u64) -> Outcome {
    let lab = Lab::new(server.clone(), client.clone(), seed);
    let (record, processes) = (lab.record().clone(), lab.processes());
    let (done, finished) = mpsc::channel();
    let script = stage.script;
    let begin = Instant::now();
    let player = thread::Builder::new().spawn(move || {
        let result = script(&lab);
        lab.record().note("", What::End);
        let _ = done.send(result);
        drop(lab);
    });
    let result = match player {
        Err(error) => Err(Failure::Grader(format!("no thread: {error}"))),
        Ok(player) => {
            let mut result = finished.recv_timeout(STAGE_LIMIT);
            if result == Err(mpsc::RecvTimeoutError::Timeout) {
                // Whatever it hangs in, ends with the programs.
                let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
                processes.iter().for_each(|process| process.kill());
                drop(processes);
                let _ = finished.recv_timeout(PATIENCE);
                let seconds = STAGE_LIMIT.as_secs();
                result = Ok(Err(Failure::wrong(
                    "the stage should have ended",
                    format!("within {seconds} s"),
                    "it did not, and was stopped",
                )));
            } else {
                // Everything that was started is gone when the thread is.
                let panicked = player.join().is_err();
                if panicked {
                    result = Ok(Err(Failure::Grader("the script panicked".into())));
                }
            }
            result.unwrap_or_else(|_| Err(Failure::Grader("the script vanished".into())))
        }
    };
    let processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
    // Who ended later than the script, ended because the script did.
    let end = record.end().unwrap_or_else(Instant::now);
    let ended = |process: &Arc<Process>| {
        Some((process.name().to_owned(), process.ended()?.as_of(process.started(), end)))
    };
    let programs = processes.iter().filter_map(ended).collect();
    Outcome { result, record, programs, seed, took: begin.elapsed() }
}

/// Waits until a program hardly uses processor time, or asks for it: less than a tenth of the time that passes. Notes
/// how much it has used.
///
/// # Errors
/// When that does not happen within [`PATIENCE`].
pub fn comes_to_rest(process: &Process, record: &Record) -> Check {
    const LOOK: Duration = Duration::from_millis(100);
    let name = process.name();
    let begin = Instant::now();
    loop {
        let before = process.busy_time()?;
        let looked = Instant::now();
        // Time is what is measured here: the share of it that the program uses.
        thread::sleep(LOOK);
        let after = process.busy_time()?;
        let used = after.saturating_sub(before);
        let is_idle = used < looked.elapsed() / 10 && !process.is_running()?;
        if is_idle {
            let used = process.cpu_time()?;
            record.note(name, What::Note(format!("used {used:.0?} of processor time")));
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            let came =
                format!("busy for {used:.0?} in {:.0?}: it runs in circles", looked.elapsed());
            let who = format!("with nobody talking, {name}'s program should have used");
            return Err(record.wrong(who, "no processor time", came));
        }
    }
}
