//! The command line of `cargo lab bench`.

use std::path::PathBuf;

use clap::{ValueEnum, value_parser};

use crate::bench::plan::Part;
use crate::cli::check;
use crate::cli::seconds::seconds;
use crate::cli::target::lab_number;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The lab
    #[arg(value_parser = lab_number)]
    pub(super) lab: u32,
    /// The number of rounds. In each round, every server is measured once
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u16).range(1..=100))]
    pub(super) rounds: u16,
    /// Measures only these parts. Default: all parts
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub(super) only: Vec<Part>,
    /// Also measures this server, which can be in any language; see `cargo lab check --help`. May be repeated
    #[arg(long, value_name = "CMD", value_parser = check::command)]
    pub(super) server: Vec<String>,
    /// Leaves out your server
    #[arg(long)]
    pub(super) finished: bool,
    /// The duration of each measurement of a rate or a latency, in seconds
    #[arg(long, default_value_t = 1.0, value_parser = seconds(60.0))]
    pub(super) seconds: f64,
    /// The number of idle connections
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u16).range(2..=10_000))]
    pub(super) idle: u16,
    /// The maximum number of people in the other measurements
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u16).range(2..=1000))]
    pub(super) people: u16,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Writes a plot to this file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

/// The command line of the relay.
#[derive(clap::Args)]
pub struct RelayOptions {
    pub(super) port: u16,
    pub(super) message_len: usize,
    #[arg(long)]
    pub(super) echo: bool,
}

impl ValueEnum for Part {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Throughput, Self::Latency, Self::Idle, Self::Connect, Self::Deaf]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (name, help) = match self {
            Self::Throughput => ("throughput", "Messages delivered per second"),
            Self::Latency => ("latency", "How long a message takes to reach each receiver"),
            Self::Idle => ("idle", "The memory and the threads for each idle connection"),
            Self::Connect => ("connect", "The time until many people have joined"),
            Self::Deaf => ("deaf", "Messages delivered per second while some people do not read"),
        };
        Some(clap::builder::PossibleValue::new(name).help(help))
    }
}
