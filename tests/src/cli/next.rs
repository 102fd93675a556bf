//! `cargo lab next` and the next step that other commands show. In a guided lab, the next step names the function to
//! write, with its file and line. In an open lab, the next step names the program to change.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use console::style;

use crate::cli::target::StageNumber;
use crate::cli::{current, progress};
use crate::grading::grader::Grader;
use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Role, Stage};
use crate::kit::untrusted::exercises_of_lab;
use crate::kit::way::{self, Way};
use crate::kit::{exercises, files};

/// Shows the next step in a given lab or in the lab that the student is working on.
///
/// # Errors
/// Returns an error if nothing can be graded.
pub fn run(kit: &Path, lab: Option<u32>) -> Result<()> {
    if let Some(lab) = lab {
        match in_lab(kit, lab)? {
            Some(step) => println!("{step}"),
            None => println!(" Lab {lab} is done."),
        }
        return Ok(());
    }
    for current in current::in_order(kit) {
        if let Some(step) = in_lab(kit, current.lab)? {
            println!("{}\n{step}", current.why());
            return Ok(());
        }
    }
    println!(" Everything is done.");
    Ok(())
}

/// Grades a lab up to the first stage that does not pass. Returns the next step, or `None` if all stages pass.
fn in_lab(kit: &Path, number: u32) -> Result<Option<String>> {
    let grader = Arc::new(Grader::new(kit, &[number], None));
    let stages = grader.stages().filter(|(lab, stage)| *lab == number && !stage.is_bonus);
    let stages = stages.map(|(lab, stage)| StageNumber { lab, stage: stage.number }).collect();
    let mut next = None;
    progress::grade(&grader, stages, |lab, stage, graded| {
        if graded.verdict != Verdict::Passed {
            next = Some(step(kit, lab, stage, &graded.verdict));
        }
        next.is_none()
    })?;
    Ok(next)
}

/// Returns the next step for a stage that does not pass.
pub fn step(kit: &Path, lab: &Lab, stage: &Stage, verdict: &Verdict) -> String {
    let mut number = stage.number;
    if let Verdict::Blocked(by) = verdict {
        number = *by;
    }
    let Some(stage) = lab.stages.iter().find(|stage| stage.number == number) else {
        return String::new();
    };
    let lab = lab.number;
    let mut lines =
        vec![format!(" {}   {lab}.{number}  {}", style("next").bold(), stage.full_title())];
    lines.extend(match way::of_lab(kit, lab) {
        Way::Guided => functions(kit, lab, number),
        Way::Open => programs(kit, lab, stage.role),
    });
    lines.push(format!(" then   cargo lab check {lab}.{number}"));
    lines.push(format!(" stuck? cargo lab hint {lab}.{number}"));
    lines.join("\n")
}

/// Returns lines that name a stage's functions in a guided lab.
fn functions(kit: &Path, lab: u32, stage: u32) -> Vec<String> {
    let places = match exercises_of_lab(kit, lab) {
        Ok(places) => exercises::of_stage(places, stage),
        Err(error) => return vec![format!("        {error:#}")],
    };
    let mut lines = Vec::new();
    let is_new = places.iter().any(|place| !place.is_written());
    for place in places.iter().filter(|place| !is_new || !place.is_written()) {
        let name = &place.task.name;
        let what = if place.is_written() { "look at" } else { "write" };
        lines.push(format!("        {}", style(place.to_line()).cyan()));
        lines.push(format!("        {what} `{name}`: {}", place.task.summary));
    }
    lines
}

/// Returns lines that name an open lab's handout and the programs that one of its stages runs.
fn programs(kit: &Path, lab: u32, role: Role) -> Vec<String> {
    let programs: &[&str] = match role {
        Role::Server => &["server"],
        Role::Client => &["client"],
        Role::Together => &["server", "client"],
    };
    let mut lines = Vec::new();
    for package in programs.iter().filter_map(|name| files::package(kit, "labs", lab, name)) {
        let path = package.strip_prefix(kit).unwrap_or(&package);
        if let Some(folder) = path.parent().filter(|_| lines.is_empty()) {
            let handout = folder.join("README.md");
            lines.push(format!("        {} describes it", style(handout.display()).cyan()));
        }
        lines.push(format!("        {}/src", style(path.display()).cyan()));
    }
    lines
}
