//! Unusual: reads the protocol's lines asynchronously.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The maximum length, in bytes, of a line and of a message's text.
pub const MAX_LINE: usize = 64 * 1024;

/// The reason why no message could be read.
pub enum Trouble {
    /// The error number and description.
    Error(u32, String),
    /// A line or a message's text is longer than [`MAX_LINE`].
    TooLong,
    /// The stream has ended or is broken.
    Gone(io::Result<()>),
}

/// Reads lines. A line that is not the expected field of a message is put back, and the next read returns it.
pub struct Lines<R> {
    reader: R,
    limit: usize,
    again: Option<String>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Creates a reader whose lines may be `more` bytes longer than [`MAX_LINE`].
    pub fn new(reader: R, more: usize) -> Self {
        Self { reader, limit: MAX_LINE + more, again: None }
    }

    /// Returns the underlying reader, so that the caller can read from it directly.
    pub fn into_reader(self) -> R {
        self.reader
    }

    /// Returns the next line.
    pub async fn line(&mut self) -> Result<String, Trouble> {
        if let Some(line) = self.again.take() {
            return Ok(line);
        }
        let (mut line, most) = (Vec::new(), self.limit + 2);
        let mut limited = (&mut self.reader).take(most as u64);
        let read = limited.read_until(b'\n', &mut line).await;
        let read = read.map_err(|error| Trouble::Gone(Err(error)))?;
        let Some(text) = line.strip_suffix(b"\n") else {
            return Err(if read == most { Trouble::TooLong } else { Trouble::Gone(Ok(())) });
        };
        let end = text.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let text = &text[..end];
        if text.len() > self.limit {
            return Err(Trouble::TooLong);
        }
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Returns the value of the next line, which must be the field `name`.
    pub async fn field(&mut self, name: &str) -> Result<String, Trouble> {
        let line = self.line().await?;
        if let Some(value) = value(&line, name) {
            return Ok(value.to_owned());
        }
        self.again = Some(line);
        Err(Trouble::Error(4, format!("{name} is missing")))
    }

    /// Reads a field whose value is a number.
    pub async fn number(&mut self, name: &str) -> Result<i64, Trouble> {
        number(&self.field(name).await?, name)
    }

    /// Reads a message's text up to a blank line.
    pub async fn text(&mut self, name: &str) -> Result<String, Trouble> {
        let mut text = self.field(name).await?;
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(text);
            }
            text = text + "\n" + &line;
            if text.len() > self.limit {
                return Err(Trouble::TooLong);
            }
        }
    }
}

/// Returns the text after a field's name and colon.
pub fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start_matches(' '))
}

/// Parses the number in a value.
pub fn number(value: &str, name: &str) -> Result<i64, Trouble> {
    value.trim_end().parse().map_err(|_| Trouble::Error(4, format!("{name} is not a number")))
}
