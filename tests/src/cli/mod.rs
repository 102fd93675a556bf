//! `cargo lab`: one file a subcommand.

pub mod starters;
