//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, value_parser};

use crate::comparison::{HEAD, compare};
use crate::generator::Load;
use crate::wire::Wire;
use crate::{processors, relay, self_check, server};

/// Upper bounds for the options, so that a typing error does not overload the machine.
const MOST_PEOPLE: i64 = 5000;
const MOST_SECONDS: f64 = 60.0;
const MOST_RUNS: i64 = 100;

/// Measures how many messages per second the servers deliver, compared with a bare relay
#[derive(Parser)]
#[command(name = "fanout", args_conflicts_with_subcommands = true)]
struct Options {
    /// The wire. Default: all wires
    #[arg(long, value_parser = value_parser!(u32).range(1..=4))]
    wire: Option<u32>,
    /// The number of people who send
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u16).range(1..=MOST_PEOPLE))]
    senders: u16,
    /// The number of people who read, including the senders
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u16).range(2..=MOST_PEOPLE))]
    receivers: u16,
    /// The number of additional people who join but do not read
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u16).range(0..=MOST_PEOPLE))]
    deaf: u16,
    /// The duration of the measurement in each run, in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// The number of pairs of runs; a pair is one run of the relay and one of the server
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u16).range(1..=MOST_RUNS))]
    runs: u16,
    /// A program to use instead of the built server, as an absolute path; needs --wire
    #[arg(long, value_name = "PATH", requires = "wire")]
    server: Option<PathBuf>,
    /// Checks that the load generator notices lost, changed, repeated, and swapped messages
    #[arg(long)]
    self_check: bool,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the relay
    #[command(hide = true)]
    Relay(relay::Options),
    /// Becomes another program
    #[command(hide = true, name = "become")]
    Become {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

/// Runs the command.
///
/// # Errors
/// Returns an error if a server does not start or does not deliver a message.
pub fn run() -> Result<()> {
    let options = Options::parse();
    match options.command {
        Some(Command::Relay(options)) => {
            server::end_with_parent()?;
            processors::use_others()?;
            return relay::run(options);
        }
        Some(Command::Become { command }) => {
            processors::use_others()?;
            return server::become_program(&command);
        }
        None => {}
    }
    let wires: Vec<_> = options.wire.map_or_else(|| (1..=4).collect(), |wire| vec![wire]);
    if options.self_check {
        return self_check::run_all(&wires);
    }
    let seconds = options.seconds;
    ensure!(
        seconds > 0.0 && seconds <= MOST_SECONDS,
        "--seconds must be above 0 and at most {MOST_SECONDS}"
    );
    ensure!(
        options.senders <= options.receivers,
        "the senders also read: --receivers must be at least --senders"
    );
    let load = Load {
        senders: options.senders.into(),
        receivers: options.receivers.into(),
        deaf: options.deaf.into(),
        time: Duration::from_secs_f64(seconds),
    };
    server::allow_connections(load.receivers + load.deaf)?;
    let programs = match options.server {
        Some(program) => vec![program],
        None => server::build(&wires)?,
    };
    println!("{HEAD}");
    for (&number, program) in wires.iter().zip(&programs) {
        let wire = Wire { number, is_relayed: false };
        println!("{}", compare(program, wire, load, options.runs.into())?);
    }
    Ok(())
}
