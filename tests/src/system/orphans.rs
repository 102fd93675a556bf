//! What programs under test, and builds of them, have started and left behind: it ends with them.
//!
//! A process that calls `setsid` leaves its group and its terminal, and outlives both. On Linux the grader is made the
//! one to whom such orphans are given (`PR_SET_CHILD_SUBREAPER` in prctl(2)), so each shows up as a child that nobody
//! here has started. Elsewhere only the group of a program is ended.
//!
//! A program that starts others faster than they can be ended is not met: nothing here holds it back.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgid, getpgrp};

/// The programs that were started here and live. Nobody looks for orphans while one is being started.
static STARTED: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());
static STARTING: RwLock<()> = RwLock::new(());

/// A program is being started, as long as this lives.
pub struct Starting {
    _guard: RwLockReadGuard<'static, ()>,
}

/// To be called before a program is started.
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
    /// It has this number.
    #[allow(clippy::unused_self)] // (whoever has one may say so)
    pub fn has_started(self, program: Pid) {
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).insert(program);
    }
}

/// From here on nobody starts a program, since this process is about to end: one that is just being started would find
/// its terminal gone, and complain.
pub fn no_more() {
    std::mem::forget(STARTING.write().unwrap_or_else(PoisonError::into_inner));
}

/// How a program that was started here ended, if it has. After this its number may belong to another process.
///
/// # Errors
/// When there is no such child.
pub fn reap(program: Pid) -> nix::Result<WaitStatus> {
    // Who has the number next cannot have been started before it is taken off.
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let status = waitpid(program, Some(WaitPidFlag::WNOHANG));
    if !matches!(status, Ok(WaitStatus::StillAlive)) {
        started.remove(&program);
    }
    status
}

/// Ends all orphans, and those that they leave in turn.
pub fn end_orphans() {
    // (as many generations as it may take; one that goes on for ever must not keep us)
    const ROUNDS: usize = 1000;
    for _ in 0..ROUNDS {
        let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        // Other children of ours, `rm` for example, are in our group. What was started here never is.
        let is_orphan = |pid: &Pid| !started.contains(pid) && getpgid(Some(*pid)) != Ok(getpgrp());
        let orphans: Vec<_> = children().into_iter().filter(is_orphan).collect();
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            let _ = kill(orphan, Signal::SIGKILL);
            // (a zombie is gone for good when somebody has asked how it ended)
            let _ = waitpid(orphan, None);
        }
    }
}

/// The processes whose parent we are: /proc/PID/task/TID/children in `proc_pid(5)`.
fn children() -> Vec<Pid> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok().map(Pid::from_raw))
        .collect()
}
