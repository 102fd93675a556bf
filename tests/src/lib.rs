//! The grader simulates people at terminals and peers on network connections and checks what each of them receives.
//!
//! Each folder covers one idea. The folders are layers, listed from top to bottom. A file may use its own layer and the
//! layers below it, but never a layer above it. A test in `tests/kit` reads this table and checks that every file
//! follows the rule.
//!
//! | layer       | idea                                                                                        |
//! |-------------|---------------------------------------------------------------------------------------------|
//! | [`cli`]     | `cargo lab`: one file for each subcommand and a folder for the book's figures               |
//! | [`class`]   | a whole class: submissions in any form, graded in separate processes; the record of results |
//! | [`submission`] | submissions: reads and packs them, within limits, and builds them in a separate kit      |
//! | [`trace`]   | the messages of real sessions as a ladder diagram, a session file, and a packet capture      |
//! | [`report`]  | output for people: failure reports with a ladder diagram and screens, HTML pages, the scoreboard |
//! | [`grading`] | the grader: runs stages with a time limit and determines the verdicts                       |
//! | [`labs`]    | each stage's title, points, hints, and script; the steps for each lab's wire format         |
//! | [`crowd`]   | the broadcast checker: lets a crowd join, talk, and leave, and checks the record of what happened |
//! | [`bench`](mod@bench) | the benchmark: measures servers and a relay in turn, under load from the package `load` |
//! | [`harness`] | the tools that scripts use: people, peers, listeners, taps, and random words                |
//! | [`network`] | a relay between the clients and a server; it simulates delays, resets, and other trouble    |
//! | [`system`]  | programs on terminals, processes, confinement, orphans, ports, cargo                        |
//! | [`journal`] | the events of one run, timed by one clock; failures; waiting for bytes and displaying them  |
//! | [`kit`]     | the files of a kit, the exercises in them, and whether a lab is guided or open              |
//!
//! The grader does not depend on the labs' packages. The grader judges a program by its command line, its screen, its
//! network traffic, and what the system reports about the program.

// Every script step fails if it does not receive what it waits for, so an `# Errors` section for each step would add no
// information.
#![allow(clippy::missing_errors_doc)]

pub mod bench;
// not for students: only instructors grade a class
pub mod class;
// exported again
pub mod cli;
pub mod crowd;
pub mod grading;
pub mod harness;
pub mod journal;
pub mod kit;
pub mod labs;
pub mod network;
pub mod report;
pub mod submission;
pub mod system;
pub mod trace;

/// The version of the kit.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
