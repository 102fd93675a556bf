//! The kinds of network trouble that a relay can simulate, and the options for them.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::network::way::Way;

/// The maximum time that the options accept.
const LONGEST: Duration = Duration::from_hours(1);

/// The command-line options for the kinds of network trouble that the relay simulates.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trouble")]
pub struct Trouble {
    /// Splits bytes into pieces of at most N bytes, for example 1, or of random sizes, for example 1-7. Each piece
    /// waits until the receiver reads the previous one
    #[arg(long, value_name = "N", value_parser = sizes)]
    pub split: Option<Between<u64>>,
    /// Holds bytes back for this long, then passes on everything that has arrived
    #[arg(long, value_name = "TIME", value_parser = times)]
    pub hold: Option<Between<Duration>>,
    /// Joins the pieces that --hold held back, so that messages stick together
    #[arg(long, requires = "hold")]
    pub glue: bool,
    /// Waits before each piece, for example 20ms, 0.5s, or a random time (5ms-50ms)
    #[arg(long, value_name = "TIME", value_parser = times)]
    pub delay: Option<Between<Duration>>,
    /// Passes on at most this many bytes per second in each direction of a connection
    #[arg(long, value_name = "BYTES/s", value_parser = rate)]
    pub rate: Option<u64>,
    /// Stops passing on data after this many bytes in one direction, but leaves the connection open
    #[arg(long, value_name = "BYTES", value_parser = counts, group = "end")]
    pub stop_after: Option<Between<u64>>,
    /// Ends the stream to the receiver after this many bytes in one direction. The other direction continues
    #[arg(long, value_name = "BYTES", value_parser = counts, group = "end")]
    pub half_close_after: Option<Between<u64>>,
    /// Closes the connection after this many bytes in one direction
    #[arg(long, value_name = "BYTES", value_parser = counts, group = "end")]
    pub close_after: Option<Between<u64>>,
    /// Resets the connection after this many bytes in one direction
    #[arg(long, value_name = "BYTES", value_parser = counts, group = "end")]
    pub reset_after: Option<Between<u64>>,
    /// Stops passing on data after this many bytes in one direction, until a script changes the simulated trouble
    #[arg(skip)]
    pub pause_after: Option<u64>,
    /// Passes on the next piece even if the receiver has not read the previous piece
    #[arg(skip)]
    pub hurries: bool,
    /// Makes trouble only for the client with this nickname or number, or only in this direction. May be repeated
    #[arg(long, value_name = "NAME|to-server|to-client", value_parser = only)]
    pub only: Vec<Only>,
    /// Repeats the random sizes and times of an earlier run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// A range of values that includes both limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between<T> {
    least: T,
    most: T,
}

/// Limits the simulated network trouble to one direction or one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// In one direction.
    Way(Way),
    /// For one client.
    Client(String),
}

/// An action that the relay performs after it has passed on a certain number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The relay stops passing on bytes in one direction.
    Stop,
    /// The relay ends the stream in one direction.
    HalfClose,
    /// The relay closes the connection.
    Close,
    /// The relay resets the connection.
    Reset,
}

impl Kind {
    /// Returns the words that describe this action.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stop => "stops forever",
            Self::HalfClose => "closes this direction",
            Self::Close => "closes the connection",
            Self::Reset => "resets the connection",
        }
    }
}

impl Trouble {
    /// Returns whether any option for network trouble is set.
    pub fn is_any(&self) -> bool {
        self.is_split_or_late() || self.end().is_some()
    }

    fn is_split_or_late(&self) -> bool {
        self.split.is_some() || self.is_late()
    }

    /// Returns whether the relay may delay bytes.
    pub fn is_late(&self) -> bool {
        self.hold.is_some() || self.delay.is_some() || self.rate.is_some()
    }

    /// Returns true if any size or time is random.
    pub fn is_random(&self) -> bool {
        let sizes = [self.split, self.end().map(|(_, after)| after)];
        let times = [self.hold, self.delay];
        sizes.iter().flatten().any(|size| size.least < size.most)
            || times.iter().flatten().any(|time| time.least < time.most)
    }

    /// Returns the action to perform on each connection, if any, and the number of bytes after which to perform it.
    pub fn end(&self) -> Option<(Kind, Between<u64>)> {
        let ends = [
            (Kind::Stop, self.stop_after),
            (Kind::HalfClose, self.half_close_after),
            (Kind::Close, self.close_after),
            (Kind::Reset, self.reset_after),
        ];
        ends.into_iter().find_map(|(kind, after)| Some((kind, after?)))
    }

    /// Returns whether the network trouble applies to this client in this direction.
    pub fn is_for(&self, number: u32, name: Option<&str>, way: Way) -> bool {
        let is_client = |client: &str| {
            name == Some(client) || client.strip_prefix('#').unwrap_or(client) == number.to_string()
        };
        let (mut ways, mut clients) = (Vec::new(), Vec::new());
        for only in &self.only {
            match only {
                Only::Way(way) => ways.push(*way),
                Only::Client(client) => clients.push(client),
            }
        }
        (ways.is_empty() || ways.contains(&way))
            && (clients.is_empty() || clients.into_iter().any(|client| is_client(client)))
    }

    /// Returns a random number generator for one direction of a connection. Its values do not depend on the other
    /// connections.
    pub fn random(&self, connection: u32, way: Way) -> StdRng {
        let way = u64::from(way == Way::ToClient);
        let number = (u64::from(connection) << 1) | way;
        StdRng::seed_from_u64(self.seed.unwrap_or_default() ^ number.rotate_right(8))
    }
}

impl<T> Between<T> {
    /// Creates a range. `least` must not be greater than `most`.
    pub const fn new(least: T, most: T) -> Self {
        Self { least, most }
    }
}

impl Between<u64> {
    /// Returns a random value from the range.
    pub fn pick(self, random: &mut StdRng) -> u64 {
        random.random_range(self.least..=self.most)
    }
}

impl Between<Duration> {
    /// Returns a random value from the range.
    pub fn pick(self, random: &mut StdRng) -> Duration {
        random.random_range(self.least..=self.most)
    }
}

/// Parses one value or a range of values such as `1-7`.
fn between<T: PartialOrd + Copy>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Between<T>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (parse(least)?, parse(most)?);
    if least > most {
        return Err("the first number must not be greater than the second".into());
    }
    Ok(Between { least, most })
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "use a number of bytes, for example 200 or 100-300".into())
}

fn counts(text: &str) -> Result<Between<u64>, String> {
    between(text, count)
}

fn sizes(text: &str) -> Result<Between<u64>, String> {
    let sizes = counts(text)?;
    if sizes.least == 0 { Err("a piece has at least 1 byte".into()) } else { Ok(sizes) }
}

fn times(text: &str) -> Result<Between<Duration>, String> {
    between(text, |text| {
        let (number, unit) = match text.strip_suffix("ms") {
            Some(number) => (number, 0.001),
            None => (text.strip_suffix('s').unwrap_or_default(), 1.0),
        };
        let seconds = number.parse::<f64>().ok().map(|number| number * unit);
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        time.filter(|time| *time <= LONGEST)
            .ok_or_else(|| "use a time of at most one hour, for example 20ms or 0.5s".into())
    })
}

fn rate(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse().ok().filter(|rate| *rate > 0);
    number.ok_or_else(|| "use a number of bytes per second, for example 10 or 10/s".into())
}

#[allow(clippy::unnecessary_wraps)] // the signature of a value parser
fn only(text: &str) -> Result<Only, String> {
    Ok(match text {
        "to-server" => Only::Way(Way::ToServer),
        "to-client" => Only::Way(Way::ToClient),
        name => Only::Client(name.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_are_parsed() {
        assert_eq!(sizes("1-7"), Ok(Between { least: 1, most: 7 }));
        let half = Duration::from_millis(500);
        assert_eq!(
            times("20ms-0.5s"),
            Ok(Between { least: Duration::from_millis(20), most: half })
        );
        assert_eq!(rate("10/s"), Ok(10));
        for bad in ["", "0", "7-1", "-1", "x", "1-2-3", "99999999999999999999"] {
            assert!(sizes(bad).is_err(), "{bad}");
        }
        for bad in ["", "20", "ms", "-1s", "nans", "infs", "1e300s", "2s-1s", "3601s"] {
            assert!(times(bad).is_err(), "{bad}");
        }
        assert!(rate("0").is_err() && rate("x").is_err());
    }

    #[test]
    fn trouble_may_be_for_one_client_or_one_direction() {
        let trouble = |only: &[&str]| Trouble {
            only: only.iter().map(|text| super::only(text).unwrap()).collect(),
            ..Trouble::default()
        };
        let (server, client) = (Way::ToServer, Way::ToClient);
        assert!(trouble(&[]).is_for(1, None, server));
        assert!(trouble(&["ann"]).is_for(1, Some("ann"), server));
        assert!(
            !trouble(&["ann"]).is_for(1, Some("bob"), server)
                && !trouble(&["ann"]).is_for(1, None, server)
        );
        assert!(
            trouble(&["#2"]).is_for(2, None, server) && trouble(&["2"]).is_for(2, None, client)
        );
        assert!(!trouble(&["ann", "to-client"]).is_for(1, Some("ann"), server));
        assert!(trouble(&["ann", "bob", "to-client"]).is_for(1, Some("bob"), client));
    }
}
