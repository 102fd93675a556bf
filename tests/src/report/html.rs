//! The reports as one self-contained HTML page. The page has the same content as the reports on the terminal, but the
//! ladders are drawings.

use std::fmt::Write;
use std::path::Path;

use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::journal::failure::Failure;
use crate::report::diff::Comparison;
use crate::report::failure::Report;
use crate::report::ladder::{Ladder, Size};
use crate::report::part::made;
use crate::report::svg;
use crate::report::text::{escape, quoted, quoted_line, word};

/// The style sheet, which supports light and dark mode, phones and paper.
const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; --ok: #17803d; --bad: #c3251d; --dim: #666; --box: #8881; --typed: #8882;
 --by0: #0b63a5; --by1: #a34700; --by2: #00735c; --by3: #8c3a86; --by4: #6a5a00; --by5: #4a5b70; }
@media (prefers-color-scheme: dark) { :root { --ok: #4cc06f; --bad: #ff7b72; --dim: #a0a0a0;
 --by0: #7cc0ff; --by1: #ffa86b; --by2: #5fd6b3; --by3: #e79be2; --by4: #d8c65a; --by5: #a9b8cc; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .3rem; } h2 { margin: 0 0 .6rem; font-size: 1.15rem; line-height: 1.3; }
table { border-collapse: collapse; margin: 1rem 0; } tr { border-bottom: 1px solid var(--line); }
td { padding: .25rem .9rem .25rem 0; vertical-align: top; } td:first-child, td:nth-child(3) { white-space: nowrap; font-variant-numeric: tabular-nums; }
a { color: inherit; text-underline-offset: .2em; }
section { border: 1px solid var(--line); border-left: .35rem solid var(--bad); border-radius: .5rem; padding: 1rem 1.2rem; margin: 2rem 0; }
pre, code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .85rem; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; overflow-x: auto; margin: .3rem 0 .8rem; }
.who { font-weight: bold; margin: 0 0 .3rem; } .passed { color: var(--ok); } .failed, .bad { color: var(--bad); } .dim { color: var(--dim); }
.ladder { overflow-x: auto; margin: 1rem 0; } .ladder svg { min-width: 38rem; width: 100%; height: auto; }
.screens { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: .8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .8rem; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } section { padding: .8rem; } td { padding-right: .5rem; } }
svg text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: currentColor; }
svg .clock { opacity: .6; } svg .note { opacity: .8; } svg .life { stroke: var(--line); } svg .arrow { stroke: currentColor; stroke-width: 1.5; }
svg .tip { fill: currentColor; } svg .name { font-weight: bold; } svg .typed { font-style: italic; font-weight: bold; }
svg .by0 { color: var(--by0); } svg .by1 { color: var(--by1); } svg .by2 { color: var(--by2); }
svg .by3 { color: var(--by3); } svg .by4 { color: var(--by4); } svg .by5 { color: var(--by5); }
svg .missing, svg .wrong { color: var(--bad); } svg .wrong text, svg .missing text { font-weight: bold; }
svg .wrong .arrow, svg .missing .arrow { stroke-width: 2.5; }
@media print { :root { color-scheme: light; } section { break-inside: avoid; } .ladder svg { min-width: 0; } pre { white-space: pre-wrap; } }
";

/// The size of a ladder on the page.
const LADDER: Size = Size { lanes: 6, rows: 60 };

/// The number of columns of the expected and the actual text.
const COLUMNS: usize = 90;
const INDENT: &str = "\n         ";

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
        let number = format!("{}.{}", lab.number, stage.number);
        let title = escape(stage.title);
        let title = match verdict {
            Verdict::Failed | Verdict::GraderError => format!("<a href=\"#s{number}\">{title}</a>"),
            _ => title,
        };
        let won = if *verdict == Verdict::Passed { stage.points } else { 0 };
        let (all, word) = (stage.points, word(verdict));
        let _ = writeln!(
            self.rows,
            "<tr class=\"{class}\"><td>{mark} {number}</td><td>{title}</td><td>{won}/{all}</td><td>{word}</td></tr>"
        );
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
            // If the ladder cannot be made, the screens are shown without it.
            add("the screens", &|| screens(report, ladder.as_ref().ok()));
        }
        add("the states", &|| match &all_states {
            Ok(all) => states(&all.running),
            Err(why) => paragraph("dim", why),
        });
        add("the advice", &|| {
            let advice = report.advice(kit).into_iter();
            let entry =
                |(label, text): (_, String)| format!("<dt>{label}</dt><dd>{}</dd>", escape(&text));
            format!("<dl>{}</dl>", advice.map(entry).collect::<String>())
        });
        self.sections.push_str("</section>\n");
    }

    /// Adds the total, and returns the complete page.
    pub fn finish(self, total: &str) -> String {
        let Self { rows, sections } = self;
        let total = escape(total);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>The chat labs: {total}</title>\n\
             <style>{STYLE}</style>\n<h1>The chat labs</h1>\n<table>\n{rows}</table>\n\
             <p><b>{total}</b></p>\n{sections}</html>\n"
        )
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

fn paragraph(class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<p{class}>{}</p>\n", escape(text))
}

fn states(lines: &[String]) -> String {
    let text = escape(&lines.join("\n"));
    if text.is_empty() { text } else { format!("<pre class=\"bad\">{text}</pre>\n") }
}

/// What was expected, and what came instead.
fn failure(report: &Report) -> String {
    let (who, expected, came) = match report.failure() {
        None => return String::new(),
        Some(Failure::Grader(why)) => {
            let why = escape(&quoted(why).join("\n"));
            return format!("<p>the grader failed:</p>\n<pre>{why}</pre>\n");
        }
        Some(Failure::Wrong { who, expected, came, .. }) => (who, expected, came),
    };
    let who = paragraph("who", &quoted_line(who));
    if came.contains('\n') {
        return format!("{who}<pre class=\"bad\">{}</pre>\n", escape(&quoted(came).join("\n")));
    }
    let Comparison { expected, came, caret } = report.comparison(expected, came, COLUMNS);
    let expected: Vec<_> = expected.iter().map(|row| escape(row)).collect();
    let mut rows = Vec::new();
    for (number, row) in came.iter().enumerate() {
        rows.push(format!("<span class=\"bad\">{}</span>", escape(row)));
        let at = caret.filter(|(caret, _)| *caret == number);
        rows.extend(at.map(|(_, at)| format!("{}^", " ".repeat(at))));
    }
    let (expected, came) = (expected.join(INDENT), rows.join(INDENT));
    format!("{who}<pre>expected <span class=\"passed\">{expected}</span>\nbut got  {came}</pre>\n")
}

fn screens(report: &Report, ladder: Option<&Ladder>) -> String {
    let mut out = String::from("<div class=\"screens\">");
    for screen in report.screens(ladder) {
        let (name, lines) = (escape(&quoted_line(&screen.name)), escape(&screen.lines.join("\n")));
        let _ = write!(out, "<div><span class=\"dim\">{name}</span><pre>{lines}</pre></div>");
    }
    out + "</div>\n"
}
