//! What a program under test may change: a folder of its own.
//!
//! The folder is its home, its place for temporary files and its current directory, and is removed with it. On Linux the
//! kernel lets the program, and all that it starts, write nowhere else, and send signals to nobody else (landlock(7)). Where
//! it cannot, the folder is all there is; see [`holds`].
//!
//! It is meant against accidents and idle hands, and is no sandbox. Not held back are reading, connections, how many
//! processes there are and how much memory and disk they take together, the permissions and times of files, and what
//! `cargo build` runs of a submission: `build.rs` and macros. The README says so.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::journal::failure::{Check, Failure};

/// What the kernel of this machine holds back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Writing outside of the folder: Linux 5.13, if Landlock is switched on. (Cutting off files: Linux 6.2.)
    pub writing: bool,
    /// Signals to processes that the program has not started: Linux 6.12.
    pub signals: bool,
}

/// What the kernel of this machine holds back.
pub fn holds() -> Holds {
    kernel::holds()
}

/// The folder that all others are in. It goes when the grader does, however that ends: with the grader this end of a pipe is
/// closed, on whose other end a shell waits to remove it.
struct All {
    path: PathBuf,
    shell: Child,
}

static ALL: Mutex<Option<All>> = Mutex::new(None);

impl All {
    fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("chat-lab-").tempdir().map_err(|error| {
            let why = format!("no folder for programs (TMPDIR says where to make it): {error}");
            io::Error::new(error.kind(), why)
        })?;
        let path = folder.keep();
        // (Ctrl-C is for the grader. The shell stays in its group, or another grader that has started this one would take it
        // for something left behind, see `descendants`.)
        let wait = "trap '' HUP INT QUIT TERM; cat; chmod -R u+rwx -- \"$0\"; rm -rf -- \"$0\"";
        let shell = Command::new("sh")
            .args(["-c", wait])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { path, shell })
    }
}

impl Drop for All {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Removes all folders. To be called at the end of a grader, which may have programs still running that nobody waits for.
pub fn remove_all() {
    drop(ALL.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// A folder for one program. It is removed, with all that is in it, when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty one, among the temporary files of the system.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new() -> io::Result<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_none() {
            *all = Some(All::new()?);
        }
        let path = all.as_ref().map(|all| all.path.clone()).unwrap_or_default();
        Ok(Self(tempfile::Builder::new().prefix("program-").tempdir_in(path)?.keep()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The rules for a program that may write in this folder only; none where the kernel has none. They hold for a process
    /// that calls `landlock_restrict_self(2)` with them.
    ///
    /// # Errors
    /// When the kernel has rules, and does not take these.
    pub fn rules(&self) -> Check<Option<OwnedFd>> {
        kernel::rules(&self.0).map_err(|error| Failure::Grader(format!("no rules: {error}")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Most programs leave nothing. Others may leave folders thousands deep, for which `fs::remove_dir_all` has not
        // stack enough, or without the permission to look into them.
        let run = |words: &[&str]| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).arg("--").arg(&self.0);
            let _ = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
        };
        if fs::remove_dir(&self.0).is_err() {
            run(&["rm", "-rf"]);
        }
        if self.0.exists() {
            run(&["chmod", "-R", "u+rwx"]);
            run(&["rm", "-rf"]);
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, Scope,
    };

    use super::Holds;

    /// Devices that any program may open for writing. (Its own terminal is `/dev/tty`; those of others are none of its
    /// business.)
    const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"];

    /// Where the C library makes semaphores and shared memory, of which Python's `multiprocessing` is made.
    const SHARED_MEMORY: &str = "/dev/shm";

    pub fn holds() -> Holds {
        let needs = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        Holds {
            writing: needs().handle_access(AccessFs::from_write(ABI::V1)).is_ok(),
            signals: needs().scope(Scope::Signal).is_ok(),
        }
    }

    pub fn rules(folder: &Path) -> Result<Option<OwnedFd>, RulesetError> {
        // (an older kernel has some of these only, and one without Landlock none: the crate leaves out what there is not)
        let writing = AccessFs::from_write(ABI::V3);
        let mut rules =
            Ruleset::default().handle_access(writing)?.scope(Scope::from_all(ABI::V6))?.create()?;
        let open = |path: &Path| PathFd::new(path).ok();
        for folder in [folder, Path::new(SHARED_MEMORY)].into_iter().filter_map(open) {
            rules = rules.add_rule(PathBeneath::new(folder, writing))?;
        }
        for device in DEVICES.iter().filter_map(|device| open(Path::new(device))) {
            rules = rules.add_rule(PathBeneath::new(device, AccessFs::WriteFile))?;
        }
        Ok(rules.into())
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use super::Holds;

    pub fn holds() -> Holds {
        Holds::default()
    }

    #[allow(clippy::unnecessary_wraps)] // (as on Linux)
    pub fn rules(_folder: &Path) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Folder;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), "c").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
