//! Measures how many messages per second a server delivers: some people send as fast as the slowest receiver allows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::people::was_disconnected;
use crate::session::{People, Session};
use crate::wire::Wire;

/// The maximum number of messages in flight from one sender. If the slowest receiver lags behind the sender by this
/// many messages, the sender waits.
pub const WINDOW: u64 = 64;

/// The time before the measurement, during which buffers grow and threads start.
const WARM_UP: Duration = Duration::from_millis(200);

/// The number of bytes that must be sent to each client that is not reading. The system's buffers hold about 4 MB.
/// Until these buffers are full, a server cannot detect that a client is not reading.
const SENT_TO_THE_DEAF: u64 = 8 * 1024 * 1024;

/// The maximum duration of a measurement that waits for [`SENT_TO_THE_DEAF`].
const LONGEST: Duration = Duration::from_secs(20);

/// The result of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Messages delivered per second.
    pub rate: f64,
    /// The share of the time, from 0 to 1, in which the load generator had something to do.
    pub load: f64,
    /// The number of bytes that were sent to each receiver.
    pub sent: u64,
    /// The number of clients that were disconnected because they were not reading.
    pub disconnected: usize,
}

/// The values of the counters at one moment.
struct Reading {
    at: Duration,
    deliveries: u64,
    /// The time in which the load generator had nothing to do.
    idle: Duration,
}

/// Puts the server at `address` under load for `time`.
///
/// # Errors
/// Returns an error if a receiver receives a wrong message or no message, or is disconnected.
pub fn measure(address: SocketAddr, wire: Wire, people: People, time: Duration) -> Result<Outcome> {
    let mut session = Session::begin(address, wire, people, WINDOW)?;
    let is_enough = |session: &Session, since: Duration| {
        let waits = people.deaf > 0 && session.ledger.sent() < SENT_TO_THE_DEAF;
        since >= time && (!waits || since >= LONGEST)
    };
    let (mut first, mut last, mut idle) = (None, None, Duration::ZERO);
    let begin = Instant::now();
    loop {
        let at = begin.elapsed();
        let reading = Reading { at, deliveries: session.ledger.deliveries(), idle };
        if first.is_none() && at >= WARM_UP {
            first = Some(reading);
        } else if last.is_none() && is_enough(&session, at.saturating_sub(WARM_UP)) {
            last = Some(reading);
            session.stop();
        }
        if last.is_some() && session.ledger.is_settled() {
            break;
        }
        if last.is_none() {
            session.say_all();
        }
        session.send()?;
        if !session.turn(&mut |_| ())? {
            idle += begin.elapsed().saturating_sub(at);
        }
    }
    let (first, last) = first.zip(last).context("the run ended before the measurement began")?;
    let sent = session.ledger.sent();
    let deaf = session.end()?.into_iter().map(was_disconnected);
    let disconnected = deaf.collect::<Result<Vec<_>>>()?.into_iter().filter(|was| *was).count();
    let seconds = last.at.saturating_sub(first.at).as_secs_f64();
    let idle = last.idle.saturating_sub(first.idle).as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let deliveries = (last.deliveries - first.deliveries) as f64;
    Ok(Outcome { rate: deliveries / seconds, load: 1.0 - idle / seconds, sent, disconnected })
}
