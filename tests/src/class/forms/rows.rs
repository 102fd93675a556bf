//! Represents a submission as the list of tests that other systems show, with one test for each stage.

use std::fmt::Write;

use crate::class::record::{Lab, Stage, Submission, Verdict};
use crate::journal::visible::visible;

/// The maximum length of a test's output, in bytes. In JSON, escape sequences may double this length, and the output of
/// 50 stages must fit in 1 MB.
const LONGEST: usize = 8 << 10;

/// One test in the results for another system, for example Gradescope: a stage, or the hidden stages of a lab.
#[derive(Clone, Debug)]
pub struct Row {
    /// The lab number.
    pub lab: u32,
    /// The stage number, such as `2.05`. Because of the leading zeros, sorting the numbers as text puts the stages in
    /// order. The row for the hidden stages of a lab has no number.
    pub number: String,
    /// The stage title. No two stages of a lab have the same title.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict, followed by the report if there is one. The text contains only visible characters and newlines.
    pub output: String,
    /// The points, multiplied by the lab's weight, or `None` if the grader failed.
    pub points: Option<u32>,
    /// The maximum number of points, multiplied by the lab's weight.
    pub maximum: u32,
    /// Whether the stage is a bonus stage.
    pub is_bonus: bool,
    /// Whether the stage is hidden from students.
    pub is_hidden: bool,
    /// The time that the stage took.
    pub seconds: f64,
}

impl Row {
    /// Returns the number and the title.
    pub fn name(&self) -> String {
        format!("{} {}", self.number, self.title).trim_start().to_owned()
    }

    /// Returns the points, or a word if they are not known.
    pub fn score(&self) -> String {
        self.points.map_or("not graded".to_owned(), |points| format!("{points}/{}", self.maximum))
    }
}

/// Returns a row for each stage.
pub fn all(submission: &Submission) -> Vec<Row> {
    let stages = |lab: &Lab| lab.stages.iter().map(|stage| row(lab, stage)).collect::<Vec<_>>();
    submission.labs.iter().flat_map(stages).collect()
}

/// Returns a row for each stage that students see, followed by one row for each lab's hidden stages. Platforms such
/// as Gradescope must add up the points of all stages, so they also receive the points of hidden stages and show that
/// such stages exist.
pub fn seen(submission: &Submission) -> Vec<Row> {
    submission.labs.iter().flat_map(seen_of).collect()
}

/// Like [`seen`], but for one lab.
pub fn seen_of(lab: &Lab) -> Vec<Row> {
    let (hidden, seen): (Vec<_>, Vec<_>) =
        lab.stages.iter().map(|stage| row(lab, stage)).partition(|row| row.is_hidden);
    seen.into_iter().chain(together(lab, &hidden)).collect()
}

fn row(lab: &Lab, stage: &Stage) -> Row {
    // The number of a hidden stage is left out, because it would reveal that the student did not pass that stage.
    let is_seen = |by: &u32| lab.stages.iter().any(|one| one.stage == *by && !one.hidden);
    let verdict = match (stage.verdict, stage.blocked_by.filter(is_seen)) {
        (Verdict::Blocked, Some(by)) => {
            format!("blocked: stage {}.{by} must be passed first", lab.lab)
        }
        (verdict, _) => word(verdict).to_owned(),
    };
    let report = stage.report.as_ref().map_or("", |report| &report.text);
    Row {
        lab: lab.lab,
        number: format!("{}.{:02}", lab.lab, stage.stage),
        title: format!(
            "{}{}",
            visible(stage.title.as_bytes()),
            if stage.bonus { " (bonus)" } else { "" }
        ),
        verdict: stage.verdict,
        output: text(&format!("{verdict}\n\n{report}")),
        points: stage.points.map(|points| points.saturating_mul(lab.weight)),
        maximum: stage.maximum.saturating_mul(lab.weight),
        is_bonus: stage.bonus,
        is_hidden: stage.hidden,
        seconds: stage.seconds,
    }
}

/// Combines several stages into one row.
fn together(lab: &Lab, rows: &[Row]) -> Option<Row> {
    let count = rows.len();
    let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
    let verdict = match rows {
        [] => return None,
        _ if has(Verdict::GraderError) => Verdict::GraderError,
        _ if rows.iter().all(|row| row.verdict == Verdict::Passed) => Verdict::Passed,
        _ => Verdict::Failed,
    };
    Some(Row {
        lab: lab.lab,
        number: String::new(),
        title: format!("{count} hidden {}", if count == 1 { "stage" } else { "stages" }),
        verdict,
        output: word(verdict).to_owned(),
        points: rows.iter().map(|row| row.points).sum(),
        maximum: rows.iter().map(|row| row.maximum).sum(),
        is_bonus: false,
        is_hidden: false,
        seconds: rows.iter().map(|row| row.seconds).sum(),
    })
}

/// Returns a verdict in words.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotStarted => "not started",
        Verdict::Blocked => "blocked: an earlier stage must be passed first",
        Verdict::GraderError => {
            "grader error: this stage could not be graded, and this is not the student's fault"
        }
    }
}

/// Returns the text with its control characters made visible, except for newlines. Shortens the text if it is too long.
/// The text may contain a submission's output.
pub fn text(text: &str) -> String {
    let beginning = &text[..text.floor_char_boundary(LONGEST)];
    let lines: Vec<_> = beginning.trim_end().lines().map(|line| visible(line.as_bytes())).collect();
    let mut shown = lines.join("\n");
    // The visible text is shortened again, because it may be longer than the original.
    if shown.len() > LONGEST || beginning.len() < text.len() {
        shown.truncate(shown.floor_char_boundary(LONGEST));
        let _ = write!(shown, "\n… cut off here");
    }
    shown
}

/// Returns the reason why a submission has no complete result.
pub fn why(submission: &Submission) -> String {
    let error = submission.error.as_deref();
    text(error.unwrap_or("The grader or its machine failed. Grade the submission again."))
}

/// Returns the line that every grading platform shows above the tests.
pub fn summary(submission: &Submission) -> String {
    let (won, all) = submission.bonus();
    let points = submission.points.map_or("not graded".to_owned(), |points| {
        format!("{} of {} points", points.saturating_sub(won), submission.maximum)
    });
    let points = if won > 0 { format!("{points}, bonus {won} of {all}") } else { points };
    let mut summary = points;
    if submission.hidden > 0 {
        let _ = write!(summary, ", {} hidden stages included", submission.hidden);
    }
    if !submission.complete {
        let _ = write!(summary, "; not complete. {}", why(submission));
    }
    summary
}
