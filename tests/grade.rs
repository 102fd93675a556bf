//! `cargo test`: every stage of every lab is a trial, and the scoreboard comes last.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use grader::labs;
use grader::stage::{Plan, Stage};
use grader::verdict::{Graded, Grader, Maker, Verdict};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The stages mostly wait; more of them than cores keep the cores busy.
const THREADS: usize = 6;

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
                Err(report(maker, plan.number, stage, graded).into())
            }
        };
    });
    completion
}

fn report(maker: Maker, lab: u32, stage: &Stage, graded: &Graded) -> String {
    let number = stage.number;
    let mut lines = vec![format!("lab {lab} stage {number}  {}   0/{}", stage.title, stage.points)];
    if let Some(outcome) = &graded.outcome {
        let failure = outcome.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        lines.push(format!("  {failure}\n"));
        lines.push(format!("       ms\n{}", outcome.record.to_text()));
    }
    match graded.control_passes {
        Some(true) => {
            lines.push("  the control passes: the reference does this right, here and now".into());
        }
        Some(false) => {
            lines.push("  the control fails, too: this is the grader's fault, not yours".into());
        }
        None => {}
    }
    lines.extend(stage.hints.first().map(|hint| format!("  hint   {hint}")));
    lines.push(format!(
        "  again  GRADER_SEED={} cargo test {}::lab{lab}::{number:02}\n",
        GRADER.seed,
        maker.folder(),
    ));
    lines.join("\n")
}

fn print_scoreboard(maker: Maker, board: &Board) {
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    let verdict = |plan: &Plan, stage: &Stage| {
        board.get(&(maker.folder(), plan.number, stage.number)).cloned()
    };
    let (mut won, mut all) = (0, 0);
    for plan in labs::all() {
        let graded: Vec<_> =
            plan.stages.iter().filter_map(|stage| Some((stage, verdict(&plan, stage)?))).collect();
        if graded.is_empty() {
            continue;
        }
        let points = |stages: &[(&Stage, Verdict)], is_won: bool| -> u32 {
            let counts = |verdict: &Verdict| !is_won || *verdict == Verdict::Passed;
            stages
                .iter()
                .filter(|(_, verdict)| counts(verdict))
                .map(|(stage, _)| stage.points)
                .sum()
        };
        let (lab_won, lab_all) = (points(&graded, true), points(&graded, false));
        println!("  lab {}  {:58} {lab_won:>3}/{lab_all}", plan.number, plan.title);
        // The reference is for comparison; of the student's work every stage is shown.
        for (stage, verdict) in graded.iter().filter(|_| maker == Maker::Student) {
            let (mark, word) = match verdict {
                Verdict::Passed => ("✓", String::new()),
                Verdict::Failed => ("✗", "failed".to_owned()),
                Verdict::NotStarted => ("·", "not started".to_owned()),
                Verdict::Blocked(by) => ("·", format!("blocked by {by}")),
                Verdict::GraderError => ("!", "grader error".to_owned()),
            };
            let points = if *verdict == Verdict::Passed { stage.points } else { 0 };
            let score = format!("{points}/{}", stage.points);
            println!("    {mark} {:>2}  {:62} {score:>5}  {word}", stage.number, stage.title);
        }
        won += lab_won;
        all += lab_all;
    }
    if all > 0 {
        println!("  {}  {won}/{all} points", maker.folder());
    }
}
