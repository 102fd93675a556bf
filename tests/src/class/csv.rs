//! Writes a class's points for a spreadsheet, with a row for each submission and a column for each lab and each stage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use csv::{QuoteStyle, WriterBuilder};

use crate::class::record::{Record, Submission};
use crate::report::text::quoted_line;

/// Writes the file. A lab or stage without points has an empty cell, not 0.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn write(record: &Record, file: &Path) -> Result<()> {
    let columns: BTreeMap<_, _> = record
        .submissions
        .iter()
        .flat_map(points)
        .map(|(column, _)| (column, name(column)))
        .collect();
    // Every text cell is quoted. Otherwise, a spreadsheet program that expects another delimiter could split a name.
    let mut out = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(Vec::new());
    let first = ["name", "points", "maximum", "complete"].map(ToOwned::to_owned);
    let last = ["hidden stages", "date", "error"].map(ToOwned::to_owned);
    out.write_record(first.iter().chain(columns.values()).chain(&last))?;
    for submission in &record.submissions {
        let cell =
            |points: Option<u32>| points.map(|points| points.to_string()).unwrap_or_default();
        let points: BTreeMap<_, _> = points(submission).collect();
        let mut row = vec![
            text(&submission.name),
            cell(submission.points),
            submission.maximum.to_string(),
            if submission.complete { "yes" } else { "no" }.to_owned(),
        ];
        row.extend(columns.keys().map(|column| cell(points.get(column).copied().flatten())));
        row.push(submission.hidden.to_string());
        row.push(text(&submission.date));
        row.push(text(submission.error.as_deref().unwrap_or_default()));
        out.write_record(row)?;
    }
    fs::write(file, out.into_inner()?).with_context(|| format!("cannot write {}", file.display()))
}

/// A lab or one of its stages.
type Column = (u32, Option<u32>);

fn points(submission: &Submission) -> impl Iterator<Item = (Column, Option<u32>)> {
    submission.labs.iter().flat_map(|lab| {
        let stages = lab.stages.iter().map(|stage| ((lab.lab, Some(stage.stage)), stage.points));
        std::iter::once(((lab.lab, None), lab.points)).chain(stages)
    })
}

fn name((lab, stage): Column) -> String {
    stage.map_or(format!("lab{lab}"), |stage| format!("lab{lab}.{stage}"))
}

/// Returns text that no spreadsheet interprets as a formula, even if the spreadsheet splits rows at other separators.
fn text(cell: &str) -> String {
    // Control characters are made visible, because a cell must not begin with such a character, either.
    let cell = quoted_line(cell).replace(';', ",");
    let begins = cell.trim_start_matches(['"', ' ']);
    let is_formula = begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{cell}") } else { cell }
}
