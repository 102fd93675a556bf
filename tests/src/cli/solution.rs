//! `cargo lab solution`: shows a stage's finished functions.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::cli::target::StageNumber;
use crate::cli::{ask, progress};
use crate::grading::grader::{Author, Grader};
use crate::grading::verdict::Verdict;
use crate::kit::exercises;
use crate::kit::way::{self, Way};
use crate::labs;
use crate::report::text::{columns, wrapped};

/// Shows the functions. If the student has not passed the stage, asks for confirmation first, unless `yes` is set.
///
/// # Errors
/// Returns an error if the kit has no solutions.
pub fn run(kit: &Path, number: StageNumber, yes: bool) -> Result<()> {
    let labs = labs::all();
    let Some((lab, stage)) = number.find(&labs) else { return Ok(()) };
    let name = format!("{}.{}", lab.number, stage.number);
    if !Author::Kit.exists(kit) {
        bail!("this kit has no solutions; for help: cargo lab hint {name}");
    }
    let places =
        exercises::of_stage(exercises::of_lab(kit, "solutions", lab.number)?, stage.number);
    if places.is_empty() {
        println!(
            " {name} has no function of its own: it tests the functions of other stages together."
        );
        return Ok(());
    }
    if !yes && !is_passed(kit, number) {
        let question =
            format!(" Stage {name} has not passed yet. Show the finished function anyway?");
        if !ask::is_wanted(&question)? {
            println!(" You could try: cargo lab hint {name}");
            return Ok(());
        }
    }
    if way::of_lab(kit, lab.number) == Way::Open {
        let note = "Your lab is open. These are functions of the finished guided lab, which is \
                    in solutions/.";
        println!("{}", wrapped(" ", note, columns()));
    }
    for place in places {
        println!("\n// {}\n{}", place.to_line(), place.item());
    }
    Ok(())
}

fn is_passed(kit: &Path, number: StageNumber) -> bool {
    let grader = Arc::new(Grader::new(kit, &[number.lab], Some(1)));
    let mut is_passed = false;
    let run = progress::grade(&grader, vec![number], |_, _, graded| {
        is_passed = graded.verdict == Verdict::Passed;
        true
    });
    run.is_ok() && is_passed
}
