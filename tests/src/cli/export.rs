//! `cargo lab export`: makes a kit for students, without the solutions and without files that reveal them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cli::{book, starters};
use crate::grading::grader::Author;
use crate::kit::files;

/// The files at the top level of a student's kit. `labs/` is made from the solutions.
const FILES: [&str; 8] = [
    ".cargo/config.toml",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "rustfmt.toml",
];

/// The folders of a student's kit.
const FOLDERS: [&str; 3] = ["common", "docs", "tests"];

/// The tests of the kit itself, which contain parts of the solutions, the chapters that are not for students, and what
/// grades a class.
const KIT_ONLY: [&str; 11] = [
    "common/tests/cuts.rs",
    "docs/src/changes.md",
    "docs/src/instructors.md",
    "docs/src/kit.md",
    "tests/benches",
    "tests/class.schema.json",
    "tests/kit",
    "tests/mutants.toml",
    "tests/src/class",
    "tests/src/cli/grade.rs",
    "tests/starters",
];

/// The lines between these two marks are left out of an exported file.
const CUT_FROM: &str = "not exported:";
const CUT_TO: &str = "exported again";

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// A new or empty folder, or an earlier export, which is updated
    folder: Option<PathBuf>,
    // not exported: only instructors grade a class
    /// Writes the finished programs to this file instead, for `cargo lab grade --control` in a kit without solutions
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    control: Option<PathBuf>,
    // exported again
}

/// Exports the kit to a folder, which must be new, empty or an earlier export. In an earlier export, only the kit's own
/// files are replaced.
///
/// # Errors
/// When the folder contains other files or a student's work, or a file cannot be read or written.
pub fn run(kit: &Path, options: &Options) -> Result<()> {
    // not exported: only instructors grade a class
    if let Some(file) = &options.control {
        let count = crate::class::control::export(kit, file)?;
        println!("wrote {count} programs to {}", file.display());
        return Ok(());
    }
    // exported again
    let folder = options.folder.as_ref().context("name a folder for the kit")?;
    let count = export(kit, folder)?;
    println!("exported {count} files to {}", folder.display());
    match build_pages(kit, folder) {
        Ok((count, bytes)) => {
            let megabytes = bytes.div_ceil(100_000);
            println!(
                "built the pages of the book: {count} files, {}.{} MB; to read them: cargo lab book",
                megabytes / 10,
                megabytes % 10
            );
        }
        Err(error) => println!("the pages of the book are not in this kit: {error:#}"),
    }
    println!("try it:  cd {} && cargo test", folder.display());
    Ok(())
}

/// Like [`run`], but prints nothing. Returns the number of files that were written.
pub fn export(kit: &Path, folder: &Path) -> Result<usize> {
    if !Author::Kit.exists(kit) {
        bail!("this kit has no solutions; a kit for students is made from the complete kit");
    }
    let files = exported(kit)?;
    make_room(folder, &files)?;
    for (path, text) in &files {
        let target = folder.join(path);
        files::write(&target, text)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    tidy_lock_file(folder)?;
    Ok(files.len())
}

/// Returns the files of a student's kit, as paths with contents.
fn exported(kit: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut paths: Vec<_> = FILES.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        let below = files::below(&kit.join(folder))?;
        paths.extend(below.iter().map(|path| Path::new(folder).join(path)));
    }
    paths.retain(|path| !KIT_ONLY.iter().any(|kit_only| path.starts_with(kit_only)));
    let mut files = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(kit.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        files.insert(path, without_cuts(&text));
    }
    for (path, text) in starters::make(&kit.join("solutions"), |_, _| false)? {
        files.insert(Path::new("tests/starters").join(&path), text.clone());
        files.insert(Path::new("labs").join(path), text);
    }
    // The handouts are written by hand, and exist only in labs/.
    for path in files::below(&kit.join("labs"))? {
        if path.ends_with("README.md") {
            let text = fs::read_to_string(kit.join("labs").join(&path))?;
            let text = without_cuts(&text);
            files.insert(Path::new("tests/starters").join(&path), text.clone());
            files.insert(Path::new("labs").join(path), text);
        }
    }
    Ok(files)
}

/// Builds the pages of a student's book in its kit. Returns their number and size in bytes.
fn build_pages(kit: &Path, folder: &Path) -> Result<(usize, u64)> {
    // A page with everything, and the page of a web server.
    let unneeded =
        [("MDBOOK_OUTPUT__HTML__PRINT__ENABLE", "false"), ("MDBOOK_OUTPUT__HTML__INPUT_404", "")];
    let folder = fs::canonicalize(folder)?;
    let pages = folder.join(book::EXPORTED);
    book::build(kit, &folder.join("docs"), &pages, &unneeded)?;
    // mdBook copies what the pages include.
    fs::remove_dir_all(pages.join("reports")).context("cannot remove what the pages include")?;
    let built = files::below(&pages)?;
    let sizes = built.iter().map(|path| Ok(fs::metadata(pages.join(path))?.len()));
    Ok((built.len(), sizes.sum::<Result<_>>()?))
}

fn without_cuts(text: &str) -> String {
    let mut is_cut = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (begins, ends) = (line.contains(CUT_FROM), line.contains(CUT_TO));
        // In this source file, the mark is also in the middle of lines.
        is_cut |= begins && line.trim_start().starts_with(['#', '/', '<']);
        if !is_cut {
            kept.push_str(line);
        }
        is_cut &= !ends;
    }
    kept
}

/// Removes the files of an earlier export to make room for `files`. The files in `labs/` must be unchanged since the
/// export. The other folders are not checked for changes.
fn make_room(folder: &Path, files: &BTreeMap<PathBuf, String>) -> Result<()> {
    let shown = folder.display();
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    let pristine = folder.join("tests/starters");
    if !pristine.is_dir() || folder.join("solutions").exists() {
        bail!("{shown} is not empty, and is not a kit for students; choose a new folder");
    }
    let labs = folder.join("labs");
    let mut paths = files::below(&pristine)?;
    paths.extend(files::below(&labs)?);
    for path in paths {
        let (mine, before) = (files::read(&labs.join(&path))?, files::read(&pristine.join(&path))?);
        // Older kits have no copies of the handouts.
        let is_handout =
            path.ends_with("README.md") && files.contains_key(&Path::new("labs").join(&path));
        let is_unknown = before.is_none() && is_handout;
        if mine != before && !is_unknown {
            bail!(
                "{} has changed since the export; choose a new folder",
                labs.join(path).display()
            );
        }
    }
    // Older kits had no book, and a course may have its own files in `docs/`.
    let docs = folder.join("docs");
    if docs.is_dir() && !docs.join("book.toml").is_file() {
        bail!("{} is not the book of this kit; choose a new folder", docs.display());
    }
    let mut old: Vec<_> = ["labs"].iter().chain(&FOLDERS).map(|name| folder.join(name)).collect();
    // An older kit may lack some of these files.
    old.retain(|old| old.exists());
    if let Some(file) = old.iter().find(|old| !old.is_dir()) {
        bail!("{} is not a folder; choose a new folder", file.display());
    }
    for old in old {
        fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    Ok(())
}

/// Removes packages that no longer exist from `Cargo.lock`.
fn tidy_lock_file(folder: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["update", "--workspace", "--offline", "--quiet"];
    let status = Command::new(cargo).args(arguments).current_dir(folder).status()?;
    if !status.success() {
        bail!("cargo could not bring {} up to date", folder.join("Cargo.lock").display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::without_cuts;

    #[test]
    fn lines_between_the_marks_are_left_out() {
        let text = "a\n# not exported: why\nb\n# exported again\nc\n";
        assert_eq!(without_cuts(text), "a\nc\n");
    }
}
