//! Measures the servers in turn.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use load::mistake::{Found, Mistake};
use load::people::{Person, arrive};
use load::processors::Processors;
use load::session::People;
use load::{latency, throughput};

use crate::bench::plan::{LATENCY_RATE, Measurement, Plan};
use crate::bench::results::{Fault, Quantity, Results, Spread};
use crate::bench::server::{Contender, Server};
use crate::journal::unwritten::{first_unwritten, unwritten_stages};
use crate::journal::visible::visible;
use crate::system::usage;

/// If the load generator is busy for more than this share of the time, it may limit the measured rates.
const BUSY: f64 = 0.97;

/// A server whose processor time does not change for this long has finished its work.
const RESTED: Duration = Duration::from_millis(100);

/// The maximum time to wait for a server to finish its work.
const RESTS: Duration = Duration::from_secs(10);

/// The minimum number of bytes to send to each client that is not reading. With fewer bytes than this minimum, the
/// system's buffers may not be full, so a server cannot detect that the client is not reading.
const NOTICEABLE: u64 = 4 * 1024 * 1024;

/// The number of lines that are quoted from a server's error output.
const QUOTED: usize = 4;

/// The results of one measurement.
#[derive(Default)]
struct Measured {
    /// The measured value of each quantity. A value is `None` if the server stopped delivering messages.
    values: Vec<Option<f64>>,
    /// The processor time that the load generator used per second, in seconds.
    load: f64,
    /// How many of the clients that were not reading were disconnected, or `None` if the server did not send them
    /// enough bytes.
    disconnected: Option<usize>,
}

/// Runs all rounds. Calls `progress` before each measurement, with a description. If a server fails or delivers
/// messages incorrectly, it is not measured any further, and its values are removed.
///
/// # Errors
/// Returns an error if the relay fails.
pub fn run(plan: &Plan, contenders: &[Contender], progress: &dyn Fn(String)) -> Result<Results> {
    let processors = Processors::now()?;
    // The servers that this thread starts inherit this choice of processors.
    processors.use_others()?;
    let results = all_rounds(plan, contenders, progress, &processors);
    processors.use_all()?;
    results
}

fn all_rounds(
    plan: &Plan,
    contenders: &[Contender],
    progress: &dyn Fn(String),
    processors: &Processors,
) -> Result<Results> {
    let mut results = Results {
        lab: plan.lab,
        rounds: plan.rounds,
        seconds: plan.time.as_secs_f64(),
        processors: processors.count(),
        quantities: Vec::new(),
        faults: Vec::new(),
        notes: Vec::new(),
    };
    let mut quantities: Vec<Vec<Quantity>> =
        plan.measurements.iter().map(|one| one.quantities()).collect();
    // The results of each round, by measurement and server.
    let mut seen: BTreeMap<(usize, usize), Vec<Measured>> = BTreeMap::new();
    let servers = contenders.len() - 1;
    for round in 1..=plan.rounds {
        for (at, &measurement) in plan.measurements.iter().enumerate() {
            for (number, contender) in contenders.iter().enumerate() {
                let name = contender.name();
                // If every server has failed, measuring only the relay is pointless.
                let is_over = results.faults.len() == servers;
                if is_over || results.faults.iter().any(|fault| fault.server == name) {
                    continue;
                }
                let (what, rounds) = (measurement.name(), plan.rounds);
                progress(format!("round {round} of {rounds}, {what}: {name}"));
                match measure(plan, contender, measurement, processors) {
                    Ok(measured) => {
                        for (quantity, value) in quantities[at].iter_mut().zip(&measured.values) {
                            quantity.add(name, *value);
                        }
                        seen.entry((at, number)).or_default().push(measured);
                    }
                    Err(fault) if matches!(contender, Contender::Relay) => {
                        bail!("the relay cannot be measured, {what}: {}", fault.what)
                    }
                    Err(fault) => results.faults.push(fault),
                }
            }
        }
    }
    results.quantities = quantities.into_iter().flatten().collect();
    for (&(at, number), all) in &seen {
        let name = contenders[number].name();
        if results.faults.iter().all(|fault| fault.server != name) {
            results.notes.extend(note(plan.measurements[at], name, all));
        }
    }
    for fault in results.faults.clone() {
        results.remove(&fault.server);
    }
    Ok(results)
}

/// Returns notes that help readers interpret one server's values.
fn note(measurement: Measurement, name: &str, all: &[Measured]) -> Vec<String> {
    let Measurement::Throughput { deaf, .. } = measurement else { return Vec::new() };
    let what = measurement.name();
    let mut notes = Vec::new();
    if Spread::of(all.iter().map(|one| one.load)).is_some_and(|load| load.median > BUSY) {
        notes.push(format!(
            "{what}, {name}: the load generator was almost never idle, so it may limit the rate"
        ));
    }
    if deaf > 0 {
        let counted: Vec<_> = all.iter().filter_map(|one| one.disconnected).collect();
        if counted.len() < all.len() && all.iter().all(|one| one.values[0].is_some()) {
            notes.push(format!(
                "{what}, {name}: so slow that less than 4 MiB was sent to each client that was not reading"
            ));
        }
        if let (Some(least), Some(most)) = (counted.iter().min(), counted.iter().max()) {
            let range =
                if least == most { least.to_string() } else { format!("{least} to {most}") };
            notes.push(format!(
                "{what}, {name}: disconnected {range} of {deaf} people in each round"
            ));
        }
    }
    notes
}

/// Starts a server, measures it, and stops it.
fn measure(
    plan: &Plan,
    contender: &Contender,
    measurement: Measurement,
    processors: &Processors,
) -> Result<Measured, Fault> {
    let fault = |what, is_unwritten| Fault {
        server: contender.name().to_owned(),
        during: measurement.name(),
        what,
        is_unwritten,
    };
    let mut server = Server::start(contender, plan.lab, measurement.people())
        .map_err(|error| fault(format!("{error:#}"), false))?;
    let result = server.listens().and_then(|()| {
        // The load generator runs in its own thread, because it must run on a different processor than the server.
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                processors.use_first()?;
                put_under_load(plan, contender, measurement, &server)
            });
            load.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    });
    result.map_err(|error| {
        let (status, said) = server.last_words();
        let is_students = matches!(contender, Contender::Server { is_students: true, .. });
        let unwritten = first_unwritten(plan.lab, unwritten_stages(&said));
        if let Some(what) = unwritten.filter(|_| is_students) {
            return fault(what, true);
        }
        let mut what = format!("{error:#}");
        // The load generator stops when a server delivers wrong messages, which may make the server exit. Such an exit
        // is not the server's mistake, so it is not reported.
        if is_delivered_wrongly(&error) {
            return fault(what, false);
        }
        if let Some(status) = status {
            let _ = write!(what, "; the server has exited: {status}");
        }
        let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in &lines[lines.len().saturating_sub(QUOTED)..] {
            let _ = write!(what, "\n  {}", visible(line.as_bytes()));
        }
        fault(what, false)
    })
}

fn put_under_load(
    plan: &Plan,
    contender: &Contender,
    measurement: Measurement,
    server: &Server,
) -> Result<Measured> {
    let (address, wire) = (server.address, contender.wire(plan.lab));
    match measurement {
        Measurement::Throughput { senders, receivers, deaf } => {
            let people = People { senders, receivers, deaf };
            let outcome = match throughput::measure(address, wire, people, plan.time) {
                Err(error) if deaf > 0 && is_stalled(&error) => {
                    return Ok(Measured { values: vec![None], ..Measured::default() });
                }
                outcome => outcome?,
            };
            let disconnected = (outcome.sent >= NOTICEABLE).then_some(outcome.disconnected);
            Ok(Measured { values: vec![Some(outcome.rate)], load: outcome.load, disconnected })
        }
        Measurement::Latency { receivers } => {
            let outcome = latency::measure(address, wire, receivers, LATENCY_RATE, plan.time)?;
            let values = vec![Some(outcome.p50), Some(outcome.p99)];
            Ok(Measured { values, ..Measured::default() })
        }
        Measurement::Arrival { people, idle, connect } => {
            let (pid, before) = (server.pid(), usage::memory(server.pid()));
            let threads = usage::threads(pid);
            let begin = Instant::now();
            let mut all = arrive(address, wire, people)?;
            let time = begin.elapsed();
            let mut values = Vec::new();
            if idle {
                rest(server, &mut all)?;
                #[allow(clippy::cast_precision_loss)]
                let each =
                    |after: f64, before: f64| Some((after - before).max(0.0) / people as f64);
                #[allow(clippy::cast_precision_loss)]
                values.extend([
                    each(usage::memory(pid) as f64, before as f64),
                    each(usage::threads(pid) as f64, threads as f64),
                ]);
            }
            values.extend(connect.then_some(Some(time.as_secs_f64())));
            Ok(Measured { values, ..Measured::default() })
        }
    }
}

/// Returns whether the server stopped delivering messages.
fn is_stalled(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Found>().is_some_and(|found| found.mistake == Mistake::Stalled)
}

/// Returns whether the server delivered wrong messages.
fn is_delivered_wrongly(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Found>().is_some_and(|found| found.mistake != Mistake::Stalled)
}

/// Waits until the server has finished its work and no messages are in transit.
fn rest(server: &Server, people: &mut [Person]) -> Result<()> {
    let begin = Instant::now();
    let (mut used, mut since) = (usage::cpu_time(server.pid()), Instant::now());
    while since.elapsed() < RESTED && begin.elapsed() < RESTS {
        thread::sleep(RESTED / 10);
        let mut has_read = false;
        for person in people.iter_mut() {
            has_read |= person.discard()?;
        }
        let now = usage::cpu_time(server.pid());
        if has_read || now != used {
            (used, since) = (now, Instant::now());
        }
    }
    Ok(())
}
