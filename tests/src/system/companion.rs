//! Runs a program for as long as a user's command is running. The program is not confined, so it can do anything that
//! the user can do. When the command exits, the program is killed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::system::orphans;
use crate::system::program::Launch;

/// The maximum length of a line, in bytes. The rest of a longer line counts as the next line.
const LONGEST: usize = 4096;

/// A running program. The program is killed when this value is dropped.
pub struct Companion {
    child: Child,
    output: File,
    begun: Vec<u8>,
    has_closed: bool,
}

impl Companion {
    /// Starts the program.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started.
    pub fn start(launch: &Launch) -> io::Result<Self> {
        Self::start_with(launch, |_| ())
    }

    /// Like [`Companion::start`], but first lets `adapt` change the command, for example to redirect its output.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started.
    pub fn start_with(launch: &Launch, adapt: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let (output, input) = io::pipe()?;
        let output = File::from(OwnedFd::from(output));
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::null());
        command.stdout(input.try_clone()?).stderr(input);
        // Without this variable, Python buffers what it prints to a pipe.
        command.env("PYTHONUNBUFFERED", "1");
        // Ctrl-C must reach only the command, which then kills the program.
        command.process_group(0);
        #[cfg(target_os = "linux")]
        // SAFETY: a plain system call that allocates nothing.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| {
                // If the command is killed, the kernel kills the program, too.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        adapt(&mut command);
        let starting = orphans::starting();
        let child = command.spawn()?;
        starting.has_started(Pid::from_raw(child.id().cast_signed()));
        Ok(Self { child, output, begun: Vec::new(), has_closed: false })
    }

    /// Returns the pipe that becomes readable when the program prints something, or `None` if the program has closed
    /// the pipe.
    pub fn output(&self) -> Option<BorrowedFd<'_>> {
        (!self.has_closed).then(|| self.output.as_fd())
    }

    /// Returns the lines that the program has printed since the last call. Does not wait for more output.
    pub fn lines(&mut self) -> Vec<String> {
        let mut bytes = [0; LONGEST];
        let mut lines = Vec::new();
        match self.output.read(&mut bytes) {
            Ok(0) => self.has_closed = true,
            Ok(read) => self.begun.extend_from_slice(&bytes[..read]),
            // The program has printed nothing.
            Err(_) => {}
        }
        while let Some(end) = self.begun.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if self.begun.len() >= LONGEST || self.has_closed && !self.begun.is_empty() {
            let line = std::mem::take(&mut self.begun);
            lines.push(String::from_utf8_lossy(&line).into_owned());
        }
        lines
    }

    /// Returns the process id of the program.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Returns the program's exit status, if the program has exited.
    ///
    /// # Errors
    /// Returns an error if the system does not report the status.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // Until this process has waited for the program, no other process can get the program's process id.
        if let Ok(None) = self.child.try_wait() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
        orphans::end_all();
    }
}
