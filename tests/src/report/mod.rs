//! What is told of a verdict.

pub mod failure;
pub mod scoreboard;

use console::{Style, Term};

use crate::verdict::Verdict;

/// How many columns a report may use: those of the terminal, or 80 when it goes elsewhere.
pub fn columns() -> usize {
    let size = Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns).clamp(60, 100))
}

/// `left` at the left edge, cut when it is too long, and `right` at the right edge.
pub fn line(left: &str, right: &str) -> String {
    let room = columns().saturating_sub(console::measure_text_width(right) + 1);
    let left = console::truncate_str(left, room, "…");
    format!("{} {right}", console::pad_str(&left, room, console::Alignment::Left, None))
}

/// The sign of a verdict, in its colour.
pub fn mark(verdict: Option<&Verdict>) -> String {
    let (mark, style) = match verdict {
        Some(Verdict::Passed) => ("✓", Style::new().green()),
        Some(Verdict::Failed) => ("✗", Style::new().red()),
        Some(Verdict::GraderError) => ("!", Style::new().yellow()),
        _ => ("·", Style::new().dim()),
    };
    style.apply_to(mark).to_string()
}

/// What a verdict says, if it says more than its sign.
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => String::new(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::NotStarted => "not started".to_owned(),
        Verdict::Blocked(by) => format!("blocked by {by}"),
        Verdict::GraderError => "grader error".to_owned(),
    }
}
