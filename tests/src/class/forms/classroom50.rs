//! Classroom 50's `result.json`. See <https://github.com/foundation50/classroom50/wiki/Advanced-Autograding>.

use std::env;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::class::forms::rows::{Row, seen};
use crate::class::record::{Record, Submission, Verdict};

/// Returns the result. Returns no result if the grader failed. In this case, `autograder.py` must exit with the status
/// of `cargo lab grade`, which Classroom 50 treats as an infrastructure error.
///
/// # Errors
/// Returns an error if Classroom 50's runner has not named the student who handed in the submission.
pub fn result(_: &Record, submission: &Submission) -> Result<Option<String>> {
    result_with(submission, &|name| env::var(name).ok())
}

/// Like [`result`], but with the given environment variables.
///
/// # Errors
/// Returns an error if an environment variable is missing.
pub fn result_with(
    submission: &Submission,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>> {
    let given = |name: &str| {
        variable(name).filter(|value| !value.is_empty()).with_context(|| {
            format!("{name} is not set: --classroom50 is for `autograder.py` in Classroom 50, whose runner sets it")
        })
    };
    let rows = seen(submission);
    // This maximum includes the bonus stages, because a score must not exceed its maximum.
    let maximum: u32 = rows.iter().map(|row| row.maximum).sum();
    let commit = given("COMMIT_URL")?;
    let result = json!({
        "schema": "classroom50/result/v1",
        "classroom": given("CLASSROOM")?,
        "assignment": given("ASSIGNMENT")?,
        "assignment_type": variable("ASSIGNMENT_TYPE").unwrap_or_else(|| "individual".to_owned()),
        "owner": given("OWNER").or_else(|_| given("USERNAME"))?,
        "submission": given("SUBMISSION_TAG")?,
        "review": given("REVIEW_URL").unwrap_or_else(|_| commit.clone()),
        "commit": commit,
        "release": given("RELEASE_URL")?,
        // The runner replaces this date with the commit date.
        "datetime": submission.date,
        "graded_at": submission.date,
        "score": submission.points,
        "max-score": maximum,
        "tests": rows.iter().map(test).collect::<Vec<_>>(),
    });
    Ok(submission.complete.then(|| result.to_string()))
}

fn test(row: &Row) -> Value {
    json!({
        "test-name": row.name(),
        "passed": row.verdict == Verdict::Passed,
        "score": row.points,
        "max-score": row.maximum,
        "output": row.output,
    })
}
