//! The processors on which the load and the programs run.
//!
//! The scheduler sometimes puts the load and a program on the same processor for a whole run. This halves the rates of
//! that run. So the load always runs on the first processor, and the program under load runs on all other processors.

use anyhow::Result;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Puts this thread and the threads that it will start on the first processor.
///
/// # Errors
/// Returns an error if the system does not allow the choice of processors.
pub fn use_first() -> Result<()> {
    use_only(|position| position == 0)
}

/// Puts this thread and all threads and programs that it will start on all processors except the first. On a machine
/// with one processor, this call has no effect.
///
/// # Errors
/// Returns an error if the system does not allow the choice of processors.
pub fn use_others() -> Result<()> {
    use_only(|position| position > 0)
}

fn use_only(is_chosen: impl Fn(usize) -> bool) -> Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let processors = (0..CpuSet::count()).filter(|&one| allowed.is_set(one).unwrap_or(false));
    let chosen: Vec<_> =
        processors.enumerate().filter(|(position, _)| is_chosen(*position)).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    chosen.into_iter().try_for_each(|(_, processor)| set.set(processor))?;
    Ok(sched_setaffinity(this, &set)?)
}
