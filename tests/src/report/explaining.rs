//! Finds the events that explain a failure, so that a ladder diagram always shows them.

use std::collections::BTreeSet;

use crate::journal::failure::Failure;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};
use crate::report::text::plain;

/// A text shorter than this may occur in another text by chance.
pub const SHORT: usize = 3;

/// The maximum length of a text to search for, in bytes.
const LONG: usize = 4000;

/// Returns the texts that a failure mentions: the line that it quotes, the expected text, and the first line that
/// arrived instead.
pub fn texts(failure: &Failure) -> Vec<String> {
    let Failure::Wrong { who, expected, came, .. } = failure else { return Vec::new() };
    let quoted = who.split_once('«').and_then(|(_, rest)| rest.split_once('»'));
    let quoted = quoted.map(|(quoted, _)| quoted.to_owned());
    let first = came.split_inclusive('⏎').next().unwrap_or_default();
    let all = quoted.into_iter().chain([expected.clone(), first.to_owned()]);
    all.map(|text| trim(&text).to_owned())
        .filter(|text| (SHORT..=LONG).contains(&text.len()))
        .collect()
}

/// Returns the numbers of the events that explain a failure: the last event in which a participant typed or sent
/// something that occurs in one of the `texts`, the last event in which the first participant of `about` received or
/// showed one of the `texts`, and the event `focus`.
pub fn explaining(
    events: &[Event],
    about: &[&str],
    focus: Option<usize>,
    texts: &[String],
) -> BTreeSet<usize> {
    let about = about.first().copied().unwrap_or_default();
    let is_cause = |event: &Event| match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes)) | EventKind::Typed(bytes) => {
            let said = visible(bytes).replace("\\r", "⏎");
            let said = content(&said);
            said.len() >= SHORT && texts.iter().any(|text| text.contains(said))
        }
        _ => false,
    };
    let is_result = |event: &Event| match &event.what {
        EventKind::Got(_, Wire::Bytes(bytes)) => has_any(texts, &visible(bytes)),
        EventKind::Showed(bytes) => has_any(texts, &visible(plain(bytes).as_bytes())),
        _ => false,
    };
    let cause = events.iter().rposition(is_cause);
    let result = events.iter().rposition(|event| event.who == about && is_result(event));
    [cause, result, focus].into_iter().flatten().collect()
}

fn has_any(texts: &[String], shown: &str) -> bool {
    texts.iter().any(|text| shown.contains(text))
}

/// Returns what a participant said: the last line without the field or the name before it.
pub fn content(said: &str) -> &str {
    let line = trim(said).rsplit('⏎').next().unwrap_or_default();
    line.rsplit_once(": ").map_or(line, |(_, value)| value)
}

fn trim(text: &str) -> &str {
    text.trim_end_matches('⏎').trim()
}
