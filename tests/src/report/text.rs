//! Lines of text: their width and the characters that they may contain.

use std::fmt::Write;

use console::{Style, Term};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::grading::verdict::Verdict;
use crate::journal::visible::visible;

/// The minimum number of columns of a report. In a narrower window, the terminal wraps the lines of the report.
pub const MIN_COLUMNS: usize = 20;

/// Returns the number of columns that a report may use: the width of the terminal, or 80 if the output is not a
/// terminal.
pub fn columns() -> usize {
    let size = Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns).clamp(MIN_COLUMNS, 100))
}

/// Splits text into groups of characters that share one position on a terminal. For each group, also returns the number
/// of columns that the group needs. A character shares its position with the marks that a terminal puts above or below
/// it.
pub fn clusters(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        // A character without a width, such as a control character, counts as one column.
        let width = |char: char| char.width().unwrap_or(1);
        let first = rest.chars().next()?;
        let end = rest.char_indices().skip(1).find(|(_, char)| width(*char) > 0);
        let (cluster, after) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
        rest = after;
        // A variation selector for emoji makes some characters wider.
        Some((cluster, width(first).max(cluster.width())))
    })
}

/// Returns the number of columns that the text needs.
pub fn width(text: &str) -> usize {
    clusters(text).map(|(_, width)| width).sum()
}

/// Returns as much of the beginning of the text as fits in `room` columns. If the text is truncated, the result ends
/// with `…`.
pub fn cut(text: &str, room: usize) -> String {
    let (shown, is_cut) = beginning(text, room);
    if !is_cut {
        return shown;
    }
    let mut shown = beginning(text, room.saturating_sub(1)).0;
    if room > 0 {
        shown.push('…');
    }
    shown
}

/// Returns as much of the beginning of the text as fits in `room` columns, and whether the text is longer than that.
fn beginning(text: &str, room: usize) -> (String, bool) {
    /// The maximum number of combining marks on a character; no language uses more.
    const MARKS: usize = 8;
    let (mut shown, mut used) = (String::new(), 0);
    for (cluster, width) in clusters(text) {
        used += width;
        if used > room {
            return (shown, true);
        }
        shown.extend(cluster.chars().take(1 + MARKS));
    }
    (shown, false)
}

/// Returns a line with `left` at the left edge and `right` at the right edge. If `left` is too long, it is truncated.
pub fn line(left: &str, right: &str, columns: usize) -> String {
    let right = console::truncate_str(right, columns.saturating_sub(1), "…");
    let room = columns.saturating_sub(console::measure_text_width(&right) + 1);
    let left = console::truncate_str(left, room, if room > 0 { "…" } else { "" });
    format!("{} {right}", console::pad_str(&left, room, console::Alignment::Left, None))
}

/// Replaces each long run of spaces, such as the padding of a header, with the number of spaces.
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

/// Returns a program's output as text without colors or other escape sequences.
pub fn plain(bytes: &[u8]) -> String {
    console::strip_ansi_codes(&String::from_utf8_lossy(bytes)).replace('\r', "")
}

/// Like [`plain`], but removes only the sequences that set colors (`ESC [ … m`), so that all others can be seen.
pub fn without_colors(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    let mut parts = text.split("\x1b[");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|char: char| char.is_ascii_digit() || char == ';');
        match rest.strip_prefix('m') {
            Some(rest) => kept.push_str(rest),
            None => kept.extend(["\x1b[", part]),
        }
    }
    kept
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
            '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' | '\u{fffe}'..='\u{ffff}' => {
                escaped.push('\u{FFFD}');
            }
            char => escaped.push(char),
        }
    }
    escaped
}

/// Returns the output of a compiler or a `build.rs`, line by line. A submission controls this output, so control
/// characters are made visible, long lines are truncated, and the lines after the first [`MOST_QUOTED`] are only
/// counted.
pub fn quoted(text: &str) -> Vec<String> {
    let mut lines = text.trim_end().lines();
    let mut quoted: Vec<_> = lines.by_ref().take(MOST_QUOTED).map(quoted_line).collect();
    let more = lines.count();
    if more > 0 {
        quoted.push(format!("… {more} more lines"));
    }
    quoted
}

/// The maximum number of lines that are quoted from one source.
pub const MOST_QUOTED: usize = 30;

/// Sanitizes one line of a program's output and truncates it if it is too long.
pub fn quoted_line(line: &str) -> String {
    const LONGEST: usize = 300;
    // In ordinary text, a character and its combining marks take up at most 12 bytes, so this prefix fills `LONGEST`
    // columns. The rest of a very long line is not read.
    let beginning = &line[..line.floor_char_boundary(LONGEST * 12)];
    cut(&visible(beginning.as_bytes()), LONGEST)
}

/// Returns a label followed by text, wrapped onto as many lines as necessary.
pub fn labelled(label: &str, text: &str, columns: usize) -> String {
    wrapped(&format!("   {label:<8}"), text, columns)
}

/// Returns text, wrapped onto as many lines as necessary. The first line begins after `front`, and the other lines are
/// indented to match.
pub fn wrapped(front: &str, text: &str, columns: usize) -> String {
    let indent = width(front);
    let rows = rows(text, columns.saturating_sub(indent));
    format!("{front}{}", rows.join(&format!("\n{}", " ".repeat(indent))))
}

/// Returns the text in rows of at most `room` columns, split between characters, as on a terminal.
pub fn folded(text: &str, room: usize) -> Vec<String> {
    let (mut rows, mut row, mut used) = (Vec::new(), String::new(), 0);
    for (cluster, width) in clusters(text) {
        if used > 0 && used + width > room {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        row.push_str(cluster);
        used += width;
    }
    rows.push(row);
    rows
}

/// Returns the text in rows of at most `room` columns, split at spaces. A word is split only if it is too long for a
/// row.
pub fn rows(text: &str, room: usize) -> Vec<String> {
    let (mut rows, mut row, mut used) = (Vec::new(), String::new(), 0);
    let mut end_row = |row: &mut String, used: &mut usize| {
        rows.push(std::mem::take(row));
        *used = 0;
    };
    for word in text.split(' ') {
        if used > 0 && used + 1 + width(word) > room {
            end_row(&mut row, &mut used);
        } else if used > 0 {
            row.push(' ');
            used += 1;
        }
        for (cluster, width) in clusters(word) {
            if used > 0 && used + width > room {
                end_row(&mut row, &mut used);
            }
            row.push_str(cluster);
            used += width;
        }
    }
    rows.push(row);
    rows
}

/// Returns the symbol for a verdict, in its color.
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
