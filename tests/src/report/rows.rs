//! The rows of a ladder: what each event looks like.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::journal::failure::Evidence;
use crate::journal::is_server;
use crate::journal::unwritten::without_unwritten;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};
use crate::network::messages::messages;
use crate::report::text::{plain, quoted_line, short_blanks, without_colors};

/// If more messages than this arrive together, the messages in the middle share one arrow.
const MANY: usize = 4;

/// One row of the ladder.
pub struct Row {
    /// The time since the stage began.
    pub at: Option<Duration>,
    /// What happens.
    pub kind: Kind,
    /// Whether the row explains the failure. A row that explains the failure is never left out.
    pub explains: bool,
}

impl Row {
    /// Creates a row that may be left out.
    pub fn new(at: Option<Duration>, kind: Kind) -> Self {
        Self { at, kind, explains: false }
    }

    /// Returns whether the row is always kept.
    pub fn is_kept(&self) -> bool {
        self.explains || matches!(self.kind, Kind::Arrow { is_wrong: true, .. })
    }

    /// Returns whether this row begins a step.
    pub fn is_step(&self) -> bool {
        matches!(self.kind, Kind::Step(_))
    }
}

/// What a row of the ladder shows.
pub enum Kind {
    /// Bytes or a signal, sent from one lane to another.
    Arrow {
        /// The lane number.
        from: usize,
        /// The lane number.
        to: usize,
        /// The text on the arrow.
        text: String,
        /// The whole text, up to [`MUCH`] bytes.
        full: String,
        /// Whether this is the wrong message.
        is_wrong: bool,
        /// Whether the message was sent together with the message in the row above.
        is_glued: bool,
    },
    /// Text that should have been sent from one lane to another.
    Missing {
        /// The lane number.
        from: usize,
        /// The lane number.
        to: usize,
        /// What was expected.
        text: String,
    },
    /// An event in one lane.
    Note {
        /// The lane number.
        lane: usize,
        /// What happens.
        text: String,
        /// Whether a person caused the event.
        is_typed: bool,
    },
    /// The beginning of a step in the stage.
    Step(String),
    /// A gap, with the number of rows that have been left out.
    Gap(usize),
}

/// Returns the symbols that precede the text on an arrow.
pub fn marks(is_wrong: bool, is_glued: bool) -> &'static str {
    match (is_wrong, is_glued) {
        (true, true) => "✗ + ",
        (true, false) => "✗ ",
        (false, true) => "+ ",
        (false, false) => "",
    }
}

/// Returns whether a program showed only the typed text and its prompt.
pub fn is_echo<'a>(event: &'a Event, typed: &mut BTreeMap<&'a str, String>) -> bool {
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

/// Returns the time ranges whose events served only to confirm that all participants had joined.
pub fn calls(events: &[Event]) -> Vec<RangeInclusive<Duration>> {
    let call = |event: &Event| match event.what {
        EventKind::AllJoined(begin) => Some(begin..=event.at),
        _ => None,
    };
    events.iter().filter_map(call).collect()
}

/// Returns whether an event served only to confirm that all participants had joined; see [`calls`].
pub fn is_call(event: &Event, calls: &[RangeInclusive<Duration>]) -> bool {
    let is_signal = |wire: &Wire| matches!(wire, Wire::Signal(_));
    let is_kept = match &event.what {
        EventKind::Sent(_, wire) | EventKind::Got(_, wire) => is_signal(wire),
        EventKind::Typed(_) | EventKind::Showed(_) => false,
        _ => true,
    };
    !is_kept && calls.iter().any(|call| call.contains(&event.at))
}

/// Returns the number of the event that contains the first wrong byte, and the byte's position in the event.
pub fn wrong_event(events: &[Event], evidence: &Evidence) -> Option<(usize, usize)> {
    let Evidence { name, before, rest, is_screen: false, .. } = evidence else { return None };
    let (mut arrived, mut found) = (0, None);
    for (number, event) in events.iter().enumerate().filter(|(_, event)| event.who == *name) {
        match &event.what {
            // Another connection with the same name begins.
            EventKind::Sent(_, Wire::Signal("connects"))
            | EventKind::Got(_, Wire::Signal("connects")) => (arrived, found) = (0, None),
            EventKind::Got(_, Wire::Bytes(bytes)) => {
                if (arrived..arrived + bytes.len()).contains(&before.len()) {
                    let at = before.len() - arrived;
                    // In a flood, some events were not kept.
                    let alike = bytes[at..].iter().zip(rest).all(|(one, other)| one == other);
                    found = (alike && !rest.is_empty()).then_some((number, at));
                }
                arrived += bytes.len();
            }
            _ => {}
        }
    }
    found
}

/// The text on an arrow.
struct Label {
    text: String,
    full: String,
    is_wrong: bool,
    is_glued: bool,
}

impl Label {
    fn plain(text: String, is_glued: bool) -> Self {
        Self { full: text.clone(), text, is_wrong: false, is_glued }
    }
}

/// Returns one label for each message in `bytes`. The message that contains the byte at `wrong` is marked. `pieces` are
/// the positions at which the sender's writes begin, if they are known.
fn labels(lab: u32, bytes: &[u8], wrong: Option<usize>, pieces: Option<&[usize]>) -> Vec<Label> {
    let (all, mut end) = (messages(lab, bytes), 0);
    let (mut labels, mut hidden, mut hidden_from) = (Vec::new(), 0, 0);
    let is_glued = |begin: usize| pieces.is_some_and(|pieces| !pieces.contains(&begin));
    for (number, message) in all.iter().enumerate() {
        let begin = end;
        end += message.len();
        let is_wrong = wrong.is_some_and(|wrong| (begin..end).contains(&wrong));
        let is_shown = all.len() <= MANY || number < MANY - 2 || number + 1 == all.len();
        if !is_wrong && !is_shown {
            if hidden == 0 {
                hidden_from = begin;
            }
            hidden += 1;
            continue;
        }
        if hidden > 0 {
            labels.push(Label::plain(format!("… {hidden} more messages"), is_glued(hidden_from)));
            hidden = 0;
        }
        let cuts = pieces.map_or(0, |pieces| {
            pieces.iter().filter(|&&cut| (begin + 1..end).contains(&cut)).count()
        });
        let front = if cuts > 0 { format!("{} pieces: ", cuts + 1) } else { String::new() };
        let (text, full) = (front.clone() + &shown(message), front + &shown_up_to(MUCH, message));
        labels.push(Label { text, full, is_wrong, is_glued: number > 0 && is_glued(begin) });
    }
    labels
}

/// Returns the rows for an event in a lab. `pieces` are the positions at which the event's pieces begin, `wrong` is the
/// position of the first wrong byte in the event, and `lane` returns the number of a participant's lane.
pub fn rows_of(
    lab: u32,
    event: &Event,
    pieces: &[usize],
    wrong: Option<usize>,
    lane: &impl Fn(&str) -> Option<usize>,
) -> Vec<Row> {
    let at = Some(event.at);
    // Bytes that arrive together may have been sent in several pieces, so pieces are marked only in sent bytes.
    let pieces = matches!(event.what, EventKind::Sent(..)).then_some(pieces);
    let texts = |wire: &Wire| match wire {
        Wire::Bytes(bytes) => labels(lab, bytes, wrong, pieces),
        Wire::Signal(signal) => vec![Label::plain((*signal).to_owned(), false)],
    };
    let arrow = |from: &str, to: &str, wire: &Wire| {
        let (Some(from), Some(to)) = (lane(from), lane(to)) else { return Vec::new() };
        let row = |Label { text, full, is_wrong, is_glued }| {
            let kind = if from == to {
                let text = format!("to itself: {text}");
                Kind::Note { lane: from, text, is_typed: false }
            } else {
                Kind::Arrow { from, to, text, full, is_wrong, is_glued }
            };
            Row::new(at, kind)
        };
        texts(wire).into_iter().map(row).collect()
    };
    let note = |text: String| match lane(&event.who) {
        Some(lane) => {
            let is_typed = matches!(event.what, EventKind::Typed(_));
            vec![Row::new(at, Kind::Note { lane, text, is_typed })]
        }
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
            // A client's line editor moves the cursor. Escape sequences that a server prints, other than colors, come
            // from text that a client has sent, so the ladder shows them as visible characters.
            let text = if is_server(&event.who) { without_colors(bytes) } else { plain(bytes) };
            let text = without_unwritten(&text);
            // A newline alone does not get a row.
            if text.trim().is_empty() { Vec::new() } else { note(shown(text.as_bytes())) }
        }
        EventKind::Started(_, command) => note(format!("$ {}", quoted_line(command))),
        EventKind::Note(text) => note(quoted_line(text)),
        EventKind::Step(step) => vec![Row::new(None, Kind::Step(quoted_line(&step.name)))],
        EventKind::Resized(columns, rows) => note(format!("window of {columns} by {rows}")),
        EventKind::Unechoed(_) | EventKind::AllJoined(_) | EventKind::End => Vec::new(),
    }
}

/// The maximum length of the text on an arrow, in bytes.
const LONG: usize = 200;

/// Tooltips in the SVG image and rows for missing messages show a message in full if it has at most this many bytes.
pub const MUCH: usize = 4000;

fn shown(bytes: &[u8]) -> String {
    shown_up_to(LONG, bytes)
}

/// Returns the bytes as text. If there are more than `most` bytes, returns their number and only the beginning of the
/// text.
pub fn shown_up_to(most: usize, bytes: &[u8]) -> String {
    if bytes.len() <= most {
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
