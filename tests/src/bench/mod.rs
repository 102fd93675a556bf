//! The benchmark: measures servers and a bare relay in turn, under the load of the package `load`.
//!
//! Every value is also compared with the value of the relay in the same round, because other programs on the machine
//! slow down both. The relay shows the limit of the machine: what a server could reach if it only passed bytes on.

pub mod plan;
pub mod results;
#[cfg(target_os = "linux")]
pub mod rounds;
#[cfg(target_os = "linux")]
pub mod server;
