//! Builds programs. If one of them does not compile, the others are still built.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::system::apart::Apart;
use crate::system::builds::{self, End, Run};
use crate::system::toolchain;

/// The default time limit for one build. The first build can take half a minute on a slow machine.
pub const BUILD_LIMIT: Duration = Duration::from_mins(15);

/// The maximum number of bytes read from a build's output. The output is limited because a `build.rs` could print
/// forever.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// The build folder, relative to the kit's folder.
pub const TARGET: &str = "target";

/// For each package, its executable or the compiler's errors.
pub type Built = HashMap<String, Result<PathBuf, String>>;

/// Builds packages of the kit at the path `kit`, within the time limit `limit`. A package that does not compile, or
/// does not compile in time, does not affect the other packages.
///
/// # Errors
/// Returns an error if cargo itself fails, for example because of a broken `Cargo.toml`.
pub fn build(kit: &Path, packages: &[String], limit: Duration) -> Result<Built, String> {
    build_in(kit, kit, packages, limit, &[])
}

/// Like [`build`], but with optimization, as in `cargo build --release`.
///
/// # Errors
/// Returns an error if cargo itself fails.
pub fn build_optimized(kit: &Path, packages: &[String], limit: Duration) -> Result<Built, String> {
    build_in(kit, kit, packages, limit, &["--release"])
}

/// Like [`build`], but builds each program in a separate workspace, because cargo builds nothing in a workspace if it
/// cannot read one of the packages. `packages` contains the packages' names and their folders relative to the kit.
///
/// # Errors
/// Returns an error if cargo fails and no single package is to blame.
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
        match build_in(kit, apart.folder(), name, share, &[]) {
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
    kit: &Path,
    workspace: &Path,
    packages: &[String],
    limit: Duration,
    options: &[&str],
) -> Result<Built, String> {
    let (mut built, end) = run_cargo(kit, workspace, packages, limit, options)?;
    let missing: Vec<_> = packages.iter().filter(|name| !built.contains_key(*name)).collect();
    for package in &missing {
        let mut result = Err(end.why(package));
        // One slow package may have kept cargo from building the others, so each package is built on its own, with an
        // equal share of the time.
        if matches!(end, BuildEnd::Stopped(_)) && missing.len() > 1 {
            let share = limit / u32::try_from(missing.len()).unwrap_or(u32::MAX);
            let alone = [(*package).clone()];
            let (mut alone, end) = run_cargo(kit, workspace, &alone, share, options)?;
            result = alone.remove(*package).unwrap_or_else(|| Err(end.why(package)));
        }
        built.insert((*package).clone(), result);
    }
    Ok(built)
}

/// Makes a kit without a `target/` folder use the build folder of earlier kits, so that the libraries need not be built
/// again. The kit must be new, so that its files are newer than the earlier build results.
pub fn share_target(kit: &Path, folder: &Path) -> io::Result<()> {
    // The rest of `target/` still belongs to this kit alone.
    let (shared, own) = (folder.join("debug"), kit.join(TARGET));
    fs::create_dir_all(&shared)?;
    fs::create_dir_all(&own)?;
    symlink(shared, own.join("debug"))
}

/// Whether a build finished or was stopped, with an explanation for the student.
enum BuildEnd {
    Finished(String),
    Stopped(String),
}

impl BuildEnd {
    /// Returns the reason why the package was not built.
    fn why(&self, package: &str) -> String {
        let (Self::Finished(said) | Self::Stopped(said)) = self;
        // The explanation may also contain errors from other packages.
        let mark = format!("`{package} ");
        let own: Vec<_> = said.split("\nerror: ").filter(|part| part.contains(&mark)).collect();
        if own.is_empty() { said.clone() } else { own.join("\nerror: ") }
    }
}

/// Returns a `cargo` command for a workspace and a build folder.
pub fn command(workspace: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace);
    // If two kits shared a build folder, cargo could mistake one kit's programs for the other's, because they have the
    // same names. So the grader overrides the user's settings for the build folder.
    let target = path::absolute(target).unwrap_or_else(|_| target.to_owned());
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_BUILD_DIR", &target);
    // Some environment variables that cargo has set for this process would make the new command rebuild everything.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST", "CARGO_BIN_EXE"].iter().any(|own| text.starts_with(own))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `cargo build` with restricted access; see [`builds`]. If libraries are missing, fetches them and tries again.
fn run_cargo(
    kit: &Path,
    workspace: &Path,
    packages: &[String],
    limit: Duration,
    options: &[&str],
) -> Result<(Built, BuildEnd), String> {
    let target = kit.join(TARGET);
    fs::create_dir_all(target.join("debug"))
        .map_err(|error| format!("cannot make the folder {}: {error}", target.display()))?;
    let attempt = || {
        let mut cargo = command(workspace, &target);
        toolchain::clear_environment(&mut cargo);
        cargo.args(["build", "--offline", "--keep-going", "--message-format=json"]);
        cargo.args(options).args(packages.iter().flat_map(|package| ["-p", package]));
        let is_of_kit = packages.iter().any(|package| package.starts_with("solution"));
        let folder = if is_of_kit { "solutions" } else { "labs" };
        let access = toolchain::access(kit, workspace, &target, folder);
        let run = builds::run(cargo, access, limit, MAX_OUTPUT)
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        let messages = run.output.lines().filter_map(|line| serde_json::from_str(line).ok());
        Ok::<_, String>((messages.collect::<Vec<Value>>(), run))
    };
    let (mut messages, mut run) = attempt()?;
    // Cargo has not compiled anything, so either a library is missing or the workspace is broken. `cargo fetch` runs no
    // code from the libraries.
    let is_incomplete = |messages: &[Value], run: &Run| {
        messages.is_empty() && matches!(run.end, End::Exited(code) if code != 0)
    };
    if is_incomplete(&messages, &run) {
        let mut cargo = command(workspace, &target);
        let fetched = cargo.arg("fetch").stdin(Stdio::null()).output();
        let fetched = fetched.map_err(|error| format!("cannot start cargo: {error}"))?;
        if !fetched.status.success() {
            return Err(String::from_utf8_lossy(&fetched.stderr).into_owned());
        }
        (messages, run) = attempt()?;
    }
    if is_incomplete(&messages, &run) {
        return Err(run.errors);
    }
    let built = programs(&messages);
    let end = match run.end {
        End::Exited(0) => BuildEnd::Finished("cargo built no program from this package".into()),
        End::Exited(_) => BuildEnd::Finished(what_failed(packages, &built, &run.errors)),
        End::Signaled(signal) => {
            BuildEnd::Stopped(format!("{signal} terminated cargo during the build"))
        }
        end => BuildEnd::Stopped(format!("the build {}", end.describe(limit))),
    };
    Ok((built, end))
}

/// Returns the programs and the errors that cargo reported.
fn programs(messages: &[Value]) -> Built {
    let mut built = Built::new();
    for message in messages {
        let package = package_name(message);
        if let Some(executable) = message["executable"].as_str() {
            // If a package has several programs, the one named after the package is used.
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

/// Returns the reasons why packages were not built: the errors in their dependencies or cargo's own messages, for
/// example about a `build.rs`.
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
