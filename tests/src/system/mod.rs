//! Programs on terminals, their processes, and what those processes are allowed to do.

mod apart;
pub mod builds;
#[cfg(target_os = "linux")]
mod capabilities;
pub mod cargo;
pub mod companion;
pub mod confinement;
#[cfg(target_os = "linux")]
pub mod filter;
pub mod last_word;
pub mod limits;
pub mod memory;
pub mod orphans;
pub mod patience;
pub mod ports;
pub mod process;
pub mod program;
pub mod reads;
mod toolchain;
#[cfg(target_os = "linux")]
pub mod usage;
pub mod waits;
