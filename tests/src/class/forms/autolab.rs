//! The line that Autolab reads, which is the last line of the output. See <https://docs.autolabproject.com/lab/>.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use crate::class::record::{Lab, Record, Submission};
use crate::labs;

/// Returns the line, which lists each lab as an Autolab "problem". A lab with a grader error gets the score `null`, so
/// Autolab records no score for it. If the line were missing, Autolab would give 0 points.
///
/// # Errors
/// This function never returns an error.
pub fn line(_: &Record, submission: &Submission) -> Result<Option<String>> {
    let points = |lab: &Lab| {
        lab.points.filter(|_| lab.complete).map(|points| points.saturating_mul(lab.weight))
    };
    let mut scores: BTreeMap<_, _> =
        submission.labs.iter().map(|lab| (format!("lab{}", lab.lab), points(lab))).collect();
    if scores.is_empty() {
        scores = labs::numbers().into_iter().map(|lab| (format!("lab{lab}"), None)).collect();
    }
    Ok(Some(format!("{}\n", json!({ "scores": scores }))))
}
