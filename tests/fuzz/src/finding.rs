//! A mistake that the fuzzer has found.

use std::fmt;

/// A mistake and how to reproduce it.
#[derive(Debug)]
pub struct Finding {
    /// The name of the target.
    pub target: String,
    /// What is wrong.
    pub why: String,
    /// The options that reproduce the mistake.
    pub again: String,
    /// The input of a parser; empty for a program.
    pub input: Vec<u8>,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, why, again, .. } = self;
        write!(out, "{target}: {why}\nagain: cargo run -p fuzz -- {target} {again}")
    }
}
