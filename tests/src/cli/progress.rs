//! Shows progress while programs are built and graded, so that a command is never silent for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::target::StageNumber;
use crate::grading::grader::{Author, Grader, THREADS};
use crate::grading::log::Log;
use crate::grading::verdict::Graded;
use crate::harness::stage::{Lab, Stage};

/// The time after which a step is printed as a line if the output is not a terminal.
const LONG: Duration = Duration::from_secs(1);

/// A command's progress. A terminal shows the progress in an animated line, which disappears at the end. If the output
/// is not a terminal, each step that takes longer than `LONG` is printed as one line. Progress is written to stderr.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<(Sender<String>, JoinHandle<()>)>,
}

impl Progress {
    /// Starts showing progress, beginning with the first step.
    pub fn start(what: impl Into<String>) -> Result<Self> {
        let bar = ProgressBar::no_length();
        bar.set_style(ProgressStyle::with_template(" {spinner} {wide_msg} {elapsed:>4}")?);
        let lines = bar.is_hidden().then(|| {
            let (sender, steps) = mpsc::channel();
            (sender, thread::spawn(move || announce(&steps)))
        });
        let progress = Self { bar, lines };
        progress.step(what);
        progress.bar.enable_steady_tick(Duration::from_millis(100));
        Ok(progress)
    }

    /// Begins the next step.
    pub fn step(&self, what: impl Into<String>) {
        let what = what.into();
        if let Some((lines, _)) = &self.lines {
            let _ = lines.send(what.clone());
        }
        self.bar.set_message(what);
    }

    /// From now on, also shows how many of the `steps` steps are done.
    fn count(&self, steps: usize) -> Result<()> {
        let template = " {spinner} {bar:20} {pos}/{len}  {wide_msg} {elapsed:>4}";
        self.bar.set_style(ProgressStyle::with_template(template)?);
        self.bar.set_length(steps as u64);
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        // Waits for the printing thread, because no line may follow the command's own last line.
        if let Some((lines, printer)) = self.lines.take() {
            drop(lines);
            let _ = printer.join();
        }
    }
}

/// Prints each step that is not followed by another step within [`LONG`].
fn announce(steps: &Receiver<String>) {
    while let Ok(mut step) = steps.recv() {
        loop {
            match steps.recv_timeout(LONG) {
                Ok(next) => step = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        eprintln!(" {step} …");
    }
}

/// Builds an author's programs.
///
/// # Errors
/// Returns an error if cargo itself fails, but not if a program does not compile.
pub fn build(grader: &Grader, author: Author) -> Result<()> {
    let _progress = Progress::start(match author {
        Author::Student => "building your programs",
        Author::Kit => "building the finished programs",
    })?;
    grader.build(author).as_ref().map_err(|said| anyhow!("{}", said.trim()))?;
    Ok(())
}

/// Builds the student's programs, then grades several stages at the same time. Calls `each` with one verdict after
/// another, in the order of the stages, until `each` returns false. If logging is on, also writes the verdicts to the
/// student's log.
///
/// # Errors
/// Returns an error if cargo itself fails, but not if a program does not compile.
pub fn grade(
    grader: &Arc<Grader>,
    stages: Vec<StageNumber>,
    mut each: impl FnMut(&Lab, &Stage, &Graded) -> bool,
) -> Result<()> {
    if grader.grades_own() {
        build(grader, Author::Student)?;
    }
    let progress = Progress::start("grading")?;
    progress.count(stages.len())?;
    let stages = Arc::new(stages);
    let stopped = Arc::new(AtomicBool::new(false));
    run_ahead(grader, &stages, &stopped);
    let mut log = if grader.grades_own() { Log::open(grader.kit()) } else { Log::default() };
    for number in stages.iter() {
        let Some((lab, stage)) = number.find(&grader.labs) else { continue };
        progress.step(format!("grading {}.{}  {}", lab.number, stage.number, stage.full_title()));
        let mut continues = true;
        grader.grade(Author::Student, lab.number, stage, |graded| {
            log.graded(lab.number, stage.number, &graded.verdict);
            continues = progress.bar.suspend(|| each(lab, stage, graded));
        });
        progress.bar.inc(1);
        if !continues {
            break;
        }
    }
    stopped.store(true, Ordering::Relaxed);
    drop(progress);
    if let Some(trouble) = log.trouble() {
        eprintln!(" {trouble}");
    }
    Ok(())
}

/// Grades the stages in several threads, roughly in order. Each stage is run only once: if it is requested again, the
/// same verdict is used. The caller does not wait for these threads. When this process exits, the programs that the
/// threads have started are stopped, too.
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
