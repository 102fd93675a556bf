//! A ladder diagram, drawn with characters, which shows who sent which bytes, and when. The SVG drawing uses the same
//! rows.

use std::collections::BTreeMap;
use std::time::Duration;

use console::style;

use crate::journal::unwritten::without_unwritten;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};
use crate::report::text::short_blanks;

/// The width of the times at the left edge, in columns.
const CLOCK: usize = 8;

/// The minimum width of a lane, in columns. A narrower lane has no room for text.
const MIN_LANE: usize = 15;

/// The maximum number of rows. If there are more rows, some rows in the middle are left out.
const MAX_ROWS: usize = 36;
/// The number of rows at the beginning that are always kept when rows in the middle are left out.
const FIRST_ROWS: usize = 6;

/// The participants, and the events between them.
pub struct Ladder {
    /// The participants from left to right. The participant that all others communicate with is in the middle.
    pub lanes: Vec<String>,
    /// The rows from top to bottom.
    pub rows: Vec<Row>,
    /// The participants that are not drawn.
    pub left_out: Vec<String>,
}

/// Expected text that did not arrive.
pub struct Missing<'a> {
    /// The person or peer that waited.
    pub who: &'a str,
    /// The expected text.
    pub text: &'a str,
    /// Whether the text was expected on a screen, rather than on a connection.
    pub is_screen: bool,
}

/// One row of the ladder.
pub struct Row {
    /// The time since the stage began.
    pub at: Option<Duration>,
    /// What happens.
    pub kind: Kind,
}

/// What a row of the ladder shows.
pub enum Kind {
    /// Bytes or a signal, sent from one lane to another.
    Arrow {
        /// The number of the lane.
        from: usize,
        /// The number of the lane.
        to: usize,
        /// The text on the arrow.
        text: String,
    },
    /// Text that should have been sent from one lane to another.
    Missing {
        /// The number of the lane.
        from: usize,
        /// The number of the lane.
        to: usize,
        /// What was expected.
        text: String,
    },
    /// An event in one lane.
    Note {
        /// The number of the lane.
        lane: usize,
        /// What happens.
        text: String,
    },
    /// A new step of the stage.
    Step(String),
    /// A gap, with the number of rows that have been left out.
    Gap(usize),
}

impl Ladder {
    /// Draws the events in at most `most` lanes. `about` is the participant that the failure is about.
    pub fn new(
        events: &[Event],
        about: Option<&str>,
        missing: Option<&Missing>,
        most: usize,
    ) -> Self {
        let (lanes, left_out) = lanes(events, about, most);
        let lane = |name: &str| lanes.iter().position(|lane| lane == name);
        let mut typed = BTreeMap::new();
        let mut rows: Vec<Row> = events
            .iter()
            .filter(|event| !is_echo(event, &mut typed))
            .flat_map(|event| rows_of(event, &lane))
            .collect();
        // All steps before the last one have passed.
        let is_step = |row: &Row| matches!(row.kind, Kind::Step(_));
        if let Some(step) = rows.iter().rposition(is_step).filter(|step| *step > FIRST_ROWS) {
            let gap_row = Row { at: None, kind: Kind::Gap(step - FIRST_ROWS) };
            rows.splice(FIRST_ROWS..step, [gap_row]);
        }
        if let Some((missing, at)) = missing.and_then(|missing| Some((missing, lane(missing.who)?)))
        {
            rows.extend(silence(events, at));
            // The missing text should have come from the other end of the last connection, or else from the lane in the
            // middle.
            let middle = (lanes.len() - 1).div_ceil(2);
            let beside = if at == middle { at.saturating_sub(1) } else { middle };
            let mut ends = events.iter().rev().filter_map(Event::ends);
            let other = ends.find_map(|(from, to)| match missing.who {
                who if who == to => lane(from),
                who if who == from => lane(to),
                _ => None,
            });
            let (from, text) = (other.unwrap_or(beside), short_blanks(missing.text));
            let kind = if missing.is_screen || from == at {
                Kind::Note { lane: at, text: format!("✗ {text}") }
            } else {
                Kind::Missing { from, to: at, text }
            };
            rows.push(Row { at: None, kind });
        }
        if rows.len() > MAX_ROWS {
            let gap = FIRST_ROWS..FIRST_ROWS + rows.len() - MAX_ROWS;
            let count = |row: &Row| if let Kind::Gap(count) = row.kind { count } else { 1 };
            let left_out = rows[gap.clone()].iter().map(count).sum();
            rows.splice(gap, [Row { at: None, kind: Kind::Gap(left_out) }]);
        }
        Self { lanes, rows, left_out }
    }

    /// Returns the ladder as text that is `columns` columns wide.
    pub fn to_text(&self, columns: usize) -> String {
        let width = (columns - CLOCK) / self.lanes.len().max(1);
        let at = |lane: usize| CLOCK + lane * width + width / 2;
        let mut text = Canvas::new();
        text.put(CLOCK - 3, "ms");
        for (lane, name) in self.lanes.iter().enumerate() {
            let name = cut(name, width - 1);
            text.put((at(lane) + 1).saturating_sub(name.chars().count().div_ceil(2)), &name);
        }
        let mut lines = vec![style(text.line()).bold().to_string()];
        for Row { at: when, kind } in &self.rows {
            let mut row = Canvas::new();
            if let Some(when) = when {
                row.put(0, &format!("{:>7.1}", when.as_secs_f64() * 1000.0));
            }
            for lane in 0..self.lanes.len() {
                row.put(at(lane), "│");
            }
            let mut style = console::Style::new();
            match kind {
                Kind::Arrow { from, to, text } => row.arrow(at(*from), at(*to), text, '─'),
                Kind::Missing { from, to, text } => {
                    style = style.red();
                    row.arrow(at(*from), at(*to), &format!("✗ {text}"), '╌');
                }
                Kind::Note { lane, text } => {
                    let room = columns.saturating_sub(at(*lane) + 2);
                    // Near the right edge, there is more room for text on the left side of the lane.
                    if room < 24 && at(*lane) > CLOCK + 24 {
                        let text = cut(text, at(*lane) - CLOCK - 2);
                        row.put(at(*lane) - 1 - text.chars().count(), &text);
                    } else {
                        row.put(at(*lane) + 2, &cut(text, room));
                    }
                }
                Kind::Step(text) => {
                    style = style.dim();
                    row = Canvas::new();
                    row.put(CLOCK, &cut(&format!("── {text} "), columns - CLOCK));
                }
                Kind::Gap(count) => {
                    style = style.dim();
                    row.put(CLOCK, &format!("⋮ {count} more"));
                }
            }
            lines.push(style.apply_to(row.line()).to_string());
        }
        if !self.left_out.is_empty() {
            lines.push(format!("{:CLOCK$}not shown: {}", "", self.left_out.join(", ")));
        }
        lines.join("\n")
    }
}

/// Returns a row for the time without events at the end, if that time was long.
fn silence(events: &[Event], lane: usize) -> Option<Row> {
    const LONG: Duration = Duration::from_millis(500);
    let last = events.iter().rev().find(|event| event.what != EventKind::End)?;
    let end = events.iter().find(|event| event.what == EventKind::End)?;
    let silent = end.at.saturating_sub(last.at);
    let text = format!("(nothing for {:.1} s)", silent.as_secs_f64());
    (silent > LONG).then_some(Row { at: None, kind: Kind::Note { lane, text } })
}

/// Returns how many lanes fit into `columns` columns.
pub fn most_lanes(columns: usize) -> usize {
    ((columns - CLOCK) / MIN_LANE).max(2)
}

/// Returns the names of the lanes, and the names of the participants that do not fit.
fn lanes(events: &[Event], about: Option<&str>, most: usize) -> (Vec<String>, Vec<String>) {
    // The most recently active participants are the most important ones.
    let mut names: Vec<&str> = about.into_iter().collect();
    let mut talks: Vec<(&str, usize)> = Vec::new();
    for event in events.iter().rev() {
        let mut add = |name| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        match &event.what {
            EventKind::Sent(other, _) | EventKind::Got(other, _) => {
                add(event.who.as_str());
                add(other.as_str());
                match talks.iter_mut().find(|(name, _)| name == other) {
                    Some((_, count)) => *count += 1,
                    None => talks.push((other, 1)),
                }
            }
            EventKind::Typed(_) | EventKind::Showed(_) | EventKind::Started(..) => {
                add(event.who.as_str());
            }
            EventKind::Unechoed(_)
            | EventKind::Resized(..)
            | EventKind::Note(_)
            | EventKind::Step(_)
            | EventKind::End => {}
        }
    }
    names.retain(|name| !name.is_empty());
    // The participant that is most often the other end of a connection gets the middle lane.
    let hub = talks.iter().max_by_key(|(_, count)| count).map(|(name, _)| *name);
    if let Some(hub) = hub {
        names.retain(|name| *name != hub);
        names.insert(0, hub);
    }
    let left_out = names.split_off(names.len().min(most));
    let mut lanes: Vec<String> = names.iter().skip(1).map(ToString::to_string).collect();
    // The other lanes are in the order of their first events.
    let order = |name: &String| events.iter().position(|event| event.who == *name);
    lanes.sort_by_key(order);
    if let Some(hub) = names.first() {
        lanes.insert(lanes.len().div_ceil(2), (*hub).to_owned());
    }
    (lanes, left_out.into_iter().map(ToOwned::to_owned).collect())
}

/// Whether a program showed only the typed text and its prompt.
fn is_echo<'a>(event: &'a Event, typed: &mut BTreeMap<&'a str, String>) -> bool {
    match &event.what {
        EventKind::Typed(keys) => {
            typed.entry(&event.who).or_default().push_str(&String::from_utf8_lossy(keys));
            false
        }
        EventKind::Showed(bytes) => {
            let shown = plain(bytes);
            let shown = shown.trim_matches(|char: char| char.is_whitespace() || char == '>');
            typed.get(event.who.as_str()).is_some_and(|typed| typed.contains(shown))
        }
        _ => false,
    }
}

/// Returns the text without colors and other escape sequences.
fn plain(bytes: &[u8]) -> String {
    console::strip_ansi_codes(&String::from_utf8_lossy(bytes)).replace('\r', "")
}

fn rows_of(event: &Event, lane: &impl Fn(&str) -> Option<usize>) -> Vec<Row> {
    let at = Some(event.at);
    let words = |wire: &Wire| match wire {
        Wire::Bytes(bytes) => shown(bytes),
        Wire::Signal(signal) => (*signal).to_owned(),
    };
    let arrow = |from: &str, to: &str, wire: &Wire| {
        let (Some(from), Some(to)) = (lane(from), lane(to)) else { return Vec::new() };
        vec![Row { at, kind: Kind::Arrow { from, to, text: words(wire) } }]
    };
    let note = |text: String| match lane(&event.who) {
        Some(lane) => vec![Row { at, kind: Kind::Note { lane, text } }],
        None => Vec::new(),
    };
    match &event.what {
        EventKind::Sent(to, wire) => arrow(&event.who, to, wire),
        EventKind::Got(from, wire) => arrow(from, &event.who, wire),
        EventKind::Typed(keys) => note(match keys[..] {
            [3] => "presses Ctrl-C".to_owned(),
            [4] => "presses Ctrl-D".to_owned(),
            _ => format!("types {}", shown(&keys.replace_returns())),
        }),
        EventKind::Showed(bytes) => {
            let plain = without_unwritten(&plain(bytes));
            // A newline alone does not get a row.
            if plain.trim().is_empty() { Vec::new() } else { note(shown(plain.as_bytes())) }
        }
        EventKind::Started(_, command) => note(format!("$ {command}")),
        EventKind::Note(text) => note(text.clone()),
        EventKind::Step(text) => vec![Row { at: None, kind: Kind::Step(text.clone()) }],
        EventKind::Resized(columns, rows) => note(format!("window of {columns} by {rows}")),
        EventKind::Unechoed(_) | EventKind::End => Vec::new(),
    }
}

/// Returns the bytes as text. If there are many bytes, returns their number and the beginning of the text.
fn shown(bytes: &[u8]) -> String {
    const LONG: usize = 200;
    if bytes.len() <= LONG {
        return short_blanks(&visible(bytes));
    }
    let end = (0..=LONG / 2).rev().find(|&at| bytes[at] & 0xc0 != 0x80).unwrap_or(0);
    format!("({} bytes) {}…", bytes.len(), short_blanks(&visible(&bytes[..end])))
}

trait ReplaceReturns {
    /// Replaces each carriage return with a newline, because Enter sends a carriage return.
    fn replace_returns(&self) -> Vec<u8>;
}

impl ReplaceReturns for [u8] {
    fn replace_returns(&self) -> Vec<u8> {
        self.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect()
    }
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// A line in which text can be put at any column.
struct Canvas(Vec<char>);

impl Canvas {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn put(&mut self, at: usize, text: &str) {
        let end = at + text.chars().count();
        if self.0.len() < end {
            self.0.resize(end, ' ');
        }
        for (cell, char) in self.0[at..].iter_mut().zip(text.chars()) {
            *cell = char;
        }
    }

    /// Draws an arrow from one lane to another, with text on it.
    fn arrow(&mut self, from: usize, to: usize, text: &str, dash: char) {
        let (left, right) = (from.min(to), from.max(to));
        let line: String = std::iter::repeat_n(dash, (right - left).saturating_sub(1)).collect();
        self.put(left + 1, &line);
        self.put(from, if from < to { "├" } else { "┤" });
        if from < to {
            self.put(to - 1, "▶");
        } else {
            self.put(to + 1, "◀");
        }
        // The text is next to the sender; if there is room, a short piece of the arrow separates them.
        let room = (right - left).saturating_sub(5);
        let text = format!(" {} ", cut(text, room));
        let line = if text.chars().count() < room + 2 { 2 } else { 1 };
        let room = text.chars().count();
        self.put(if from < to { from + line } else { from + 1 - line - room }, &text);
    }

    fn line(self) -> String {
        self.0.into_iter().collect::<String>().trim_end().to_owned()
    }
}
