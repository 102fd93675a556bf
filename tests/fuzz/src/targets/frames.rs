//! Checks the frame reader of lab 3: it returns the same frames as a simple model, no matter how the stream is split,
//! and holds only a few payloads' worth of memory.

use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind};

use frame::{HEADER, MAX_PAYLOAD, encode};

use crate::memory::peak_of;
use crate::targets::cut::Cut;

/// A function that reads a frame.
pub type Read = fn(&mut dyn BufRead) -> io::Result<Option<String>>;

/// The maximum memory for one frame, in bytes: the payload, its text (up to three times as long), the expected text
/// from [`Model`], and the spare capacity of a growing string.
const MOST: usize = 12 * MAX_PAYLOAD;

/// Checks the frame reader of the finished programs.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    check_with(|mut reader| frame::read(&mut reader), bytes)
}

/// Checks a frame reader.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_with(read: Read, bytes: &[u8]) -> Result<(), String> {
    let (result, peak) = peak_of(|| {
        is_like_model(read, bytes, &mut { bytes })?;
        is_like_model(read, bytes, &mut Cut::new(bytes))
    });
    if peak > MOST {
        return Err(format!("the reader held {peak} bytes"));
    }
    result
}

fn is_like_model(read: Read, bytes: &[u8], reader: &mut dyn BufRead) -> Result<(), String> {
    let mut model = Model(bytes);
    loop {
        let (came, expected) = (read(reader).map_err(|error| error.kind()), model.next());
        if came.as_ref().map(Option::as_deref) != expected.as_ref().map(Option::as_deref) {
            return Err(format!("read {came:?}, but should have read {expected:?}")
                .chars()
                .take(300)
                .collect());
        }
        let Ok(Some(payload)) = came else { return Ok(()) };
        let frame = encode(&payload);
        if frame.len() != HEADER + payload.len() || Model(&frame).next() != Ok(Some(payload.into()))
        {
            return Err("what is written is not what was read".to_owned());
        }
    }
}

/// The frames in these bytes, read in the simplest way.
struct Model<'a>(&'a [u8]);

impl<'a> Model<'a> {
    fn next(&mut self) -> Result<Option<Cow<'a, str>>, ErrorKind> {
        let (header, rest) = self.0.split_at(self.0.len().min(HEADER));
        if header.is_empty() {
            return Ok(None);
        }
        let digits = header.trim_ascii_start();
        let spaces =
            header[..header.len() - digits.len()].iter().chain(digits.trim_ascii_end_only());
        let digits = &digits[..digits.len() - digits.trim_ascii_end_only().len()];
        let is_right =
            spaces.into_iter().all(|byte| *byte == b' ') && digits.iter().all(u8::is_ascii_digit);
        let value = digits.iter().fold(0_usize, |value, digit| {
            value.saturating_mul(10).saturating_add(usize::from(digit.wrapping_sub(b'0')))
        });
        let is_whole = header.len() == HEADER;
        if !is_right || value > MAX_PAYLOAD || is_whole && digits.is_empty() {
            return Err(ErrorKind::InvalidData);
        }
        if !is_whole || rest.len() < value {
            return Err(ErrorKind::UnexpectedEof);
        }
        let (payload, rest) = rest.split_at(value);
        self.0 = rest;
        let text = String::from_utf8_lossy(payload);
        if text.len() > MAX_PAYLOAD { Err(ErrorKind::InvalidData) } else { Ok(Some(text)) }
    }
}

trait Trim {
    /// Returns the whitespace at the end.
    fn trim_ascii_end_only(&self) -> &[u8];
}

impl Trim for [u8] {
    fn trim_ascii_end_only(&self) -> &[u8] {
        &self[self.trim_ascii_end().len()..]
    }
}
