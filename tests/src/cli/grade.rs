//! `cargo lab grade`: grades a class.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

use crate::class::grade::{self, Class};
use crate::class::intake;
use crate::class::record::Shard;
use crate::class::settings::Settings;
use crate::class::tier::{Level, Tier};
use crate::cli::target::lab_number;
use crate::cli::writers::Writers;
use crate::labs;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// A submission (a folder, .zip, or .tar.gz with a kit or only its labs/) or a folder of submissions
    #[arg(required = true)]
    submissions: Vec<PathBuf>,
    /// Grades only this lab. May be given several times. Default: all labs
    #[arg(long = "lab", value_name = "LAB", value_parser = lab_number)]
    labs: Vec<u32>,
    /// Writes the record of all results to this file after each submission
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keeps the results in the --json file and grades only the other submissions
    #[arg(long, requires = "json")]
    resume: bool,
    /// A CSV file with the students' names in the column `name`. Another cell in the same row can identify the
    /// student's submission
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// The settings file, for weights, hidden stages, and other languages. Default: grading.toml in the current folder,
    /// if there is one
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The file with finished programs, written by `cargo lab export --control`. Default: the programs of this kit
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// The number of submissions that are graded at the same time. Default: half the number of processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Grades nothing if this machine's containment tier is lower than TIER
    #[arg(long, value_name = "TIER", value_enum, ignore_case = true)]
    require_tier: Option<Level>,
    /// Grades only part of the class, such as 2/8: every eighth submission, beginning with the second. `cargo lab
    /// merge` merges the records of all parts
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    #[command(flatten)]
    writers: Writers,
}

/// The file whose settings are used by default.
const SETTINGS: &str = "grading.toml";

/// Grades the submissions. Returns whether every submission has points for every stage.
///
/// # Errors
/// Returns an error if nothing can be graded or the record cannot be written.
pub fn run(kit: &Path, options: Options) -> Result<bool> {
    let begun = options.writers.begin()?;
    let tier = Tier::probe(&grade::program()?, options.require_tier)?;
    let kit =
        fs::canonicalize(kit).with_context(|| format!("there is no kit {}", kit.display()))?;
    let settings = match &options.settings {
        Some(file) => Settings::read(file)?,
        None if Path::new(SETTINGS).is_file() => Settings::read(Path::new(SETTINGS))?,
        None => Settings::default(),
    };
    let mut handed = intake::find(&options.submissions, &settings, options.roster.as_deref())?;
    let shard = options.shard;
    if let Some(shard) = shard {
        handed = shard.part(handed);
    }
    let before = match &options.json {
        Some(file) if options.resume => grade::read(file)?,
        _ => None,
    };
    let mut labs = if options.labs.is_empty() { labs::numbers() } else { options.labs };
    labs.sort_unstable();
    labs.dedup();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.map_or(processors.div_ceil(2), usize::from);
    let (control, file) = (options.control, options.json);
    let class = Class { kit, handed, shard, labs, settings, control, jobs, file, tier };
    let record = grade::grade(&class, before)?;
    options.writers.write(&record, begun)
}
