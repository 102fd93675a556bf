//! Runs the server and the relay in turn and computes the ratio of their rates.
//!
//! Other programs on this machine slow down both runs of a pair, so the ratio of the pair varies less than the rates.

use std::fmt;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};

use crate::generator::{Load, Outcome, run};
use crate::processors;
use crate::server::Server;
use crate::wire::Wire;

/// The header of the table whose rows are [`Comparison`]s. The CPU columns show the processor time that a program and
/// its load use, in seconds per second. If the value for the load is 1.00, the load generator was the bottleneck. The
/// last columns show a program's processor time per delivery, in nanoseconds; on a busy machine, this time varies less
/// than the rates.
pub const HEAD: &str = "\
wire    people     relay/s    server/s  ratio   (min..max)      peak  CPU: relay+load  server+load  ns each: relay  server";

/// The results of several pairs of runs.
pub struct Comparison {
    wire: Wire,
    load: Load,
    relay: Vec<Outcome>,
    server: Vec<Outcome>,
    /// The maximum memory that the server used in any run, in bytes.
    peak_memory: u64,
}

/// Runs the relay and then the server and repeats this pair `runs` times in all.
///
/// # Errors
/// Returns an error if a program does not start or a message is not delivered.
pub fn compare(program: &Path, wire: Wire, load: Load, runs: usize) -> Result<Comparison> {
    let people = load.receivers + load.deaf;
    let (relay, server, peak_memory) = (Vec::new(), Vec::new(), 0);
    let mut comparison = Comparison { wire, load, relay, server, peak_memory };
    for _ in 0..runs {
        let relay = Server::start_relay(wire, None)?;
        let outcome = measure(&relay, wire.relayed(), load);
        comparison.relay.push(outcome.context("the relay")?);
        drop(relay);
        let server = Server::start(program, wire.number, people)?;
        let outcome = measure(&server, wire, load);
        comparison.server.push(outcome.with_context(|| program.display().to_string())?);
        comparison.peak_memory = comparison.peak_memory.max(server.peak_memory()?);
    }
    Ok(comparison)
}

/// Measures a program from a separate thread, because the load and the programs that this process starts must run on
/// different processors.
fn measure(program: &Server, wire: Wire, load: Load) -> Result<Outcome> {
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            processors::use_first()?;
            run(program.address, wire, load, || program.cpu_time())
        });
        load.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let rates = |outcomes: &[Outcome]| outcomes.iter().map(|one| one.rate).collect::<Vec<_>>();
        let (relay, server) = (rates(&self.relay), rates(&self.server));
        let ratios: Vec<_> =
            server.iter().zip(&relay).map(|(server, relay)| server / relay).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let cpu = |outcomes: &[Outcome]| {
            let program = median(outcomes.iter().map(|one| one.program_cpu).collect());
            let load = median(outcomes.iter().map(|one| one.own_cpu).collect());
            format!("{program:.2}+{load:.2}")
        };
        let nanoseconds = |outcomes: &[Outcome]| {
            median(outcomes.iter().map(|one| one.program_cpu / one.rate * 1e9).collect())
        };
        let people = format!("{}x{}", self.load.senders, self.load.receivers);
        write!(
            formatter,
            "{:>4} {people:>9} {:>11.0} {:>11.0}  {:>5.3} ({least:.3}..{most:.3}) {:>4} MiB {:>16} {:>12} {:>15.0} {:>7.0}",
            self.wire.number,
            median(relay),
            median(server),
            median(ratios),
            self.peak_memory.div_ceil(1024 * 1024),
            cpu(&self.relay),
            cpu(&self.server),
            nanoseconds(&self.relay),
            nanoseconds(&self.server),
        )?;
        if self.load.deaf > 0 {
            let gone = |outcomes: &[Outcome]| {
                let gone = outcomes.iter().map(|one| one.disconnected);
                gone.min().unwrap_or_default()
            };
            let (server, relay) = (gone(&self.server), gone(&self.relay));
            let deaf = self.load.deaf;
            write!(
                formatter,
                "  {deaf} people do not read; disconnected: {relay} by the relay, {server} by the server"
            )?;
        }
        Ok(())
    }
}

/// Returns the median. For an even count, the median is the larger of the two middle numbers.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
