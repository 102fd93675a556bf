//! `cargo lab crowd`: simulates a crowd of people who use a server, and checks that everyone gets each message once and
//! in order.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::value_parser;
use console::style;

use crate::cli::check::{self, quoted_option};
use crate::cli::progress::{self, Progress};
use crate::cli::seconds::seconds;
use crate::cli::target::lab_number;
use crate::crowd::game::{Game, game};
use crate::crowd::plan::{Extent, Plan};
use crate::crowd::shrink::{Limits, shrink};
use crate::grading::grader::{Author, Grader};
use crate::journal::failure::{Check, Failure};
use crate::journal::timeout::TIMEOUT;
use crate::report;
use crate::report::text::columns;
use crate::system::program::Runnable;
use crate::system::reads;

/// The number of events per second.
const EVENTS_A_SECOND: f64 = 200.0;

/// The limits of the search for a smaller crowd that makes the server break the same rule.
const LIMITS: Limits = Limits {
    runs: 120,
    time: Duration::from_secs(30),
    patience: Duration::from_millis(300),
    last_patience: TIMEOUT,
};

/// The minimum time between two progress reports. This time must be longer than a second: without a terminal, a step is
/// not shown if another follows within a second.
const PROGRESS: Duration = Duration::from_millis(1500);

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The lab
    #[arg(value_parser = lab_number)]
    lab: u32,
    /// How many people may be connected at the same time
    #[arg(long, default_value_t = 12, value_parser = value_parser!(u16).range(2..=500))]
    people: u16,
    /// Approximately how long a crowd chats, in seconds
    #[arg(long, default_value_t = 2.0, value_parser = seconds(3600.0))]
    seconds: f64,
    /// The seed, which determines what a given number of people do in a given time. Default: a random seed
    #[arg(long)]
    seed: Option<u64>,
    /// The number of crowds to simulate, one after another. Each crowd uses the next seed
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    runs: u64,
    /// Checks this server instead of yours. It can be in any language; see `cargo lab check --help`
    #[arg(long, value_name = "CMD", value_parser = check::command)]
    server: Option<String>,
    /// Also lets the --server program read this file or folder
    #[arg(long, value_name = "PATH", requires = "server")]
    read: Vec<PathBuf>,
    /// Checks the finished server in solutions/ instead of yours
    #[arg(long, conflicts_with = "server")]
    finished: bool,
}

/// Runs the crowds. Returns true if no rule was broken.
///
/// # Errors
/// Returns an error if the server cannot be built or started, or if a plan cannot be completed.
pub fn run(kit: &Path, options: &Options) -> Result<bool> {
    reads::allow(options.read.iter().cloned());
    let server = server(kit, options)?;
    let first = options.seed.unwrap_or_else(|| u64::from(rand::random::<u16>()));
    let time = Duration::from_secs_f64(options.seconds);
    // The number of events is small and positive.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let events = (options.seconds * EVENTS_A_SECOND) as usize;
    let extent = Extent { people: options.people.into(), events, time };
    let progress = Progress::start("starting the server")?;
    let shown = Cell::new(Instant::now());
    let (mut people, mut happened) = (0, 0);
    for run in 0..options.runs {
        let seed = first.wrapping_add(run);
        let plan = Plan::new(options.lab, extent, seed);
        let result = watched(&progress, &shown, &format!("seed {seed}"), &server, &plan, TIMEOUT);
        let result = result.map_err(|failure| match failure {
            Failure::Grader(why) => anyhow!("seed {seed}: {why}"),
            wrong @ Failure::Wrong { .. } => anyhow!("seed {seed}: {wrong}"),
        })?;
        if result.played.violation.is_some() {
            let runs = Cell::new(0);
            let mut again = |plan: &Plan, patience| {
                runs.set(runs.get() + 1);
                let runs = runs.get();
                let what = format!("seed {seed}: looking for a smaller crowd, attempt {runs}");
                watched(&progress, &shown, &what, &server, plan, patience).ok()
            };
            let shrunk = shrink(&plan, result, LIMITS, &mut again);
            drop(progress);
            let command = command(options, seed);
            println!("{}", report::crowd::to_text(&plan, &shrunk, &command, columns()));
            return Ok(false);
        }
        people += plan.people();
        happened += plan.events.len();
    }
    drop(progress);
    let runs = if options.runs == 1 {
        format!("seed {first}")
    } else {
        format!("seeds {first} to {}", first.wrapping_add(options.runs - 1))
    };
    let line = format!(
        "lab {}, {runs}: {people} people and {happened} events, no rule broken",
        options.lab
    );
    println!(" {}", style(format!("✓ {line}")).green());
    Ok(true)
}

fn server(kit: &Path, options: &Options) -> Result<Runnable> {
    if let Some(command) = &options.server {
        return Ok(Runnable::Command(command.clone()));
    }
    let author = if options.finished { Author::Kit } else { Author::Student };
    if !author.exists(kit) {
        bail!("this kit has no {}/", author.folder());
    }
    let grader = Grader::new(kit, &[options.lab], None);
    progress::build(&grader, author)?;
    match grader.program(author, options.lab, "server") {
        Runnable::Missing(Failure::Wrong { who, came, .. }) => bail!("{who}\n{came}"),
        Runnable::Missing(failure) => bail!("{failure}"),
        server => Ok(server),
    }
}

/// Runs the events of a plan and shows the number of the current event.
fn watched(
    progress: &Progress,
    shown: &Cell<Instant>,
    what: &str,
    server: &Runnable,
    plan: &Plan,
    patience: Duration,
) -> Check<Game> {
    game(server, plan, patience, &|begun| {
        if shown.get().elapsed() > PROGRESS {
            shown.set(Instant::now());
            progress.step(format!("{what}: event {begun} of {}", plan.events.len()));
        }
    })
}

/// Returns the command that repeats the run with this seed.
fn command(options: &Options, seed: u64) -> String {
    let Options { lab, people, seconds, .. } = options;
    let mut command =
        format!("cargo lab crowd {lab} --people {people} --seconds {seconds} --seed {seed}");
    if options.finished {
        command += " --finished";
    }
    if let Some(server) = &options.server {
        command += &quoted_option("server", server);
    }
    for path in &options.read {
        command += &quoted_option("read", &path.display().to_string());
    }
    command
}
