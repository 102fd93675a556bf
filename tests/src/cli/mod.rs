//! `cargo lab`: the commands for students and instructors, in addition to `cargo test`. Each subcommand has its own
//! file.

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
mod open;
mod progress;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::target::StageNumber;
use crate::grading::grader::Author;

/// Work on the chat labs. Without a command, shows what is done and what comes next
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
pub struct Options {
    /// The folder of the kit to work on. Default: this kit
    #[arg(long, value_name = "FOLDER", global = true)]
    kit: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Grades stages in order, and stops at the first that does not pass
    Check(check::Options),
    /// Checks again whenever a file in labs/ is saved
    Watch(watch::Options),
    /// Plays a finished chat with a server and three people, then shows what went over the wire
    Demo {
        /// The lab
        #[arg(default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4))]
        lab: u32,
    },
    /// Shows a hint for a stage, and one more each time
    Hint {
        /// The stage, for example 2.5
        stage: StageNumber,
    },
    /// Resets the functions of a stage, or a whole lab, to the starter, and keeps a copy of your files
    Reset(reset::Options),
    /// Shows the finished functions of a stage
    Solution {
        /// The stage, for example 2.5
        stage: StageNumber,
        /// Does not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Makes labs/, the student's starting point, from solutions/
    Starters {
        /// Writes nothing, and fails if a file would change
        #[arg(long)]
        check: bool,
        /// Also overwrites files that have been changed
        #[arg(long, conflicts_with = "check")]
        force: bool,
    },
    /// Makes the pictures and transcripts of the book from real runs
    Figures {
        /// Writes nothing, and fails if a file would change
        #[arg(long)]
        check: bool,
    },
    /// Grades everything repeatedly, and reports every stage whose verdict was not always the same
    Soak(soak::Options),
    /// Makes a kit for students, without the solutions
    Export {
        /// A new or empty folder, or an earlier export, which is updated
        folder: PathBuf,
    },
}

/// The commands that a kit without solutions cannot run.
const NEED_SOLUTIONS: [&str; 6] = ["demo", "solution", "starters", "figures", "soak", "export"];

impl Options {
    /// Parses the command line. Ends the program if the command line is wrong. A kit without solutions hides the
    /// commands that need them.
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

/// Runs the command. The exit status is 0 if everything that was checked is correct.
///
/// # Errors
/// The error names the problem, the file or program, and the next step.
pub fn run(options: Options) -> Result<ExitCode> {
    let kit = options.kit.unwrap_or_else(crate::kit::root);
    match options.command {
        None => map::run(&kit)?,
        Some(Command::Check(options)) => return Ok(check::to_the_last_line(&kit, options)),
        Some(Command::Watch(options)) => watch::run(&kit, options)?,
        Some(Command::Demo { lab }) => figures::demo::run(&kit, lab)?,
        Some(Command::Hint { stage }) => hint::run(&kit, stage)?,
        Some(Command::Reset(options)) => reset::run(&kit, options)?,
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
