//! Measures how long messages that are sent at a fixed rate take to reach each receiver.
//!
//! The load is open-loop: each message is due at a fixed time, and its latency is measured from this time, even if the
//! load generator sends the message later. Otherwise, a server that pauses for a second would delay the next messages,
//! and the measurement would omit exactly the slow ones (coordinated omission).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::session::{People, Session};
use crate::wire::Wire;

/// The time before the measurement, during which messages are not counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// The result of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The median latency of the deliveries, in seconds.
    pub p50: f64,
    /// The 99th percentile of the latencies, in seconds.
    pub p99: f64,
    /// The number of deliveries that were counted.
    pub deliveries: usize,
}

/// Sends `rate` messages per second from one person to all `receivers` for the duration `time`.
///
/// # Errors
/// Returns an error if a receiver receives a wrong message or no message, or is disconnected.
pub fn measure(
    address: SocketAddr,
    wire: Wire,
    receivers: usize,
    rate: u32,
    time: Duration,
) -> Result<Outcome> {
    let interval = Duration::from_secs(1) / rate.max(1);
    let number_in = |time: Duration| {
        let count = time.as_nanos() / interval.as_nanos().max(1);
        u32::try_from(count).context("the measurement has too many messages")
    };
    let skipped = number_in(WARM_UP)?;
    let count = skipped + number_in(time)?.max(1);
    let people = People { senders: 1, receivers, deaf: 0 };
    let mut session = Session::begin(address, wire, people, count.into())?;
    let begin = Instant::now();
    let due = |number: u32| begin + interval * (number + 1);
    let mut latencies = Vec::with_capacity(receivers * count as usize);
    let mut said = 0;
    loop {
        let now = Instant::now();
        while said < count && due(said) <= now {
            session.say(0);
            said += 1;
        }
        if said == count {
            session.stop();
            if session.ledger.is_settled() {
                break;
            }
        }
        session.send()?;
        session.turn(&mut |heard| {
            let now = Instant::now();
            let heard = heard.filter_map(|number| u32::try_from(number).ok());
            let counted = heard.filter(|number| *number >= skipped);
            latencies.extend(counted.map(|number| now.saturating_duration_since(due(number))));
        })?;
    }
    session.end()?;
    ensure!(!latencies.is_empty(), "there is no receiver besides the sender");
    latencies.sort_unstable();
    let percentile = |percent: usize| {
        let at = (latencies.len() * percent).div_ceil(100).max(1) - 1;
        latencies[at].as_secs_f64()
    };
    Ok(Outcome { p50: percentile(50), p99: percentile(99), deliveries: latencies.len() })
}
