//! Reads and writes a corpus: the inputs for a target that are kept for later runs. A corpus is a text file with one
//! input on each line, in the notation of a byte string in Rust, for example `12\x20\xff\n`. Lines that begin with `#`
//! are comments.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Returns the file with the inputs for a target.
pub fn file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).with_extension("txt")
}

/// Reads a corpus.
///
/// # Errors
/// Returns an error if the file cannot be read or a line is not a valid byte string.
pub fn read(file: &Path) -> Result<Vec<Vec<u8>>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let inputs = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let inputs = inputs.map(|(at, line)| {
        unescaped(line).with_context(|| format!("line {} of {}", at + 1, file.display()))
    });
    inputs.collect()
}

/// Writes a corpus to the file. The comments at the beginning of the file are kept.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn write(file: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    let before = fs::read_to_string(file).unwrap_or_default();
    let comments = before.lines().take_while(|line| line.starts_with('#'));
    let mut text: String = comments.flat_map(|line| [line, "\n"]).collect();
    for input in inputs {
        let _ = writeln!(text, "{}", escaped(input));
    }
    fs::write(file, text)
}

/// Returns an input as a line of a corpus.
pub fn escaped(input: &[u8]) -> String {
    let line = input.escape_ascii().to_string();
    // An input must not look like a comment.
    line.strip_prefix('#').map_or(line.clone(), |rest| format!("\\x23{rest}"))
}

fn unescaped(line: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut input) = (line.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        input.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digit = |byte: u8| char::from(byte).to_digit(16);
                    let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
                    u8::try_from(value).ok()?
                }
                other => other,
            },
            other => other,
        });
    }
    Some(input)
}

#[cfg(test)]
mod tests {
    use super::{escaped, unescaped};

    #[test]
    fn every_input_is_read_as_it_was_written() {
        for byte in 0..=u8::MAX {
            for input in [vec![byte], vec![byte; 3], vec![b'a', byte, b'\\', b'#']] {
                let line = escaped(&input);
                assert!(
                    line.is_ascii() && !line.starts_with('#') && !line.contains('\n'),
                    "{line}"
                );
                assert_eq!(unescaped(&line), Some(input));
            }
        }
        assert_eq!(unescaped("a\\x4"), None);
    }
}
