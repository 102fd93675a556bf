//! The page for a class, with a row for each submission and a column for each stage. The cells link to the reports.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::class::record::{Lab, Record, Stage, Submission, Verdict};
use crate::class::tier::containment;
use crate::class::verdicts::{known, sign, word};
use crate::report::markup::{Inline, STYLE, page, paragraph};
use crate::report::text::{escape, quoted_line};

/// The table's style. The colors are blue and orange, which color-blind people can distinguish. Each cell also contains
/// a symbol.
const TABLE: Inline = Inline {
    hash: "yvuwdaLMkrchjPLnpSGXRvRFYLYubnGmMFS70Y8ZG6E=",
    text: include_str!("table.css"),
};

/// The script that sorts the table.
const SORT: Inline =
    Inline { hash: "ZllB8cKDmQXQNtGEln90QT7ZXqPirHQCpu4ZI/1Vy6s=", text: include_str!("sort.js") };

/// Returns the page. `links` contains the links to the submissions' pages, in the same order as the submissions.
pub fn class_page(record: &Record, links: &[String]) -> String {
    let table = Table::of(record);
    let rows = record.submissions.iter().zip(links).map(|(one, link)| table.row(one, link));
    let count = record.submissions.len();
    let submissions = if count == 1 { "submission" } else { "submissions" };
    let body = format!(
        "<h1>The chat labs: {count} {submissions}</h1>\n{}{}<div class=\"class\"><table>\n{}<tbody>\n{}</tbody>\n{}</table></div>\n",
        conditions(record),
        table.legend(),
        table.head(),
        rows.collect::<String>(),
        table.foot()
    );
    page("The chat labs: a class", &[STYLE, TABLE], Some(SORT), &body)
}

/// Returns the time and conditions of the grading.
fn conditions(record: &Record) -> String {
    let Record { kit, date, machine, control, .. } = record;
    let control = format!("{control:?}").to_lowercase();
    let graded = format!("graded {date} with kit {kit} on {machine}");
    paragraph(
        "dim",
        &quoted_line(&format!("{graded}; control: {control}; {}", containment(record))),
    )
}

/// The table's columns.
struct Table<'a> {
    labs: BTreeMap<u32, &'a Lab>,
    stages: BTreeMap<(u32, u32), Column<'a>>,
}

/// A stage.
struct Column<'a> {
    stage: &'a Stage,
    /// The number of submissions that have passed the stage.
    passed: usize,
    /// The CSS class of all cells in the column, or an empty string. The first column of each lab has a CSS class that
    /// draws a line between this lab and the previous one.
    class: &'static str,
}

impl<'a> Table<'a> {
    fn of(record: &'a Record) -> Self {
        let (mut labs, mut stages) = (BTreeMap::new(), BTreeMap::new());
        for (lab, stage) in record.submissions.iter().flat_map(stages_of) {
            labs.entry(lab.lab).or_insert(lab);
            let column = stages.entry((lab.lab, stage.stage));
            let column = column.or_insert(Column { stage, passed: 0, class: "" });
            column.passed += usize::from(stage.verdict == Verdict::Passed);
        }
        let mut last = 0;
        for ((lab, _), column) in &mut stages {
            column.class = if std::mem::replace(&mut last, *lab) == *lab { "" } else { "lab" };
        }
        Self { labs, stages }
    }

    /// Returns a legend for the symbols. Omits the symbols for hidden stages and bonus stages if there are none.
    fn legend(&self) -> String {
        let has = |is: fn(&Stage) -> bool| self.stages.values().any(|column| is(column.stage));
        let of = |verdict| (class(verdict), sign(verdict));
        let entries = [
            (of(Verdict::Passed), "passed", true),
            (of(Verdict::Failed), "failed", true),
            (of(Verdict::NotStarted), "not started", true),
            (of(Verdict::Blocked), "blocked by an earlier stage", true),
            (of(Verdict::GraderError), "grader error: no verdict", true),
            (("", "?"), "a sum that leaves out stages without a verdict", true),
            (("", "(5)"), "hidden from students", has(|stage| stage.hidden)),
            (("", "+5"), "bonus", has(|stage| stage.bonus)),
        ];
        let mut legend = "<p class=\"legend\">".to_owned();
        for ((class, sign), words, _) in entries.iter().filter(|(.., is_shown)| *is_shown) {
            let _ = writeln!(legend, "<span><b class=\"{class}\">{sign}</b> {words}</span>");
        }
        legend + "</p>\n"
    }

    fn head(&self) -> String {
        let mut head = "<thead><tr>".to_owned();
        let labs = self.labs.keys().map(|lab| format!("lab&nbsp;{lab}"));
        let sorted = ["name".to_owned(), "sum".to_owned()].into_iter().chain(labs);
        for (at, label) in sorted.enumerate() {
            let _ = write!(
                head,
                "<th rowspan=\"2\" scope=\"col\"><button type=\"button\" data-column=\"{at}\">{label}</button></th>"
            );
        }
        for (number, lab) in &self.labs {
            let title = escape(&quoted_line(&lab.title));
            let weight = if lab.weight == 1 { String::new() } else { format!(" ×{}", lab.weight) };
            let stages = self.stages.keys().filter(|(lab, _)| lab == number).count();
            let _ = write!(
                head,
                "<th class=\"lab\" colspan=\"{stages}\" scope=\"colgroup\">{number}{weight} {title}</th>"
            );
        }
        head += "</tr>\n<tr>";
        for ((lab, number), Column { stage, class, .. }) in &self.stages {
            let (title, points) = (escape(&quoted_line(&stage.title)), stage.maximum);
            let shown = match (stage.hidden, stage.bonus) {
                (true, _) => format!("({number})"),
                (_, true) => format!("+{number}"),
                _ => number.to_string(),
            };
            let _ = write!(
                head,
                "<th class=\"{class}\" scope=\"col\" title=\"{lab}.{number} {title}, {points} points\">{shown}</th>"
            );
        }
        head + "</tr></thead>\n"
    }

    fn row(&self, submission: &Submission, link: &str) -> String {
        let (name, link) = (escape(&quoted_line(&submission.name)), escape(link));
        let sum = known(submission.points, submission.complete);
        let mut row =
            format!("<tr><th scope=\"row\"><a href=\"{link}\">{name}</a></th><td>{sum}</td>");
        for number in self.labs.keys() {
            let lab = submission.labs.iter().find(|lab| lab.lab == *number);
            let sum = lab.map_or(String::new(), |lab| known(lab.points, lab.complete));
            let _ = write!(row, "<td>{sum}</td>");
        }
        if let (true, Some(error)) = (submission.labs.is_empty(), &submission.error) {
            let (error, columns) = (escape(&quoted_line(error)), self.stages.len().max(1));
            let _ = writeln!(row, "<td class=\"error\" colspan=\"{columns}\">{error}</td></tr>");
            return row;
        }
        let stages = stages_of(submission).map(|(lab, stage)| ((lab.lab, stage.stage), stage));
        let stages: BTreeMap<_, _> = stages.collect();
        for (number, column) in &self.stages {
            row += &stages
                .get(number)
                .map_or("<td></td>".to_owned(), |stage| cell(number.0, stage, column.class, &link));
        }
        row + "</tr>\n"
    }

    /// Returns a row with the number of submissions that have passed each stage.
    fn foot(&self) -> String {
        let mut foot = format!(
            "<tfoot><tr><th scope=\"row\">passed by</th><td colspan=\"{}\"></td>",
            self.labs.len() + 1
        );
        for Column { passed, class, .. } in self.stages.values() {
            let _ = write!(foot, "<td class=\"{class}\">{passed}</td>");
        }
        foot + "</tr></tfoot>\n"
    }
}

fn stages_of(submission: &Submission) -> impl Iterator<Item = (&Lab, &Stage)> {
    submission.labs.iter().flat_map(|lab| lab.stages.iter().map(move |stage| (lab, stage)))
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "p",
        Verdict::Failed => "f",
        Verdict::NotStarted => "n",
        Verdict::Blocked => "b",
        Verdict::GraderError => "e",
    }
}

/// Returns a stage's cell. If the stage has a report, the cell links to it.
fn cell(lab: u32, stage: &Stage, of_column: &str, link: &str) -> String {
    let (class, sign) = (class(stage.verdict), sign(stage.verdict));
    let space = if of_column.is_empty() { "" } else { " " };
    let number = format!("{lab}.{}", stage.stage);
    // Cells for passed stages have no `title` attribute, to keep the page small.
    let title = match stage.verdict {
        Verdict::Passed => String::new(),
        _ => format!(" title=\"{number} {}\"", word(stage)),
    };
    let inside = match stage.report {
        Some(_) => format!("<a href=\"{link}#s{number}\"{title}>{sign}</a>"),
        None => sign.to_owned(),
    };
    let title = if stage.report.is_some() { "" } else { &title };
    format!("<td class=\"{class}{space}{of_column}\"{title}>{inside}</td>")
}
