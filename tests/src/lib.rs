//! The grader: plays people at terminals and peers on the wire, and checks what each of them gets.
//!
//! | module       | idea                                                                  |
//! |--------------|-----------------------------------------------------------------------|
//! | [`labs`]     | what each stage of each lab asks; reads like a script                 |
//! | [`stage`]    | a stage: its points, what it stands on, its hint; why one fails       |
//! | [`lab`]      | what a stage's script has at hand: programs, people, random words     |
//! | [`build`]    | building programs                                                     |
//! | [`program`]  | starting programs, limits, never leaving one behind                   |
//! | [`process`]  | a process that was started: how it is, how it ended                   |
//! | [`confine`]  | what a program under test may change: a folder of its own              |
//! | [`port`]     | ports for servers that cannot say which one they got                   |
//! | [`terminal`] | a person at a terminal: sees, types, presses                          |
//! | [`wire`]     | scripted peers for the four wires                                     |
//! | [`feed`]     | bytes that arrive from a program or a peer, and waiting for them      |
//! | [`record`]   | who sent which bytes, typed or saw what, and when                     |
//! | [`run`]      | running one stage, with a time limit                                  |
//! | [`verdict`]  | what the outcome means: passed, failed, not started, blocked, our fault |
//! | [`report`]   | what is told of it: the failure, the scoreboard                       |
//! | [`tasks`]    | the functions that are the student's to write                         |
//! | [`files`]    | the files of a kit                                                    |
//! | [`cli`]      | `cargo lab`, one file a subcommand                                    |
//!
//! The grader knows no package of the labs. It judges programs by their command line, their screen,
//! their wire, and what the system reports of them.

pub mod build;
pub mod cli;
pub mod confine;
pub mod descendants;
pub mod feed;
pub mod files;
pub mod lab;
pub mod labs;
pub mod port;
pub mod process;
pub mod program;
pub mod record;
pub mod report;
pub mod run;
pub mod stage;
pub mod tasks;
pub mod terminal;
pub mod verdict;
pub mod wire;

/// The folder that the kit is in. A kit may be moved or copied, with all that was built in it, so cargo's word counts
/// more than what was true at the time of building.
pub fn kit() -> std::path::PathBuf {
    let is_ours = std::env::var("CARGO_PKG_NAME").is_ok_and(|package| package == "grader");
    let cargo_says = std::env::var_os("CARGO_MANIFEST_DIR").filter(|_| is_ours);
    let tests = cargo_says.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let tests = std::path::Path::new(&tests);
    tests.parent().unwrap_or(tests).to_owned()
}
