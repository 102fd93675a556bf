//! The files of a kit without solutions, for students or for a machine that grades students' programs.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cli::starters;
use crate::kit::files;
use crate::submission::sums;

/// The files at the top level of a kit. `labs/` is made from the solutions.
const FILES: [&str; 10] = [
    ".cargo/config.toml",
    ".devcontainer/Containerfile",
    ".devcontainer/devcontainer.json",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "rustfmt.toml",
];

/// The folders of a kit.
pub const FOLDERS: [&str; 3] = ["common", "docs", "tests"];

/// The fuzzer, the chapters that are not for students, and the kit's own tests, which contain parts of the solutions.
const KIT_ONLY: [&str; 10] = [
    "common/tests/cuts.rs",
    "docs/src/changes.md",
    "docs/src/instructors.md",
    "docs/src/kit.md",
    "docs/src/platforms.md",
    "tests/crowd-mutants.toml",
    "tests/fuzz",
    "tests/kit",
    "tests/mutants.toml",
    "tests/starters",
];

/// The files that are needed only to grade a class.
const GRADERS_ONLY: [&str; 7] = [
    "tests/class.schema.json",
    "tests/platforms",
    "tests/src/class",
    "tests/src/cli/grade.rs",
    "tests/src/cli/merge.rs",
    "tests/src/cli/platforms.rs",
    "tests/src/cli/writers.rs",
];

/// The markers at the beginning of the parts that are left out of an exported file. A part ends with the line that
/// contains [`CUT_TO`]. A part that begins with the second marker in `CUT_FROM` is left out only if the kit is for
/// students.
const CUT_FROM: [&str; 2] = ["not exported:", "not for students:"];
const CUT_TO: &str = "exported again";

/// The audience of a kit without solutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Students. Their kit lacks the files that are needed only to grade a class.
    Students,
    /// Machines that grade students' programs.
    Graders,
}

/// Returns the paths and contents of the files in a kit without solutions.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub fn exported(kit: &Path, audience: Audience) -> Result<BTreeMap<PathBuf, String>> {
    let is_for_students = audience == Audience::Students;
    let cuts = if is_for_students { &CUT_FROM[..] } else { &CUT_FROM[..1] };
    let mut paths: Vec<_> = FILES.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        let below = files::below(&kit.join(folder))?;
        paths.extend(below.iter().map(|path| Path::new(folder).join(path)));
    }
    let left_out = |path: &PathBuf| {
        let is_in = |list: &[&str]| list.iter().any(|left_out| path.starts_with(left_out));
        is_in(&KIT_ONLY) || is_for_students && is_in(&GRADERS_ONLY)
    };
    paths.retain(|path| !left_out(path));
    let mut files = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(kit.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        files.insert(path, without_cuts(&text, cuts));
    }
    for (path, text) in starters::make(&kit.join("solutions"), |_, _| false)? {
        files.insert(Path::new("tests/starters").join(&path), text.clone());
        files.insert(Path::new("labs").join(path), text);
    }
    // The handouts are written by hand and exist only in labs/.
    for path in files::below(&kit.join("labs"))? {
        if path.ends_with("README.md") {
            let text = fs::read_to_string(kit.join("labs").join(&path))?;
            let text = without_cuts(&text, cuts);
            files.insert(Path::new("tests/starters").join(&path), text.clone());
            files.insert(Path::new("labs").join(path), text);
        }
    }
    files.insert(sums::FILE.into(), sums::of(&files));
    Ok(files)
}

fn without_cuts(text: &str, cuts: &[&str]) -> String {
    let mut is_cut = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let begins = cuts.iter().any(|cut| line.contains(cut));
        let ends = line.contains(CUT_TO);
        // A marker counts only at the beginning of a comment, because this source file contains the markers as strings.
        is_cut |= begins && line.trim_start().starts_with(['#', '/', '<']);
        if !is_cut {
            kept.push_str(line);
        }
        is_cut &= !ends;
    }
    kept
}

/// Removes from `Cargo.lock` the packages that no longer exist.
///
/// # Errors
/// Returns an error if cargo cannot update the file.
pub fn tidy_lock_file(folder: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["update", "--workspace", "--offline", "--quiet"];
    let status = Command::new(cargo).args(arguments).current_dir(folder).status()?;
    if !status.success() {
        bail!("cargo cannot update {}", folder.join("Cargo.lock").display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CUT_FROM, without_cuts};

    #[test]
    fn lines_between_the_marks_are_left_out() {
        let text = "a\n# not exported: why\nb\n# exported again\nc\n";
        assert_eq!(without_cuts(text, &CUT_FROM), "a\nc\n");
        let text = text.replace("not exported", "not for students");
        assert_eq!(without_cuts(&text, &CUT_FROM), "a\nc\n");
        assert_eq!(without_cuts(&text, &CUT_FROM[..1]), text);
    }
}
