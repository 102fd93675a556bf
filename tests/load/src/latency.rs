//! Measures how long messages take from the sender to each receiver, at a fixed rate.
//!
//! The schedule is open: each message has a time at which it is due, and its latency counts from this time, even if the
//! load could send the message only later. Otherwise, a server that stops for a second would delay the next messages,
//! and the measurement would omit exactly the slow ones (coordinated omission).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::session::{People, Session};
use crate::wire::Wire;

/// The time before the measurement, during which the messages are not counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// The longest wait before the clock is checked again, in milliseconds.
const LOOK_AGAIN: u16 = 50;

/// The longest wait if the sender's socket was full, in milliseconds.
const SEND_AGAIN: u16 = 1;

/// The latencies of all deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The latency that half of the deliveries do not exceed, in seconds.
    pub p50: f64,
    /// The latency that 99 percent of the deliveries do not exceed, in seconds.
    pub p99: f64,
    /// The number of deliveries that were counted.
    pub deliveries: usize,
}

/// Sends `rate` messages per second for `time`, from one person to all `receivers`.
///
/// # Errors
/// Returns an error if a receiver receives a wrong message, or receives no message, or is disconnected.
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
    session.tick_every(interval)?;
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
        let is_held_up = session.send()?;
        session.turn(if is_held_up { SEND_AGAIN } else { LOOK_AGAIN }, &mut |heard| {
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
