//! The `results.json` of `PrairieLearn`. See <https://docs.prairielearn.com/externalGrading/>.

use anyhow::Result;
use serde_json::{Value, json};

use crate::class::forms::rows::{Row, seen, summary, why, word};
use crate::class::record::{Record, Submission};

/// Returns the results. Returns the results. After a grader error, the results say that the submission is not gradable,
/// so the student does not lose an attempt.
///
/// # Errors
/// This function never returns an error.
pub fn results(_: &Record, submission: &Submission) -> Result<Option<String>> {
    let results = match submission.points {
        Some(points) if submission.complete => json!({
            "gradable": true,
            // The score must be from 0 to 1. Points for bonus stages can make up for lost points but cannot raise the
            // score above 1.
            "score": (f64::from(points) / f64::from(submission.maximum.max(1))).min(1.0),
            "message": summary(submission),
            // PrairieLearn shows points for tests only if each test has points.
            "tests": seen(submission).iter().map(test).collect::<Vec<_>>(),
        }),
        _ => {
            json!({ "gradable": false, "format_errors": [why(submission)], "message": summary(submission) })
        }
    };
    Ok(Some(results.to_string()))
}

fn test(row: &Row) -> Value {
    json!({
        "name": row.name(),
        "points": row.points,
        "max_points": row.maximum,
        "message": word(row.verdict),
        "output": row.output,
    })
}
