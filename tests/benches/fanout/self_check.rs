//! Checks that the load generator notices mistakes: the relay makes each mistake once, and the generator must
//! notice it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::generator::{Load, run};
use crate::relay::Mistake;
use crate::server::Server;
use crate::wire::Wire;

const LOAD: Load = Load { senders: 3, receivers: 10, deaf: 0, time: Duration::from_millis(100) };

/// Tests the messages of each wire format, first without a mistake, then with each mistake.
///
/// # Errors
/// Returns an error if a mistake is not noticed, or if a mistake that was not made is reported.
pub fn run_all(wires: &[u32]) -> Result<()> {
    for &number in wires {
        let wire = Wire { number, is_relayed: true };
        let load = |mistake| {
            let relay = Server::start_relay(wire, mistake)?;
            run(relay.address, wire, LOAD, || relay.cpu_time())
        };
        load(None).with_context(|| format!("wire {number}, without a mistake"))?;
        for &mistake in Mistake::value_variants() {
            let noticed = load(Some(mistake)).err();
            ensure!(noticed.is_some(), "wire {number}: the load did not notice {mistake:?}");
            let noticed = noticed.map(|fault| format!("{fault:.100}")).unwrap_or_default();
            println!("wire {number}, {mistake:?}: {noticed}");
        }
    }
    Ok(())
}
