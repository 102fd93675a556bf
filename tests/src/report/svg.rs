//! Draws the ladder and the screens as SVG images. The ladder uses the colors of the page that contains it.

use std::fmt::Write;

use crate::report::ladder::Ladder;
use crate::report::rows::{Kind, Row, marks};
use crate::report::screens::Screen;
use crate::report::text::{cut, escape, quoted_line, width};

/// The height of a text line, in pixels.
const LINE: usize = 16;
/// The space between two rows, in pixels.
const GAP: usize = 8;
/// The width of a drawing, in pixels.
const WIDTH: usize = 900;
/// The width of the times at the left edge, in pixels.
const CLOCK: usize = 70;
/// The assumed width of a character, in pixels, which is a little more than the real width.
const CHARACTER: usize = 8;
/// The maximum number of lines of text on an arrow.
const MAX_LINES: usize = 12;

/// The number of colors for speakers; see the page's style sheet.
const SPEAKERS: usize = 6;

/// Returns the ladder as a drawing, with a text alternative.
pub fn ladder(ladder: &Ladder) -> String {
    let left = if ladder.rows.iter().any(|row| row.at.is_some()) { CLOCK } else { 0 };
    let lane_width = (WIDTH - left) / ladder.lanes.len().max(1);
    let x = |lane: usize| left + lane * lane_width + lane_width / 2;
    let mut rows = String::new();
    let mut y = LINE + GAP;
    for Row { at, kind, .. } in &ladder.rows {
        let lines = match kind {
            Kind::Arrow { from, to, text, .. } | Kind::Missing { from, to, text } => {
                wrap(text, (x(*from).abs_diff(x(*to)) / CHARACTER).saturating_sub(2))
            }
            _ => Vec::new(),
        };
        y += GAP + LINE * lines.len().max(1);
        if let Some(at) = at {
            let ms = at.as_secs_f64() * 1000.0;
            let end = left.saturating_sub(10);
            let _ = write!(
                rows,
                "<text class=\"clock\" x=\"{end}\" y=\"{y}\" text-anchor=\"end\">{ms:.1}</text>"
            );
        }
        let text_at = |class: &str, x: usize, anchor: &str, text: &str| {
            let text = escape(text);
            format!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
            )
        };
        match kind {
            Kind::Arrow { from, to, full, is_wrong, is_glued, .. } => {
                let class =
                    if *is_wrong { "wrong".to_owned() } else { format!("by{}", from % SPEAKERS) };
                let mut lines = lines;
                lines[0].insert_str(0, marks(*is_wrong, *is_glued));
                let arrow = arrow(x(*from), x(*to), y, &lines);
                let full = escape(full);
                let _ = write!(rows, "<g class=\"{class}\"><title>{full}</title>{arrow}</g>");
            }
            Kind::Missing { from, to, .. } => {
                let mut lines = lines;
                lines[0].insert_str(0, "✗ ");
                let arrow = arrow(x(*from), x(*to), y, &lines);
                let _ = write!(rows, "<g class=\"missing\" stroke-dasharray=\"4 3\">{arrow}</g>");
            }
            Kind::Note { lane, text, is_typed } => {
                let is_right = x(*lane) > WIDTH * 2 / 3;
                let room = if is_right { x(*lane) - left } else { WIDTH.saturating_sub(x(*lane)) };
                let (at, anchor) =
                    if is_right { (x(*lane) - 8, "end") } else { (x(*lane) + 8, "start") };
                let class = if *is_typed { "typed" } else { "note" };
                rows.push_str(&text_at(class, at, anchor, &cut(text, room / CHARACTER)));
            }
            Kind::Step(text) => {
                let text = cut(text, (WIDTH - left) / CHARACTER);
                rows.push_str(&text_at("name", left, "start", &text));
            }
            Kind::Gap(count) => {
                rows.push_str(&text_at("note", left, "start", &format!("⋮ {count} more")));
            }
        }
    }
    let height = y + 2 * GAP;
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\
         <title>Messages between {}</title><desc>{}</desc>",
        escape(&names(ladder).join(", ")),
        escape(&in_words(ladder))
    );
    for (lane, name) in names(ladder).iter().enumerate() {
        let (x, name) = (x(lane), escape(name));
        let _ = write!(
            out,
            "<line class=\"life\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\"/>\
             <text class=\"name by{}\" x=\"{x}\" y=\"{LINE}\" text-anchor=\"middle\">{name}</text>",
            LINE + GAP,
            lane % SPEAKERS
        );
    }
    out + &rows + "</svg>"
}

/// Draws an arrow from one lane to another, with the text above it, next to the sender.
fn arrow(from: usize, to: usize, y: usize, lines: &[String]) -> String {
    let line = y + 4;
    let (tip, text_at, anchor) = if from < to {
        (to.saturating_sub(8), from + 8, "start")
    } else {
        (to + 8, from.saturating_sub(8), "end")
    };
    let (above, below) = (line - 4, line + 4);
    let mut out = format!(
        "<line class=\"arrow\" x1=\"{from}\" x2=\"{tip}\" y1=\"{line}\" y2=\"{line}\"/>\
         <path class=\"tip\" d=\"M{tip} {above} L{to} {line} L{tip} {below} Z\"/>"
    );
    for (back, text) in lines.iter().rev().enumerate() {
        let (y, text) = (y - back * LINE, escape(text));
        let _ =
            write!(out, "<text x=\"{text_at}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>");
    }
    out
}

/// Returns the text, split at its newlines if it is too long for one line. The result has at least one line and at most
/// [`MAX_LINES`].
fn wrap(text: &str, room: usize) -> Vec<String> {
    if width(text) <= room {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<_> = text.split_inclusive('⏎').map(|line| cut(line, room)).collect();
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES - 1);
        lines.push("…".to_owned());
    }
    lines
}

fn names(ladder: &Ladder) -> Vec<String> {
    ladder.lanes.iter().map(|name| quoted_line(name)).collect()
}

/// Returns the text alternative of the drawing.
fn in_words(ladder: &Ladder) -> String {
    let names = names(ladder);
    let name = |lane: &usize| names[*lane].as_str();
    let row = |row: &Row| match &row.kind {
        Kind::Arrow { from, to, text, is_wrong, is_glued, .. } => {
            let wrong = if *is_wrong { "wrong, " } else { "" };
            let glued = if *is_glued { "together with the previous message, " } else { "" };
            format!("{wrong}{glued}{} to {}: {text}", name(from), name(to))
        }
        Kind::Missing { from, to, text } => {
            format!("missing, {} to {}: {text}", name(from), name(to))
        }
        Kind::Note { lane, text, .. } => format!("{}: {text}", name(lane)),
        Kind::Step(text) => text.clone(),
        Kind::Gap(count) => format!("{count} more"),
    };
    ladder.rows.iter().map(row).collect::<Vec<_>>().join(". ")
}

/// The width of a screen, in columns.
pub const COLUMNS: usize = 44;

/// Draws the screens as windows, two side by side, for a page with any background color.
pub fn screens(screens: &[Screen]) -> String {
    const TITLE: usize = 26;
    const SPACE: usize = 14;
    let width = COLUMNS * CHARACTER + 2 * GAP;
    let rows = screens.iter().map(|screen| screen.lines.len()).max().unwrap_or(0);
    let height = TITLE + rows * LINE + 2 * GAP;
    let (columns, lines) = (screens.len().min(2), screens.len().div_ceil(2));
    let mut out = format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\
         <title>The screens of {}</title><style>\
         text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6e6e6;white-space:pre}}\
         .name{{fill:#9fb8d8;font-weight:bold}}</style>",
        (columns * (width + SPACE)).saturating_sub(SPACE),
        (lines * (height + SPACE)).saturating_sub(SPACE),
        escape(
            &screens.iter().map(|screen| quoted_line(&screen.name)).collect::<Vec<_>>().join(", ")
        )
    );
    for (at, Screen { name, lines }) in screens.iter().enumerate() {
        let (x, y) = (at % 2 * (width + SPACE), at / 2 * (height + SPACE));
        let _ = write!(
            out,
            "<g transform=\"translate({x} {y})\">\
             <rect width=\"{width}\" height=\"{height}\" rx=\"7\" fill=\"#1d2430\"/>\
             <rect width=\"{width}\" height=\"{TITLE}\" rx=\"7\" fill=\"#2c3748\"/>\
             <text class=\"name\" x=\"{}\" y=\"18\" text-anchor=\"middle\">{}</text>",
            width / 2,
            escape(&quoted_line(name))
        );
        for (row, line) in lines.iter().enumerate() {
            let (y, line) = (TITLE + GAP + (row + 1) * LINE - 4, escape(line));
            let _ = write!(out, "<text x=\"{GAP}\" y=\"{y}\" xml:space=\"preserve\">{line}</text>");
        }
        out.push_str("</g>");
    }
    out + "</svg>"
}
