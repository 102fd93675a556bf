//! Packs a student's submission: the files that the grader accepts, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::kit::files::PRISTINE;
use crate::submission::handed_in::{Files, MADE};
use crate::submission::sources::{self, MAX_SOURCE, Package};
use crate::submission::sums;

/// The name of the submission's zip file, which is in the kit's folder.
pub const FILE: &str = "submission.zip";

/// The files and folders at the top level of a kit, except `labs/`. The grader has its own copies, so these files and
/// folders are not reported as left out.
const KIT: [&str; 15] = [
    ".cargo",
    ".devcontainer",
    ".github",
    ".gitignore",
    ".kept",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "common",
    "docs",
    "rustfmt.toml",
    "solutions",
    "tests",
];

/// The files that are handed in and the files that are left out.
#[derive(Debug)]
pub struct Packed {
    /// The files, by their paths within the kit.
    pub files: Files,
    /// The files and folders that are left out, grouped by reason.
    pub left_out: BTreeMap<&'static str, Vec<PathBuf>>,
    /// The reasons why programs will not be built.
    pub refused: Vec<String>,
    /// The kit's own files that the student has changed.
    pub changed: Vec<PathBuf>,
}

/// Selects the files that a student hands in. `kit` is the folder of the student's kit.
///
/// # Errors
/// Returns an error if the folder cannot be read or contains nothing to hand in.
pub fn pack(kit: &Path, packages: &[Package]) -> Result<Packed> {
    let labs = kit.join("labs");
    ensure!(labs.is_dir(), "{} has no labs/; run this command in your kit", kit.display());
    let manifest = fs::read_to_string(kit.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let manifest = manifest.parse().context("in Cargo.toml")?;
    let taken = sources::take_labs(&labs, packages, &manifest)?;
    let mut files = Files::new();
    for (path, bytes) in taken.files {
        // The grader creates its own manifest from the student's manifest.
        let bytes = if path.ends_with("Cargo.toml") { fs::read(labs.join(&path))? } else { bytes };
        files.insert(Path::new("labs").join(path), bytes);
    }
    // The manifests of refused programs are packed, too, so that the grader can say why it does not build them.
    for package in packages.iter().filter(|package| taken.refused.contains_key(&package.name)) {
        let path = Path::new("labs").join(&package.folder).join("Cargo.toml");
        files.insert(path.clone(), fs::read(kit.join(&path))?);
    }
    ensure!(!files.is_empty(), "labs/ has no file such as lab1-one-to-one/server/src/main.rs");
    let left_out = left_out(kit, packages, &files)?;
    let mut refused: Vec<_> = taken.refused.into_values().collect();
    refused.dedup();
    Ok(Packed { files, left_out, refused, changed: sums::changed(kit) })
}

/// Returns the files in the kit's folder that are not packed and that differ from the original kit. If a whole folder
/// is left out, returns the folder instead of its files.
fn left_out(
    kit: &Path,
    packages: &[Package],
    packed: &Files,
) -> Result<BTreeMap<&'static str, Vec<PathBuf>>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let read = fs::read_dir(kit.join(&below));
        for entry in read.with_context(|| format!("cannot read {}", below.display()))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let is_folder = entry.file_type()?.is_dir();
            let why = if is_folder && MADE.iter().any(|made| path.ends_with(made)) {
                "generated from other files"
            } else if below == Path::new("") && path != Path::new("labs") {
                let name = path.to_string_lossy();
                if name == FILE || KIT.contains(&&*name) {
                    continue;
                }
                "not in labs/"
            } else if is_folder {
                folders.push(path);
                continue;
            } else if packed.contains_key(&path) || is_of_kit(kit, &path) {
                continue;
            } else {
                why(&path, entry.file_type()?.is_file(), packages)
            };
            found.entry(why).or_default().push(path);
        }
    }
    for paths in found.values_mut() {
        paths.sort();
    }
    Ok(found)
}

/// Returns whether a file in `labs/` is the same as in the starter.
fn is_of_kit(kit: &Path, path: &Path) -> bool {
    let Ok(within) = path.strip_prefix("labs") else { return false };
    let (before, now) = (kit.join(PRISTINE).join(within), kit.join(path));
    let length = |path: &Path| {
        path.symlink_metadata().ok().filter(fs::Metadata::is_file).map(|data| data.len())
    };
    // The lengths are compared first, because a file may be too long to read.
    length(&before).is_some()
        && length(&before) == length(&now)
        && fs::read(before).ok() == fs::read(now).ok()
}

/// Returns the reason why a file in `labs/` is left out.
fn why(path: &Path, is_file: bool, packages: &[Package]) -> &'static str {
    let within = path.strip_prefix("labs").unwrap_or(path);
    let package = packages.iter().find(|package| within.starts_with(&package.folder));
    let Some(package) = package else { return "not in a lab's package" };
    let within = within.strip_prefix(&package.folder).unwrap_or(within);
    if !is_file {
        "a link or another special file"
    } else if sources::is_source(within) {
        const _: () = assert!(MAX_SOURCE == 1024 * 1024, "the next line says so");
        "longer than 1 MiB"
    } else if within.starts_with("src") {
        "in src/, the grader takes only .rs files"
    } else if within == Path::new("Cargo.toml") {
        "the grader uses its own manifests and takes only your added dependencies"
    } else {
        "not in the src/ of a package"
    }
}
