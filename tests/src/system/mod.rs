//! Programs on terminals, their processes, and what the processes are allowed to do.

mod apart;
pub mod cargo;
pub mod confinement;
pub mod last_word;
pub mod limits;
pub mod orphans;
pub mod ports;
pub mod process;
pub mod program;
pub mod waits;
