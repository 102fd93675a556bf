//! The grader: plays people at terminals and peers on the wire, and checks what each of them receives.
//!
//! Each folder holds one idea. The folders are like the floors of a house, listed from top to bottom. A file may use
//! its own floor and the floors below it, but never a floor above it. A test of the kit reads this table and checks the
//! rule.
//!
//! | floor       | idea                                                                                        |
//! |-------------|---------------------------------------------------------------------------------------------|
//! | [`cli`]     | `cargo lab`: one file per subcommand; the book's figures in a folder of their own           |
//! | [`report`]  | output for people: the failure report with its ladder and screens, HTML, the scoreboard     |
//! | [`grading`] | the grader: runs stages with a time limit, and decides the verdicts                         |
//! | [`labs`]    | the labs: titles, points, hints and scripts of their stages; the verbs of each wire         |
//! | [`harness`] | the tools of a script: people, peers, listeners, taps, random words                         |
//! | [`system`]  | programs on terminals, processes, confinement, orphans, ports, cargo                        |
//! | [`journal`] | the events of one run on one clock; failures; waiting for bytes, and making them visible    |
//! | [`kit`]     | the files of a kit, the exercises in them, and whether a lab is guided or open              |
//!
//! The grader uses no package of the labs. It judges programs by their command line, their screen, their wire, and what
//! the system reports about them.

// A step of a script fails if it does not receive what it waits for. An `# Errors` section for each step would tell the
// reader nothing.
#![allow(clippy::missing_errors_doc)]

pub mod cli;
pub mod grading;
pub mod harness;
pub mod journal;
pub mod kit;
pub mod labs;
pub mod report;
pub mod system;
