//! Builds programs. A program that does not compile does not affect the others, and no process is left running.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use serde_json::Value;

use crate::system::apart::Apart;
use crate::system::orphans;

/// The default time limit for one build. A first build takes half a minute on a slow machine.
pub const BUILD_LIMIT: Duration = Duration::from_mins(15);

/// The maximum number of bytes of a build's output that are read. A `build.rs` may print forever.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// The build folder, relative to the kit's folder.
pub const TARGET: &str = "target";

/// The executable of each package, or the compiler's errors.
pub type Built = HashMap<String, Result<PathBuf, String>>;

/// Builds packages of the kit in the `kit` folder, within `limit`. A package that does not compile, or does not compile
/// in time, does not affect the others.
///
/// # Errors
/// When cargo itself fails, for example because of a broken `Cargo.toml`.
pub fn build(kit: &Path, packages: &[String], limit: Duration) -> Result<Built, String> {
    build_in(kit, &kit.join(TARGET), packages, limit)
}

/// Like [`build`], but builds each program without the others, because cargo builds nothing of a workspace in which it
/// cannot read one of the packages. `packages` are names and folders; the folders are relative to the kit.
///
/// # Errors
/// When cargo can read none of the packages, so that none of them is to blame.
pub fn build_apart(
    kit: &Path,
    packages: &[(String, PathBuf)],
    limit: Duration,
) -> Result<Built, String> {
    let mut built = Built::new();
    let share = limit / u32::try_from(packages.len().max(1)).unwrap_or(u32::MAX);
    for (package, folder) in packages {
        let apart = Apart::new(kit, folder).map_err(|error| format!("cannot copy: {error}"))?;
        let name = std::slice::from_ref(package);
        match build_in(apart.folder(), &kit.join(TARGET), name, share) {
            Ok(one) => built.extend(one),
            Err(said) if apart.blames_packages(&said) => {
                built.insert(package.clone(), Err(apart.explain(package, &said)));
            }
            Err(said) => return Err(said),
        }
    }
    Ok(built)
}

fn build_in(
    workspace: &Path,
    target: &Path,
    packages: &[String],
    limit: Duration,
) -> Result<Built, String> {
    let (mut built, end) = run_cargo(workspace, target, packages, limit)?;
    let missing: Vec<_> = packages.iter().filter(|name| !built.contains_key(*name)).collect();
    for package in &missing {
        let mut result = Err(end.why(package));
        // One slow package may have kept the others from being built, so each package is built on its own, with its
        // share of the time.
        if matches!(end, BuildEnd::Stopped(_)) && missing.len() > 1 {
            let share = limit / u32::try_from(missing.len()).unwrap_or(u32::MAX);
            let (mut alone, end) = run_cargo(workspace, target, &[(*package).clone()], share)?;
            result = alone.remove(*package).unwrap_or_else(|| Err(end.why(package)));
        }
        built.insert((*package).clone(), result);
    }
    Ok(built)
}

/// Makes a kit that has no `target/` use a build folder in which other kits were built, so that the libraries need not
/// be built again. This is only for new kits, whose files are newer than the earlier build results.
pub fn share_target(kit: &Path, folder: &Path) -> io::Result<()> {
    // The rest of `target/` still belongs to this kit alone.
    let (shared, own) = (folder.join("debug"), kit.join(TARGET));
    fs::create_dir_all(&shared)?;
    fs::create_dir_all(&own)?;
    symlink(shared, own.join("debug"))
}

/// How a build ended, with an explanation for the student.
enum BuildEnd {
    Finished(String),
    Stopped(String),
}

impl BuildEnd {
    /// Returns why the package was not built.
    fn why(&self, package: &str) -> String {
        let (Self::Finished(said) | Self::Stopped(said)) = self;
        // The explanation may also be about other packages.
        let mark = format!("`{package} ");
        let own: Vec<_> = said.split("\nerror: ").filter(|part| part.contains(&mark)).collect();
        if own.is_empty() { said.clone() } else { own.join("\nerror: ") }
    }
}

/// Returns the command `cargo` for a workspace, with a build folder.
pub fn command(workspace: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace);
    // If two kits shared a build folder, cargo could mistake one kit's programs for those of the other, because they
    // have the same names. So the grader overrides the user's settings for the build folder.
    let target = path::absolute(target).unwrap_or_else(|_| target.to_owned());
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_BUILD_DIR", &target);
    // The environment variables that cargo has set for this process would make cargo build everything again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST", "CARGO_BIN_EXE"].iter().any(|own| text.starts_with(own))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `cargo build`, and ends the processes that it leaves behind.
fn run_cargo(
    workspace: &Path,
    target: &Path,
    packages: &[String],
    limit: Duration,
) -> Result<(Built, BuildEnd), String> {
    let mut cargo = command(workspace, target);
    cargo.args(["build", "--keep-going", "--message-format=json"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    let starting = orphans::starting();
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    starting.has_started(pid);

    let output = read_all(child.stdout.take());
    let errors = read_all(child.stderr.take());
    // Processes that a build.rs has started may still be running.
    let (status, is_late) = orphans::wait_for(pid, limit);
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());

    let messages: Vec<Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let built = programs(&messages);
    let end = match status {
        Ok(WaitStatus::Exited(_, 0)) => BuildEnd::Finished("cargo built no program from it".into()),
        // Cargo has not compiled anything, so the workspace is broken.
        Ok(WaitStatus::Exited(..)) if messages.is_empty() => return Err(errors),
        Ok(WaitStatus::Exited(..)) => BuildEnd::Finished(what_failed(packages, &built, &errors)),
        _ if is_late => {
            let seconds = limit.as_secs();
            let limit = if seconds < 120 {
                format!("{seconds} s")
            } else {
                format!("{} minutes", seconds / 60)
            };
            BuildEnd::Stopped(format!("the build was still running after {limit}, and was stopped"))
        }
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            BuildEnd::Stopped(format!("{signal} terminated cargo during the build"))
        }
        status => return Err(format!("cargo ended in an unknown way: {status:?}")),
    };
    Ok((built, end))
}

/// Returns the programs and the errors that cargo reported.
fn programs(messages: &[Value]) -> Built {
    let mut built = Built::new();
    for message in messages {
        let package = package_name(message);
        if let Some(executable) = message["executable"].as_str() {
            // A package may have several programs. Only the program that has the name of the package counts.
            let is_main = message["target"]["name"] == package;
            let program = built.entry(package).or_insert_with(|| Ok(executable.into()));
            if is_main && program.is_ok() {
                *program = Ok(executable.into());
            }
        } else if message["message"]["level"] == "error" {
            let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
            match built.entry(package).or_insert_with(|| Err(String::new())) {
                Err(said) => said.push_str(rendered),
                program => *program = Err(rendered.to_owned()),
            }
        }
    }
    built
}

/// Reads a stream to its end, in a separate thread.
fn read_all(source: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(source) = source {
            let _ = source.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Returns why packages were not built: the errors in their dependencies, or cargo's messages about their `build.rs`.
fn what_failed(packages: &[String], built: &Built, errors: &str) -> String {
    let needed = built.iter().filter(|(name, _)| !packages.contains(name));
    let needed: String = needed.filter_map(|(_, result)| result.as_ref().err().cloned()).collect();
    if needed.is_empty() { errors[errors.find("error").unwrap_or(0)..].to_owned() } else { needed }
}

/// Extracts `solution1-server` from `path+file:///…/server#solution1-server@0.1.0`.
fn package_name(message: &Value) -> String {
    let id = message["package_id"].as_str().unwrap_or_default();
    let name = id.rsplit('#').next().unwrap_or_default();
    name.split('@').next().unwrap_or_default().to_owned()
}
