//! Submissions in other languages, which the instructor's commands build and start.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::class::settings::{Language, Settings};
use crate::kit::files;
use crate::submission::handed_in::Source;
use crate::system::builds::{self, End};
use crate::system::confinement::Access;
use crate::system::reads;

/// The maximum size of a file, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The maximum number of bytes read from a build's output.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Returns a submission's language and the folder in the submission where the language's commands run. Returns `None`
/// if the submission is in the kit's own language.
///
/// # Errors
/// Returns an error if the submission cannot be read.
pub fn language<'a>(
    source: &Source,
    settings: &'a Settings,
) -> Result<Option<(&'a Language, PathBuf)>> {
    if settings.language.is_empty() {
        return Ok(None);
    }
    let listed = source.list()?;
    let found = settings.language.iter().filter_map(|language| {
        let tops = listed.iter().filter(|path| path.ends_with(&language.file)).map(|path| {
            let depth = Path::new(&language.file).iter().count();
            path.ancestors().nth(depth).unwrap_or(path).to_owned()
        });
        Some((language, tops.min_by_key(|top| top.iter().count())?))
    });
    Ok(found.min_by_key(|(_, top)| top.iter().count()))
}

/// Copies a submission to a folder. Returns the folder in which the language's commands run.
///
/// # Errors
/// Returns an error if the submission cannot be read or is too large.
pub fn copy(source: &Source, top: &Path, folder: &Path) -> Result<PathBuf> {
    for (path, bytes) in source.read(MAX_FILE, |path| path.starts_with(top))? {
        let target = folder.join(&path);
        fs::create_dir_all(target.parent().unwrap_or(folder))?;
        fs::write(&target, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        // Some archives do not record that a script is executable.
        if bytes.starts_with(b"#!") {
            files::make_executable(&target)?;
        }
    }
    Ok(folder.join(top))
}

/// Runs the commands that build a submission. The commands may change files only in `folder`.
///
/// # Errors
/// Returns an error message for the student if a command fails or does not finish in time.
pub fn build(language: &Language, folder: &Path, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    for command in &language.build {
        run(command, folder, deadline).map_err(|why| format!("$ {command}\n{why}"))?;
    }
    Ok(())
}

fn run(command: &str, folder: &Path, deadline: Instant) -> Result<(), String> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(folder).env_clear();
    shell.envs(env::var_os("PATH").map(|path| ("PATH", path))).env("LANG", "C.UTF-8");
    let (reads, writes) = (reads::of_command(command), vec![folder.to_owned()]);
    let access = Access { reads, writes, ..Access::default() };
    let left = deadline.saturating_duration_since(Instant::now());
    let run = builds::run(shell, access, left, MAX_OUTPUT)
        .map_err(|error| format!("cannot start the command: {error}"))?;
    match run.end {
        End::Exited(0) => Ok(()),
        End::Late => {
            Err(format!("{}\nit was still running at the time limit and was stopped", run.output))
        }
        end => Err(format!("{}\nit {}", run.output, end.describe(left))),
    }
}
