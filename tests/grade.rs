//! `cargo test`: every stage of every lab is a trial.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use grader::lab::Program;
use grader::labs;
use grader::program::{Built, build};
use grader::run::{Outcome, run_stage};
use grader::stage::{Plan, Stage};
use libtest_mimic::{Arguments, Failed, Trial};

static BUILT: LazyLock<Result<Built, String>> = LazyLock::new(|| {
    let packages = (1..=4)
        .flat_map(|lab| ["server", "client"].map(|program| format!("solution{lab}-{program}")));
    build(&packages.collect::<Vec<_>>())
});

/// Points won, by lab and stage.
type Board = Arc<Mutex<BTreeMap<(u32, u32), bool>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The stages mostly wait; more of them than cores keep the cores busy.
    arguments.test_threads = arguments.test_threads.or(Some(6));
    let seed = std::env::var("GRADER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..100_000));

    let board = Board::default();
    let plans: Vec<Arc<Plan>> = labs::all().into_iter().map(Arc::new).collect();
    let mut trials = Vec::new();
    for plan in &plans {
        for at in 0..plan.stages.len() {
            let (plan, board) = (Arc::clone(plan), Arc::clone(&board));
            let name = trial_name(plan.number, &plan.stages[at]);
            trials.push(Trial::test(name, move || grade(&plan, at, seed, &board)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        print_scoreboard(&plans, &board);
    }
    conclusion.exit_code()
}

/// `solutions::lab2::05_everyone_hears_what_one_says`
fn trial_name(lab: u32, stage: &Stage) -> String {
    let words =
        stage.title.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    let title = words.collect::<Vec<_>>().join("_").to_lowercase();
    format!("solutions::lab{lab}::{:02}_{title}", stage.number)
}

fn grade(plan: &Plan, at: usize, seed: u64, board: &Board) -> Result<(), Failed> {
    let lab = plan.number;
    let stage = &plan.stages[at];
    let server = program(&format!("solution{lab}-server"))?;
    let client = program(&format!("solution{lab}-client"))?;
    let outcome = run_stage(stage, &server, &client, seed);
    let passed = outcome.result.is_ok();
    board.lock().unwrap_or_else(PoisonError::into_inner).insert((lab, stage.number), passed);
    if passed { Ok(()) } else { Err(report(lab, stage, &outcome).into()) }
}

fn program(package: &str) -> Result<Program, String> {
    let built = BUILT.as_ref().map_err(Clone::clone)?;
    match built.get(package) {
        Some(Ok(executable)) => Ok(Program { executable: executable.clone() }),
        Some(Err(said)) => Err(format!("{package} does not compile:\n{said}")),
        None => Err(format!("there is no package {package}")),
    }
}

fn report(lab: u32, stage: &Stage, outcome: &Outcome) -> String {
    let failure = outcome.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    format!(
        "lab {lab} stage {}  {}  0/{}\n  {failure}\n\n       ms\n{}\n  hint   {}\n  again  GRADER_SEED={} cargo test lab{lab}::{:02}\n",
        stage.number,
        stage.title,
        stage.points,
        outcome.record.to_text(),
        stage.hint,
        outcome.seed,
        stage.number,
    )
}

fn print_scoreboard(plans: &[Arc<Plan>], board: &Board) {
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut won, mut all) = (0, 0);
    for plan in plans {
        let ran = |stage: &&Stage| board.contains_key(&(plan.number, stage.number));
        let points = |stages: &mut dyn Iterator<Item = &Stage>| -> u32 {
            stages.map(|stage| stage.points).sum()
        };
        let passed = |stage: &&Stage| board.get(&(plan.number, stage.number)) == Some(&true);
        let lab_all = points(&mut plan.stages.iter().filter(ran));
        if lab_all == 0 {
            continue;
        }
        let lab_won = points(&mut plan.stages.iter().filter(passed));
        println!("  lab {}  {:45} {lab_won:>3}/{lab_all}", plan.number, plan.title);
        won += lab_won;
        all += lab_all;
    }
    println!("  solutions {won}/{all} points");
}
