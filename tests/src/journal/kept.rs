//! The events of a run that the journal keeps. A program that sends or prints endlessly must not fill up memory.

use std::collections::VecDeque;

use crate::journal::event::{Event, EventKind, Wire};

/// For each kind of event, the maximum number of events that the journal keeps. A stage normally has dozens of events.
const MAX_EVENTS: usize = 4000;
/// For each kind of event, the maximum total number of bytes that the journal keeps. A report reads the events several
/// times, and the events of all stages are in memory at the same time.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A quarter of each maximum is reserved for the beginning of the run.
const FIRST: usize = 4;

/// The first and the last events of a run. The script's own events are always kept.
///
/// Bytes on the wire and bytes on terminals are limited separately, because a flood on the wire must not displace a
/// panic message.
#[derive(Default)]
pub struct Kept {
    first: Vec<Event>,
    last: VecDeque<Event>,
    /// Whether `first`, the beginning of the run, is complete, so that all later events are added to `last`.
    has_passed_beginning: bool,
    wire: Total,
    terminals: Total,
}

/// The numbers of events and bytes that the journal keeps for one kind of event.
#[derive(Default)]
struct Total {
    events: usize,
    bytes: usize,
}

impl Total {
    /// Returns whether the total exceeds the maximum divided by `part`.
    fn exceeds(&self, part: usize) -> bool {
        self.events > MAX_EVENTS / part || self.bytes > MAX_BYTES / part
    }
}

impl Kept {
    /// Adds an event. If there are too many events of the same kind, an older event is dropped, because a failure is
    /// explained by the events just before it and by the events at the beginning of the run.
    pub fn add(&mut self, event: Event) {
        let Some(kind) = Kind::of(&event) else { return self.push(event) };
        let total = self.total(kind);
        total.events += 1;
        total.bytes += size(&event);
        self.has_passed_beginning |= total.exceeds(FIRST);
        self.push(event);
        while self.total(kind).exceeds(1) {
            let oldest = self.last.iter().position(|event| Kind::of(event) == Some(kind));
            let Some(dropped) = oldest.and_then(|oldest| self.last.remove(oldest)) else { return };
            let total = self.total(kind);
            total.events -= 1;
            total.bytes -= size(&dropped);
        }
    }

    fn push(&mut self, event: Event) {
        if self.has_passed_beginning {
            self.last.push_back(event);
        } else {
            self.first.push(event);
        }
    }

    fn total(&mut self, kind: Kind) -> &mut Total {
        match kind {
            Kind::Wire => &mut self.wire,
            Kind::Terminal => &mut self.terminals,
        }
    }

    /// Returns the events that the journal has kept, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.first.iter().chain(&self.last)
    }
}

/// The kinds of events that the journal limits, because programs can cause any number of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wire,
    Terminal,
}

impl Kind {
    fn of(event: &Event) -> Option<Self> {
        match &event.what {
            EventKind::Sent(..) | EventKind::Got(..) => Some(Self::Wire),
            EventKind::Showed(_) => Some(Self::Terminal),
            EventKind::Step(_)
            | EventKind::AllJoined(_)
            | EventKind::Started(..)
            | EventKind::Typed(_)
            | EventKind::Unechoed(_)
            | EventKind::Resized(..)
            | EventKind::Note(_)
            | EventKind::End => None,
        }
    }
}

fn size(event: &Event) -> usize {
    match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes))
        | EventKind::Got(_, Wire::Bytes(bytes))
        | EventKind::Showed(bytes) => bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Kept, MAX_BYTES, MAX_EVENTS};
    use crate::journal::event::{Event, EventKind, Step, Wire};

    fn event(at: usize, what: EventKind) -> Event {
        Event { at: Duration::from_micros(at as u64), who: "bob".into(), what }
    }

    fn got(at: usize, size: usize) -> Event {
        event(at, EventKind::Got("server".into(), Wire::Bytes(vec![b'x'; size])))
    }

    #[test]
    fn a_flood_leaves_its_beginning_its_end_and_all_steps() {
        let mut kept = Kept::default();
        kept.add(event(0, EventKind::Showed(b"a panic".into())));
        for at in 1..=3 * MAX_EVENTS {
            kept.add(got(at, 1));
            kept.add(event(at, EventKind::Step(Step { name: at.to_string(), functions: &[] })));
        }
        let events: Vec<_> = kept.iter().collect();
        let got: Vec<_> = events.iter().filter(|event| event.ends().is_some()).collect();
        assert_eq!(got.len(), MAX_EVENTS);
        assert_eq!((got[1].at.as_micros(), got[MAX_EVENTS - 1].at.as_micros()), (2, 12_000));
        assert_eq!(events.len(), 1 + MAX_EVENTS + 3 * MAX_EVENTS);
        assert!(events.is_sorted_by_key(|event| event.at), "the order has changed");
        assert_eq!(events[0].what, EventKind::Showed(b"a panic".into()));
    }

    #[test]
    fn large_events_are_dropped_earlier() {
        let mut kept = Kept::default();
        (0..2000).for_each(|at| kept.add(got(at, 16 * 1024)));
        let bytes = kept.iter().map(super::size).sum::<usize>();
        assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES - 32 * 1024, "{bytes}");
        assert_eq!(kept.iter().next_back().map(|event| event.at.as_micros()), Some(1999));
        // A single event that is larger than the maximum for all events together.
        kept.add(got(2000, 2 * MAX_BYTES));
        assert!(kept.iter().map(super::size).sum::<usize>() <= MAX_BYTES);
    }
}
