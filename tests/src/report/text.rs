//! Lines of text: their width, and the characters that they may contain.

use std::fmt::Write;

use console::{Style, Term};

use crate::grading::verdict::Verdict;
use crate::journal::visible::visible;

/// Returns the number of columns that a report may use: the width of the terminal, or 80 if the output is not a
/// terminal.
pub fn columns() -> usize {
    let size = Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns).clamp(60, 100))
}

/// Returns a line with `left` at the left edge and `right` at the right edge. If `left` is too long, it is cut.
pub fn line(left: &str, right: &str) -> String {
    let room = columns().saturating_sub(console::measure_text_width(right) + 1);
    let left = console::truncate_str(left, room, "…");
    format!("{} {right}", console::pad_str(&left, room, console::Alignment::Left, None))
}

/// Returns the text after replacing each long run of spaces, such as the padding of a header, with the number of
/// spaces.
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

/// Escapes program output for HTML and SVG, so that it is always plain text, whatever the program prints.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Neither HTML nor XML allows these characters.
            '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' => escaped.push('\u{FFFD}'),
            char => escaped.push(char),
        }
    }
    escaped
}

/// Returns the output of a compiler or a `build.rs`, line by line. A submission controls this output, so control
/// characters are made visible, and long lines are cut.
pub fn quoted(text: &str) -> Vec<String> {
    const LONG: usize = 300;
    let cut = |line: &str| {
        let line = visible(line.as_bytes());
        let is_long = line.chars().count() > LONG;
        if is_long { line.chars().take(LONG).chain(['…']).collect() } else { line }
    };
    text.trim_end().lines().map(cut).collect()
}

/// Returns a label, followed by text on as many lines as necessary.
pub fn labelled(label: &str, text: &str) -> String {
    wrapped(&format!("   {label:<8}"), text)
}

/// Returns text on as many lines as necessary. The first line begins after `front`, and the other lines are indented to
/// match.
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

/// Returns the symbol of a verdict, in its color.
pub fn mark(verdict: Option<&Verdict>) -> String {
    let (mark, style) = match verdict {
        Some(Verdict::Passed) => ("✓", Style::new().green()),
        Some(Verdict::Failed) => ("✗", Style::new().red()),
        Some(Verdict::GraderError) => ("!", Style::new().yellow()),
        _ => ("·", Style::new().dim()),
    };
    style.apply_to(mark).to_string()
}

/// Returns the verdict in words, or an empty string if the symbol is enough.
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => String::new(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::NotStarted => "not started".to_owned(),
        Verdict::Blocked(by) => format!("blocked by {by}"),
        Verdict::GraderError => "grader error".to_owned(),
    }
}
