//! Measures how many messages per second a server delivers: some people send as fast as the slowest receiver allows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

use crate::people::was_disconnected;
use crate::session::{People, Session};
use crate::wire::Wire;

/// The maximum number of messages in flight from one sender. If the slowest receiver lags behind the sender by this
/// many messages, the sender waits.
pub const WINDOW: u64 = 64;

/// The time before the measurement, during which buffers grow and threads start.
const WARM_UP: Duration = Duration::from_millis(200);

/// The longest wait, in milliseconds, before the clock is checked again.
const LOOK_AGAIN: u16 = 50;

/// The longest wait, in milliseconds, before a sender whose socket was full tries again.
const SEND_AGAIN: u16 = 1;

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
    /// The processor time that the server used per second, in seconds.
    pub server_cpu: f64,
    /// The processor time that the load generator used per second, in seconds.
    pub own_cpu: f64,
    /// The number of bytes that were sent to each receiver.
    pub sent: u64,
    /// The number of clients that were disconnected because they were not reading.
    pub disconnected: usize,
}

/// The values of the counters at one moment.
struct Reading {
    at: Instant,
    deliveries: u64,
    server_cpu: Duration,
    own_cpu: Duration,
}

/// Puts the server at `address` under load for `time`. `server_cpu` returns the processor time that the server has used
/// so far.
///
/// # Errors
/// Returns an error if a receiver receives a wrong message or no message, or is disconnected.
pub fn measure(
    address: SocketAddr,
    wire: Wire,
    people: People,
    time: Duration,
    server_cpu: impl Fn() -> Result<Duration>,
) -> Result<Outcome> {
    let mut session = Session::begin(address, wire, people, WINDOW)?;
    let reading = |session: &Session| -> Result<Reading> {
        let own_cpu = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into();
        let (at, deliveries) = (Instant::now(), session.ledger.deliveries());
        Ok(Reading { at, deliveries, server_cpu: server_cpu()?, own_cpu })
    };
    let is_enough = |session: &Session, since: Duration| {
        let waits = people.deaf > 0 && session.ledger.sent() < SENT_TO_THE_DEAF;
        since >= time && (!waits || since >= LONGEST)
    };
    let (mut first, mut last) = (None, None);
    let begin = Instant::now();
    loop {
        let since = begin.elapsed();
        if first.is_none() && since >= WARM_UP {
            first = Some(reading(&session)?);
        }
        if last.is_none() && first.is_some() && is_enough(&session, since.saturating_sub(WARM_UP)) {
            last = Some(reading(&session)?);
            session.stop();
        }
        if last.is_some() && session.ledger.is_settled() {
            break;
        }
        if last.is_none() {
            session.say_all();
        }
        let is_held_up = session.send()?;
        session.turn(if is_held_up { SEND_AGAIN } else { LOOK_AGAIN }, &mut |_| ())?;
    }
    let (first, last) = first.zip(last).context("the run ended before the measurement began")?;
    let sent = session.ledger.sent();
    let deaf = session.end()?.into_iter().map(was_disconnected);
    let disconnected = deaf.collect::<Result<Vec<_>>>()?.into_iter().filter(|was| *was).count();
    let seconds = (last.at - first.at).as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let deliveries = (last.deliveries - first.deliveries) as f64;
    Ok(Outcome {
        rate: deliveries / seconds,
        server_cpu: last.server_cpu.saturating_sub(first.server_cpu).as_secs_f64() / seconds,
        own_cpu: last.own_cpu.saturating_sub(first.own_cpu).as_secs_f64() / seconds,
        sent,
        disconnected,
    })
}
