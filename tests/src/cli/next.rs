//! The next step: the function to write, with its file and line.

use std::path::Path;

use console::style;

use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::kit::exercises;
use crate::kit::untrusted::exercises_of_lab;

/// The next step for a stage that is not passed.
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
    match exercises_of_lab(kit, lab) {
        Ok(places) => {
            let places = exercises::of_stage(places, number);
            let is_new = places.iter().any(|place| !place.is_written());
            for place in places.iter().filter(|place| !is_new || !place.is_written()) {
                let name = &place.task.name;
                let what = if place.is_written() { "look at" } else { "write" };
                lines.push(format!("        {}", style(place.to_line()).cyan()));
                lines.push(format!("        {what} `{name}`: {}", place.task.summary));
            }
        }
        Err(error) => lines.push(format!("        {error:#}")),
    }
    lines.push(format!(" then   cargo lab check {lab}.{number}"));
    lines.push(format!(" stuck? cargo lab hint {lab}.{number}"));
    lines.join("\n")
}
