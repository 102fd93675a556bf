//! Asking before something is done that cannot be taken back.

use std::io::{self, Write};

use anyhow::Result;

/// Whether the person says yes. Everything else, and the end of the input, is a no.
pub fn is_wanted(question: &str) -> Result<bool> {
    print!("{question} [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        println!();
    }
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
