//! `JUnit` XML, as described by the schema of Apache Ant. GitLab and Jenkins also read this format.

use std::fmt::Write;

use anyhow::Result;

use crate::class::forms::rows::{Row, seen_of, summary, word};
use crate::class::record::{Lab, Record, Submission, Verdict};
use crate::journal::visible::visible;
use crate::report::text::escape;

/// Returns the report, with a suite for each lab. If a submission could not be graded completely, the report has an
/// additional suite, which contains an error.
///
/// # Errors
/// Returns an error if text cannot be formatted, which never happens.
pub fn report(_: &Record, submission: &Submission) -> Result<Option<String>> {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (id, lab) in submission.labs.iter().enumerate() {
        let cases: Vec<_> = seen_of(lab).iter().map(case).collect();
        suite(&mut out, id, &format!("lab{}", lab.lab), submission, &cases, &points(lab))?;
    }
    if !submission.complete {
        let why = Some(("error", "not complete".to_owned(), summary(submission)));
        let case = Case {
            class: "grading".to_owned(),
            name: "grading".to_owned(),
            seconds: 0.0,
            not_passed: why,
        };
        suite(&mut out, submission.labs.len(), "grading", submission, &[case], &[])?;
    }
    out.push_str("</testsuites>\n");
    Ok(Some(out))
}

struct Case {
    class: String,
    name: String,
    seconds: f64,
    /// The XML element of a test that has not passed: its name, its short message, and its full text.
    not_passed: Option<(&'static str, String, String)>,
}

fn case(row: &Row) -> Case {
    let element = match row.verdict {
        Verdict::Passed => None,
        // A bonus stage that fails must not fail a pipeline.
        Verdict::Failed | Verdict::NotStarted if row.is_bonus => Some("skipped"),
        Verdict::Failed | Verdict::NotStarted => Some("failure"),
        Verdict::Blocked => Some("skipped"),
        Verdict::GraderError => Some("error"),
    };
    let not_passed =
        element.map(|element| (element, word(row.verdict).to_owned(), row.output.clone()));
    Case { class: format!("lab{}", row.lab), name: row.name(), seconds: row.seconds, not_passed }
}

fn points(lab: &Lab) -> Vec<(&'static str, String)> {
    let weighted = |points: u32| points.saturating_mul(lab.weight).to_string();
    let points = lab.points.map(|points| ("points", weighted(points)));
    points.into_iter().chain([("maximum", weighted(lab.maximum))]).collect()
}

fn suite(
    out: &mut String,
    id: usize,
    name: &str,
    submission: &Submission,
    cases: &[Case],
    properties: &[(&str, String)],
) -> Result<()> {
    let count = |element: &str| {
        let elements = cases.iter().filter_map(|case| case.not_passed.as_ref());
        elements.filter(|(one, ..)| *one == element).count()
    };
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    // The schema requires neither a time zone nor the machine's name.
    let date = escape(submission.date.trim_end_matches('Z'));
    write!(
        out,
        "<testsuite id=\"{id}\" package=\"{name}\" name=\"{name}\" hostname=\"localhost\" timestamp=\"{date}\""
    )?;
    let (failures, errors, skipped) = (count("failure"), count("error"), count("skipped"));
    write!(
        out,
        " tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"",
        cases.len()
    )?;
    writeln!(out, " time=\"{seconds:.2}\">\n<properties>")?;
    let student = [("submission", visible(submission.name.as_bytes()))];
    for (name, value) in student.iter().chain(properties) {
        writeln!(out, "<property name=\"{name}\" value=\"{}\"/>", escape(value))?;
    }
    writeln!(out, "</properties>")?;
    for case in cases {
        let (class, name) = (&case.class, escape(&case.name));
        write!(
            out,
            "<testcase classname=\"{class}\" name=\"{name}\" time=\"{:.2}\">",
            case.seconds
        )?;
        if let Some((element, what, all)) = &case.not_passed {
            let (what, all) = (escape(what), escape(all));
            match *element {
                "skipped" => write!(out, "<skipped message=\"{what}\"/>")?,
                _ => write!(
                    out,
                    "<{element} type=\"{element}\" message=\"{what}\">{all}</{element}>"
                )?,
            }
        }
        writeln!(out, "</testcase>")?;
    }
    writeln!(out, "<system-out/>\n<system-err/>\n</testsuite>")?;
    Ok(())
}
