//! `cargo lab`: see [`grader::cli`].

use std::process::ExitCode;

use clap::Parser;
use grader::cli::{Options, run};

fn main() -> ExitCode {
    run(Options::parse()).unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        ExitCode::FAILURE
    })
}
