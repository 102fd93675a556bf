//! `cargo lab submit`: packs what a student hands in, unpacks the zip in another folder, and grades the contents. This
//! ensures that the handed-in files are the files that were tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::check;
use crate::cli::progress::Progress;
use crate::kit::files::PRISTINE;
use crate::report::text::{columns, quoted_line, wrapped};
use crate::submission::handed_in::Source;
use crate::submission::pack::{self, FILE, Packed};
use crate::submission::sources::{self, Package};
use crate::submission::warm::{Slot, Workshop};
use crate::submission::zipped;

/// The maximum number of file names in a line.
const NAMES: usize = 6;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The zip. Default: submission.zip in the folder of the kit
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Packs the kit and grades the zip's contents. Returns the exit status, which is 0 if every stage passes.
///
/// # Errors
/// Returns an error if there is nothing to hand in or the zip cannot be written.
pub fn run(kit: &Path, options: Options) -> Result<ExitCode> {
    let kit =
        fs::canonicalize(kit).with_context(|| format!("there is no kit {}", kit.display()))?;
    let packages = sources::packages(&kit.join(PRISTINE))?;
    let packed = pack::pack(&kit, &packages)?;
    let file = options.output.unwrap_or_else(|| kit.join(FILE));
    zipped::write(&packed.files, &file)?;
    print(&packed, &file);
    Ok(check::to_the_last_line(|| {
        let slot = unpack(&kit, &packages, &file)?;
        check::run(&slot.folder, check::Options::of_all())
    }))
}

/// Unpacks a zip into a separate kit, as `cargo lab grade` does.
fn unpack(kit: &Path, packages: &[Package], file: &Path) -> Result<Slot> {
    let _progress = Progress::start("unpacking the zip in another folder")?;
    let manifest = fs::read_to_string(kit.join("Cargo.toml"))?.parse()?;
    let mut taken = sources::take(&Source::Zip(file.to_owned()), packages, &manifest)?;
    for package in packages {
        if let Some(why) = taken.refused.get(&package.name) {
            // The grader refuses to build this package. Here, the package is replaced with one whose build fails and
            // prints the reason.
            let program = format!("compile_error!({why:?});\nfn main() {{}}\n").into_bytes();
            taken.files.retain(|path, _| !path.starts_with(&package.folder));
            taken.files.insert(package.folder.join("src/main.rs"), program.clone());
            taken.files.insert(package.folder.join("src/lib.rs"), program);
        }
    }
    let workshop = Workshop::open(kit)?;
    let mut slots = workshop.slots(packages, 1)?;
    let slot = slots.pop().context("there is no folder for the submission")?;
    slot.purge()?;
    slot.put(packages, &taken.files)?;
    Ok(slot)
}

fn print(packed: &Packed, file: &Path) {
    let say = |text: &str| println!("{}", wrapped(" ", text, columns()));
    let size = fs::metadata(file).map_or(0, |data| data.len().div_ceil(1000));
    let count = packed.files.len();
    say(&format!("{count} files are packed: hand in {} ({size} KB)", file.display()));
    if !packed.left_out.is_empty() {
        say("Not handed in:");
    }
    for (why, paths) in &packed.left_out {
        println!("{}", wrapped("   ", &format!("{}: {why}", names(paths)), columns()));
    }
    for why in &packed.refused {
        say(&format!("A program will not be built: {}", quoted_line(why)));
    }
    if !packed.changed.is_empty() {
        let changed = names(&packed.changed);
        say(&format!(
            "You have changed {changed}. The grader has its own copies, without your changes."
        ));
    }
    println!();
}

/// Returns the first few paths and the number of the others.
fn names(paths: &[PathBuf]) -> String {
    let mut shown: Vec<_> =
        paths.iter().take(NAMES).map(|path| quoted_line(&path.to_string_lossy())).collect();
    if paths.len() > NAMES {
        shown.push(format!("{} more", paths.len() - NAMES));
    }
    shown.join(", ")
}
