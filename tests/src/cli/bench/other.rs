//! Reports that the benchmark needs Linux.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cli::bench::options::{Options, RelayOptions};

/// Reports that the benchmark needs Linux.
///
/// # Errors
/// Always returns an error.
pub fn run(_: &Path, _: &Options) -> Result<bool> {
    bail!("cargo lab bench needs Linux, because the load generator and the relay use epoll")
}

/// Reports that the relay needs Linux.
///
/// # Errors
/// Always returns an error.
pub fn relay(_: &RelayOptions) -> Result<()> {
    bail!("the relay needs Linux, because it uses epoll")
}
