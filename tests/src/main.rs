//! `cargo lab`: what a student and an instructor do with the labs, beside `cargo test`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use grader::cli;

/// Work on the chat labs
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes labs/, what a student begins with, from solutions/
    Starters {
        /// Writes nothing, and fails if something would change
        #[arg(long)]
        check: bool,
        /// Overwrites files that were changed, too
        #[arg(long, conflicts_with = "check")]
        force: bool,
    },
}

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Starters { check, force } => cli::starters::run(&grader::kit(), check, force),
    }
}
