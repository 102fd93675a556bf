//! `cargo lab soak`: grades everything repeatedly, to find verdicts that vary.

use std::collections::BTreeMap;
use std::hint;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::cli::progress::{self, Progress};
use crate::cli::target::{StageNumber, Target};
use crate::grading::grader::{Author, Grader, THREADS};
use crate::grading::verdict::{Graded, Verdict};
use crate::labs;
use crate::report::failure::Report;
use crate::report::text::word;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The number of rounds
    rounds: u64,
    /// A lab (2), a stage (2.5), or a stage and all later ones (2.5-). Default: all labs
    target: Option<Target>,
    /// Keeps every core busy during the rounds
    #[arg(long)]
    load: bool,
}

/// The author of the graded programs, and the lab and stage numbers.
type StageOf = (Author, StageNumber);

/// For each stage, the different verdicts, each with the first report that had that verdict.
type Seen = BTreeMap<StageOf, Vec<(Verdict, String)>>;

/// Grades the solutions and the student's programs. Returns true if no stage's verdict varied.
///
/// # Errors
/// Returns an error if nothing can be built.
pub fn run(kit: &Path, options: &Options) -> Result<bool> {
    let mut grader = Grader::new(kit, &labs::numbers(), None);
    let mut stages = Vec::new();
    for author in [Author::Kit, Author::Student].into_iter().filter(|author| author.exists(kit)) {
        progress::build(&grader, author)?;
        for (lab, stage) in grader.stages() {
            if options.target.is_none_or(|target| target.contains(lab, stage.number)) {
                stages.push((author, StageNumber { lab, stage: stage.number }));
            }
        }
    }
    let progress = Progress::start("grading")?;
    let seen = Mutex::new(Seen::new());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        if options.load {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let busy = || {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            };
            (0..cores).for_each(|_| drop(scope.spawn(busy)));
        }
        for round in 1..=options.rounds {
            let count = differing(&seen.lock().unwrap_or_else(PoisonError::into_inner)).count();
            progress.step(format!(
                "round {round} of {}, verdicts of {count} stages differ",
                options.rounds
            ));
            grader.forget();
            grade_once(kit, &grader, &stages, round, &seen);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    drop(progress);

    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    for ((author, StageNumber { lab, stage }), verdicts) in differing(&seen) {
        println!("== {}: the verdict of {lab}.{stage} varied\n", author.folder());
        for (_, report) in verdicts {
            println!("{report}\n");
        }
    }
    let (rounds, count) = (options.rounds, stages.len());
    match differing(&seen).count() {
        0 => println!(" {rounds} rounds of {count} stages: no verdict varied"),
        differ => println!(" {rounds} rounds of {count} stages: the verdicts of {differ} varied"),
    }
    Ok(differing(&seen).next().is_none())
}

fn differing(seen: &Seen) -> impl Iterator<Item = (&StageOf, &Vec<(Verdict, String)>)> {
    seen.iter().filter(|(_, verdicts)| verdicts.len() > 1)
}

/// Runs every stage once, several at a time.
fn grade_once(kit: &Path, grader: &Grader, stages: &[StageOf], round: u64, seen: &Mutex<Seen>) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(&(author, number)) = stages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some((lab, stage)) = number.find(&grader.labs) else { continue };
            grader.grade(author, lab.number, stage, |graded: &Graded| {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let verdicts = seen.entry((author, number)).or_default();
                if verdicts.iter().all(|(verdict, _)| *verdict != graded.verdict) {
                    let again = format!("GRADER_SEED={} cargo test", graded.seed());
                    let report = Report::new(lab, stage, graded, again).to_text(kit);
                    let word = word(&graded.verdict);
                    let word = if word.is_empty() { "passed" } else { word.as_str() };
                    verdicts
                        .push((graded.verdict.clone(), format!("round {round}: {word}\n{report}")));
                }
            });
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
}
