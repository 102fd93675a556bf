//! Compares a record with an earlier one: shows which students' points have changed, at which stages, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use console::style;

use crate::class::record::{Lab, Record, Stage, Submission};
use crate::class::verdicts::{known, word};
use crate::report::text::{quoted_line, wrapped};

/// Lists the students whose points differ between two records, with the reasons. No line has more than `columns`
/// columns.
pub fn changes(old: &Record, new: &Record, columns: usize) -> String {
    let wrap = |front: &str, text: &str| wrapped(front, text, columns);
    let mut lines: Vec<_> = conditions(old, new).iter().map(|change| wrap(" ", change)).collect();
    let (before, now) = (by_name(old), by_name(new));
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let mut count = 0;
    for name in &names {
        let (heading, stages) = match (before.get(*name), now.get(*name)) {
            (Some(old), Some(new)) => {
                let stages = stage_changes(old, new);
                if stages.is_empty() && (old.points, &old.error) == (new.points, &new.error) {
                    continue;
                }
                (points_changed(old, new), stages)
            }
            (None, Some(new)) => (format!("new, {} points", points(new.points)), Vec::new()),
            (Some(old), None) => {
                (format!("missing; had {} points", points(old.points)), Vec::new())
            }
            (None, None) => continue,
        };
        count += 1;
        lines.push(
            style(wrap(" ", &format!("{}: {heading}", quoted_line(name)))).bold().to_string(),
        );
        lines.extend(stages.iter().flat_map(|(change, why)| {
            let why = why.iter().map(|why| wrap("         ", why));
            std::iter::once(wrap("   ", change)).chain(why)
        }));
    }
    lines.push(wrap(" ", &format!("{count} of {} submissions changed", names.len())));
    lines.join("\n")
}

fn by_name(record: &Record) -> BTreeMap<&str, &Submission> {
    record.submissions.iter().map(|submission| (submission.name.as_str(), submission)).collect()
}

/// Returns how the conditions of two grading runs differ. These differences may explain all the others.
fn conditions(old: &Record, new: &Record) -> Vec<String> {
    let control = |record: &Record| format!("{:?}", record.control).to_lowercase();
    let mut changes = Vec::new();
    for (what, old, new) in [
        ("the kit", &old.kit, &new.kit),
        ("the machine", &old.machine, &new.machine),
        ("the control", &control(old), &control(new)),
        ("the containment", &old.tier, &new.tier),
    ] {
        if old != new {
            changes.push(format!("{what}: {} → {}", quoted_line(old), quoted_line(new)));
        }
    }
    changes
}

fn points(points: Option<u32>) -> String {
    points.map_or("no".to_owned(), |points| points.to_string())
}

fn points_changed(old: &Submission, new: &Submission) -> String {
    let mut change = format!("{} → {} points", points(old.points), points(new.points));
    if old.maximum != new.maximum {
        let _ = write!(change, " (of {} → of {})", old.maximum, new.maximum);
    }
    if old.error != new.error {
        let error = |one: &Submission| one.error.as_deref().map_or("none".to_owned(), quoted_line);
        let _ = write!(change, "; error: {} → {}", error(old), error(new));
    }
    change
}

/// Returns each stage whose points differ, with the reasons for both results.
fn stage_changes(old: &Submission, new: &Submission) -> Vec<(String, Vec<String>)> {
    let (before, now) = (stages(old), stages(new));
    let numbers: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let mut changes = Vec::new();
    for number in numbers {
        let (old, new) = (before.get(number), now.get(number));
        let worth = |one: Option<&(&Lab, &Stage)>| {
            one.map(|(lab, stage)| (stage.points, stage.maximum, lab.weight))
        };
        if worth(old) == worth(new) {
            continue;
        }
        let one = |one: Option<&(&Lab, &Stage)>| match one {
            None => "not graded".to_owned(),
            Some((lab, stage)) => {
                let weight =
                    if lab.weight == 1 { String::new() } else { format!(" {}×", lab.weight) };
                let points = known(stage.points, true);
                format!("{},{weight} {points}/{}", word(stage), stage.maximum)
            }
        };
        let (lab, stage) = number;
        let change = format!("{lab}.{stage:<3} {} → {}", one(old), one(new));
        let why = [("before: ", old), ("now: ", new)];
        let why = why
            .iter()
            .filter_map(|(when, one)| Some(format!("{when}{}", reason(one.as_ref()?.1)?)));
        changes.push((change, why.collect()));
    }
    changes
}

fn stages(submission: &Submission) -> BTreeMap<(u32, u32), (&Lab, &Stage)> {
    let labs = submission.labs.iter();
    let stages = labs.flat_map(|lab| lab.stages.iter().map(move |stage| (lab, stage)));
    stages.map(|(lab, stage)| ((lab.lab, stage.stage), (lab, stage))).collect()
}

/// Returns the reason for a stage's result, taken from its report, as a single line.
fn reason(stage: &Stage) -> Option<String> {
    let report = stage.report.as_ref()?;
    if let Some(why) = &report.grader {
        return Some(format!("the grader failed: {}", quoted_line(why.lines().next()?)));
    }
    let wrong = report.wrong.as_ref()?;
    let [expected, came] = [&wrong.expected, &wrong.came]
        .map(|rows| rows.first().map(|row| quoted_line(row)).unwrap_or_default());
    let expected =
        if expected.is_empty() { expected } else { format!(" expected {expected}, but got") };
    Some(format!("{}:{expected} {came}", quoted_line(&wrong.who)))
}
