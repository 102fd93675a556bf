//! A process that the grader started: how it is, how it ended, and its end.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::journal::inbox::TIMEOUT;
use crate::system::orphans;

/// A process that the grader started, and nobody else: after it was waited for, its number may belong to
/// another one, so it is signalled and waited for under one lock.
pub struct Process {
    name: String,
    pid: Pid,
    started: Instant,
    ended: Mutex<Option<Ended>>,
}

/// How a process ended, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How; unless the grader ended it.
    pub status: Option<WaitStatus>,
    /// How long it had lived.
    pub after: Duration,
    /// How much processor time it had used when the grader ended it.
    pub cpu_time: Duration,
    /// How long it had been busy then; see [`Process::busy_time`].
    pub busy_time: Duration,
    /// How much memory it held then, in bytes; 0 where the system does not tell.
    pub memory: u64,
}

impl Ended {
    /// What was so at a time: who ended after it was still running.
    #[must_use]
    pub fn as_of(self, started: Instant, time: Instant) -> Self {
        let was_running = started + self.after > time;
        Self { status: self.status.filter(|_| !was_running), ..self }
    }
}

impl Process {
    pub(crate) fn new(name: &str, pid: Pid) -> Self {
        Self { name: name.to_owned(), pid, started: Instant::now(), ended: Mutex::new(None) }
    }

    /// Whose program it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let status = match orphans::reap(self.pid) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) => status,
                Err(_) => WaitStatus::Exited(self.pid, -1),
            };
            let (after, none) = (self.started.elapsed(), Duration::ZERO);
            let status = Some(status);
            *ended = Some(Ended { status, after, cpu_time: none, busy_time: none, memory: 0 });
        }
        *ended
    }

    /// How it ended by itself, if it has.
    pub fn status(&self) -> Option<WaitStatus> {
        self.ended()?.status
    }

    /// Waits until it ends, for at most [`TIMEOUT`].
    pub fn wait(&self) -> Option<WaitStatus> {
        self.wait_for(TIMEOUT)
    }

    pub(crate) fn wait_for(&self, limit: Duration) -> Option<WaitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.ended();
            if ended.is_some() || Instant::now() > deadline {
                return ended?.status;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it and the processes of its group, without asking.
    pub fn kill(&self) {
        if self.ended().is_some() {
            return;
        }
        let (cpu_time, memory) = (self.cpu_time().unwrap_or_default(), self.memory());
        let busy_time = self.busy_time().unwrap_or_default();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let _ = killpg(self.pid, Signal::SIGKILL);
            // (it may have been about to end by itself)
            let status = loop {
                match orphans::reap(self.pid) {
                    Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_micros(100)),
                    status => break status.ok(),
                }
            };
            let status = status
                .filter(|status| !matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
            let after = self.started.elapsed();
            *ended = Some(Ended { status, after, cpu_time, busy_time, memory });
        }
    }

    /// The memory it holds, in bytes: `VmRSS` in `proc_pid_status(5)`.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    /// The processor time it has used so far, all threads together.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        self.scheduled(1)
    }

    /// How long its threads have run so far, or would have, had a processor been free: on a busy machine, one that
    /// runs in circles gets little time, but it waits for it.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn busy_time(&self) -> io::Result<Duration> {
        self.scheduled(2)
    }

    /// Whether one of its threads runs, or waits for a processor. How long it waits becomes part of [`Process::busy_time`]
    /// only when it gets one.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_running(&self) -> io::Result<bool> {
        let tasks = format!("/proc/{}/task", self.pid);
        if !cfg!(target_os = "linux") {
            return Ok(false);
        }
        // `7 (name) R 1 …` in `proc_pid_stat(5)`; the name may contain anything.
        let runs = |stat: &str| {
            stat.rsplit_once(')').is_some_and(|(_, state)| state.trim_start().starts_with('R'))
        };
        let stats = fs::read_dir(tasks)?.flatten().filter_map(|task| {
            // (a thread that ends meanwhile does not run)
            fs::read_to_string(task.path().join("stat")).ok()
        });
        Ok(stats.into_iter().any(|stat| runs(&stat)))
    }

    /// The sum of the first fields of `/proc/PID/task/TID/schedstat`, over all threads: the time spent on a processor, and
    /// the time spent waiting for one, in nanoseconds.
    fn scheduled(&self, fields: usize) -> io::Result<Duration> {
        let pid = self.pid.as_raw();
        if cfg!(target_os = "linux") {
            let mut nanoseconds = 0;
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                // A thread that ends meanwhile uses no more time.
                let schedstat = fs::read_to_string(task?.path().join("schedstat"));
                let text = schedstat.unwrap_or_default();
                let times =
                    text.split(' ').take(fields).filter_map(|field| field.parse::<u64>().ok());
                nanoseconds += times.sum::<u64>();
            }
            return Ok(Duration::from_nanos(nanoseconds));
        }
        // Elsewhere: `0:01.23`, minutes and seconds.
        let ps = Command::new("ps").args(["-o", "time=", "-p", &pid.to_string()]).output()?;
        let text = String::from_utf8_lossy(&ps.stdout);
        let seconds = text
            .trim()
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(0.0));
        Ok(Duration::from_secs_f64(seconds))
    }
}
