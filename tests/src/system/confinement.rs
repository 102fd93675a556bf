//! Confines a program under test, so that it can change only its own folder.
//!
//! The folder serves as the program's home directory, its folder for temporary files, and its current directory. The
//! folder is removed when the program exits. On Linux, the kernel also prevents the program and its child processes
//! from writing anywhere else, from reading more than they need (see [`reads`]), from signaling other processes, and
//! from using the network except for TCP on the program's own port. The kernel enforces this with landlock(7) and,
//! where Landlock has gaps, with [`crate::system::filter`]. Without kernel support, the only confinement is that the
//! program runs in its own folder; see [`holds`].
//!
//! A build is confined in the same way; see [`crate::system::builds`].
//!
//! A server that chooses its own port may connect to any port: some servers connect to their own listener to wake it
//! up, and the grader does not know the port in advance. The confinement does not restrict how much disk space the
//! programs use in total or whether they change the permissions and timestamps of files.

use std::fs;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::journal::failure::{Check, Failure};
use crate::system::reads;

/// The restrictions that the kernel of this machine can enforce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each field is one restriction
pub struct Holds {
    /// A program cannot write outside its folder. This restriction requires Landlock, which needs Linux 5.13 or newer.
    /// On Linux 6.2 and newer, this restriction also prevents a program from truncating files outside its folder.
    pub writing: bool,
    /// A program cannot read other people's work, the grader, or the home folder. This restriction also requires
    /// Landlock.
    pub reading: bool,
    /// A program cannot use TCP on any port except its own. This restriction requires Linux 6.7 or newer.
    pub network: bool,
    /// A program cannot signal processes that it did not start. This restriction requires Linux 6.12 or newer.
    pub signals: bool,
    /// A program cannot use system calls that no chat program needs, or any protocol other than TCP. This restriction
    /// requires seccomp(2) and a processor that `seccompiler` supports.
    pub calls: bool,
}

/// Returns the restrictions that the kernel of this machine can enforce.
pub fn holds() -> Holds {
    kernel::holds()
}

/// Returns this machine's containment tier for the grading record: `B` or a message that says what is missing for tier
/// B.
pub fn tier() -> String {
    let Holds { writing, reading, network, signals, calls } = holds();
    let parts = [
        (writing, "writing"),
        (reading, "reading"),
        (network, "network"),
        (signals, "signals"),
        (calls, "system calls"),
    ];
    let missing: Vec<_> = parts.iter().filter(|(holds, _)| !holds).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        "B".to_owned()
    } else {
        format!("below B; missing restrictions: {}", missing.join(", "))
    }
}

/// The folder that contains the folders of all programs. This folder is removed when the grader exits, even if the
/// grader is killed: a shell waits at the other end of a pipe and removes the folder when the grader's end is closed.
struct All {
    path: PathBuf,
    shell: Child,
}

static ALL: Mutex<Option<All>> = Mutex::new(None);

impl All {
    fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("chat-lab-").tempdir().map_err(|error| {
            let why =
                format!("cannot make a folder for programs (TMPDIR sets its location): {error}");
            io::Error::new(error.kind(), why)
        })?;
        let path = folder.keep();
        // The shell ignores Ctrl-C, which is meant for the grader. The shell remains in the grader's process group,
        // because a grader that started this grader would otherwise treat the shell as an orphan; see
        // [`crate::system::orphans`].
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

/// Removes all folders. A grader must call this function before it exits, because some of its programs may still be
/// running.
pub fn remove_all() {
    drop(ALL.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// The access rights of a process.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The files and folders that the process may read and execute, in addition to those of the system.
    pub reads: Vec<PathBuf>,
    /// The folders whose contents the process may list but not read.
    pub lists: Vec<PathBuf>,
    /// The files and folders that the process may read, execute, and change.
    pub writes: Vec<PathBuf>,
    /// The only TCP port that the process may use. If this is port 0, the process may listen on a port that the system
    /// chooses and may connect to any port.
    pub port: Option<u16>,
    /// Whether the process may also listen on a port that the system chooses.
    pub elsewhere: bool,
}

/// The restrictions that a process applies to itself before it executes a program. On systems other than Linux, there
/// are no restrictions.
pub struct Rules {
    /// The rules of landlock(7), if the kernel supports them.
    #[cfg(target_os = "linux")]
    pub(super) landlock: Option<OwnedFd>,
    /// The system-call filter, if this machine's architecture is supported.
    #[cfg(target_os = "linux")]
    pub(super) filter: Option<&'static seccompiler::BpfProgram>,
}

/// Returns the rules for a process that may use the system's programs and libraries and everything in `access`.
///
/// # Errors
/// Returns an error if the kernel supports Landlock but rejects these rules.
pub fn rules(mut access: Access) -> Check<Rules> {
    access.reads.extend(reads::of_system());
    kernel::rules(&access)
        .map_err(|error| Failure::Grader(format!("cannot create the Landlock rules: {error}")))
}

/// A folder for one program. When this value is dropped, the folder and its contents are removed.
pub struct Folder(PathBuf);

impl Folder {
    /// Creates an empty folder in the system's folder for temporary files.
    pub fn new() -> io::Result<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_none() {
            *all = Some(All::new()?);
        }
        let path = all.as_ref().map(|all| all.path.clone()).unwrap_or_default();
        Ok(Self(tempfile::Builder::new().prefix("program-").tempdir_in(path)?.keep()))
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Most programs leave this folder empty. Some programs leave folders without read permission or folders that
        // are nested so deeply that `fs::remove_dir_all` would overflow the stack.
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
    use std::path::Path;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
        PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    };

    use super::{Access as Allowed, Holds, Rules};
    use crate::system::filter;

    /// The devices that every program is allowed to open. `/dev/tty` is the program's own terminal.
    const DEVICES: [&str; 6] =
        ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom"];

    /// The folder in which the C library creates semaphores and shared memory. Python's `multiprocessing` needs these
    /// objects.
    const SHARED_MEMORY: &str = "/dev/shm";

    pub fn holds() -> Holds {
        let needs = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        Holds {
            writing: needs().handle_access(AccessFs::from_write(ABI::V1)).is_ok(),
            reading: needs().handle_access(AccessFs::from_read(ABI::V1)).is_ok(),
            network: needs().handle_access(AccessNet::from_all(ABI::V4)).is_ok(),
            signals: needs().scope(Scope::Signal).is_ok(),
            calls: filter::holds(),
        }
    }

    pub fn rules(allowed: &Allowed) -> Result<Rules, RulesetError> {
        // The `landlock` crate silently skips the rules that the kernel does not support. If the kernel does not
        // support Landlock, the crate skips all rules.
        let all = AccessFs::from_all(ABI::V3);
        let mut network: BitFlags<AccessNet> = AccessNet::BindTcp.into();
        if allowed.port != Some(0) {
            network |= AccessNet::ConnectTcp;
        }
        let mut rules = Ruleset::default()
            .handle_access(all)?
            .handle_access(network)?
            .scope(Scope::from_all(ABI::V6))?
            .create()?;
        if let Some(port) = allowed.port {
            rules = rules.add_rule(NetPort::new(port, network))?;
        }
        if allowed.elsewhere {
            rules = rules.add_rule(NetPort::new(0, AccessNet::BindTcp))?;
        }
        let mut allow = |path: &Path, access: BitFlags<AccessFs>| {
            let Ok(open) = PathFd::new(path) else { return Ok(()) };
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI::V3) };
            (&mut rules).add_rule(PathBeneath::new(open, access)).map(|_| ())
        };
        for path in &allowed.writes {
            allow(path, all)?;
        }
        for path in &allowed.reads {
            allow(path, AccessFs::from_read(ABI::V3))?;
        }
        for path in allowed.lists.iter().filter(|path| path.is_dir()) {
            allow(path, AccessFs::ReadDir.into())?;
        }
        let files = AccessFs::from_file(ABI::V3) & !BitFlags::from(AccessFs::Execute);
        // A program cannot list this folder, so it cannot find files that other programs have left there.
        allow(Path::new(SHARED_MEMORY), files | AccessFs::MakeReg | AccessFs::RemoveFile)?;
        for device in DEVICES {
            allow(Path::new(device), files)?;
        }
        Ok(Rules { landlock: rules.into(), filter: filter::program() })
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::io;

    use super::{Access, Holds, Rules};

    pub fn holds() -> Holds {
        Holds::default()
    }

    #[allow(clippy::unnecessary_wraps)] // same signature as on Linux
    pub fn rules(_access: &Access) -> io::Result<Rules> {
        Ok(Rules {})
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Folder;

    #[test]
    fn a_dropped_folder_is_removed_with_its_contents() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), "c").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
