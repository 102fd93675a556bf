//! Kills the processes that a program under test or its build started and left running.
//!
//! A process that calls `setsid` leaves its process group and its terminal, and can outlive both. On Linux, the grader
//! adopts such orphans (`PR_SET_CHILD_SUBREAPER` in prctl(2)), so each orphan becomes a child of the grader, although
//! the grader did not start it. On other systems, only a program's process group is killed.
//!
//! A program that starts processes faster than the grader can kill them cannot be stopped in this way.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgid, getpgrp, getsid};

/// The running programs that this grader has started. While the grader is starting a program, it does not look for
/// orphans.
static STARTED: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());
static STARTING: RwLock<()> = RwLock::new(());

/// A value that exists while a program is being started.
pub struct Starting {
    _guard: RwLockReadGuard<'static, ()>,
}

/// Records that a program is being started. The grader must call this function before it starts a program.
pub fn starting() -> Starting {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: a plain system call.
        #[allow(unsafe_code)]
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        }
    }
    Starting { _guard: STARTING.read().unwrap_or_else(PoisonError::into_inner) }
}

impl Starting {
    /// Registers the process id of the program.
    #[allow(clippy::unused_self)] // only the owner of the value may call this
    pub fn has_started(self, program: Pid) {
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).insert(program);
    }
}

/// Prevents any more programs from being started, because this process is about to exit. Otherwise, a program could
/// start without its terminal and report an error.
pub fn no_more() {
    std::mem::forget(STARTING.write().unwrap_or_else(PoisonError::into_inner));
}

/// Returns a program's wait status, which says whether and how the program has exited. The program must have been
/// started by this grader. After this call, the program's process id may belong to another process.
///
/// # Errors
/// Returns an error if there is no such child.
pub fn reap(program: Pid) -> nix::Result<WaitStatus> {
    // While this thread holds the lock, no new program with the same id can be registered before the old program is
    // removed.
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let status = waitpid(program, Some(WaitPidFlag::WNOHANG));
    if !matches!(status, Ok(WaitStatus::StillAlive)) {
        started.remove(&program);
    }
    status
}

/// The maximum number of rounds in which processes are killed. This limit allows for many generations of orphans but
/// keeps the loop from running forever.
const ROUNDS: usize = 1000;

/// Kills all orphans and the orphans that they leave behind.
pub fn end_orphans() {
    for _ in 0..ROUNDS {
        let _no_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        // Other children of the grader, such as `rm`, are in the grader's own process group. Programs under test are
        // never in the grader's process group.
        let is_orphan = |pid: &Pid| !started.contains(pid) && getpgid(Some(*pid)) != Ok(getpgrp());
        let orphans: Vec<_> = children(Pid::this()).into_iter().filter(is_orphan).collect();
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            let _ = kill(orphan, Signal::SIGKILL);
            // An orphan that is not reaped remains a zombie.
            let _ = waitpid(orphan, None);
        }
    }
}

/// Kills all descendants of this process, because this process is about to exit.
pub fn end_all() {
    for _ in 0..ROUNDS {
        let family = family(Pid::this());
        if family.len() == 1 {
            return;
        }
        for pid in &family[1..] {
            let _ = kill(*pid, Signal::SIGKILL);
            // Only a child of this process can be reaped.
            let _ = waitpid(*pid, Some(WaitPidFlag::WNOHANG));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns a program and all processes that it has started, except those that have left the program's session. If the
/// system does not report child processes, returns only the program.
pub fn family(program: Pid) -> Vec<Pid> {
    let mut family = vec![program];
    // The program's orphans are children of the grader but are still in the program's session.
    let is_orphan = |pid: &Pid| *pid != program && getsid(Some(*pid)) == Ok(program);
    family.extend(children(Pid::this()).into_iter().filter(is_orphan));
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        for child in children(parent) {
            if !family.contains(&child) {
                family.push(child);
            }
        }
        next += 1;
    }
    family
}

/// Returns the child processes of a process, read from `/proc/PID/task/TID/children`; see `proc_tid_children(5)`.
fn children(parent: Pid) -> Vec<Pid> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok().map(Pid::from_raw))
        .collect()
}
