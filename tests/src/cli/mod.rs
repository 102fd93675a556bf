//! `cargo lab`: what a student and an instructor do with the labs, beside `cargo test`. One file a subcommand.

pub mod check;
pub mod export;
pub mod figures;
pub mod hint;
pub mod map;
pub mod reset;
pub mod soak;
pub mod solution;
pub mod starters;
pub mod watch;

mod ask;
mod next;
mod progress;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::target::{StageNumber, Target};
use crate::grading::author::Author;

/// Work on the chat labs. Without a command: what is done, and what comes next
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
pub struct Options {
    /// The folder of the kit to work on, if it is not this one
    #[arg(long, value_name = "FOLDER", global = true)]
    kit: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Grades stages in their order, and stops at the first that is not passed
    Check(check::Options),
    /// Checks again whenever a file of labs/ is saved
    Watch(watch::Options),
    /// Plays a finished chat: a server and three people, and then what went over the wire
    Demo {
        /// The lab
        #[arg(default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4))]
        lab: u32,
    },
    /// Shows a hint for a stage, and one more each time
    Hint {
        /// The stage: 2.5
        stage: StageNumber,
    },
    /// Makes the functions of a stage, or a whole lab, as they were at the beginning; keeps a copy
    Reset {
        /// The stage, 2.5, or the lab, 2
        target: Target,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
    /// Shows the finished functions of a stage
    Solution {
        /// The stage: 2.5
        stage: StageNumber,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
    /// Makes labs/, what a student begins with, from solutions/
    Starters {
        /// Writes nothing, and fails if something would change
        #[arg(long)]
        check: bool,
        /// Overwrites files that were changed, too
        #[arg(long, conflicts_with = "check")]
        force: bool,
    },
    /// Makes the pictures and transcripts of the book from real runs
    Figures {
        /// Writes nothing, and fails if something would change
        #[arg(long)]
        check: bool,
    },
    /// Grades everything again and again, and tells of every stage whose verdict was not always the same
    Soak(soak::Options),
    /// Makes a kit for students, without the solutions
    Export {
        /// An empty folder, or one with an earlier export, which is brought up to date
        folder: PathBuf,
    },
}

/// What a kit without solutions cannot do.
const NEED_SOLUTIONS: [&str; 6] = ["demo", "solution", "starters", "figures", "soak", "export"];

impl Options {
    /// The options of this command line; ends the program when they are wrong. A kit without solutions does not offer
    /// what needs them.
    pub fn from_command_line() -> Self {
        let mut command = Self::command();
        if !Author::Kit.exists(&crate::kit::root()) {
            for name in NEED_SOLUTIONS {
                command = command.mut_subcommand(name, |command| command.hide(true));
            }
        }
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// Does what the command line says. The exit status is 0 when everything that was asked is well.
///
/// # Errors
/// With what happened, to what, and what to do next.
pub fn run(options: Options) -> Result<ExitCode> {
    let kit = options.kit.unwrap_or_else(crate::kit::root);
    match options.command {
        None => map::run(&kit)?,
        Some(Command::Check(options)) => {
            if check::run(&kit, options)?.is_some() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::Watch(options)) => watch::run(&kit, options)?,
        Some(Command::Demo { lab }) => figures::demo::run(&kit, lab)?,
        Some(Command::Hint { stage }) => hint::run(&kit, stage)?,
        Some(Command::Reset { target, yes }) => reset::run(&kit, target, yes)?,
        Some(Command::Solution { stage, yes }) => solution::run(&kit, stage, yes)?,
        Some(Command::Starters { check, force }) => starters::run(&kit, check, force)?,
        Some(Command::Figures { check }) => {
            figures::run(&kit, check, Options::command(), &NEED_SOLUTIONS)?;
        }
        Some(Command::Soak(options)) => {
            if !soak::run(&kit, &options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::Export { folder }) => export::run(&kit, &folder)?,
    }
    Ok(ExitCode::SUCCESS)
}
