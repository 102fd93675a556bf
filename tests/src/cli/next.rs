//! The next step: the function to write, with its file and line, or the program to change in an open lab.

use std::path::Path;

use console::style;

use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Role, Stage};
use crate::kit::untrusted::exercises_of_lab;
use crate::kit::way::{self, Way};
use crate::kit::{exercises, files};

/// Returns the next step for a stage that has not been passed.
pub fn step(kit: &Path, lab: &Lab, stage: &Stage, verdict: &Verdict) -> String {
    let mut number = stage.number;
    if let Verdict::Blocked(by) = verdict {
        number = *by;
    }
    let Some(stage) = lab.stages.iter().find(|stage| stage.number == number) else {
        return String::new();
    };
    let lab = lab.number;
    let mut lines = vec![format!(" {}   {lab}.{number}  {}", style("next").bold(), stage.title)];
    lines.extend(match way::of_lab(kit, lab) {
        Way::Guided => functions(kit, lab, number),
        Way::Open => programs(kit, lab, stage.role),
    });
    lines.push(format!(" then   cargo lab check {lab}.{number}"));
    lines.push(format!(" stuck? cargo lab hint {lab}.{number}"));
    lines.join("\n")
}

/// In a guided lab: the functions of a stage.
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

/// In an open lab: the programs that a stage runs, and the handout that describes them.
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
