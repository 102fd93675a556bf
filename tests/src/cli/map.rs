//! `cargo lab` alone: what is done, and what comes next.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use console::style;

use crate::cli::target::StageNumber;
use crate::cli::{next, progress};
use crate::report::scoreboard::{Points, lab_line, stage_line};
use crate::report::{line, mark};
use crate::stage::{Plan, Stage};
use crate::verdict::{Grader, Verdict};

/// Grades the student's programs, and shows the map.
///
/// # Errors
/// When nothing can be graded.
pub fn run(kit: &Path) -> Result<()> {
    let grader = Arc::new(Grader::new(kit, &[1, 2, 3, 4], fastrand::u64(..100_000)));
    let numbers = grader.stages().map(|(lab, stage)| StageNumber { lab, stage: stage.number });
    let mut verdicts = BTreeMap::new();
    progress::grade(&grader, numbers.collect(), |plan, stage, graded| {
        verdicts.insert((plan.number, stage.number), graded.verdict.clone());
        true
    })?;

    let verdict = |plan: &Plan, stage: &Stage| verdicts.get(&(plan.number, stage.number));
    let is_passed = |plan: &Plan, stage: &Stage| verdict(plan, stage) == Some(&Verdict::Passed);
    let is_done = |plan: &Plan| plan.stages.iter().all(|stage| is_passed(plan, stage));
    let is_begun = |plan: &Plan| plan.stages.iter().any(|stage| is_passed(plan, stage));
    // The lab that is being worked on, whichever the student has begun with.
    let mut open = grader.plans.iter().filter(|plan| !is_done(plan));
    let current = open.clone().find(|plan| is_begun(plan)).or_else(|| open.next());
    let mut all = Points::default();
    let mut next_step = None;
    for plan in &grader.plans {
        let stages = || plan.stages.iter().filter_map(|stage| Some((stage, verdict(plan, stage)?)));
        let points = Points::of(stages());
        all = all + points;
        println!("{}", lab_line(plan, points));
        let first = stages().find(|(_, verdict)| **verdict != Verdict::Passed);
        // Only that lab is shown stage by stage.
        match first {
            Some((stage, verdict)) if current.is_some_and(|one| one.number == plan.number) => {
                stages()
                    .for_each(|(stage, verdict)| println!("{}", stage_line(plan, stage, verdict)));
                next_step = Some(next::step(kit, plan, stage, verdict));
            }
            _ => {
                let marks: String = stages().map(|(_, verdict)| mark(Some(verdict))).collect();
                println!("  {marks}");
            }
        }
    }
    println!("{}", style(line(" all labs", &format!("{all} points"))).bold());
    match next_step {
        Some(step) => println!("\n{step}"),
        None => println!("\n Everything is done."),
    }
    Ok(())
}
