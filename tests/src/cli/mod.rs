//! `cargo lab`: the commands for students and instructors, in addition to `cargo test`. Each subcommand has its own
//! file.

pub mod bench;
pub mod book;
pub mod check;
pub mod crowd;
pub mod export;
pub mod exported;
pub mod figures;
// not for students: only instructors grade a class
pub mod grade;
pub mod merge;
pub mod platforms;
pub mod writers;
// exported again
pub mod hint;
pub mod map;
pub mod progress;
pub mod reset;
pub mod run;
pub mod seconds;
pub mod soak;
pub mod solution;
pub mod starters;
pub mod stats;
pub mod submit;
pub mod trace;
pub mod watch;

mod ask;
mod current;
mod next;
mod open;
mod target;
mod words;

use std::env;
use std::ffi::OsString;
use std::path::{self, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

// not for students: only instructors grade a class
use crate::class::namespaces;
// exported again
use crate::cli::target::{StageNumber, lab_number};
use crate::grading::grader::Author;

const USAGE: &str = "\
cargo lab [OPTIONS] [COMMAND]
       cargo lab [OPTIONS] <LAB OR STAGE>     the same as cargo lab check <LAB OR STAGE>";

const NOTES: &str = "\
Labs and stages:
  3, lab3 and lab 3 name lab 3; 3.5, lab3.5 and lab 3.5 name its stage 5

The lab that you are working on:
  Without a command, the map shows all labs, but only the stages of the lab that you are working on.
  You are working on the unfinished lab whose source files you changed last. A lab is unfinished
  until all its stages pass. Only files that differ from the starter count as changed, and the
  time of a change is when the file was last saved. If you have not changed any unfinished lab,
  the first unfinished lab comes next.";

/// Work on the chat labs. Without a command, shows your progress and your next step
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
#[command(override_usage = USAGE, after_help = NOTES)]
pub struct Options {
    /// The folder of the kit to work on. Default: this kit
    #[arg(long, value_name = "FOLDER", global = true)]
    kit: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Grades stages in order and stops at the first stage that does not pass
    #[command(visible_alias = "test")]
    Check(check::Options),
    /// Packs the files that you hand in, unpacks them in another folder, and grades them there
    Submit(submit::Options),
    /// Checks again whenever a file in labs/ is saved
    Watch(watch::Options),
    /// Starts your server or client for a lab in this terminal, as `cargo run` does
    #[command(alias = "start")]
    Run(run::Options),
    /// Shows what to write next in a given lab or in the lab that you are working on
    Next {
        /// The lab. Default: the unfinished lab whose files you changed last
        #[arg(value_parser = lab_number)]
        lab: Option<u32>,
    },
    /// Demonstrates a lab's finished programs with a server and three people, then shows the last messages on the wire
    Demo {
        /// The lab
        #[arg(default_value_t = 2, value_parser = lab_number)]
        lab: u32,
    },
    /// Shows every message of real sessions with your server and can simulate network trouble
    Trace(Box<trace::Options>),
    /// Shows a stage's next hint. A hint in a report counts as already shown. After the last hint, shows all hints
    Hint {
        /// The stage, for example 2.5
        stage: StageNumber,
    },
    /// Opens the book in a browser
    Book {
        /// The page: a lab (2), a stage (2.3), or a name (sockets), for example from a report. Default: the first page
        page: Option<String>,
    },
    /// Shows how many checks, minutes, and hints each stage took, if logging is on
    Stats(stats::Options),
    /// Resets a stage's functions or a whole lab to the starter and keeps a copy of your files
    Reset(reset::Options),
    /// Shows a stage's finished functions
    Solution {
        /// The stage, for example 2.5
        stage: StageNumber,
        /// Does not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Creates labs/, the student's starting point, from solutions/
    Starters {
        /// Writes nothing and fails if a file would change
        #[arg(long)]
        check: bool,
        /// Also overwrites files that have been changed
        #[arg(long, conflicts_with = "check")]
        force: bool,
    },
    /// Creates the book's pictures and transcripts from real runs
    Figures {
        /// Writes nothing and fails if a file would change
        #[arg(long)]
        check: bool,
        /// Creates no pictures, but runs this many measurement rounds for the chapter about speed. Needs a quiet
        /// machine
        #[arg(long, value_name = "ROUNDS", conflicts_with = "check",
            value_parser = clap::value_parser!(u16).range(1..=100))]
        measure: Option<u16>,
    },
    /// Simulates a crowd of people who use your server, and checks that everyone gets each message once and in order
    Crowd(crowd::Options),
    /// Measures your server, the finished server, and a bare relay: speed, memory, and the time to connect
    Bench(bench::Options),
    /// Runs the relay for `bench`
    #[command(hide = true)]
    BenchRelay(bench::RelayOptions),
    /// Grades everything repeatedly and reports every stage whose verdict varied
    Soak(soak::Options),
    /// Creates a kit for students, without the solutions
    Export(export::Options),
    // not for students: only instructors grade a class.
    /// Grades a class: any number of submissions
    Grade(grade::Options),
    /// Merges several records, such as those of a class's shards, into one
    Merge(merge::Options),
    /// Grades one submission for `grade`
    #[command(hide = true)]
    GradeWorker,
    /// Runs a command in its own namespaces for `grade`
    #[command(hide = true)]
    Apart(namespaces::Options),
    // exported again
}

/// The commands that a kit without solutions cannot run.
const NEED_SOLUTIONS: [&str; 6] = ["demo", "solution", "starters", "figures", "soak", "export"];

impl Options {
    /// Parses the command line. Exits if the command line is invalid. In a kit without solutions, hides the commands
    /// that need the solutions.
    pub fn from_command_line() -> Self {
        let mut command = Self::command();
        if !Author::Kit.exists(&crate::kit::root()) {
            for name in NEED_SOLUTIONS {
                command = command.mut_subcommand(name, |command| command.hide(true));
            }
        }
        let mut words: Vec<OsString> = env::args_os().collect();
        let matches = loop {
            match command.try_get_matches_from_mut(&words) {
                Ok(matches) => break matches,
                Err(refused) => match words::written_out(&words, &refused) {
                    Some(better) => words = better,
                    None => refused.exit(),
                },
            }
        };
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Runs the command. Returns the exit status, which is 0 if all checks have passed.
///
/// # Errors
/// Returns an error that names the problem, the file or program, and the next step.
pub fn run(options: Options) -> Result<ExitCode> {
    // The path is absolute, because links to the kit in other folders must work, too.
    let kit = options.kit.map_or_else(|| Ok(crate::kit::root()), path::absolute)?;
    match options.command {
        None => map::run(&kit)?,
        Some(Command::Check(options)) => {
            return Ok(check::to_the_last_line(|| check::run(&kit, options)));
        }
        Some(Command::Submit(options)) => return submit::run(&kit, options),
        Some(Command::Watch(options)) => watch::run(&kit, options)?,
        Some(Command::Run(options)) => run::run(&kit, options)?,
        Some(Command::Next { lab }) => next::run(&kit, lab)?,
        Some(Command::Demo { lab }) => figures::demo::run(&kit, lab)?,
        Some(Command::Trace(options)) => trace::run(&kit, *options)?,
        Some(Command::Hint { stage }) => hint::run(&kit, stage)?,
        Some(Command::Book { page }) => book::run(&kit, page.as_deref())?,
        Some(Command::Stats(options)) => stats::run(&kit, &options)?,
        Some(Command::Reset(options)) => reset::run(&kit, options)?,
        Some(Command::Solution { stage, yes }) => solution::run(&kit, stage, yes)?,
        Some(Command::Starters { check, force }) => starters::run(&kit, check, force)?,
        Some(Command::Figures { measure: Some(rounds), .. }) => figures::measure(&kit, rounds)?,
        Some(Command::Figures { check, measure: None }) => {
            let not_for_students = [&NEED_SOLUTIONS[..], &["grade", "merge"]].concat();
            figures::run(&kit, check, Options::command(), &not_for_students)?;
        }
        Some(Command::Soak(options)) => {
            if !soak::run(&kit, &options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::Crowd(options)) => {
            if !crowd::run(&kit, &options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::Bench(options)) => {
            if !bench::run(&kit, &options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::BenchRelay(options)) => bench::relay(&options)?,
        Some(Command::Export(options)) => export::run(&kit, &options)?,
        // not for students: only instructors grade a class
        Some(Command::Grade(options)) => {
            if !grade::run(&kit, options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::Merge(options)) => {
            if !merge::run(&options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::GradeWorker) => crate::class::worker::run()?,
        Some(Command::Apart(options)) => {
            return namespaces::run(&options).map(ExitCode::from);
        } // exported again
    }
    Ok(ExitCode::SUCCESS)
}
