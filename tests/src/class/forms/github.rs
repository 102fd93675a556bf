//! The summary of a GitHub Actions job and the commands that the job prints. See
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::fmt::Write;

use anyhow::Result;

use crate::class::forms::rows::{Row, seen, seen_of, summary, text, word};
use crate::class::record::{Lab, Record, Report, Submission, Verdict};
use crate::journal::visible::visible;
use crate::report::text::escape;

/// The maximum size of a summary, in bytes. GitHub does not show a summary that is larger than 1 MiB.
const LARGEST: usize = 1_000_000;

/// The maximum number of errors that GitHub shows for one step.
const MOST: usize = 10;

/// Returns the summary in Markdown.
///
/// # Errors
/// Returns an error if text cannot be formatted, which never happens.
pub fn markdown(record: &Record, submission: &Submission) -> Result<Option<String>> {
    let rows = seen(submission);
    let mut out = format!("### {}: {}\n\n", inert(&submission.name), inert(&summary(submission)));
    if !rows.is_empty() {
        out.push_str("| stage | points | verdict |\n|---|---|---|\n");
    }
    for row in &rows {
        let verdict = inert(word(row.verdict));
        writeln!(out, "| {} | {} | {verdict} |", inert(&row.name()), inert(&row.score()))?;
    }
    writeln!(
        out,
        "\nGraded at {} by version {} of the kit.\n",
        inert(&submission.date),
        inert(&record.kit)
    )?;
    let has_report = |row: &&Row| matches!(row.verdict, Verdict::Failed | Verdict::GraderError);
    for row in rows.iter().filter(has_report) {
        let (name, output) = (inert(&row.name()), escape(&row.output));
        let details = format!(
            "<details><summary>{name}</summary>\n\n<pre>\n{output}\n</pre>\n\n</details>\n\n"
        );
        if out.len() + details.len() > LARGEST {
            out.push_str("The other reports would not fit in a summary.\n");
            break;
        }
        out.push_str(&details);
    }
    Ok(Some(out))
}

/// Replaces all characters that have a special meaning in Markdown or HTML, so that the text is shown unchanged.
fn inert(text: &str) -> String {
    let mut inert = String::new();
    for char in visible(text.as_bytes()).chars() {
        if char.is_ascii_punctuation() {
            let _ = write!(inert, "&#{};", u32::from(char));
        } else {
            inert.push(char);
        }
    }
    inert
}

/// Returns the commands that create annotations, one for each lab with a stage that has not passed.
pub fn annotations(submission: &Submission) -> String {
    let mut out = String::new();
    if !submission.complete {
        command(&mut out, None, "Grader error", &summary(submission));
    }
    for lab in submission.labs.iter().take(MOST - 1) {
        let rows = seen_of(lab);
        // Each annotation reports an error. A failed bonus stage is not an error, so it gets no annotation.
        let failed = |row: &&Row| row.verdict == Verdict::Failed && !row.is_bonus;
        if let Some(row) = rows.iter().find(failed) {
            let count = rows.iter().filter(failed).count();
            let first = format!("{count} failed. The first: {}", row.name());
            command(&mut out, place(lab), &format!("Lab {}", lab.lab), &first);
        }
    }
    out
}

/// Returns the file and line that a lab's first report tells the student to look at.
fn place(lab: &Lab) -> Option<(&str, u32)> {
    let of = |report: &'_ Report| report.advice.iter().position(|advice| advice.label == "look at");
    lab.stages
        .iter()
        .filter(|stage| !stage.hidden)
        .filter_map(|stage| stage.report.as_ref())
        .find_map(|report| {
            let place = report.advice.get(of(report)?)?.text.split_whitespace().next()?;
            let (file, line) = place.split_once(':')?;
            Some((file, line.split(':').next()?.parse().ok()?))
        })
}

fn command(out: &mut String, place: Option<(&str, u32)>, title: &str, message: &str) {
    let place =
        place.map_or(String::new(), |(file, line)| format!("file={},line={line},", property(file)));
    let _ = writeln!(out, "::error {place}title={}::{}", property(title), data(&text(message)));
}

/// Escapes a command's text.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a command's property.
fn property(text: &str) -> String {
    data(&visible(text.as_bytes())).replace(':', "%3A").replace(',', "%2C")
}

/// A pair of commands. GitHub does not treat the lines between the two commands as commands, no matter what the lines
/// contain. A submission cannot guess the word in the second command.
pub struct Stopped(u128);

impl Stopped {
    /// Creates a pair of commands that contain the same random word.
    pub fn draw() -> Self {
        Self(rand::random())
    }

    /// Returns the command that makes GitHub stop treating lines as commands.
    pub fn begin(&self) -> String {
        format!("::stop-commands::{:032x}", self.0)
    }

    /// Returns the command that makes GitHub treat lines as commands again.
    pub fn end(&self) -> String {
        format!("::{:032x}::", self.0)
    }
}
