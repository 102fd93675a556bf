//! Makes the events the same in every run. In real runs, the ports and the order of threads and programs vary.

use std::collections::BTreeMap;

use crate::journal;
use crate::journal::{Event, EventKind, Wire};

/// Returns the events up to the end of a scripted chat. Replaces the server's port in this run with the lab's usual
/// port, and the clients' ports with fixed ports.
pub fn with_usual_ports(events: &[Event], default: &str) -> Vec<Event> {
    let mut events = journal::merged(events);
    let mut usual: BTreeMap<String, String> = BTreeMap::new();
    for event in &events {
        let EventKind::Showed(bytes) = &event.what else { continue };
        for after in String::from_utf8_lossy(bytes).split("127.0.0.1:").skip(1) {
            let port: String = after.chars().take_while(char::is_ascii_digit).collect();
            if port.is_empty() {
                continue;
            }
            // The first port that appears on a screen is the server's.
            let count = usual.len();
            let other = if count == 0 { default.into() } else { (50_000 + count).to_string() };
            usual.entry(port).or_insert(other);
        }
    }
    for event in &mut events {
        if let EventKind::Showed(bytes)
        | EventKind::Sent(_, Wire::Bytes(bytes))
        | EventKind::Got(_, Wire::Bytes(bytes)) = &mut event.what
        {
            *bytes = replaced(&String::from_utf8_lossy(bytes), &usual).into_bytes();
        }
    }
    events
}

/// Replaces numbers in text. All numbers must be replaced in one pass, because a new number may be equal to an old
/// number.
fn replaced(text: &str, numbers: &BTreeMap<String, String>) -> String {
    let pieces = text.split_inclusive(|char: char| !char.is_ascii_digit());
    let piece = |piece: &str| {
        let digits = piece.trim_end_matches(|char: char| !char.is_ascii_digit());
        let other = numbers.get(digits).map_or(digits, String::as_str);
        format!("{other}{}", &piece[digits.len()..])
    };
    pieces.map(piece).collect()
}

/// Returns the events on the connections in an order that is the same in every run. Without this order, simultaneous
/// events on two connections would be in the order in which the system wakes the threads that read the connections.
pub fn in_one_order(events: &[Event]) -> Vec<Event> {
    let mut ordered: Vec<Event> = Vec::new();
    // A line is typed only after all events that the previous line causes, so the events of each line are sorted
    // separately.
    let is_typed = |event: &Event| matches!(event.what, EventKind::Typed(_));
    for quiet_to_quiet in events.chunk_by(|_, next| !is_typed(next)) {
        let mut wire: Vec<_> =
            quiet_to_quiet.iter().filter(|event| event.ends().is_some()).collect();
        // If a participant sends something and immediately closes the connection, the close is placed directly after
        // what was sent, and thus before any reply.
        for at in 0..wire.len() {
            let event = wire[at];
            let is_close = matches!(
                &event.what,
                EventKind::Sent(_, Wire::Signal("closes"))
                    | EventKind::Got(_, Wire::Signal("closes"))
            );
            let said = wire[..at].iter().rposition(|said| said.ends() == event.ends());
            if let Some(said) = said.filter(|_| is_close) {
                wire[said + 1..=at].rotate_right(1);
            }
        }
        // Sorts messages from the server to several people by the receivers' names.
        let receiver = |event: &Event| {
            event.ends().filter(|(from, _)| *from == "server").map(|(_, to)| to.to_owned())
        };
        for from_server in wire.chunk_by_mut(|a, b| receiver(a).is_some() && receiver(b).is_some())
        {
            from_server.sort_by_key(|event| receiver(event));
        }
        ordered.extend(wire.into_iter().cloned());
    }
    journal::merged(&ordered)
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn whole_numbers_are_replaced_in_one_pass() {
        let numbers = [("50001", "9999"), ("1234", "50001")];
        let numbers = numbers.map(|(from, to)| (from.to_owned(), to.to_owned())).into();
        assert_eq!(replaced("a 50001, 1234; 12345é1234", &numbers), "a 9999, 50001; 12345é50001");
    }
}
