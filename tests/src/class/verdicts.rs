//! The symbols and words that pages and the terminal show for verdicts and points.

use crate::class::record::{Stage, Verdict};

/// Returns the symbol for a stage's verdict.
pub fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✓",
        Verdict::Failed => "✗",
        Verdict::NotStarted => "·",
        Verdict::Blocked => "–",
        Verdict::GraderError => "!",
    }
}

/// Returns a stage's verdict in words.
pub fn word(stage: &Stage) -> String {
    match (stage.verdict, stage.blocked_by) {
        (Verdict::Passed, _) => "passed".to_owned(),
        (Verdict::Failed, _) => "failed".to_owned(),
        (Verdict::NotStarted, _) => "not started".to_owned(),
        (Verdict::Blocked, None) => "blocked".to_owned(),
        (Verdict::Blocked, Some(by)) => format!("blocked by {by}"),
        (Verdict::GraderError, _) => "grader error".to_owned(),
    }
}

/// Returns points as text: a number, a dash if the points are unknown, or a number with `?` if it is a sum that leaves
/// out some stages.
pub fn known(points: Option<u32>, is_complete: bool) -> String {
    let mark = if is_complete { "" } else { "?" };
    points.map_or("–".to_owned(), |points| format!("{points}{mark}"))
}
