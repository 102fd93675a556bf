//! The memory, threads, and CPU time that a program and its descendants use.

use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::system::orphans;
use crate::system::process::{resident, tasks_of};

/// Returns the memory that a program and its descendants use, in bytes.
pub fn memory(program: Pid) -> u64 {
    orphans::family(program).into_iter().map(resident).sum()
}

/// Returns the number of threads of a program and its descendants.
pub fn threads(program: Pid) -> usize {
    let of = |pid: Pid| Some(tasks_of(pid).ok()?.len());
    orphans::family(program).into_iter().filter_map(of).sum()
}

/// Returns the CPU time that a program and its descendants have used so far, including threads that have exited.
pub fn cpu_time(program: Pid) -> Duration {
    let of = |pid: Pid| clock_getcpuclockid(pid).and_then(clock_gettime).ok();
    orphans::family(program).into_iter().filter_map(of).map(Duration::from).sum()
}
