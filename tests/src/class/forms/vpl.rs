//! The lines that Moodle's Virtual Programming Lab reads. See <https://vpl.dis.ulpgc.es/documentation/>.

use std::fmt::Write;

use anyhow::Result;

use crate::class::forms::rows::{seen, summary, word};
use crate::class::record::{Record, Submission};

/// Returns a comment for each stage, followed by the grade. If the grader failed, there is no grade, so VPL does not
/// propose one. Each comment is a single line without program output, so that only the last line can be a grade.
///
/// # Errors
/// Returns an error if text cannot be formatted, which never happens.
pub fn lines(_: &Record, submission: &Submission) -> Result<Option<String>> {
    let mut out = String::new();
    for line in summary(submission).lines() {
        writeln!(out, "Comment :=>> {line}")?;
    }
    for row in seen(submission) {
        writeln!(out, "Comment :=>> {}: {}, {}", row.name(), row.score(), word(row.verdict))?;
    }
    if let Some(points) = submission.points.filter(|_| submission.complete) {
        writeln!(out, "Grade :=>> {points}")?;
    }
    Ok(Some(out))
}
