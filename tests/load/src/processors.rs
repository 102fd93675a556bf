//! The processors on which the load generator and the servers run.
//!
//! The scheduler sometimes puts the load generator and a server on the same processor for a whole run, which halves the
//! rates in that run. So the load generator always runs on the first processor, and the server runs on all other
//! processors.

use anyhow::Result;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The processors that this thread may use.
#[derive(Clone, Debug)]
pub struct Processors(Vec<usize>);

impl Processors {
    /// Returns the processors that this thread may use now.
    ///
    /// # Errors
    /// Returns an error if the system does not report which processors this thread may use.
    pub fn now() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let all = (0..CpuSet::count()).filter(|&one| allowed.is_set(one).unwrap_or(false));
        Ok(Self(all.collect()))
    }

    /// Returns the number of processors.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Makes this thread, and the threads and programs that it starts later, run on the first processor.
    ///
    /// # Errors
    /// Returns an error if the system does not allow this thread to set its CPU affinity.
    pub fn use_first(&self) -> Result<()> {
        use_only(&self.0[..self.0.len().min(1)])
    }

    /// Makes this thread, and the threads and programs that it starts later, run on all processors except the first. On
    /// a machine with one processor, this call has no effect.
    ///
    /// # Errors
    /// Returns an error if the system does not allow this thread to set its CPU affinity.
    pub fn use_others(&self) -> Result<()> {
        use_only(self.0.get(1..).unwrap_or_default())
    }

    /// Lets this thread, and the threads and programs that it starts later, use all processors again.
    ///
    /// # Errors
    /// Returns an error if the system does not allow this thread to set its CPU affinity.
    pub fn use_all(&self) -> Result<()> {
        use_only(&self.0)
    }
}

fn use_only(chosen: &[usize]) -> Result<()> {
    if chosen.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    chosen.iter().try_for_each(|&processor| set.set(processor))?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
