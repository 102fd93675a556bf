//! Prebuilt kits in which submissions are built one after another, so that only a student's own packages are compiled.
//!
//! A slot is a kit without the grader or the solutions. Before each build, everything that an earlier build has left
//! in `target/` is removed, and all sources are rewritten. Therefore, file timestamps cannot mislead cargo, and a
//! submission is never graded with another submission's programs.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::kit::files::{self, PRISTINE};
use crate::submission::handed_in::Files;
use crate::submission::sources::Package;
use crate::system::cargo::{self, TARGET};

/// The folder that contains all slots, relative to the kit.
const FOLDER: &str = "target/class";

/// The files from which a kit's programs are built, except those in `labs/`. The book is included because reports
/// refer to its chapters.
const KIT: [&str; 5] = ["Cargo.lock", ".cargo", "common", "docs/src", PRISTINE];

/// The maximum time that the processes of a grading run need to exit after the run has been killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder that contains a subfolder for each slot (a kit in which submissions are built). Only one grading run at a
/// time may use this folder.
pub struct Workshop {
    kit: PathBuf,
    folder: PathBuf,
    /// All processes of this grading run inherit the lock, so it is held until the last process has exited.
    _lock: File,
}

/// A kit that builds one submission at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// The slot's folder.
    pub folder: PathBuf,
    /// The contents of `target/` before a submission is built.
    kept: BTreeSet<PathBuf>,
}

impl Workshop {
    /// Opens and locks the folder that contains a kit's slots.
    ///
    /// # Errors
    /// Returns an error if another grading run is using the folder.
    pub fn open(kit: &Path) -> Result<Self> {
        let folder = kit.join(FOLDER);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        let deadline = Instant::now() + PATIENCE;
        while let Err(TryLockError::WouldBlock) = lock.try_lock() {
            if Instant::now() > deadline {
                bail!("another `cargo lab grade` is running in this kit; wait until it finishes");
            }
            thread::sleep(Duration::from_millis(100));
        }
        fcntl(&lock, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(Self { kit: kit.to_owned(), folder, _lock: lock })
    }

    /// Returns the path of a subfolder with this name.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Creates slots for these packages by building one kit and copying it.
    ///
    /// # Errors
    /// Returns an error if the kit's own files cannot be built or copied.
    pub fn slots(&self, packages: &[Package], count: usize) -> Result<Vec<Slot>> {
        let first = self.folder("slot-1");
        let kit = self.files()?;
        write_anew(&first, &kit)?;
        let starters = starters(&self.kit, packages)?;
        // Cargo also reads empty folders, so the folders of other labs that an earlier grading run may have left are
        // removed.
        remove(&first.join("labs"))?;
        write_anew(&first.join("labs"), &starters)?;
        let names: Vec<_> = packages.iter().map(|package| package.name.clone()).collect();
        let programs: Vec<_> = names
            .iter()
            .filter(|name| name.ends_with("-server") || name.ends_with("-client"))
            .cloned()
            .collect();
        let broken = "the kit's starters cannot be built";
        let built = cargo::build(&first, &programs, cargo::BUILD_LIMIT).map_err(anyhow::Error::msg);
        for (package, result) in built.context(broken)? {
            result.map_err(anyhow::Error::msg).context(package).context(broken)?;
        }
        let mut clean = cargo::command(&first, &first.join(TARGET));
        clean.args(["clean", "--offline", "--quiet"]);
        clean.args(names.iter().flat_map(|name| ["-p", name]));
        ensure!(clean.status()?.success(), "`cargo clean` failed in {}", first.display());
        let kept: BTreeSet<_> = below(&first.join(TARGET))?.into_iter().collect();
        let is_lab = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().replace('_', "-");
            names.iter().any(|package| name.trim_start_matches("lib").starts_with(package))
        };
        if let Some(left) = kept.iter().find(is_lab) {
            bail!("`cargo clean` left {} in {}", left.display(), first.display());
        }
        let mut slots = vec![Slot { folder: first.clone(), kept: kept.clone() }];
        for number in 2..=count {
            let folder = self.folder(&format!("slot-{number}"));
            remove(&folder)?;
            // With `-p`, the copies keep the timestamps of the files. These timestamps tell cargo that the libraries
            // have already been built.
            let copied = Command::new("cp").arg("-Rp").arg(&first).arg(&folder).status()?;
            ensure!(copied.success(), "cannot copy {} to {}", first.display(), folder.display());
            slots.push(Slot { folder, kept: kept.clone() });
        }
        Ok(slots)
    }

    /// Returns the files of a slot (a kit in which submissions are built), except those in `labs/`.
    fn files(&self) -> Result<Files> {
        let mut found = Files::new();
        let mut add = |path: PathBuf| -> Result<()> {
            let from = self.kit.join(&path);
            let bytes =
                fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            found.insert(path, bytes);
            Ok(())
        };
        for part in KIT {
            if self.kit.join(part).is_file() {
                add(part.into())?;
            }
            for path in files::below(&self.kit.join(part)).unwrap_or_default() {
                let is_chapter = path.extension().is_some_and(|extension| extension == "md");
                if part != "docs/src" || is_chapter && files::lab_of(&path).is_some() {
                    add(Path::new(part).join(path))?;
                }
            }
        }
        let manifest = fs::read_to_string(self.kit.join("Cargo.toml"))?;
        found.insert("Cargo.toml".into(), workspace(&manifest)?.into_bytes());
        Ok(found)
    }
}

/// Returns the kit's manifest without the grader, the solutions, and the settings that make a build slower.
fn workspace(manifest: &str) -> Result<String> {
    let mut kit: Table = manifest.parse()?;
    let workspace = kit.get_mut("workspace").and_then(Value::as_table_mut);
    let workspace = workspace.context("the kit's Cargo.toml has no workspace")?;
    workspace.remove("default-members");
    if let Some(Value::Array(members)) = workspace.get_mut("members") {
        let is_left_out = |folder: &str| ["tests", "solutions"].contains(&folder);
        let is_kept = |member: &str| !member.split('/').next().is_some_and(is_left_out);
        members.retain(|member| member.as_str().is_some_and(is_kept));
    }
    let dev =
        Table::from_iter(["debug", "incremental"].map(|name| (name.into(), Value::Boolean(false))));
    kit.insert(
        "profile".into(),
        Value::Table(Table::from_iter([("dev".into(), Value::Table(dev))])),
    );
    Ok(kit.to_string())
}

/// The starters' files, relative to `labs/`.
fn starters(kit: &Path, packages: &[Package]) -> Result<Files> {
    let mut found = Files::new();
    for package in packages {
        for path in files::below(&kit.join(PRISTINE).join(&package.folder))? {
            let path = package.folder.join(path);
            found.insert(path.clone(), fs::read(kit.join(PRISTINE).join(path))?);
        }
    }
    Ok(found)
}

impl Slot {
    /// Writes a submission's sources. If no sources were handed in for a package, writes the starter's sources instead.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written, for example because the disk is full.
    pub fn put(&self, packages: &[Package], handed_in: &Files) -> Result<()> {
        let mut written = starters(&self.folder, packages)?;
        for package in packages {
            let source = package.folder.join("src");
            if handed_in.keys().any(|path| path.starts_with(&source)) {
                written.retain(|path, _| !path.starts_with(&source));
            }
        }
        written.extend(handed_in.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
        // Only an archive can contain a folder and a file with the same name.
        remove(&self.folder.join("labs"))?;
        write_anew(&self.folder.join("labs"), &written)
    }

    /// Removes everything that a submission has left behind.
    ///
    /// # Errors
    /// Returns an error if a file cannot be removed.
    pub fn purge(&self) -> Result<()> {
        for name in ["labs", "other"] {
            remove(&self.folder.join(name))?;
        }
        let target = self.folder.join(TARGET);
        for path in below(&target)?.iter().filter(|path| !self.kept.contains(*path)) {
            remove(&target.join(path))?;
        }
        Ok(())
    }
}

/// Returns all files and folders below a folder, each folder before its contents.
fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes a file or folder, if it exists.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Folders that a build has left behind may lack permissions or be nested too deeply for `remove_dir_all`.
        Err(error) => {
            let run = |words: &[&str]| {
                let mut command = Command::new(words[0]);
                let _ =
                    command.args(&words[1..]).arg("--").arg(path).stderr(Stdio::null()).status();
            };
            run(&["chmod", "-R", "u+rwx"]);
            run(&["rm", "-rf"]);
            let is_gone = fs::symlink_metadata(path).is_err();
            if is_gone { Ok(()) } else { Err(error) }
        }
        Ok(()) => Ok(()),
    }
    .with_context(|| format!("cannot remove {}", path.display()))
}

/// Ensures that a folder contains only these files and its `target/`. Keeps the timestamps of files that have not
/// changed.
fn write_anew(folder: &Path, wanted: &Files) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name == TARGET {
            continue;
        }
        let path = folder.join(&name);
        if !path.is_dir() && !wanted.contains_key(Path::new(&name)) {
            remove(&path)?;
        }
        for path in files::below(&path).unwrap_or_default() {
            if !wanted.contains_key(&Path::new(&name).join(&path)) {
                remove(&folder.join(&name).join(path))?;
            }
        }
    }
    for (path, bytes) in wanted {
        let path = folder.join(path);
        if fs::read(&path).ok().as_ref() != Some(bytes) {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}
