//! Finds a connection that ended before a failure, because its end explains why something did not arrive afterward.

use crate::journal::is_server;
use crate::journal::{Event, EventKind, Wire};

/// Returns how and when a participant's last connection ended, if a program closed or reset it. Returns `None` for a
/// server program, because it has many connections.
pub fn closing(events: &[Event], about: &str) -> Option<String> {
    let end = &events[position(events, about)?];
    let (from, to, signal) = signal(end)?;
    let how = if signal == "closes" { "closed" } else { "reset" };
    // The other participant may have noticed the end of the connection later.
    let at = end.at.as_secs_f64() * 1000.0;
    Some(format!("{from} had {how} its connection to {to} by {at:.1} ms"))
}

/// Returns the position of the event that ended the connection.
pub fn position(events: &[Event], about: &str) -> Option<usize> {
    let end = events.iter().position(|event| event.what == EventKind::End);
    let script = &events[..end.unwrap_or(events.len())];
    let is_program = |name: &str| {
        let is_start = |event: &Event| matches!(event.what, EventKind::Started(..));
        script.iter().any(|event| event.who == name && is_start(event))
    };
    if is_server(about) && is_program(about) {
        return None;
    }
    let of_about = |event: &Event| {
        signal(event)
            .filter(|(from, to, _)| [*from, *to].contains(&about))
            .map(|(.., signal)| signal)
    };
    let connected = script.iter().rposition(|event| of_about(event) == Some("connects"))?;
    let mut later = script.iter().enumerate().skip(connected + 1);
    // The signal `ends sending` ends only one direction of the connection.
    let is_end = |signal: &str| signal == "closes" || signal.starts_with("resets");
    let (first, event) = later.find(|(_, event)| of_about(event).is_some_and(is_end))?;
    let by = signal(event)?.0;
    // The script itself may have stopped the program.
    let is_killed = |event: &Event| {
        event.who == by && matches!(&event.what, EventKind::Note(note) if note == "is killed")
    };
    let was_killed = script[connected..first].iter().any(is_killed);
    (is_program(by) && !was_killed).then_some(first)
}

/// Returns the sender, the receiver, and the signal.
fn signal(event: &Event) -> Option<(&str, &str, &'static str)> {
    let (from, to) = event.ends()?;
    match &event.what {
        EventKind::Sent(_, Wire::Signal(signal)) | EventKind::Got(_, Wire::Signal(signal)) => {
            Some((from, to, signal))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Event, EventKind, Wire, closing};
    use crate::journal::terminal::Terminal;

    #[test]
    fn only_an_end_that_the_program_caused_is_an_explanation() {
        let event = |what| Event { at: Duration::from_millis(20), who: "bob".to_owned(), what };
        let connects = event(EventKind::Sent("server".to_owned(), Wire::Signal("connects")));
        let closes = event(EventKind::Got("server".to_owned(), Wire::Signal("closes")));
        let own = event(EventKind::Sent("server".to_owned(), Wire::Signal("closes")));
        let end = event(EventKind::End);
        let start = Event {
            who: "server".to_owned(),
            ..event(EventKind::Started(Terminal::Dumb, String::new()))
        };
        let said = "server had closed its connection to bob by 20.0 ms";
        let of = |events: &[&Event], about: &str| {
            let events: Vec<_> =
                [&start].into_iter().chain(events.iter().copied()).cloned().collect();
            closing(&events, about)
        };
        assert_eq!(of(&[&connects, &closes, &end], "bob").as_deref(), Some(said));
        assert_eq!(of(&[&connects, &closes, &end], "ann"), None);
        assert_eq!(of(&[&connects, &closes, &end], "server"), None, "it has many connections");
        assert_eq!(of(&[&connects, &own, &closes], "bob"), None, "the script closed it first");
        assert_eq!(of(&[&connects, &closes, &connects], "bob"), None, "a new connection");
        assert_eq!(of(&[&connects, &own], "bob"), None, "the script closed it");
        assert_eq!(of(&[&connects, &end, &closes], "bob"), None, "the script is over");
    }
}
