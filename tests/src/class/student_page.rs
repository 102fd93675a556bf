//! One submission's page, with the same reports as `cargo lab check --html`. The page contains no information about the
//! grading machine.

use std::fmt::Write;

use crate::class::record::{Lab, Report, Stage, Submission, Verdict};
use crate::class::verdicts::{known, sign, word};
use crate::report::markup::{
    Row, STYLE, advice, output, page, paragraph, row, screens, states, wrong,
};
use crate::report::text::{escape, quoted, quoted_line};

/// Returns the page. `kit` is the kit's version.
pub fn student_page(submission: &Submission, kit: &str) -> String {
    let name = escape(&quoted_line(&submission.name));
    let (date, kit) = (escape(&quoted_line(&submission.date)), escape(&quoted_line(kit)));
    let mut body = format!("<h1>{name}</h1>\n<p class=\"dim\">graded {date} with kit {kit}</p>\n");
    let total = total(submission);
    let _ = writeln!(body, "<p><b>{total}</b></p>");
    if let Some(error) = &submission.error {
        body += &output("this submission could not be graded completely", &quoted(error));
    }
    for lab in &submission.labs {
        let _ = write!(body, "<h2>{}</h2>\n<table>\n", escape(&lab_title(lab)));
        body.extend(lab.stages.iter().map(|stage| stage_row(lab, stage)));
        body += "</table>\n";
    }
    for lab in &submission.labs {
        body.extend(lab.stages.iter().filter_map(|stage| section(lab, stage)));
    }
    page(&format!("{name}: {total}"), &[STYLE], None, &body)
}

/// Returns the total points as text, with notes about stages that have no verdict or are not counted.
fn total(submission: &Submission) -> String {
    let Submission { points, maximum, complete, hidden, labs, .. } = submission;
    let (won, all) = submission.bonus();
    let mut total = points.map_or("no points".to_owned(), |points| {
        let bonus = if won > 0 { format!(", bonus {won}/{all}") } else { String::new() };
        format!("{}/{maximum}{bonus} points", points.saturating_sub(won))
    });
    if points.is_some() && !complete {
        total += ", not complete: some stages have no verdict";
    }
    // The instructor's page contains the hidden stages.
    let is_hidden = |stage: &&Stage| stage.hidden;
    let seen = labs.iter().flat_map(|lab| &lab.stages).filter(is_hidden).count();
    let unseen = usize::try_from(*hidden).unwrap_or(usize::MAX).saturating_sub(seen);
    if unseen > 0 && !labs.is_empty() {
        let stages = if unseen == 1 { "stage" } else { "stages" };
        let _ = write!(total, "; {unseen} hidden {stages} not counted here");
    }
    total
}

fn lab_title(lab: &Lab) -> String {
    let points = known(lab.points, lab.complete);
    let weight =
        if lab.weight == 1 { String::new() } else { format!(", counts {} times", lab.weight) };
    format!("Lab {}  {}: {points}/{}{weight}", lab.lab, quoted_line(&lab.title), lab.maximum)
}

fn number(lab: &Lab, stage: &Stage) -> String {
    format!("{}.{}", lab.lab, stage.stage)
}

fn stage_row(lab: &Lab, stage: &Stage) -> String {
    let class = match stage.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed | Verdict::GraderError => "failed",
        Verdict::NotStarted | Verdict::Blocked => "dim",
    };
    let points = known(stage.points, true);
    let bonus = if stage.bonus { "+" } else { "" };
    let mut words = if stage.verdict == Verdict::Passed { String::new() } else { word(stage) };
    if stage.hidden {
        words += " (hidden)";
    }
    row(&Row {
        mark: sign(stage.verdict),
        class,
        number: &number(lab, stage),
        title: &quoted_line(&stage.title),
        has_report: stage.report.is_some(),
        points: &format!("{points}/{bonus}{}", stage.maximum),
        word: &words,
    })
}

/// Returns the report about a stage, if there is one.
fn section(lab: &Lab, stage: &Stage) -> Option<String> {
    let report = stage.report.as_ref()?;
    let (number, title) = (number(lab, stage), escape(&quoted_line(&stage.title)));
    let sign = sign(stage.verdict);
    let mut out = format!("<section id=\"s{number}\"><h2>{sign} {number}  {title}</h2>\n");
    out += &states(&lines(&report.ended));
    out += &failure(report);
    out.extend(
        report.near_misses.iter().map(|miss| paragraph("", &format!("→ {}", quoted_line(miss)))),
    );
    out.extend(
        report
            .step
            .iter()
            .map(|step| paragraph("dim", &format!("at the step: {}", quoted_line(step)))),
    );
    out.extend(
        report.ladder.iter().map(|ladder| format!("<div class=\"ladder\">{}</div>\n", ladder.svg)),
    );
    let shown: Vec<_> =
        report.screens.iter().map(|screen| (screen.name.as_str(), lines(&screen.lines))).collect();
    out += &screens(shown.iter().map(|(name, lines)| (*name, &lines[..])));
    out += &states(&lines(&report.running));
    let tips: Vec<_> =
        report.advice.iter().map(|tip| (quoted_line(&tip.label), quoted_line(&tip.text))).collect();
    out += &advice(tips.iter().map(|(label, text)| (label.as_str(), text.as_str())));
    out += "</section>\n";
    Some(out)
}

fn lines(lines: &[String]) -> Vec<String> {
    quoted(&lines.join("\n"))
}

/// Returns the expected text and the text that arrived instead.
fn failure(report: &Report) -> String {
    if let Some(why) = &report.grader {
        return output("the grader failed", &quoted(why));
    }
    match &report.wrong {
        None => String::new(),
        // If there is no expected text, the other text is either a compiler's output or the part of a failure that the
        // instructor lets students see.
        Some(failure) if failure.expected.is_empty() => output(&failure.who, &lines(&failure.came)),
        Some(failure) => {
            wrong(&failure.who, &lines(&failure.expected), &lines(&failure.came), failure.caret)
        }
    }
}
