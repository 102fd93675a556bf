//! A ladder diagram, drawn with characters. The ladder shows who sent which bytes and when. The SVG drawing uses the
//! same rows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use console::style;

use crate::journal::failure::Evidence;
use crate::journal::{Event, EventKind};
use crate::report::canvas::Canvas;
use crate::report::closing;
use crate::report::explaining::explaining;
use crate::report::rows::{
    Kind, MUCH, Row, calls, is_call, is_echo, marks, rows_of, shown_up_to, wrong_event,
};
use crate::report::text::{self, MIN_COLUMNS, cut, quoted_line, wrapped};

/// The width of the times at the left edge, in columns.
pub const CLOCK: usize = 8;

/// The minimum width of a lane, in columns. A lane is one participant's part of the diagram; in a narrower lane, there
/// is no room for text.
const MIN_LANE: usize = 15;

/// When rows in the middle are left out, this many rows at the beginning are always kept.
const FIRST_ROWS: usize = 1;

/// When rows in the middle are left out, at least this many rows at the end are kept.
const LAST_ROWS: usize = 6;

/// The participants in the event that shows the failure and in the events just before it matter most. This is the total
/// number of these events.
const NEAR: usize = 6;

/// The maximum size of a ladder diagram.
#[derive(Clone, Copy)]
pub struct Size {
    /// The maximum number of lanes. The other participants are not drawn.
    pub lanes: usize,
    /// The maximum number of rows. If there are more rows, some rows in the middle are left out.
    pub rows: usize,
}

/// The participants and the events between them.
pub struct Ladder {
    /// The lab number.
    lab: u32,
    /// The participants from left to right. The participant that all others communicate with is in the middle.
    pub lanes: Vec<String>,
    /// The rows from top to bottom.
    pub rows: Vec<Row>,
    /// The participants that are not drawn.
    pub left_out: Vec<String>,
}

/// The messages that a ladder marks with `✗`: a wrong message and a missing message.
#[derive(Default)]
pub struct Marks<'a> {
    /// The evidence for the failure.
    pub evidence: Option<&'a Evidence>,
    /// The bytes that did not arrive.
    pub missing: Option<&'a [u8]>,
    /// For each event, the positions at which its pieces begin. If an event has no entry in this list, its bytes are
    /// treated as one piece.
    pub pieces: &'a [Vec<usize>],
    /// The failure in words: the line that it quotes, the expected text, and the text that came instead.
    pub texts: &'a [String],
}

impl Ladder {
    /// Draws the events of a lab. `about` names the participants that the failure concerns, most important first.
    pub fn new(lab: u32, events: &[Event], about: &[&str], marks: &Marks, size: Size) -> Self {
        let wrong = marks.evidence.and_then(|evidence| wrong_event(events, evidence));
        let focus = wrong
            .map(|(event, _)| event)
            .or_else(|| about.first().and_then(|about| closing::position(events, about)));
        let (lanes, left_out) = lanes(events, about, focus, size.lanes);
        let lane = |name: &str| lanes.iter().position(|lane| lane == name);
        let (mut typed, calls) = (BTreeMap::new(), calls(events));
        let explaining = explaining(events, about, focus, marks.texts);
        let mut rows: Vec<Row> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| !is_echo(event, &mut typed) && !is_call(event, &calls))
            .flat_map(|(at, event)| {
                let wrong = wrong.filter(|(event, _)| *event == at).map(|(_, byte)| byte);
                let pieces = marks.pieces.get(at).map_or(&[0][..], Vec::as_slice);
                let mut rows = rows_of(lab, event, pieces, wrong, &lane);
                for row in &mut rows {
                    row.explains = explaining.contains(&at);
                }
                rows
            })
            .collect();
        // All steps before the last step have passed, so only their last rows are shown.
        if let Some(step) = rows.iter().rposition(Row::is_step) {
            let context = (size.rows * 2 / 3).saturating_sub(FIRST_ROWS + rows.len() - step);
            let end = step.saturating_sub(context);
            if end > FIRST_ROWS + 1 {
                leave_out(&mut rows, FIRST_ROWS..end);
            }
        }
        if let Some((evidence, at)) = marks.evidence.and_then(|one| Some((one, lane(&one.name)?))) {
            rows.extend(silence(events, at));
            // The missing text should have come from the other end of the participant's last connection. If the
            // participant was never connected to a participant with a lane, the arrow starts in the middle lane or, if
            // that is the participant's own lane, in the lane to its left.
            let middle = (lanes.len() - 1).div_ceil(2);
            let beside = if at == middle { at.saturating_sub(1) } else { middle };
            let mut ends = events.iter().rev().filter_map(Event::ends);
            let other = ends.find_map(|(from, to)| match evidence.name.as_str() {
                who if who == to => lane(from),
                who if who == from => lane(to),
                _ => None,
            });
            let from = other.unwrap_or(beside);
            rows.extend(marks.missing.map(|missing| {
                let text = shown_up_to(MUCH, missing);
                let kind = if evidence.is_screen || from == at {
                    Kind::Note { lane: at, text: format!("✗ {text}"), is_typed: false }
                } else {
                    Kind::Missing { from, to: at, text }
                };
                Row::new(None, kind)
            }));
        }
        if rows.len() > size.rows {
            let first = FIRST_ROWS + rows.len() - size.rows + 1;
            // The rows that remain in the middle need room, too.
            let last = rows.len().saturating_sub(LAST_ROWS).max(first);
            let fits = |&end: &usize| len_without(&rows, FIRST_ROWS..end) <= size.rows;
            let end = (first..last).find(fits).unwrap_or(last);
            leave_out(&mut rows, FIRST_ROWS..end);
        }
        if rows.iter().any(|row| matches!(row.kind, Kind::Arrow { is_glued: true, .. })) {
            let text = "+ was sent together with the message above it".to_owned();
            rows.push(Row::new(None, Kind::Step(text)));
        }
        Self { lab, lanes, rows, left_out }
    }

    /// Returns the ladder as text that is `columns` or [`MIN_COLUMNS`] columns wide, whichever is greater.
    pub fn to_text(&self, columns: usize) -> String {
        let columns = columns.max(MIN_COLUMNS);
        let width = (columns - CLOCK) / self.lanes.len().max(1);
        let at = |lane: usize| CLOCK + lane * width + width / 2;
        let mut text = Canvas::default();
        text.put(CLOCK - 3, "ms");
        for (lane, name) in self.lanes.iter().enumerate() {
            let name = cut(&quoted_line(name), width.saturating_sub(1));
            text.put((at(lane) + 1).saturating_sub(text::width(&name).div_ceil(2)), &name);
        }
        let mut lines = vec![style(text.line()).bold().to_string()];
        for Row { at: when, kind, .. } in &self.rows {
            let mut row = Canvas::default();
            if let Some(when) = when {
                row.put(0, &cut(&format!("{:>7.1}", when.as_secs_f64() * 1000.0), CLOCK));
            }
            for lane in 0..self.lanes.len() {
                row.put(at(lane), "│");
            }
            let mut style = console::Style::new();
            match kind {
                Kind::Arrow { from, to, text, is_wrong, is_glued, .. } => {
                    if *is_wrong {
                        style = style.red();
                    }
                    let text = format!("{}{}", marks(*is_wrong, *is_glued), short(self.lab, text));
                    row.arrow(at(*from), at(*to), &text, '─');
                }
                Kind::Missing { from, to, text } => {
                    style = style.red();
                    row.arrow(at(*from), at(*to), &format!("✗ {}", short(self.lab, text)), '╌');
                }
                Kind::Note { lane, text, .. } => {
                    let room = columns.saturating_sub(at(*lane) + 2);
                    // Near the right edge, there is more room for text on the left side of the lane. The text hides
                    // other lanes and may begin next to one of them, so it ends in a mark on its own lane.
                    if room < 24 && at(*lane) > CLOCK + 24 {
                        let text = cut(text, at(*lane) - CLOCK - 2);
                        row.put(at(*lane) - 1 - text::width(&text), &text);
                        row.put(at(*lane), "┤");
                    } else {
                        row.put(at(*lane) + 2, &cut(text, room));
                    }
                }
                Kind::Step(text) => {
                    style = style.dim();
                    row = Canvas::default();
                    row.put(CLOCK, &cut(&format!("── {text} "), columns - CLOCK));
                }
                Kind::Gap(count) => {
                    style = style.dim();
                    row.put(CLOCK, &cut(&format!("⋮ {count} more"), columns - CLOCK));
                }
            }
            lines.push(style.apply_to(row.line()).to_string());
        }
        lines.extend(
            self.not_shown()
                .map(|names| wrapped(&" ".repeat(CLOCK), &format!("not shown: {names}"), columns)),
        );
        lines.join("\n")
    }

    /// Returns the names of the participants that are not drawn.
    fn not_shown(&self) -> Option<String> {
        const MOST: usize = 20;
        let mut names: Vec<_> =
            self.left_out.iter().take(MOST).map(|name| quoted_line(name)).collect();
        if self.left_out.len() > MOST {
            names.push(format!("and {} more", self.left_out.len() - MOST));
        }
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// Shortens a multiline message so that it fits on an arrow. In wire format 4, all fields except the first are shown
/// without their names.
pub fn short(lab: u32, text: &str) -> String {
    if lab != 4 {
        return text.to_owned();
    }
    let mut fields = text.split('⏎').filter(|field| !field.is_empty());
    let first = fields.next().unwrap_or_default().to_owned();
    let value = |field: &str| {
        field.split_once(':').map_or(field, |(_, value)| value.trim_start()).to_owned()
    };
    let values: Vec<_> = [first].into_iter().chain(fields.map(value)).collect();
    values.join(" · ")
}

/// Returns, for each row of a range, whether the row remains when the range is shortened. The rows that explain the
/// failure remain, each below the name of its step. If the last step of the range continues after the range, the row
/// with the name of this step remains, too.
fn remaining(rows: &[Row], range: Range<usize>) -> Vec<bool> {
    let mut needs_step = rows.get(range.end).is_some_and(|row| !row.is_step());
    let mut remaining: Vec<_> = rows[range]
        .iter()
        .rev()
        .map(|row| {
            let remains = row.is_kept() || (needs_step && row.is_step());
            needs_step = if remains { !row.is_step() } else { needs_step };
            remains
        })
        .collect();
    remaining.reverse();
    // A single row is not left out, because the line that says how many rows are left out would take up a row, too.
    for at in 0..remaining.len() {
        let is_alone =
            |other: Option<usize>| other.is_none_or(|at| remaining.get(at) != Some(&false));
        if is_alone(at.checked_sub(1)) && is_alone(Some(at + 1)) {
            remaining[at] = true;
        }
    }
    remaining
}

/// Returns the total number of rows after a range has been shortened; see [`remaining`]. A gap counts as a row.
fn len_without(rows: &[Row], range: Range<usize>) -> usize {
    let remaining = remaining(rows, range.clone());
    let gaps = remaining.chunk_by(|one, other| one == other).filter(|chunk| !chunk[0]).count();
    rows.len() - range.len() + remaining.iter().filter(|remains| **remains).count() + gaps
}

/// Shortens a range of rows: leaves out the rows that do not remain (see [`remaining`]) and inserts rows that say how
/// many rows were left out.
fn leave_out(rows: &mut Vec<Row>, range: Range<usize>) {
    let remaining = remaining(rows, range.clone());
    let mut kept: Vec<Row> = Vec::new();
    for (row, remains) in rows.drain(range.clone()).zip(remaining).collect::<Vec<_>>() {
        let count = if let Kind::Gap(count) = row.kind { count } else { 1 };
        match kept.last_mut() {
            _ if remains => kept.push(row),
            Some(Row { kind: Kind::Gap(gap), .. }) => *gap += count,
            _ => kept.push(Row::new(None, Kind::Gap(count))),
        }
    }
    rows.splice(range.start..range.start, kept);
}

/// If nothing happened for a long time before the script ended, returns a row that says for how long.
fn silence(events: &[Event], lane: usize) -> Option<Row> {
    const LONG: Duration = Duration::from_millis(500);
    let last = events.iter().rev().find(|event| event.what != EventKind::End)?;
    let end = events.iter().find(|event| event.what == EventKind::End)?;
    let silent = end.at.saturating_sub(last.at);
    let text = format!("(nothing for {:.1} s)", silent.as_secs_f64());
    (silent > LONG).then_some(Row::new(None, Kind::Note { lane, text, is_typed: false }))
}

/// Returns how many lanes fit into `columns` columns.
pub fn most_lanes(columns: usize) -> usize {
    (columns.saturating_sub(CLOCK) / MIN_LANE).max(2)
}

/// Returns the names of the participants that get a lane, from left to right, and the names of all other participants.
/// `focus` is the event that shows the failure, if there is one.
fn lanes(
    events: &[Event],
    about: &[&str],
    focus: Option<usize>,
    most: usize,
) -> (Vec<String>, Vec<String>) {
    // After the participants in `about`, the participants in the last `NEAR` events up to `focus` are the most
    // important, followed by those that were most recently active.
    let before = &events[..focus.map_or(0, |focus| focus + 1)];
    let mut names: Vec<&str> = about.to_vec();
    let mut talks: Vec<(&str, usize)> = Vec::new();
    for event in before.iter().rev().take(NEAR).chain(events.iter().rev()) {
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
            | EventKind::AllJoined(_)
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

#[cfg(test)]
mod tests {
    use super::{Kind, Ladder, Row};

    #[test]
    fn a_text_is_next_to_its_lane() {
        let shows = |lane, text: &str| {
            Row::new(None, Kind::Note { lane, text: text.to_owned(), is_typed: false })
        };
        let text = "[alice] : beacon ginger bottle-446⏎";
        let ladder = Ladder {
            lab: 3,
            lanes: ["alice", "bob", "server", "carol"].map(str::to_owned).into(),
            rows: vec![shows(1, text), shows(3, text)],
            left_out: Vec::new(),
        };
        let drawing = ladder.to_text(80);
        let lines: Vec<_> = drawing.lines().collect();
        assert!(lines[1].contains(&format!("│ {text}")), "{drawing}");
        // Near the right edge, the text ends at its lane.
        assert!(lines[2].ends_with(&format!("{text} ┤")), "{drawing}");
    }
}
