//! Reads the stream line by line and field by field.

use std::io::{self, BufRead, ErrorKind, Read};

use crate::{Complaint, Problem};

/// The maximum length, in bytes, of a line and of a chat message's whole text.
pub const MAX_LINE: usize = 64 * 1024;

/// The maximum length of a room or client name, in bytes.
const MAX_NAME: usize = 256;

/// An upper bound on the number of bytes that a server adds to a line that it passes on.
const ADDED: usize = 64;

/// Reads lines. A line can be put back when it turns out to be part of the next message.
pub struct Lines<R> {
    reader: R,
    limit: usize,
    /// Tells the reader that the next line begins a message.
    begin: fn(&mut R),
    /// The bytes of the line that is being read. The vector is kept to avoid an allocation for each line.
    bytes: Vec<u8>,
    put_back: Option<String>,
    /// Whether an invalid message has been reported, in which case lines are skipped until a line begins a message.
    pub(crate) is_skipping: bool,
}

impl<R: BufRead> Lines<R> {
    /// Reads from `reader`. Before the first line of each message, calls `begin`, so that the reader can measure how
    /// long the message takes to arrive.
    pub fn new(reader: R, begin: fn(&mut R)) -> Self {
        let (bytes, put_back) = (Vec::new(), None);
        Self { reader, limit: MAX_LINE, begin, bytes, put_back, is_skipping: false }
    }

    /// Creates a reader for a client, which accepts longer lines than [`Lines::new`]: a server adds to the lines that
    /// it passes on.
    pub fn from_server(reader: R) -> Self {
        Self { limit: MAX_LINE + ADDED, ..Self::new(reader, |_| {}) }
    }

    /// Returns the next line, which may begin a request; unlike [`Lines::next_line`], this function sets no limit on
    /// how long the line takes to arrive.
    pub(crate) fn first_line(&mut self) -> Result<Option<String>, Problem> {
        if self.put_back.is_none() {
            (self.begin)(&mut self.reader);
        }
        self.next_line()
    }

    /// Stage 1: return the next line, without its line ending.
    ///
    /// A line ends with `\n`, no matter where a read ends. A line without its `\n` is not complete, even if the rest
    /// takes a minute to arrive. Bytes that have arrived after the `\n` are kept for the next call. If there is a line
    /// in `put_back`, it is returned first. `None` means the end of the stream; bytes after the last `\n` are not a
    /// line.
    ///
    /// Stage 7 extends this function: a line of more than `limit` bytes is [`Problem::TooLong`]. The function returns
    /// `TooLong` before the line has ended, because the line might never end and must not fill the program's memory. A
    /// complete line must also pass the check in `short_enough`.
    ///
    /// Stage 8 extends this function: every `\r` right before the `\n` is dropped. Bytes that are not UTF-8 become
    /// U+FFFD and do not end the connection.
    ///
    /// # Errors
    /// Returns [`Problem::TooLong`] or a connection error.
    pub fn next_line(&mut self) -> Result<Option<String>, Problem> {
        todo!("stage 1: return the next line, without its line ending")
    }

    /// Returns the line, unless it would be longer than `limit` when it is written again. When a line is written, a
    /// space is inserted after its first colon, and U+FFFD, which is three bytes long, replaces invalid UTF-8.
    fn short_enough(&self, line: String) -> Result<String, Problem> {
        let is_longer = line.split_once(':').is_some_and(|(_, value)| !value.starts_with(' '));
        if line.len() + usize::from(is_longer) > self.limit {
            return Err(Problem::TooLong);
        }
        Ok(line)
    }

    /// Stage 2: return the value of the field `name` in the next line.
    ///
    /// The function `value` finds the value in a line. If the stream ends before that line, it has ended in the middle
    /// of a message (`cut_off`).
    ///
    /// Stage 7 extends this function: if the next line is not this field, the field is missing, and the complaint
    /// ([`Complaint::BAD_FIELD`]) names it. The line that arrived instead may begin the next message, so the next call
    /// to [`Lines::next_line`] must return it again.
    ///
    /// # Errors
    /// Returns a complaint if the field is missing, an error if the stream has ended, or any error that
    /// [`Lines::next_line`] returns.
    pub fn field(&mut self, name: &str) -> Result<String, Problem> {
        todo!("stage 2: return the value of the field name in the next line")
    }

    /// Returns the value of the field `name` (a reference or an ID) as text, with trailing spaces removed.
    ///
    /// # Errors
    /// See [`Lines::field`].
    pub fn id(&mut self, name: &str) -> Result<String, Problem> {
        Ok(self.field(name)?.trim_end().to_owned())
    }

    /// Stage 3: return the text that begins with the field `name`.
    ///
    /// A blank line ends the text and is not part of it. No other line ends the text, not even a line that looks
    /// like the beginning of a message. In the text, `\n` separates the lines.
    ///
    /// Stage 7 extends this function: text of more than `limit` bytes is [`Problem::TooLong`], no matter how short
    /// its lines are and even if its end has not arrived.
    ///
    /// # Errors
    /// See [`Lines::field`]; also [`Problem::TooLong`].
    pub fn text(&mut self, name: &str) -> Result<String, Problem> {
        todo!("stage 3: return the text that begins with the field name")
    }
}

/// Returns the text after `NAME:` and any number of spaces, if the line is that field.
pub(crate) fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start_matches(' '))
}

/// Checks a reference or an ID in a request: it must be a number in decimal digits and may be negative. The number
/// remains text, so it may be arbitrarily large; spaces at its end are removed.
pub(crate) fn number(field: &str, mut value: String) -> Result<String, Complaint> {
    value.truncate(value.trim_end().len());
    let digits = value.strip_prefix('-').unwrap_or(&value);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(value);
    }
    let description = match field {
        "JOIN_ID" => "JOIN_ID is not a number".to_owned(),
        _ => format!("{field} needs a ROOM_REF, which is a number"),
    };
    Err(Complaint::new(Complaint::BAD_FIELD, description))
}

/// Checks the name of a room or a client: it must be neither empty nor longer than [`MAX_NAME`].
pub(crate) fn name_of(field: &str, value: &str) -> Result<String, Complaint> {
    if value.trim().is_empty() {
        return Err(Complaint::new(Complaint::BAD_FIELD, format!("{field} is empty")));
    }
    if value.len() > MAX_NAME {
        let description = format!("{field} is longer than {MAX_NAME} bytes");
        return Err(Complaint::new(Complaint::BAD_FIELD, description));
    }
    Ok(value.to_owned())
}

fn cut_off() -> Problem {
    io::Error::new(ErrorKind::UnexpectedEof, "the stream ended in the middle of a message").into()
}
