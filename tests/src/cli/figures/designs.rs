//! The figures for the chapter about speed: a comparison of four designs for the lab 1 server.
//!
//! The designs are measured only on request, because the values differ from run to run and the measurement needs a
//! quiet machine. The table and the plot are made from the values in a file.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::plan::{Extent, Measurement, Plan};
use crate::bench::results::{Quantity, RELAY, Results, Series};
use crate::report::bench::{of_rounds, value};
use crate::report::plot;

/// A design for the lab 1 server.
pub struct Design {
    /// The name that the figures use for this design.
    pub name: &'static str,
    /// The folder that contains the server's files, arranged as in a kit's `labs/`, or `None` for the finished server.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "measuring needs Linux"))]
    pub folder: Option<&'static str>,
}

/// The design that stops delivering messages if some clients do not read. All other designs must continue to deliver
/// messages even if some clients do not read.
const STALLS: Design =
    Design { name: "lock and write", folder: Some("tests/kit/designs/lab1-lock-and-write") };

/// The designs, in the order of the figures.
pub const DESIGNS: [Design; 4] = [
    STALLS,
    Design { name: "channels", folder: Some("tests/kit/unusual/lab1-lock-and-channels") },
    Design { name: "room (finished)", folder: None },
    Design { name: "event loop", folder: Some("tests/kit/unusual/lab1-event-loop") },
];

/// The lab.
pub const LAB: u32 = 1;

/// The file with the values, relative to the kit.
pub const VALUES: &str = "docs/src/figures/designs.json";

/// The duration of each measurement of a rate or a latency.
const TIME: Duration = Duration::from_secs(1);

/// The maximum number of people in the measurements.
const PEOPLE: usize = 1000;

/// The number of clients that read in the measurement in which some other clients do not read. If more clients read, a
/// slow server sends so few bytes to the others that it cannot detect that they are not reading.
const BESIDE: usize = 10;

/// Returns what is measured.
pub fn plan(rounds: usize) -> Plan {
    let extent = Extent { parts: Vec::new(), idle: PEOPLE, people: PEOPLE };
    let mut measurements = extent.measurements();
    for measurement in &mut measurements {
        if let Measurement::Throughput { receivers, deaf: 1.., .. } = measurement {
            *receivers = BESIDE;
        }
    }
    Plan { lab: LAB, rounds, time: TIME, measurements }
}

/// Returns the names and contents of the figures, made from the values.
///
/// # Errors
/// Returns an error if the file with the values cannot be read or does not have the expected shape.
pub fn figures(kit: &Path) -> Result<[(String, String); 3]> {
    let text = fs::read_to_string(kit.join(VALUES))
        .with_context(|| format!("cannot read {VALUES}; run `cargo lab figures --measure 5`"))?;
    let wrong = || format!("{VALUES} is outdated; run `cargo lab figures --measure 5`");
    let results = read(&text).with_context(wrong)?;
    check(&results).with_context(wrong)?;
    let mut drawn = results.clone();
    drawn.quantities.retain(|one| one.unit.is_rate());
    let figures = [
        ("designs.json", text),
        ("designs.md", table(&results)),
        ("designs.svg", plot::figure(&drawn)),
    ];
    Ok(figures.map(|(name, text)| (name.to_owned(), text)))
}

fn read(text: &str) -> Result<Results> {
    let json: Value = serde_json::from_str(text)?;
    let measurements = plan(1).measurements;
    let quantities = measurements.into_iter().flat_map(Measurement::quantities).collect();
    Results::from_json(&json, quantities)
}

/// Checks everything but the numbers.
fn check(results: &Results) -> Result<()> {
    ensure!(results.lab == LAB, "it is about lab {}", results.lab);
    let names = || std::iter::once(RELAY).chain(DESIGNS.map(|design| design.name));
    for Quantity { id, series, .. } in &results.quantities {
        let servers: Vec<_> = series.iter().map(|one| one.server.as_str()).collect();
        ensure!(servers == names().collect::<Vec<_>>(), "{id}: the servers are {servers:?}");
        for Series { server, values } in series {
            let (count, rounds) = (values.len(), results.rounds);
            ensure!(
                count == rounds,
                "{id}: the number of values for «{server}» is {count}, not {rounds}"
            );
            let must_stall = id.starts_with("deaf-") && server == STALLS.name;
            let is_right = |value: &Option<f64>| value.is_none() == must_stall;
            ensure!(values.iter().all(is_right), "{id}: «{server}» has the values {values:?}");
        }
    }
    Ok(())
}

/// Returns a table with a row for each quantity and a column for each server.
fn table(results: &Results) -> String {
    let mut text = "| |".to_owned();
    let servers = &results.quantities[0].series;
    for Series { server, .. } in servers {
        let _ = write!(text, " {server} |");
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(servers.len()));
    for quantity in &results.quantities {
        let _ = write!(text, "| {} |", quantity.title);
        for series in &quantity.series {
            let median = series.spread().map(|spread| value(spread.median, quantity.unit));
            let _ = write!(text, " {} |", median.as_deref().unwrap_or("stops delivering"));
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "\nMedians of {}, {} processors.\n",
        of_rounds(results.rounds),
        results.processors
    );
    for note in &results.notes {
        let _ = write!(text, "\n- {note}");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::{DESIGNS, Measurement, RELAY, Results, STALLS, check, plan, read, table};

    /// Returns results in which every value is 1.
    fn ones() -> Results {
        let plan = plan(1);
        let mut quantities = Vec::new();
        for mut quantity in plan.measurements.into_iter().flat_map(Measurement::quantities) {
            for name in std::iter::once(RELAY).chain(DESIGNS.map(|design| design.name)) {
                let stalls = quantity.id.starts_with("deaf-") && name == STALLS.name;
                quantity.add(name, (!stalls).then_some(1.0));
            }
            quantities.push(quantity);
        }
        let (faults, notes) = (Vec::new(), vec!["a note".to_owned()]);
        Results { lab: 1, rounds: 1, seconds: 1.0, processors: 2, quantities, faults, notes }
    }

    #[test]
    fn values_that_do_not_fit_the_designs_are_refused() {
        check(&ones()).unwrap();
        check(&read(&ones().to_json().to_string()).unwrap()).unwrap();
        let is_refused = |change: fn(&mut Results), why: &str| {
            let mut results = ones();
            change(&mut results);
            let error = check(&results).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        is_refused(|results| results.lab = 2, "it is about lab 2");
        is_refused(
            |results| results.rounds = 2,
            "rate-1x100: the number of values for «relay» is 1, not 2",
        );
        is_refused(|results| results.remove("channels"), "rate-1x100: the servers are");
        let missing = |results: &mut Results| results.quantities[4].series[4].values[0] = None;
        is_refused(missing, "latency-p50: «event loop» has the values [None]");
        let goes_on = |results: &mut Results| results.quantities[3].series[1].values[0] = Some(1.0);
        is_refused(goes_on, "deaf-1x10-2: «lock and write» has the values [Some(1.0)]");
    }

    #[test]
    fn the_table_has_a_cell_for_each_design_and_quantity() {
        let text = table(&ones());
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 2 + ones().quantities.len(), "{text}");
        let cells = |row: &&str| row.matches('|').count() == 3 + DESIGNS.len();
        assert!(rows.iter().all(cells), "{text}");
        assert_eq!(text.matches("stops delivering").count(), 1, "{text}");
        assert!(text.contains("\n- a note\n"), "{text}");
    }
}
