//! Finds bytes that a program copied from the wire to its terminal.

use crate::journal::{Event, EventKind, Wire};

/// Besides the bytes that it looks for, [`find`] may compare this many bytes directly before them with the wire.
const BEFORE: usize = 6;

/// Besides the bytes that it looks for, [`find`] may compare this many bytes directly after them with the wire.
const AFTER: usize = 3;

/// Returns the position of `bytes` in `output` if the program copied them unchanged from the wire. `output` is
/// everything that the program of participant `name` has shown.
///
/// A program that shows `bytes` before any participant has sent them also uses them for its own purposes. If a program
/// uses `bytes` for its own purposes, they count as copied only if the text directly before or directly after them is
/// also the same as on the wire.
pub fn find(name: &str, output: &[u8], bytes: &[u8], events: &[Event]) -> Option<usize> {
    let mut at = positions(output, bytes);
    let is_own = is_own(name, bytes, events);
    if !is_own {
        return at.next();
    }
    let sent: Vec<&[u8]> = events.iter().filter_map(sent).collect();
    at.find(|&at| {
        let is_same = |wire: &[u8], on_wire: usize| {
            let (before, after) = wire.split_at(on_wire);
            let (before, after) = (last(before, BEFORE), first(&after[bytes.len()..], AFTER));
            let shown_after = &output[at + bytes.len()..];
            before.len() == BEFORE && output[..at].ends_with(before)
                || after.len() == AFTER && shown_after.starts_with(after)
        };
        sent.iter().any(|wire| positions(wire, bytes).any(|on_wire| is_same(wire, on_wire)))
    })
}

fn is_own(name: &str, bytes: &[u8], events: &[Event]) -> bool {
    let was_sent = |event: &Event| sent(event).is_some_and(|wire| contains(wire, bytes));
    let shown: Vec<u8> = events
        .iter()
        .take_while(|event| !was_sent(event))
        .filter(|event| event.who == name)
        .filter_map(|event| match &event.what {
            EventKind::Showed(shown) => Some(shown.as_slice()),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    contains(&shown, bytes)
}

fn sent(event: &Event) -> Option<&[u8]> {
    match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes)) | EventKind::Got(_, Wire::Bytes(bytes)) => {
            Some(bytes)
        }
        _ => None,
    }
}

fn positions<'a>(text: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = usize> {
    text.windows(bytes.len())
        .enumerate()
        .filter(move |(_, window)| *window == bytes)
        .map(|(at, _)| at)
}

fn contains(text: &[u8], bytes: &[u8]) -> bool {
    positions(text, bytes).next().is_some()
}

fn last(text: &[u8], count: usize) -> &[u8] {
    &text[text.len().saturating_sub(count)..]
}

fn first(text: &[u8], count: usize) -> &[u8] {
    &text[..text.len().min(count)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::find;
    use crate::journal::{Event, EventKind, Wire};

    const CLEAR: &[u8] = b"\x1b[2J";

    /// Returns whether [`find`] detects that the program copied the escape sequence in `wire` to its terminal. The
    /// server sends `wire` before the program shows `shown`.
    fn passes_on(shown_first: &str, wire: &str, shown: &str) -> bool {
        let event = |what| Event { at: Duration::ZERO, who: "bob".to_owned(), what };
        let showed = |text: &str| event(EventKind::Showed(text.as_bytes().to_vec()));
        let got = EventKind::Got("server".into(), Wire::Bytes(wire.as_bytes().to_vec()));
        let events = [showed(shown_first), event(got), showed(shown)];
        find("bob", format!("{shown_first}{shown}").as_bytes(), CLEAR, &events).is_some()
    }

    #[test]
    fn a_sequence_that_only_others_send_is_theirs() {
        assert!(passes_on("", "ann: \x1b[2J hi\n", "\x1b[2J hi\n"));
        assert!(passes_on("> ", "ann: \x1b[2J hi\n", "ann: \x1b[2J"));
        assert!(!passes_on("> ", "ann: \x1b[2J hi\n", "ann: ?[2J hi\n"));
    }

    #[test]
    fn a_program_may_clear_its_own_screen() {
        let own = "\x1b[H\x1b[2Jname: ";
        let drawn = "\x1b[H\x1b[2Jann: ?[2J hi\r\n> ";
        assert!(!passes_on(own, "mallory: \x1b[2J hi\n", drawn));
        assert!(passes_on(own, "mallory: \x1b[2J hi\n", "\x1b[H\x1b[2Jmallory: \x1b[2J"));
        assert!(passes_on(own, "\x1b[2J hi there\n", "\x1b[H\x1b[2Jann: \x1b[2J hi there\r\n"));
    }
}
