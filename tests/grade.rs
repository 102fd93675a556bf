//! `cargo test`: every stage of every lab is a trial, and the scoreboard comes last.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use grader::report::failure::Report;
use grader::report::scoreboard::{Points, lab_line, stage_line};
use grader::stage::{Plan, Stage};
use grader::verdict::{Grader, Maker, THREADS, Verdict};
use grader::{confine, descendants, labs};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

static GRADER: LazyLock<Grader> = LazyLock::new(|| {
    let seed = std::env::var("GRADER_SEED").ok().and_then(|seed| seed.parse().ok());
    Grader::new(&grader::kit(), &[1, 2, 3, 4], seed.unwrap_or_else(|| fastrand::u64(..100_000)))
});

/// The verdicts so far, by maker, lab and stage.
type Board = Arc<Mutex<BTreeMap<(&'static str, u32, u32), Verdict>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(THREADS));

    let (kit, board) = (grader::kit(), Board::default());
    let makers: Vec<Maker> =
        [Maker::Kit, Maker::Student].into_iter().filter(|maker| maker.exists(&kit)).collect();
    let mut trials = Vec::new();
    for &maker in &makers {
        for (at, plan) in labs::all().into_iter().enumerate() {
            for (stage_at, stage) in plan.stages.iter().enumerate() {
                let board = Arc::clone(&board);
                let trial = move || grade(maker, at, stage_at, &board);
                trials.push(Trial::ignorable_test(trial_name(maker, &plan, stage), trial));
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        for maker in makers {
            print_scoreboard(maker, &board);
        }
    }
    descendants::no_more();
    confine::remove_all();
    conclusion.exit_code()
}

/// `labs::lab2::05_everyone_hears_what_one_says`
fn trial_name(maker: Maker, plan: &Plan, stage: &Stage) -> String {
    let words = stage.title.split(|char: char| !char.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let title = words.join("_").to_lowercase();
    format!("{}::lab{}::{:02}_{title}", maker.folder(), plan.number, stage.number)
}

fn grade(maker: Maker, at: usize, stage_at: usize, board: &Board) -> Result<Completion, Failed> {
    let plan = &GRADER.plans[at];
    let stage = &plan.stages[stage_at];
    let mut completion = Ok(Completion::Completed);
    GRADER.grade(maker, plan.number, stage, |graded| {
        let key = (maker.folder(), plan.number, stage.number);
        board.lock().unwrap_or_else(PoisonError::into_inner).insert(key, graded.verdict.clone());
        completion = match &graded.verdict {
            Verdict::Passed => Ok(Completion::Completed),
            Verdict::NotStarted => Ok(Completion::ignored_with("not started")),
            Verdict::Blocked(by) => Ok(Completion::ignored_with(format!("blocked by stage {by}"))),
            Verdict::Failed | Verdict::GraderError => {
                let (seed, maker, lab) = (GRADER.seed, maker.folder(), plan.number);
                let trial = format!("{maker}::lab{lab}::{:02}", stage.number);
                let again = format!("GRADER_SEED={seed} cargo test {trial}");
                Err(Report::new(plan, stage, graded, again).to_text(&grader::kit()).into())
            }
        };
    });
    completion
}

fn print_scoreboard(maker: Maker, board: &Board) {
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all = Points::default();
    for plan in &GRADER.plans {
        let verdict = |stage: &Stage| board.get(&(maker.folder(), plan.number, stage.number));
        let graded: Vec<_> =
            plan.stages.iter().filter_map(|stage| Some((stage, verdict(stage)?))).collect();
        if graded.is_empty() {
            continue;
        }
        let points = Points::of(graded.iter().copied());
        println!("{}", lab_line(plan, points));
        // The reference is for comparison; of the student's work every stage is shown.
        for (stage, verdict) in graded.iter().filter(|_| maker == Maker::Student) {
            println!("{}", stage_line(plan, stage, verdict));
        }
        all = all + points;
    }
    if all != Points::default() {
        println!(" {}  {all} points", maker.folder());
    }
}
