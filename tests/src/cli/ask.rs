//! Asks for confirmation before an action that cannot be undone.

use std::io::{self, Write};

use anyhow::Result;

/// Returns whether the user answers yes. Any other input, including the end of the input, counts as no.
pub fn is_wanted(question: &str) -> Result<bool> {
    print!("{question} [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        println!();
    }
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
