//! What a benchmark measures.

use std::time::Duration;

use crate::bench::results::{Quantity, Unit};

/// A part of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Messages delivered per second.
    Throughput,
    /// The time from the sending of a message to its arrival at each receiver, if messages are sent at a fixed rate.
    Latency,
    /// The memory and the number of threads per idle connection.
    Idle,
    /// The time that it takes for many people to connect and join.
    Connect,
    /// Messages delivered per second while some other clients do not read.
    Deaf,
}

/// One measurement, for which a server is started, put under load, and stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// Some people send messages as fast as the slowest receiver allows.
    Throughput {
        /// The number of people who send messages.
        senders: usize,
        /// The number of people who read the messages, including the senders.
        receivers: usize,
        /// The number of additional people who join but do not read messages.
        deaf: usize,
    },
    /// One person sends [`LATENCY_RATE`] messages per second.
    Latency {
        /// The number of people who read the messages, including the sender.
        receivers: usize,
    },
    /// People connect and join.
    Arrival {
        /// The number of people.
        people: usize,
        /// Whether to measure the memory and the number of threads.
        idle: bool,
        /// Whether to measure the time.
        connect: bool,
    },
}

/// The number of messages per second that are sent in the latency measurement.
pub const LATENCY_RATE: u32 = 200;

/// The number of people who connect when the time to connect is measured.
const ARRIVING: usize = 1000;

/// The numbers of senders and receivers in the throughput measurements.
const TALKING: [(usize, usize); 3] = [(1, 100), (1, 1000), (10, 100)];

/// The number of receivers in two measurements: the latency measurement, and the throughput measurement with clients
/// that do not read.
const LISTENING: usize = 100;

/// The number of clients that do not read.
const DEAF: usize = 2;

/// A benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The lab.
    pub lab: u32,
    /// The number of rounds. In each round, every server is measured once.
    pub rounds: usize,
    /// The duration of each rate or latency measurement.
    pub time: Duration,
    /// The measurements, in order.
    pub measurements: Vec<Measurement>,
}

/// The parts of a benchmark to run, and how many people take part in them.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The parts to measure. If empty, all parts are measured.
    pub parts: Vec<Part>,
    /// The number of idle connections.
    pub idle: usize,
    /// The maximum number of people in the other measurements.
    pub people: usize,
}

impl Extent {
    /// Returns the measurements.
    pub fn measurements(&self) -> Vec<Measurement> {
        let has = |part| self.parts.is_empty() || self.parts.contains(&part);
        let mut all = Vec::new();
        if has(Part::Throughput) {
            for (senders, receivers) in TALKING {
                let receivers = receivers.min(self.people);
                let senders = senders.min(receivers);
                let one = Measurement::Throughput { senders, receivers, deaf: 0 };
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        let receivers = LISTENING.min(self.people);
        if has(Part::Deaf) {
            all.push(Measurement::Throughput { senders: 1, receivers, deaf: DEAF });
        }
        if has(Part::Latency) {
            all.push(Measurement::Latency { receivers });
        }
        let arriving = ARRIVING.min(self.people);
        let (idle, connect) = (has(Part::Idle), has(Part::Connect));
        if idle {
            all.push(Measurement::Arrival { people: self.idle, idle, connect });
        }
        if connect && !(idle && self.idle == arriving) {
            all.push(Measurement::Arrival { people: arriving, idle: false, connect });
        }
        all
    }
}

impl Measurement {
    /// Returns the number of people who take part.
    pub fn people(self) -> usize {
        match self {
            Self::Throughput { receivers, deaf, .. } => receivers + deaf,
            Self::Latency { receivers } => receivers,
            Self::Arrival { people, .. } => people,
        }
    }

    /// Returns the name of the measurement.
    pub fn name(self) -> String {
        match self {
            Self::Throughput { senders, receivers, deaf: 0 } => {
                format!("{senders} × {}", number(receivers))
            }
            Self::Throughput { senders, receivers, deaf } => {
                format!("{senders} × {} with {deaf} who do not read", number(receivers))
            }
            Self::Latency { receivers } => {
                format!("{LATENCY_RATE} messages/s to {receivers} people")
            }
            Self::Arrival { people, .. } => format!("{} people arrive", number(people)),
        }
    }

    /// Returns the quantities that are measured, without values.
    pub fn quantities(self) -> Vec<Quantity> {
        let of = |id: &str, title: String, unit| Quantity::new(id.to_owned(), title, unit);
        match self {
            Self::Throughput { senders, receivers, deaf } => {
                let (begin, people) =
                    if deaf > 0 { ("deaf", format!("-{deaf}")) } else { ("rate", String::new()) };
                let id = format!("{begin}-{senders}x{receivers}{people}");
                vec![of(&id, format!("deliveries/s, {}", self.name()), Unit::PerSecond)]
            }
            Self::Latency { .. } => {
                let title = |percent| format!("latency, {percent}th percentile, {}", self.name());
                vec![
                    of("latency-p50", title(50), Unit::Seconds),
                    of("latency-p99", title(99), Unit::Seconds),
                ]
            }
            Self::Arrival { people, idle, connect } => {
                let (id, mut all) = (format!("connect-{people}"), Vec::new());
                let people = number(people);
                if idle {
                    let each = |what| format!("{what} per connection, {people} idle connections");
                    all.push(of("idle-memory", each("memory"), Unit::Bytes));
                    all.push(of("idle-threads", each("threads"), Unit::Count));
                }
                if connect {
                    let title = format!("time until {people} people have joined");
                    all.push(of(&id, title, Unit::Seconds));
                }
                all
            }
        }
    }
}

/// Formats a number with a comma as the thousands separator.
fn number(number: usize) -> String {
    if number < 1000 {
        return number.to_string();
    }
    format!("{},{:03}", number / 1000, number % 1000)
}

#[cfg(test)]
mod tests {
    use super::{Extent, Measurement, Part};

    #[test]
    fn few_people_make_no_measurement_twice() {
        let extent = |parts: &[Part], people, idle| Extent { parts: parts.to_vec(), idle, people };
        assert_eq!(extent(&[], 1000, 1000).measurements().len(), 6);
        assert_eq!(extent(&[], 1000, 2000).measurements().len(), 7);
        let few = extent(&[Part::Throughput], 10, 1000).measurements();
        let one = |senders| Measurement::Throughput { senders, receivers: 10, deaf: 0 };
        assert_eq!(few, [one(1), one(10)]);
    }
}
