//! `cargo lab` without a command: shows what is done and what comes next.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use console::style;

use crate::cli::target::StageNumber;
use crate::cli::{next, progress};
use crate::grading::grader::Grader;
use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::kit::way::{self, Way};
use crate::labs;
use crate::report::scoreboard::{Points, lab_line, stage_line};
use crate::report::text::{columns, line, mark};

/// Grades the student's programs, and shows the map.
///
/// # Errors
/// When nothing can be graded.
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
    let is_done = |lab: &Lab| lab.stages.iter().all(|stage| is_passed(lab, stage));
    let ways: BTreeMap<_, _> =
        grader.labs.iter().map(|lab| (lab.number, way::of_lab(kit, lab.number))).collect();
    // An open lab counts as started as soon as the student has chosen the open way.
    let is_started = |lab: &Lab| {
        ways[&lab.number] == Way::Open || lab.stages.iter().any(|stage| is_passed(lab, stage))
    };
    // The lab that the student is working on, which is not necessarily the first unfinished one.
    let mut undone = grader.labs.iter().filter(|lab| !is_done(lab));
    let current = undone.clone().find(|lab| is_started(lab)).or_else(|| undone.next());
    let mut all = Points::default();
    let mut next_step = None;
    for lab in &grader.labs {
        let stages = || lab.stages.iter().filter_map(|stage| Some((stage, verdict(lab, stage)?)));
        let points = Points::of(stages());
        all = all + points;
        println!("{}", lab_line(lab, ways[&lab.number], points));
        let first = stages().find(|(_, verdict)| **verdict != Verdict::Passed);
        // Only the current lab is shown stage by stage.
        match first {
            Some((stage, verdict)) if current.is_some_and(|one| one.number == lab.number) => {
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
    match next_step {
        Some(step) => println!("\n{step}"),
        None => println!("\n Everything is done."),
    }
    Ok(())
}
