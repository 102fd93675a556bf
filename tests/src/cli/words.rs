//! Short forms of the command line that clap does not support: `cargo lab 3` means `cargo lab check 3`, and `lab 3`,
//! with a space, means `lab3`. A command line is checked for short forms only if clap rejects it.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::target::is_number;

/// Returns the command line with its short form written out, or `None` if it contains no short form.
pub fn written_out(words: &[OsString], refused: &clap::Error) -> Option<Vec<OsString>> {
    let mut words = words.to_vec();
    // A lab or a stage without a command means `cargo lab check`.
    if let Some(ContextValue::String(word)) = refused.get(ContextKind::InvalidSubcommand)
        && refused.kind() == ErrorKind::InvalidSubcommand
        && is_number(word)
    {
        let at = (1..words.len()).find(|&at| words[at] == **word && words[at - 1] != "--kit")?;
        words.insert(at, "check".into());
        return Some(words);
    }
    let is_digit =
        |word: &OsString| word.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
    let is_lab = |word: &OsString| word.eq_ignore_ascii_case("lab");
    let at = (1..words.len().saturating_sub(1))
        .find(|&at| is_lab(&words[at]) && is_digit(&words[at + 1]))?;
    let number = words.remove(at + 1);
    words[at].push(number);
    Some(words)
}
