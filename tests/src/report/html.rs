//! The reports as one self-contained HTML page. The page has the same content as the reports that are shown in
//! the terminal, except that the ladder diagrams are SVG images.

use std::fmt::Write;
use std::path::Path;

use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::journal::failure::Failure;
use crate::report::diff::Comparison;
use crate::report::failure::Report;
use crate::report::ladder::Size;
use crate::report::markup::{
    Row, STYLE, advice, output, page, paragraph, row, screens, states, wrong,
};
use crate::report::part::made;
use crate::report::svg;
use crate::report::text::{escape, quoted, quoted_line, word};

/// The maximum size of a ladder diagram on the page.
const LADDER: Size = Size { lanes: 6, rows: 60 };

/// The width of the expected and the actual text, in columns.
const COLUMNS: usize = 90;

/// A page that is not complete yet.
pub struct Page {
    rows: String,
    sections: String,
}

impl Page {
    /// Creates an empty page.
    pub fn new() -> Self {
        Self { rows: String::new(), sections: String::new() }
    }

    /// Adds a stage to the table.
    pub fn add_stage(&mut self, lab: &Lab, stage: &Stage, verdict: &Verdict) {
        let (mark, class) = match verdict {
            Verdict::Passed => ("✓", "passed"),
            Verdict::Failed => ("✗", "failed"),
            Verdict::GraderError => ("!", "failed"),
            Verdict::NotStarted | Verdict::Blocked(_) => ("·", "dim"),
        };
        let won = if *verdict == Verdict::Passed { stage.points } else { 0 };
        self.rows += &row(&Row {
            mark,
            class,
            number: &format!("{}.{}", lab.number, stage.number),
            title: &stage.full_title(),
            has_report: matches!(verdict, Verdict::Failed | Verdict::GraderError),
            points: &format!("{won}/{}", stage.points),
            word: &word(verdict),
        });
    }

    /// Adds the report about a failed stage.
    pub fn add_report(&mut self, report: &Report, kit: &Path) {
        let out = &mut self.sections;
        let title = report.title();
        let number = title.split(' ').next().unwrap_or_default();
        let _ = writeln!(out, "<section id=\"s{number}\"><h2>✗ {}</h2>", escape(&title));
        let mut add = |part: &str, make: &dyn Fn() -> String| match made(part, make) {
            Ok(html) => out.push_str(&html),
            Err(why) => out.push_str(&paragraph("dim", &why)),
        };
        let all_states = made("the states", || report.states());
        add("the states", &|| {
            all_states.as_ref().map(|all| states(&all.ended)).unwrap_or_default()
        });
        add("the failure", &|| failure(report));
        add("the near misses", &|| {
            let misses = report.near_misses().into_iter();
            misses.map(|miss| paragraph("", &format!("→ {miss}"))).collect()
        });
        add("the step", &|| {
            let step =
                report.step().map(|step| format!("at the step: {}", quoted_line(&step.name)));
            step.map(|step| paragraph("dim", &step)).unwrap_or_default()
        });
        if report.has_happened() {
            let ladder = made("the ladder", || report.ladder(LADDER));
            add("the ladder", &|| match &ladder {
                Ok(ladder) => format!("<div class=\"ladder\">{}</div>\n", svg::ladder(ladder)),
                Err(why) => paragraph("dim", why),
            });
            // If the ladder cannot be drawn, the screens are shown without it.
            add("the screens", &|| {
                let shown = report.screens(ladder.as_ref().ok());
                screens(shown.iter().map(|screen| (screen.name.as_str(), &screen.lines[..])))
            });
        }
        add("the states", &|| match &all_states {
            Ok(all) => states(&all.running),
            Err(why) => paragraph("dim", why),
        });
        add("the advice", &|| {
            advice(report.advice(kit).iter().map(|(label, text)| (*label, text.as_str())))
        });
        self.sections.push_str("</section>\n");
    }

    /// Adds the total and returns the complete page.
    pub fn finish(self, total: &str) -> String {
        let Self { rows, sections } = self;
        let total = escape(total);
        let body = format!(
            "<h1>The chat labs</h1>\n<table>\n{rows}</table>\n<p><b>{total}</b></p>\n{sections}"
        );
        page(&format!("The chat labs: {total}"), &[STYLE], None, &body)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the failure as HTML, with the expected and the actual text.
fn failure(report: &Report) -> String {
    let (who, expected, came) = match report.failure() {
        None => return String::new(),
        Some(Failure::Grader(why)) => {
            let why = escape(&quoted(why).join("\n"));
            return format!("<p>the grader failed:</p>\n<pre>{why}</pre>\n");
        }
        Some(Failure::Wrong { who, expected, came, .. }) => (who, expected, came),
    };
    if came.contains('\n') {
        return output(who, &quoted(came));
    }
    let Comparison { expected, came, caret } = report.comparison(expected, came, COLUMNS);
    wrong(who, &expected, &came, caret)
}
