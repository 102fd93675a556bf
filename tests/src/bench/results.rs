//! The results of a benchmark: for each quantity, one value for each server and round.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The name of the relay in the results.
pub const RELAY: &str = "relay";

/// The unit of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Deliveries per second. More is better.
    PerSecond,
    /// Seconds. Less is better.
    Seconds,
    /// Bytes. Less is better.
    Bytes,
    /// A number of things. Less is better.
    Count,
}

impl Unit {
    /// Returns the name of the unit of measurement, as it appears in the JSON results.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "deliveries/s",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Count => "threads",
        }
    }

    /// Returns whether a higher value is better.
    pub fn is_rate(self) -> bool {
        self == Self::PerSecond
    }
}

/// The results of a benchmark.
#[derive(Clone, Debug)]
pub struct Results {
    /// The lab.
    pub lab: u32,
    /// The number of rounds.
    pub rounds: usize,
    /// The duration of each rate or latency measurement, in seconds.
    pub seconds: f64,
    /// The number of processors that the load generator and the server share.
    pub processors: usize,
    /// The quantities, in the order in which they were measured.
    pub quantities: Vec<Quantity>,
    /// The servers whose measurements failed, and why.
    pub faults: Vec<Fault>,
    /// Facts that readers should know when they interpret the values.
    pub notes: Vec<String>,
}

/// One quantity.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// A short machine-readable name, such as `rate-1x100`.
    pub id: String,
    /// The human-readable name.
    pub title: String,
    /// The unit of the values.
    pub unit: Unit,
    /// The measured values of each server. The first entry contains the relay's values.
    pub series: Vec<Series>,
}

/// The measured values of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name of the server.
    pub server: String,
    /// One value per round. A value is `None` if the server stopped delivering messages because some clients
    /// were not reading.
    pub values: Vec<Option<f64>>,
}

/// A server whose measurements were not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the server.
    pub server: String,
    /// The measurement.
    pub during: String,
    /// What happened.
    pub what: String,
    /// Whether the measurement failed because the student's server is not written yet.
    pub is_unwritten: bool,
}

/// The median, the minimum, and the maximum of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median. If the number of values is even, the median is the larger of the two middle values.
    pub median: f64,
    /// The smallest value.
    pub least: f64,
    /// The largest value.
    pub most: f64,
}

impl Spread {
    /// Returns the spread of the values, or `None` if there are no values.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<_> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        Some(Self { median: sorted[sorted.len() / 2], least, most })
    }
}

impl Series {
    /// Returns the spread of the values.
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(self.values.iter().copied().flatten())
    }

    /// Returns the number of rounds in which the server stopped delivering messages.
    pub fn stalls(&self) -> usize {
        self.values.iter().filter(|value| value.is_none()).count()
    }

    /// Returns the ratio of each value to the other server's value in the same round.
    pub fn ratios<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = f64> + 'a {
        let pairs = self.values.iter().zip(&other.values);
        let ratio = |(own, other): (&Option<f64>, &Option<f64>)| {
            Some((*own)? / (*other).filter(|other| *other > 0.0)?)
        };
        pairs.filter_map(ratio)
    }
}

impl Quantity {
    pub(super) fn new(id: String, title: String, unit: Unit) -> Self {
        Self { id, title, unit, series: Vec::new() }
    }

    /// Adds the value of one round.
    pub fn add(&mut self, server: &str, value: Option<f64>) {
        if let Some(series) = self.series.iter_mut().find(|series| series.server == server) {
            series.values.push(value);
        } else {
            self.series.push(Series { server: server.to_owned(), values: vec![value] });
        }
    }

    /// Returns the spread of the ratios of the server's values to the relay's values in the same rounds, or `None` for
    /// the relay.
    pub fn to_relay(&self, series: &Series) -> Option<Spread> {
        let relay = self.series.iter().find(|one| one.server == RELAY)?;
        if series.server == RELAY { None } else { Spread::of(series.ratios(relay)) }
    }
}

impl Results {
    /// For each round, divides the server's rate while some clients do not read by its rate while all clients read.
    /// Returns the median, minimum, and maximum of the ratios from all rounds. Returns `None` if `quantity` is not a
    /// rate with clients that do not read, or if the rate without such clients was not measured.
    pub fn to_own_rate(&self, quantity: &Quantity, series: &Series) -> Option<Spread> {
        let people = quantity.id.strip_prefix("deaf-")?.rsplit_once('-')?.0;
        let rate = self.quantities.iter().find(|one| one.id == format!("rate-{people}"))?;
        let own = rate.series.iter().find(|one| one.server == series.server)?;
        Spread::of(series.ratios(own))
    }

    /// Removes the values of a server whose measurements were not completed.
    pub fn remove(&mut self, server: &str) {
        for quantity in &mut self.quantities {
            quantity.series.retain(|series| series.server != server);
        }
    }

    /// Returns the results as JSON.
    pub fn to_json(&self) -> Value {
        let spread = |spread: Option<Spread>| {
            spread.map(|Spread { median, least, most }| {
                json!({ "median": median, "min": least, "max": most })
            })
        };
        let series = |quantity: &Quantity, series: &Series| {
            json!({
                "server": series.server,
                "values": series.values,
                "spread": spread(series.spread()),
                "ratio_to_relay": spread(quantity.to_relay(series)),
                "ratio_to_own_rate": spread(self.to_own_rate(quantity, series)),
            })
        };
        let quantity = |one: &Quantity| {
            json!({
                "id": one.id,
                "title": one.title,
                "unit": one.unit.name(),
                "better": if one.unit.is_rate() { "higher" } else { "lower" },
                "servers": one.series.iter().map(|own| series(one, own)).collect::<Vec<_>>(),
            })
        };
        let fault = |fault: &Fault| json!({ "server": fault.server, "during": fault.during, "what": fault.what });
        json!({
            "version": 1,
            "lab": self.lab,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "processors": self.processors,
            "quantities": self.quantities.iter().map(quantity).collect::<Vec<_>>(),
            "not_measured": self.faults.iter().map(fault).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// Reads the results, except the faults, from the JSON that [`Results::to_json`] returns. `quantities` lists the
    /// quantities that were measured, without their values.
    ///
    /// # Errors
    /// Returns an error that names the missing part.
    pub fn from_json(json: &Value, mut quantities: Vec<Quantity>) -> Result<Self> {
        let number = |name: &str| json[name].as_f64().with_context(|| format!("no {name}"));
        let count = |name: &str| {
            let count = json[name].as_u64().and_then(|count| usize::try_from(count).ok());
            count.with_context(|| format!("no {name}"))
        };
        let list = |json: &Value, name: &str| {
            json[name].as_array().cloned().with_context(|| format!("no {name}"))
        };
        let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
        let all = list(json, "quantities")?;
        for quantity in &mut quantities {
            let found = all.iter().find(|one| one["id"] == quantity.id.as_str());
            let found = found.with_context(|| format!("no quantity {}", quantity.id))?;
            for series in list(found, "servers")? {
                for value in list(&series, "values")? {
                    quantity.add(&text(&series["server"]), value.as_f64());
                }
            }
        }
        Ok(Self {
            lab: count("lab")?.try_into()?,
            rounds: count("rounds")?,
            seconds: number("seconds")?,
            processors: count("processors")?,
            quantities,
            faults: Vec::new(),
            notes: list(json, "notes")?.iter().map(text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantity, RELAY, Results, Spread, Unit};

    #[test]
    fn ratios_compare_values_of_the_same_round() {
        let mut rate = Quantity::new("rate-1x100".into(), "rate".into(), Unit::PerSecond);
        for (relay, own) in [(100.0, Some(50.0)), (200.0, None), (10.0, Some(9.0))] {
            rate.add(RELAY, Some(relay));
            rate.add("yours", own);
        }
        let own = &rate.series[1];
        assert_eq!(rate.to_relay(&rate.series[0]), None);
        assert_eq!(rate.to_relay(own), Some(Spread { median: 0.9, least: 0.5, most: 0.9 }));
        assert_eq!(own.spread(), Some(Spread { median: 50.0, least: 9.0, most: 50.0 }));
        assert_eq!(own.stalls(), 1);
    }

    #[test]
    fn results_can_be_read_from_their_json() {
        let rate = Quantity::new("rate-1x100".into(), "rate".into(), Unit::PerSecond);
        let mut measured = rate.clone();
        measured.add(RELAY, Some(100.0));
        measured.add("yours", None);
        let results = Results {
            lab: 2,
            rounds: 1,
            seconds: 0.5,
            processors: 4,
            quantities: vec![measured],
            faults: Vec::new(),
            notes: vec!["a note".into()],
        };
        let json = results.to_json();
        assert_eq!(Results::from_json(&json, vec![rate]).unwrap().to_json(), json);
        let other = Quantity::new("connect".into(), "time".into(), Unit::Seconds);
        let error = Results::from_json(&json, vec![other]).unwrap_err();
        assert_eq!(error.to_string(), "no quantity connect");
    }
}
