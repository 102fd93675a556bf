//! `cargo lab` without a command: shows which stages pass and the student's next step.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use console::style;

use crate::cli::target::StageNumber;
use crate::cli::{current, next, progress};
use crate::grading::grader::Grader;
use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::kit::way;
use crate::labs;
use crate::report::scoreboard::{Points, lab_line, stage_line};
use crate::report::text::{columns, line, mark};

/// Grades the student's programs and shows the map: which stages pass, and what to do next.
///
/// # Errors
/// Returns an error if nothing can be graded.
pub fn run(kit: &Path) -> Result<()> {
    let grader = Arc::new(Grader::new(kit, &labs::numbers(), None));
    let numbers = grader.stages().map(|(lab, stage)| StageNumber { lab, stage: stage.number });
    let mut verdicts = BTreeMap::new();
    progress::grade(&grader, numbers.collect(), |lab, stage, graded| {
        verdicts.insert((lab.number, stage.number), graded.verdict.clone());
        true
    })?;

    let verdict = |lab: &Lab, stage: &Stage| verdicts.get(&(lab.number, stage.number));
    let is_passed = |lab: &Lab, stage: &Stage| verdict(lab, stage) == Some(&Verdict::Passed);
    let is_done =
        |lab: &Lab| lab.stages.iter().all(|stage| stage.is_bonus || is_passed(lab, stage));
    let undone = |number| grader.labs.iter().any(|lab| lab.number == number && !is_done(lab));
    let current = current::in_order(kit).into_iter().find(|current| undone(current.lab));
    let mut all = Points::default();
    let mut next_step = None;
    for lab in &grader.labs {
        let stages = || lab.stages.iter().filter_map(|stage| Some((stage, verdict(lab, stage)?)));
        let points = Points::of(stages());
        all = all + points;
        println!("{}", lab_line(lab, way::of_lab(kit, lab.number), points));
        let is_left =
            |stage: &Stage, verdict: &Verdict| !stage.is_bonus && *verdict != Verdict::Passed;
        let first = stages().find(|(stage, verdict)| is_left(stage, verdict));
        // Shows a line for each stage of the current lab and a mark for each stage of the other labs.
        match first {
            Some((stage, verdict)) if current.is_some_and(|current| current.lab == lab.number) => {
                stages()
                    .for_each(|(stage, verdict)| println!("{}", stage_line(lab, stage, verdict)));
                next_step = Some(next::step(kit, lab, stage, verdict));
            }
            _ => {
                let marks: String = stages().map(|(_, verdict)| mark(Some(verdict))).collect();
                println!("  {marks}");
            }
        }
    }
    println!("{}", style(line(" all labs", &format!("{all} points"), columns())).bold());
    if let Some((step, current)) = next_step.zip(current) {
        println!("\n{}\n{step}", current.why());
        return Ok(());
    }
    println!("\n Everything is done.");
    for lab in &grader.labs {
        let is_left = |stage: &&Stage| stage.is_bonus && !is_passed(lab, stage);
        if let Some(stage) = lab.stages.iter().find(is_left) {
            println!(" bonus  cargo lab check {}.{}", lab.number, stage.number);
        }
    }
    Ok(())
}
