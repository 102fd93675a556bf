//! `cargo lab bench`: measures servers and a bare relay in turn.

#[cfg(target_os = "linux")]
mod linux;
mod options;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub use linux::{measure, prepare, relay, run};
pub use options::{Options, RelayOptions};
#[cfg(not(target_os = "linux"))]
pub use other::{relay, run};
