//! `cargo lab export`: creates a kit for students, without the solutions or any files that reveal them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::book;
use crate::cli::exported::{Audience, FOLDERS, exported, tidy_lock_file};
// not for students: only instructors grade a class
use crate::cli::platforms::Platforms;
// exported again
use crate::grading::grader::Author;
use crate::kit::files;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// A new or empty folder, or an earlier export to update
    folder: Option<PathBuf>,
    // not for students: only instructors grade a class.
    /// Writes the finished programs to this file instead, for `cargo lab grade --control` in a kit without solutions
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    control: Option<PathBuf>,
    #[command(flatten)]
    platforms: Platforms,
    // exported again
}

/// Exports the kit to a folder, which must be new, empty, or an earlier export. Replaces only the kit's own files in an
/// earlier export.
///
/// # Errors
/// Returns an error if the folder contains other files or a student's work, or if a file cannot be read or written.
pub fn run(kit: &Path, options: &Options) -> Result<()> {
    // not for students: only instructors grade a class
    if let Some(file) = &options.control {
        let count = crate::class::control::export(kit, file)?;
        println!("wrote {count} programs to {}", file.display());
        return Ok(());
    }
    if options.platforms.write(kit)? {
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
        bail!("this kit has no solutions; export from the complete kit");
    }
    let files = exported(kit, Audience::Students)?;
    make_room(folder, &files)?;
    for (path, text) in &files {
        let target = folder.join(path);
        files::write(&target, text)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    tidy_lock_file(folder)?;
    Ok(files.len())
}

/// Builds the book's pages in a student kit. Returns the number of files and their total size in bytes.
fn build_pages(kit: &Path, folder: &Path) -> Result<(usize, u64)> {
    // A student needs neither the page that contains the whole book nor a web server's error page.
    let unneeded =
        [("MDBOOK_OUTPUT__HTML__PRINT__ENABLE", "false"), ("MDBOOK_OUTPUT__HTML__INPUT_404", "")];
    let folder = fs::canonicalize(folder)?;
    let pages = folder.join(book::EXPORTED);
    book::build(kit, &folder.join("docs"), &pages, &unneeded)?;
    // mdBook also copies the files that it has included in the pages.
    fs::remove_dir_all(pages.join("reports"))
        .context("cannot remove the files that the pages include")?;
    let built = files::below(&pages)?;
    let sizes = built.iter().map(|path| Ok(fs::metadata(pages.join(path))?.len()));
    Ok((built.len(), sizes.sum::<Result<_>>()?))
}

/// Removes the files of an earlier export to make room for `files`. The files in `labs/` must not have changed since
/// the export. Does not check whether other folders have been changed.
fn make_room(folder: &Path, files: &BTreeMap<PathBuf, String>) -> Result<()> {
    let shown = folder.display();
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    let pristine = folder.join("tests/starters");
    if !pristine.is_dir() || folder.join("solutions").exists() {
        bail!("{shown} is neither empty nor a kit for students; choose a new folder");
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
        bail!("{} does not contain the kit's book; choose a new folder", docs.display());
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
