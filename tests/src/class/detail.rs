//! The parts of a record that students see, as chosen by the instructor.

use std::slice;

use clap::ValueEnum;

use crate::class::record::{Report, Submission, Wrong};

/// The level of detail in the reports that students see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Detail {
    /// The whole reports
    #[default]
    Full,
    /// What the programs did, without the expected text or hints
    Actual,
    /// Only verdicts and points
    None,
}

impl Detail {
    /// Returns the submission as its author sees it: without hidden stages, and with each report reduced to this
    /// level of detail. The sums leave out hidden stages; otherwise, they would reveal whether those stages were
    /// passed.
    pub fn shown(self, submission: &Submission) -> Submission {
        let mut shown = submission.clone();
        for lab in &mut shown.labs {
            let hidden: Vec<_> = lab.stages.extract_if(.., |stage| stage.hidden).collect();
            for stage in &mut lab.stages {
                let is_hidden = |by: &u32| hidden.iter().any(|stage| stage.stage == *by);
                stage.blocked_by = stage.blocked_by.filter(|by| !is_hidden(by));
                stage.report = stage.report.take().and_then(|report| self.part_of(report));
            }
            let maximum: u32 =
                hidden.iter().filter(|stage| !stage.bonus).map(|stage| stage.maximum).sum();
            lab.points = sum(lab.stages.iter().map(|stage| stage.points));
            lab.maximum = lab.maximum.saturating_sub(maximum);
            shown.maximum = shown.maximum.saturating_sub(maximum.saturating_mul(lab.weight));
        }
        shown.labs.retain(|lab| !lab.stages.is_empty());
        shown.points =
            sum(shown.labs.iter().map(|lab| Some(lab.points?.saturating_mul(lab.weight))));
        shown
    }

    /// Returns the submission with each report reduced to this level of detail. Hidden stages, which only the
    /// instructor sees, keep their full reports.
    pub fn with_reports(self, submission: &Submission) -> Submission {
        let mut shown = submission.clone();
        let stages = shown.labs.iter_mut().flat_map(|lab| &mut lab.stages);
        for stage in stages.filter(|stage| !stage.hidden) {
            stage.report = stage.report.take().and_then(|report| self.part_of(report));
        }
        shown
    }

    fn part_of(self, report: Report) -> Option<Report> {
        match self {
            Self::Full => Some(report),
            Self::Actual => Some(actual(report)),
            Self::None => None,
        }
    }
}

/// Returns the sum of the known points, or `None` if no points are known.
fn sum(points: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    points.flatten().reduce(u32::saturating_add)
}

/// Leaves out the expected text and everything that hints at it.
fn actual(report: Report) -> Report {
    let Report { ended, wrong, grader, ladder, happened, screens, running, mut advice, .. } =
        report;
    let wrong = wrong.map(without_expected);
    advice.retain(|advice| ["control", "to do"].contains(&advice.label.as_str()));
    let ladder = happened.or(ladder);
    let mut actual =
        Report { ended, wrong, grader, ladder, screens, running, advice, ..Report::default() };
    actual.text = text(&actual);
    actual
}

/// Leaves out the expected text. Leaves compiler output unchanged.
fn without_expected(wrong: Wrong) -> Wrong {
    if wrong.expected.is_empty() {
        return wrong;
    }
    let label = |(row, text): (usize, String)| {
        let label = if row == 0 { "but got" } else { "" };
        format!("{label:<8} {text}")
    };
    let came = wrong.came.into_iter().enumerate().map(label).collect();
    Wrong { who: wrong.who, expected: Vec::new(), came, caret: None }
}

/// Returns a report as text, with its parts in order.
fn text(report: &Report) -> String {
    let mut parts = vec![report.ended.join("\n")];
    parts.extend(report.grader.as_ref().map(|why| format!("the grader failed: {why}")));
    parts.extend(
        report.wrong.as_ref().map(|wrong| format!("{}\n{}", wrong.who, wrong.came.join("\n"))),
    );
    parts.extend(report.ladder.as_ref().map(|ladder| ladder.text.clone()));
    parts.extend(
        report
            .screens
            .iter()
            .map(|screen| [slice::from_ref(&screen.name), &screen.lines].concat().join("\n")),
    );
    parts.push(report.running.join("\n"));
    parts.extend(report.advice.iter().map(|advice| format!("{}  {}", advice.label, advice.text)));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
