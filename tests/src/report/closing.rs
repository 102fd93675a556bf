//! The end of a connection before a failure, which explains what did not arrive afterwards.

use crate::journal::{Event, EventKind, Wire};

/// Returns how and when the last connection of a participant ended, if the program under test ended it.
pub fn closing(events: &[Event], about: &str) -> Option<String> {
    let last = &events[position(events, about)?];
    let EventKind::Got(from, Wire::Signal(signal)) = &last.what else { return None };
    let how = if *signal == "closes" { "closed" } else { "reset" };
    let at = last.at.as_secs_f64() * 1000.0;
    Some(format!("{from} {how} its connection to {}, at {at:.1} ms", last.who))
}

/// Returns the position of this event.
pub fn position(events: &[Event], about: &str) -> Option<usize> {
    let is_about =
        |event: &Event| event.ends().is_some_and(|(from, to)| [from, to].contains(&about));
    let end = events.iter().position(|event| event.what == EventKind::End);
    let script = &events[..end.unwrap_or(events.len())];
    let last = script.iter().rposition(|event| is_about(event) && signal(event).is_some())?;
    let by_program = matches!(&events[last].what, EventKind::Got(_, Wire::Signal(signal)) if *signal != "connects");
    by_program.then_some(last)
}

fn signal(event: &Event) -> Option<&str> {
    match &event.what {
        EventKind::Sent(_, Wire::Signal(signal)) | EventKind::Got(_, Wire::Signal(signal)) => {
            Some(signal)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Event, EventKind, Wire, closing};

    #[test]
    fn only_an_end_that_the_program_caused_is_an_explanation() {
        let event = |what| Event { at: Duration::from_millis(20), who: "bob".to_owned(), what };
        let connects = event(EventKind::Sent("server".to_owned(), Wire::Signal("connects")));
        let closes = event(EventKind::Got("server".to_owned(), Wire::Signal("closes")));
        let own = event(EventKind::Sent("server".to_owned(), Wire::Signal("closes")));
        let end = event(EventKind::End);
        let said = "server closed its connection to bob, at 20.0 ms";
        let of = |events: &[&Event], about: &str| {
            closing(&events.iter().copied().cloned().collect::<Vec<_>>(), about)
        };
        assert_eq!(of(&[&connects, &closes, &end], "bob").as_deref(), Some(said));
        assert_eq!(of(&[&connects, &closes, &end], "ann"), None);
        assert_eq!(of(&[&connects, &closes, &connects], "bob"), None, "a new connection");
        assert_eq!(of(&[&connects, &own], "bob"), None, "the script closed it");
        assert_eq!(of(&[&connects, &end, &closes], "bob"), None, "the script is over");
    }
}
