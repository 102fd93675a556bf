//! Runs a command that builds a submission. The command is confined like a program under test and has a time limit. In
//! addition, the command has no network access and no terminal. When the command exits, all processes that it has left
//! running are killed.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::system::confinement::{self, Access, Folder};
use crate::system::limits::prepare_build;
use crate::system::memory::{self, Bounds};
use crate::system::orphans;
use crate::system::process::{Excess, Process};

/// How a command exited or why it was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command exited with this status.
    Exited(i32),
    /// A signal terminated the command.
    Signaled(Signal),
    /// The command was stopped because it reached the time limit.
    Late,
    /// The command was stopped because it used too much memory or started too many processes.
    Stopped(Excess),
}

/// A command's output and how the command exited.
#[derive(Debug)]
pub struct Run {
    /// The standard output.
    pub output: String,
    /// The standard error.
    pub errors: String,
    /// How the command exited or why it was stopped.
    pub end: End,
}

impl End {
    /// Describes, for the author of the submission, how the command exited or why it was stopped.
    pub fn describe(self, limit: Duration) -> String {
        let Bounds { memory, processes } = Bounds::of_build();
        match self {
            Self::Exited(code) => format!("exited with status {code}"),
            Self::Signaled(signal) => format!("was terminated by {signal}"),
            Self::Late => {
                let (seconds, minutes) = (limit.as_secs(), limit.as_secs() / 60);
                let limit = if seconds < 120 {
                    format!("{seconds} s")
                } else {
                    format!("{minutes} minutes")
                };
                format!("was still running after {limit} and was stopped")
            }
            Self::Stopped(Excess::Memory) => {
                format!("used more than {} GiB of memory and was stopped", memory >> 30)
            }
            Self::Stopped(Excess::Processes) => {
                format!("started more than {processes} processes and was stopped")
            }
        }
    }
}

/// Runs a command for at most `limit`. `access` determines what the command may read and write. Keeps at most `most`
/// bytes of each output stream.
///
/// # Errors
/// Returns an error if the command cannot be started.
pub fn run(
    mut command: Command,
    mut access: Access,
    limit: Duration,
    most: u64,
) -> io::Result<Run> {
    // If no folder for temporary files can be created, a program under test cannot run, and its report says so. A build
    // can still run: it uses the first folder that it is allowed to write to.
    let folder = Folder::new();
    let own = match &folder {
        Ok(folder) => Some(folder.path().to_owned()),
        Err(_) => access.writes.first().cloned(),
    };
    access.writes.extend(own.clone());
    command.envs(own.iter().flat_map(|own| [("HOME", own), ("TMPDIR", own)]));
    let rules =
        confinement::rules(access).map_err(|failure| io::Error::other(failure.to_string()))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: between fork and exec, the child makes only system calls and allocates nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || prepare_build(&rules));
    }
    let (starting, started) = (orphans::starting(), Instant::now());
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(child.id().cast_signed());
    starting.has_started(pid);
    let process = Arc::new(Process::new("the build", pid, started));
    memory::watch(&process, Bounds::of_build());
    let (output, errors) = (keep(child.stdout.take(), most), keep(child.stderr.take(), most));

    process.wait_for(limit);
    process.kill();
    // The remaining processes in the group may keep pipes open. The group id cannot be reused while one of these
    // processes exists.
    let _ = killpg(pid, Signal::SIGKILL);
    orphans::end_orphans();
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());
    let ended = process.ended();
    let end = match ended.as_ref().and_then(|ended| ended.status) {
        Some(WaitStatus::Exited(_, code)) => End::Exited(code),
        Some(WaitStatus::Signaled(_, signal, _)) => End::Signaled(signal),
        _ => match ended.and_then(|ended| ended.excess) {
            Some((excess, _)) => End::Stopped(excess),
            None => End::Late,
        },
    };
    Ok(Run { output, errors, end })
}

/// Reads a whole stream in a separate thread.
fn keep(source: Option<impl Read + Send + 'static>, most: u64) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            let _ = source.by_ref().take(most).read_to_end(&mut bytes);
            // The rest of the output is read, too, because a build that cannot write its output would block forever.
            let _ = io::copy(&mut source, &mut io::sink());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
