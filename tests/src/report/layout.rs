//! Lines of text: how wide they are, and what may stand in them.

use std::fmt::Write;

use console::{Style, Term};

use crate::grading::verdict::Verdict;
use crate::journal::visible::visible;

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

/// The text with long runs of spaces, the padding of a header for example, counted and not drawn.
pub fn short_blanks(text: &str) -> String {
    const LONG: usize = 6;
    let mut short = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&" ".repeat(LONG)) {
        let blanks = rest[at..].len() - rest[at..].trim_start_matches(' ').len();
        short.push_str(&rest[..at]);
        let _ = write!(short, "‹{blanks} spaces›");
        rest = &rest[at + blanks..];
    }
    short + rest
}

/// What a program prints, for HTML and SVG: text and nothing else, whatever it prints.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // (what neither HTML nor XML allows)
            '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' => escaped.push('\u{FFFD}'),
            char => escaped.push(char),
        }
    }
    escaped
}

/// What a compiler or a `build.rs` has printed, line by line, made harmless and not too long: it prints what it likes.
pub fn quoted(text: &str) -> Vec<String> {
    const LONG: usize = 300;
    let cut = |line: &str| {
        let line = visible(line.as_bytes());
        let is_long = line.chars().count() > LONG;
        if is_long { line.chars().take(LONG).chain(['…']).collect() } else { line }
    };
    text.trim_end().lines().map(cut).collect()
}

/// A label, and behind it a text in as many lines as it needs.
pub fn labelled(label: &str, text: &str) -> String {
    wrapped(&format!("   {label:<8}"), text)
}

/// A text in as many lines as it needs, behind `front` and below it.
pub fn wrapped(front: &str, text: &str) -> String {
    let indent = console::measure_text_width(front);
    let mut lines = vec![front.to_owned()];
    for word in text.split(' ') {
        let last = lines.last_mut().map_or(0, |line| console::measure_text_width(line));
        let width = console::measure_text_width(word);
        if last > indent && last + width + 1 > columns() {
            lines.push(format!("{:indent$}{word}", ""));
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if last > indent { " " } else { "" });
            line.push_str(word);
        }
    }
    lines.join("\n")
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
