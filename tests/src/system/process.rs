//! A process that the grader started: its state, how it exited, and how the grader kills it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::journal::timeout::TIMEOUT;
use crate::system::orphans;
use crate::system::waits::Waits;

/// A process that the grader started. A single lock protects both signaling and waiting: after a wait, the process id
/// may belong to another process, which must not receive the signal.
pub struct Process {
    name: String,
    pid: Pid,
    started: Instant,
    ended: Mutex<Option<Ended>>,
    /// What the process was doing when the script found something wrong or when the grader killed the process.
    activity: OnceLock<Activity>,
    /// The limit that the process exceeded, if any, and the time when the grader noticed.
    excess: OnceLock<(Excess, Duration)>,
}

/// The kind of limit that a program exceeded, causing the grader to kill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// More memory than [`crate::system::memory::MAX_MEMORY`].
    Memory,
    /// More processes than [`crate::system::memory::MAX_PROCESSES`].
    Processes,
}

/// How and when a process exited or was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit status of the process, unless the grader killed it.
    pub status: Option<WaitStatus>,
    /// How long the process ran.
    pub after: Duration,
    /// What the process was doing when the script found something wrong or when the grader killed the process.
    pub activity: Activity,
    /// The limit that the process exceeded, and how long it had been running when the grader decided to kill it. `None`
    /// if, by the end of the stage, the grader had not decided to kill the process for exceeding a limit.
    pub excess: Option<(Excess, Duration)>,
}

/// What a process is doing, and which resources it has used so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// The time since the start of the process.
    pub at: Duration,
    /// The CPU time that the process has used.
    pub cpu_time: Duration,
    /// How long the process has been busy; see [`Process::busy_time`].
    pub busy_time: Duration,
    /// The memory that the process uses, in bytes, or 0 if the system does not report it.
    pub memory: u64,
    /// The system calls in which the process is waiting.
    pub waits: Waits,
    /// The name of the busiest child's program, if the child is busier than the process; see
    /// [`Process::busiest_child`].
    pub busiest_child: Option<String>,
}

impl Ended {
    /// Returns the process's state at a given time. If the process exited only after `time`, the returned `status` is
    /// `None`, because the process was still running at `time`.
    #[must_use]
    pub fn as_of(self, started: Instant, time: Instant) -> Self {
        let was_running = started + self.after > time;
        let excess = self.excess.filter(|(_, after)| started + *after <= time);
        Self { status: self.status.filter(|_| !was_running), excess, ..self }
    }
}

impl Process {
    /// Creates the grader's record of a running process. `started` is the time at which the process was started.
    pub(crate) fn new(name: &str, pid: Pid, started: Instant) -> Self {
        Self {
            name: name.to_owned(),
            pid,
            started,
            ended: Mutex::new(None),
            activity: OnceLock::new(),
            excess: OnceLock::new(),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the name of the person or server that the process represents.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the time when the process was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns how the process exited or was killed, or `None` if it is still running.
    pub fn ended(&self) -> Option<Ended> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let status = match orphans::reap(self.pid) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) => status,
                Err(_) => WaitStatus::Exited(self.pid, -1),
            };
            // A process may exit after the script fails but before the grader stops the process, for example because
            // the script's connections are closed.
            let activity = self.activity.get().cloned().unwrap_or_default();
            let (status, after) = (Some(status), self.started.elapsed());
            *ended = Some(Ended { status, after, activity, excess: None });
        }
        ended.clone()
    }

    /// Returns the exit status if the process has exited and was not killed by the grader.
    pub fn status(&self) -> Option<WaitStatus> {
        self.ended()?.status
    }

    /// Waits until the process exits, but for at most [`TIMEOUT`].
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

    /// Records what the process is doing, unless this has already been recorded.
    pub fn look(&self) {
        if self.ended().is_none() {
            self.activity();
        }
    }

    fn activity(&self) -> &Activity {
        self.activity.get_or_init(|| Activity {
            at: self.started.elapsed(),
            cpu_time: self.cpu_time().unwrap_or_default(),
            busy_time: self.busy_time().unwrap_or_default(),
            memory: resident(self.pid),
            waits: Waits::of(self.pid),
            busiest_child: self.busiest_child(),
        })
    }

    /// Suspends the process and all others in its group until [`Process::go_on`] is called.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Resumes a suspended process.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let _ = killpg(self.pid, signal);
        }
    }

    /// Kills the process and all others in its group.
    pub fn kill(&self) {
        if self.ended().is_some() {
            return;
        }
        let activity = self.activity().clone();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let _ = killpg(self.pid, Signal::SIGKILL);
            // The process may have exited before it got the signal.
            let status = loop {
                match orphans::reap(self.pid) {
                    Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_micros(100)),
                    status => break status.ok(),
                }
            };
            let status = status
                .filter(|status| !matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
            let after = self.started.elapsed();
            let excess = self.excess.get().copied();
            *ended = Some(Ended { status, after, activity, excess });
        }
    }

    /// Kills the process and all others in its group because a limit was exceeded.
    pub(crate) fn end_because_of(&self, excess: Excess) {
        let _ = self.excess.set((excess, self.started.elapsed()));
        self.kill();
    }

    /// Returns the CPU time that all threads of the process and of its descendants have used so far.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        self.scheduled(1)
    }

    /// Returns the total time that the threads of the process and its descendants have spent running or waiting for a
    /// processor. On a busy machine, a program in a busy loop gets little CPU time and spends the rest of the time
    /// waiting for a processor.
    pub fn busy_time(&self) -> io::Result<Duration> {
        self.scheduled(2)
    }

    /// Returns true if a thread of the process or of its descendants is either running or waiting for a processor.
    /// While a thread is waiting for a processor, [`Process::busy_time`] does not yet include this wait; the wait is
    /// added when the thread is scheduled.
    pub fn is_running(&self) -> io::Result<bool> {
        self.is_in(&['R'])
    }

    /// Like [`Process::is_running`], but also returns true if a thread is waiting for a disk.
    pub fn is_held_up(&self) -> io::Result<bool> {
        self.is_in(&['R', 'D'])
    }

    /// Returns whether a thread of the process or of its descendants is in one of these states.
    fn is_in(&self, states: &[char]) -> io::Result<bool> {
        if !cfg!(target_os = "linux") {
            return Ok(false);
        }
        // The file contains `7 (name) R 1 …`, where the name may contain anything; see `proc_pid_stat(5)`.
        let matches = |stat: &str| {
            stat.rsplit_once(')').is_some_and(|(_, state)| state.trim_start().starts_with(states))
        };
        // A thread that has exited in the meantime is not counted.
        let read = |task: &PathBuf| fs::read_to_string(task.join("stat")).unwrap_or_default();
        Ok(self.tasks()?.iter().any(|task| matches(&read(task))))
    }

    /// Returns the name of the busiest descendant's program, for example `sh`, if that descendant has been busier than
    /// this process. Returns `None` if this process itself has been the busiest, or if the system does not report the
    /// times.
    pub fn busiest_child(&self) -> Option<String> {
        let busy = |pid| tasks_of(pid).map(|tasks| scheduled(&tasks, 2)).unwrap_or_default();
        let family = orphans::family(self.pid);
        let busiest = family.into_iter().max_by_key(|&pid| (busy(pid), pid == self.pid))?;
        if busiest == self.pid {
            return None;
        }
        let name = fs::read_to_string(format!("/proc/{busiest}/comm")).ok()?;
        Some(name.trim_end().to_owned())
    }

    /// Returns how many open files, including sockets, the process and its descendants have. Returns `None` if the
    /// system does not list a process's open files.
    pub fn open_files(&self) -> Option<usize> {
        let files = |pid| Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count());
        let own = files(self.pid)?;
        Some(
            own + orphans::family(self.pid)[1..]
                .iter()
                .filter_map(|&pid| files(pid))
                .sum::<usize>(),
        )
    }

    /// Returns how many threads the process and its descendants have. Returns `None` if the system does not list a
    /// process's threads.
    pub fn threads(&self) -> Option<usize> {
        cfg!(target_os = "linux").then(|| self.tasks().ok().map(|tasks| tasks.len()))?
    }

    /// Returns the folder `/proc/PID/task/TID` of each thread of the process and of its descendants.
    fn tasks(&self) -> io::Result<Vec<PathBuf>> {
        let mut tasks = tasks_of(self.pid)?;
        // A descendant may have exited in the meantime.
        let others =
            orphans::family(self.pid).into_iter().skip(1).filter_map(|pid| tasks_of(pid).ok());
        tasks.extend(others.flatten());
        Ok(tasks)
    }

    fn scheduled(&self, fields: usize) -> io::Result<Duration> {
        if cfg!(target_os = "linux") {
            return Ok(scheduled(&self.tasks()?, fields));
        }
        // On other systems, `ps` prints minutes and seconds, as in `0:01.23`.
        let pid = self.pid.to_string();
        let ps = Command::new("ps").args(["-o", "time=", "-p", &pid]).output()?;
        let text = String::from_utf8_lossy(&ps.stdout);
        let seconds = text
            .trim()
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(0.0));
        Ok(Duration::from_secs_f64(seconds))
    }
}

/// Returns the number of bytes that a line of a file in `/proc` specifies, for example `VmRSS:  1234 kB`.
pub(super) fn bytes_of(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Returns the memory that a process uses, in bytes (`VmRSS`, see `proc_pid_status(5)`), or 0 if the system does not
/// report it.
pub(super) fn resident(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    bytes_of(&status, "VmRSS:").unwrap_or(0)
}

/// Returns the folders of a process's threads in `/proc`.
pub(super) fn tasks_of(pid: Pid) -> io::Result<Vec<PathBuf>> {
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.flatten().map(|task| task.path()).collect())
}

/// Returns the sum, over all `tasks`, of the first `fields` fields of `/proc/PID/task/TID/schedstat`. The first field
/// is the time spent running on a processor, and the second is the time spent waiting for a processor, in nanoseconds.
fn scheduled(tasks: &[PathBuf], fields: usize) -> Duration {
    let mut nanoseconds = 0;
    for task in tasks {
        // A thread that has exited in the meantime counts as 0.
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let times = text.split(' ').take(fields).filter_map(|field| field.parse::<u64>().ok());
        nanoseconds += times.sum::<u64>();
    }
    Duration::from_nanos(nanoseconds)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::unistd::Pid;

    use super::Process;
    use crate::system::waits::Waits;

    #[test]
    fn what_a_process_was_doing_is_known_even_if_it_then_ends_by_itself() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let wait = || {
            assert!(Instant::now() < deadline, "nothing happened");
            thread::sleep(Duration::from_millis(1));
        };
        let mut cat =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let process = Process::new("cat", Pid::from_raw(cat.id().cast_signed()), Instant::now());
        while Waits::of(process.pid()).to_string() != "a read from a pipe" {
            wait();
        }
        process.look();
        drop(cat.stdin.take());
        let ended = loop {
            match process.ended() {
                Some(ended) => break ended,
                None => wait(),
            }
        };
        // The process has already been waited for, so this call always fails.
        let _ = cat.wait();
        assert_eq!(ended.activity.waits.to_string(), "a read from a pipe");
    }
}
