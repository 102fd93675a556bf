//! The Common Test Report Format. See <https://ctrf.io/docs/specification/overview>.

use std::time::UNIX_EPOCH;

use anyhow::Result;
use serde_json::{Value, json};

use crate::class::forms::rows::{Row, seen, summary, word};
use crate::class::record::{Record, Submission, Verdict};

/// Returns the report. Returns the report. The status of a stage with a grader error is `other`. If a submission could
/// not be graded completely, its report has an additional test, whose status is `other`.
///
/// # Errors
/// This function never returns an error.
pub fn report(record: &Record, submission: &Submission) -> Result<Option<String>> {
    let rows = seen(submission);
    let mut tests: Vec<_> = rows.iter().map(test).collect();
    if !submission.complete {
        tests.push(json!({
            "name": "grading", "status": "other", "duration": 0, "message": summary(submission), "rawStatus": "error",
        }));
    }
    let count = |status: &str| tests.iter().filter(|test| test["status"] == status).count();
    let stop = humantime::parse_rfc3339(&submission.date).unwrap_or(UNIX_EPOCH);
    let stop = stop.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().saturating_mul(1000);
    let report = json!({
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "timestamp": submission.date,
        "generatedBy": "cargo lab grade",
        "results": {
            "tool": { "name": "cargo lab grade", "version": record.kit },
            "summary": {
                "tests": tests.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": count("pending"),
                "other": count("other"),
                "start": stop.saturating_sub(milliseconds(submission.seconds)),
                "stop": stop,
                "extra": {
                    "points": submission.points,
                    "maximum": submission.maximum,
                    "complete": submission.complete,
                },
            },
            "tests": tests,
        },
    });
    Ok(Some(report.to_string()))
}

fn test(row: &Row) -> Value {
    let status = match row.verdict {
        Verdict::Passed => "passed",
        // A bonus stage that fails must not fail a pipeline.
        Verdict::Failed if row.is_bonus => "other",
        Verdict::Failed => "failed",
        Verdict::NotStarted => "pending",
        Verdict::Blocked => "skipped",
        Verdict::GraderError => "other",
    };
    json!({
        "name": row.name(),
        "status": status,
        "duration": milliseconds(row.seconds),
        "suite": [format!("lab{}", row.lab)],
        "message": word(row.verdict),
        "trace": row.output,
        "rawStatus": word(row.verdict),
        "extra": { "points": row.points, "maximum": row.maximum },
    })
}

// The time is neither negative nor too long for this type.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
