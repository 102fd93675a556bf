//! `cargo lab run`: starts the student's server or client in this terminal.

use std::os::unix::process::CommandExt;
use std::path::Path;

use anyhow::{Context, Error, Result};
use clap::ValueEnum;

use crate::cli::target::lab_number;
use crate::grading::grader::Author;
use crate::kit::changed::changed_labs;
use crate::kit::files;
use crate::system::cargo;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The lab. Default: the lab whose files you changed last
    #[arg(value_parser = lab_number)]
    lab: Option<u32>,
    /// The program
    #[arg(value_enum, default_value_t = Program::Server)]
    program: Program,
    /// Options for the program, for example `-- 4000` for another port
    #[arg(last = true, value_name = "OPTIONS")]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Program {
    Server,
    Client,
}

/// Replaces this process with `cargo run`, which builds the program and then replaces itself with the program. This
/// way, keys and signals reach the program directly.
///
/// # Errors
/// Returns an error if the package is missing or cargo cannot be started.
pub fn run(kit: &Path, options: Options) -> Result<()> {
    let Options { lab, program, arguments } = options;
    let lab = lab.or_else(|| changed_labs(kit).first().copied()).unwrap_or(1);
    let name = if matches!(program, Program::Server) { "server" } else { "client" };
    let package = Author::Student.package(lab, name);
    files::package(kit, Author::Student.folder(), lab, name).with_context(|| {
        format!("there is no package {package}; cargo lab reset {lab} restores it")
    })?;
    if matches!(program, Program::Server) {
        let port = if arguments.is_empty() { "" } else { ", with the same port" };
        eprintln!(" This terminal runs the server of lab {lab}. To stop it, press Ctrl-C.");
        eprintln!(
            " In each of two other terminals, start a client{port}:  cargo lab run {lab} client"
        );
    } else {
        eprintln!(
            " This terminal runs a client of lab {lab}. It needs a server, which you start in another"
        );
        eprintln!(" terminal:  cargo lab run {lab}");
    }
    let mut cargo = cargo::command(kit, &kit.join(cargo::TARGET));
    cargo.args(["run", "--package", &package]);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    Err(Error::new(cargo.exec()).context("cannot start cargo"))
}
