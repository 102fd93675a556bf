//! Grades with a progress bar. If the output is not a terminal, no bar is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::target::StageNumber;
use crate::grading::grader::{Author, Grader, THREADS};
use crate::grading::verdict::Graded;
use crate::harness::stage::{Lab, Stage};

/// Builds the student's programs, then grades several stages at a time. `each` receives the verdicts in order, until it
/// returns false.
///
/// # Errors
/// When cargo cannot build anything.
pub fn grade(
    grader: &Arc<Grader>,
    stages: Vec<StageNumber>,
    mut each: impl FnMut(&Lab, &Stage, &Graded) -> bool,
) -> Result<()> {
    let bar = ProgressBar::new(stages.len() as u64);
    bar.set_style(ProgressStyle::with_template(" {spinner} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    if grader.grades_own() {
        bar.set_message("building your programs");
        grader.build(Author::Student).as_ref().map_err(|said| anyhow!("{}", said.trim()))?;
    }
    bar.set_style(ProgressStyle::with_template(" {spinner} {bar:20} {pos}/{len}  {wide_msg}")?);
    let stages = Arc::new(stages);
    let stopped = Arc::new(AtomicBool::new(false));
    run_ahead(grader, &stages, &stopped);
    for number in stages.iter() {
        let Some((lab, stage)) = number.find(&grader.labs) else { continue };
        bar.set_message(format!("{}.{}  {}", lab.number, stage.number, stage.title));
        let mut continues = true;
        grader.grade(Author::Student, lab.number, stage, |graded| {
            continues = bar.suspend(|| each(lab, stage, graded));
        });
        bar.inc(1);
        if !continues {
            break;
        }
    }
    stopped.store(true, Ordering::Relaxed);
    bar.finish_and_clear();
    Ok(())
}

/// Grades the stages in several threads, roughly in order. Each stage is run only once, so a later request finds its
/// verdict. The caller does not wait for these threads. The programs that these threads have started end when this
/// process ends.
fn run_ahead(grader: &Arc<Grader>, stages: &Arc<Vec<StageNumber>>, stopped: &Arc<AtomicBool>) {
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..THREADS {
        let (grader, stages, next) = (Arc::clone(grader), Arc::clone(stages), Arc::clone(&next));
        let stopped = Arc::clone(stopped);
        // If a thread cannot be started, the only effect is that grading takes longer.
        let _ = thread::Builder::new().spawn(move || {
            while let Some(number) = stages.get(next.fetch_add(1, Ordering::Relaxed)) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let Some((lab, stage)) = number.find(&grader.labs) {
                    grader.grade(Author::Student, lab.number, stage, |_| ());
                }
            }
        });
    }
}
