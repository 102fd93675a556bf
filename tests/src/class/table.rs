//! A class's results as a table on the terminal, with a row for each submission and a column for each lab.

use std::collections::BTreeMap;
use std::fmt::Write;

use console::style;

use crate::class::record::{Record, Submission, Verdict};
use crate::class::tier::containment;
use crate::class::verdicts::known;
use crate::report::scoreboard::without_verdict;
use crate::report::text::{cut, line, quoted_line, wrapped};

/// The width of the sum of a submission's points, in columns.
const SUM: usize = 8;
/// The width of a lab's points, in columns.
const LAB: usize = 7;
/// The minimum width of a name, in columns. If the points of all labs would leave less space than this for the names,
/// the table shows only the sums.
const NAME: usize = 16;

/// Returns the table. No line has more than `columns` columns.
pub fn table(record: &Record, columns: usize) -> String {
    let mut labs = BTreeMap::new();
    for lab in record.submissions.iter().flat_map(|submission| &submission.labs) {
        labs.entry(lab.lab).or_insert((lab.maximum, lab.weight));
    }
    if columns < NAME + LAB * labs.len() + SUM {
        labs.clear();
    }
    let row = |name: &str, cells: Vec<String>, sum: &str| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>LAB$}")).collect();
        line(name, &format!("{}{sum:>SUM$}", cells.concat()), columns)
    };
    let cells = labs.keys().map(|lab| format!("lab {lab}")).collect();
    let mut lines = vec![style(row(" submission", cells, "sum")).bold().to_string()];
    let cells = labs.values().map(|(maximum, weight)| match weight {
        1 => format!("/{maximum}"),
        weight => format!("{weight}×/{maximum}"),
    });
    let maximum = record.submissions.iter().map(|one| one.maximum).max().unwrap_or(0);
    lines.push(style(row("", cells.collect(), &format!("/{maximum}"))).dim().to_string());
    for submission in &record.submissions {
        let points = |lab: &u32| {
            let lab = submission.labs.iter().find(|one| one.lab == *lab);
            lab.map_or(String::new(), |lab| known(lab.points, lab.complete))
        };
        let name = format!("{} {}", mark(submission), quoted_line(&submission.name));
        let sum = known(submission.points, submission.complete);
        lines.push(row(&name, labs.keys().map(points).collect(), &sum));
    }
    let notes = record.submissions.iter().filter_map(note);
    lines.extend(notes.map(|note| wrapped(" ", &note, columns)));
    lines.push(wrapped(" ", &total(record), columns));
    lines.push(wrapped(" ", &quoted_line(&containment(record)), columns));
    lines.join("\n")
}

fn mark(submission: &Submission) -> String {
    if submission.points.is_none() {
        style("✗").red().to_string()
    } else if submission.complete {
        " ".to_owned()
    } else {
        style("!").yellow().to_string()
    }
}

/// Returns the reason why some or all of a submission's points are missing.
fn note(submission: &Submission) -> Option<String> {
    let labs = submission.labs.iter();
    let stages = labs.flat_map(|lab| lab.stages.iter().map(move |stage| (lab.lab, stage)));
    let errors = stages.filter(|(_, stage)| stage.verdict == Verdict::GraderError);
    let errors: Vec<_> = errors.map(|(lab, stage)| format!("{lab}.{}", stage.stage)).collect();
    let why = submission.error.as_deref().map(quoted_line).unwrap_or_default();
    let why = format!("{why}{}", without_verdict(&errors));
    let why = why.trim_start_matches("; ");
    (!why.is_empty()).then(|| format!("{}: {why}", cut(&quoted_line(&submission.name), 40)))
}

/// Returns the line with the number of submissions.
fn total(record: &Record) -> String {
    let count = |is: fn(&Submission) -> bool| {
        record.submissions.iter().filter(|submission| is(submission)).count()
    };
    let all = record.submissions.len();
    let submissions = if all == 1 { "submission" } else { "submissions" };
    let mut total = format!("{all} {submissions}");
    for (count, what) in [
        (count(|one| one.points.is_some() && !one.complete), "incomplete (?)"),
        (count(|one| one.points.is_none()), "without points (✗)"),
    ] {
        if count > 0 {
            let _ = write!(total, ", {count} {what}");
        }
    }
    total
}
