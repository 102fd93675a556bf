//! The benchmark: measures servers and a bare relay in turn, under load from the package `load`.
//!
//! Every value is also compared with the relay's value in the same round, because other programs on the machine slow
//! down both. The relay shows the machine's limit: the values that a server could reach if it only passed bytes on.

pub mod plan;
pub mod results;
#[cfg(target_os = "linux")]
pub mod rounds;
#[cfg(target_os = "linux")]
pub mod server;
