//! `cargo lab merge`: merges the records of several gradings into one record.

use std::path::PathBuf;

use anyhow::Result;

use crate::class::{grade, merge};
use crate::cli::writers::{self, Writers};

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The files written by `cargo lab grade --json` for all shards of a class or for different submissions
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// Writes the merged record to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    writers: Writers,
}

/// Merges the records. Returns whether every submission has points for every stage.
///
/// # Errors
/// Returns an error if the records cannot be merged or the results cannot be written.
pub fn run(options: &Options) -> Result<bool> {
    let begun = options.writers.begin()?;
    let read = |file: &PathBuf| Ok((file.display().to_string(), writers::read(file)?));
    let record = merge::merge(options.records.iter().map(read).collect::<Result<_>>()?)?;
    if let Some(file) = &options.json {
        grade::write(&record, file)?;
    }
    options.writers.write(&record, begun)
}
