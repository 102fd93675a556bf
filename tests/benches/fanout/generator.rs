//! The load generator: some people send as fast as the slowest receiver allows, and every received byte is checked.
//!
//! The load generator has one thread, so that it uses at most one processor and leaves the rest to the server.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::time::{ClockId, clock_gettime};

use crate::crowd::{Person, gather};
use crate::ledger::{Ear, Ledger};
use crate::wire::Wire;

/// The time before the measurement, during which buffers grow and threads start.
const WARM_UP: Duration = Duration::from_millis(200);

/// If nothing arrives for this long, something was lost.
const STALLED: Duration = Duration::from_secs(5);

/// The maximum number of bytes per read, which is more than are ever in flight to one receiver.
const READ: usize = 256 * 1024;

/// The maximum number of events per wake-up.
const EVENTS: usize = 1024;

/// The longest wait before the clock is checked again, in milliseconds.
const LOOK_AGAIN: u16 = 50;

/// The longest wait if a sender's socket was full, in milliseconds.
const SEND_AGAIN: u8 = 1;

/// The number of people and the duration of the measurement.
#[derive(Clone, Copy)]
pub struct Load {
    /// The number of people who send.
    pub senders: usize,
    /// The number of people who read, including the senders.
    pub receivers: usize,
    /// The number of additional people who join but do not read.
    pub deaf: usize,
    /// The duration of the measurement.
    pub time: Duration,
}

/// The results of a run.
#[derive(Clone, Copy)]
pub struct Outcome {
    /// Messages delivered per second.
    pub rate: f64,
    /// The server's processor time, in seconds per second.
    pub program_cpu: f64,
    /// The load generator's own processor time, in seconds per second.
    pub own_cpu: f64,
    /// The number of people who were disconnected because they do not read.
    pub disconnected: usize,
}

struct Receiver {
    person: Person,
    ear: Ear,
    /// The beginning of an incomplete message.
    begun: Vec<u8>,
}

/// The values of the counters at one moment.
struct Reading {
    at: Instant,
    deliveries: u64,
    program_cpu: Duration,
    own_cpu: Duration,
}

/// Puts a load on the server at `address`. `program_cpu` returns the processor time that the server has used so far.
///
/// # Errors
/// Returns an error if a receiver receives a wrong message or no message, or is disconnected.
pub fn run(
    address: SocketAddr,
    wire: Wire,
    load: Load,
    program_cpu: impl Fn() -> Result<Duration>,
) -> Result<Outcome> {
    let names = (0..load.receivers).map(|number| format!("p{number:04}"));
    let deaf_names = (0..load.deaf).map(|number| format!("d{number:04}"));
    let mut people = gather(address, wire, names.chain(deaf_names), load.senders)?;
    let deaf = people.split_off(load.receivers);

    let mut ledger = ledger_of(wire, load, &people, &deaf)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut receivers = Vec::with_capacity(people.len());
    for (number, person) in people.into_iter().enumerate() {
        person.stream.set_nonblocking(true)?;
        epoll.add(&person.stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        receivers.push(Receiver {
            person,
            ear: ledger.ear(number, wire.echoes()),
            begun: Vec::new(),
        });
    }

    let reading = |ledger: &Ledger| -> Result<Reading> {
        let own_cpu = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into();
        let (at, deliveries) = (Instant::now(), ledger.deliveries());
        Ok(Reading { at, deliveries, program_cpu: program_cpu()?, own_cpu })
    };
    let mut unsent = vec![Vec::new(); load.senders];
    let mut events = vec![EpollEvent::empty(); EVENTS];
    let mut bytes = vec![0; READ];
    let (mut first, mut last) = (None, None);
    let begin = Instant::now();
    let (mut progress, mut stalled_since) = (0, begin);
    loop {
        let now = Instant::now();
        if first.is_none() && now >= begin + WARM_UP {
            first = Some(reading(&ledger)?);
        }
        if last.is_none() && now >= begin + WARM_UP + load.time {
            last = Some(reading(&ledger)?);
        }
        if last.is_some() && ledger.is_settled() {
            break;
        }
        if progress != ledger.deliveries() {
            (progress, stalled_since) = (ledger.deliveries(), now);
        } else if now - stalled_since > STALLED {
            let slow = receivers.iter().find(|receiver| !ledger.has_heard_all(&receiver.ear));
            let slow = slow.map(|slow| (&slow.person.name, ledger.waits_for(&slow.ear)));
            bail!("nothing has arrived for {STALLED:?}: {slow:?}");
        }

        for (number, unsent) in unsent.iter_mut().enumerate() {
            if last.is_none() {
                ledger.say(number, unsent);
            }
            send(&mut receivers[number].person, unsent)?;
        }
        let is_held_up = unsent.iter().any(|unsent| !unsent.is_empty());
        let patience = if is_held_up { u16::from(SEND_AGAIN) } else { LOOK_AGAIN };
        let count = epoll.wait(&mut events, patience)?;
        for event in &events[..count] {
            let number = usize::try_from(event.data())?;
            receive(&mut receivers[number], &mut ledger, &mut bytes)?;
        }
    }
    for receiver in &receivers {
        if !receiver.begun.is_empty() {
            bail!("{} received more than was sent: {:?}", receiver.person.name, receiver.begun);
        }
    }

    let (first, last) = first.zip(last).context("the run ended before the measurement began")?;
    let disconnected =
        deaf.into_iter().map(Person::was_disconnected).collect::<Result<Vec<_>>>()?;
    let seconds = (last.at - first.at).as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let deliveries = (last.deliveries - first.deliveries) as f64;
    Ok(Outcome {
        rate: deliveries / seconds,
        program_cpu: last.program_cpu.saturating_sub(first.program_cpu).as_secs_f64() / seconds,
        own_cpu: last.own_cpu.saturating_sub(first.own_cpu).as_secs_f64() / seconds,
        disconnected: disconnected.into_iter().filter(|was| *was).count(),
    })
}

fn ledger_of(wire: Wire, load: Load, people: &[Person], deaf: &[Person]) -> Result<Ledger> {
    let senders = &people[..load.senders];
    let spoken: Vec<_> = senders.iter().map(|one| wire.spoken(&one.name, &one.joined)).collect();
    let heard: Vec<_> = senders.iter().map(|one| wire.heard(&one.name, &one.joined)).collect();
    let farewells = deaf.iter().map(|one| wire.farewell(&one.name, &one.joined));
    let farewells = farewells.filter(|farewell| !farewell.is_empty()).collect();
    let listeners = if wire.echoes() { load.receivers } else { load.receivers - 1 };
    Ledger::new(&spoken, &heard, listeners, farewells)
}

/// Sends as many bytes as the socket accepts.
fn send(sender: &mut Person, unsent: &mut Vec<u8>) -> Result<()> {
    if unsent.is_empty() {
        return Ok(());
    }
    match sender.stream.write(unsent) {
        Ok(count) => drop(unsent.drain(..count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot send", sender.name)),
    }
    Ok(())
}

/// Reads and checks the bytes that have arrived.
fn receive(receiver: &mut Receiver, ledger: &mut Ledger, bytes: &mut [u8]) -> Result<()> {
    let Receiver { person, ear, begun } = receiver;
    let kept = begun.len();
    bytes[..kept].copy_from_slice(begun);
    let count = match person.stream.read(&mut bytes[kept..]) {
        Ok(0) => bail!("{} was disconnected", person.name),
        Ok(count) => kept + count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot read", person.name)),
    };
    let used = ledger.hear(ear, &bytes[..count])?;
    begun.clear();
    begun.extend_from_slice(&bytes[used..count]);
    Ok(())
}
