//! `cargo lab`: one file a subcommand.

pub mod starters;

use std::path::PathBuf;

/// The folder that the kit is in.
pub fn kit() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map(PathBuf::from).unwrap_or(tests)
}
