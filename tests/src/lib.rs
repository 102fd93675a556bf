//! The grader: plays people at terminals and peers on the wire, and checks what each of them gets.
//!
//! Each folder is one idea. They are floors of a house, from the top down: a file may use what is on its own floor or
//! below, and never what is above (a test of the kit reads this table and checks it).
//!
//! | floor       | idea                                                                                        |
//! |-------------|---------------------------------------------------------------------------------------------|
//! | [`cli`]     | `cargo lab`: one file per subcommand; the book's figures in a folder of their own           |
//! | [`report`]  | what people read: the failure report, its ladder and screens, HTML, the scoreboard          |
//! | [`grading`] | the grader: runs stages with a time limit, and decides on verdicts                          |
//! | [`labs`]    | the labs: titles, points, hints and scripts of their stages; the verbs of each wire          |
//! | [`harness`] | what a script has at hand: people, peers, listeners, taps, random words                     |
//! | [`system`]  | programs on terminals, processes, confinement, orphans, ports, cargo                        |
//! | [`journal`] | the events of one run on one clock; failures; waiting for bytes, and making them visible    |
//! | [`kit`]     | the files of a kit, and the exercises in them                                               |
//!
//! The grader knows no package of the labs. It judges programs by their command line, their screen,
//! their wire, and what the system reports of them.

// A step of a script fails when what it waits for does not come. To say so at each of them would tell nothing.
#![allow(clippy::missing_errors_doc)]

pub mod cli;
pub mod grading;
pub mod harness;
pub mod journal;
pub mod kit;
pub mod labs;
pub mod report;
pub mod system;
