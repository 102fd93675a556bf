//! Gradescope's `results.json`. See <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.

use anyhow::Result;
use serde_json::{Value, json};

use crate::class::forms::rows::{Row, all, summary, word};
use crate::class::record::{Record, Submission, Verdict};

/// Returns the results. Returns no results if the grader failed. Gradescope has no status for a grader error, and a
/// test without a score would be invalid. If the file is missing, Gradescope shows that the autograder failed and
/// records no score.
///
/// # Errors
/// This function never returns an error.
pub fn results(record: &Record, submission: &Submission) -> Result<Option<String>> {
    // There is no total score here, because Gradescope adds up the tests' scores.
    let results = json!({
        "output": summary(submission),
        "output_format": "text",
        "execution_time": submission.seconds,
        "visibility": "visible",
        // Only the instructor sees what the grader prints.
        "stdout_visibility": "hidden",
        "extra_data": { "kit": record.kit, "date": submission.date, "tier": record.tier },
        "tests": all(submission).iter().map(test).collect::<Vec<_>>(),
    });
    Ok(submission.complete.then(|| results.to_string()))
}

fn test(row: &Row) -> Value {
    json!({
        "number": row.number,
        "name": row.title,
        "name_format": "text",
        "score": row.points,
        "max_score": row.maximum,
        "status": if row.verdict == Verdict::Passed { "passed" } else { "failed" },
        "output": row.output,
        "output_format": "text",
        "tags": [format!("lab{}", row.lab)],
        "visibility": if row.is_hidden { "hidden" } else { "visible" },
        "extra_data": { "verdict": word(row.verdict) },
    })
}
