//! Makes and reads frames. A frame is a header, which says how long the payload is, and the payload.
//!
//! The header is exactly [`HEADER`] bytes long: the payload's length in bytes, in decimal ASCII, padded on
//! the right with spaces. The payload is UTF-8. TCP may cut the stream anywhere, but each frame is read
//! exactly as it was sent.

use std::io::{self, BufRead, ErrorKind};

/// The length of a header, in bytes.
pub const HEADER: usize = 64;

/// The maximum length of a payload, in bytes. A header that announces a longer one is an error.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Stage 1: make a frame of `payload`.
///
/// The length counts bytes, not characters: `é` is two bytes long. [`Vec::resize`] pads a header with spaces. Return
/// the header and the payload in one vector, so that the frames of two threads cannot get mixed.
pub fn encode(payload: &str) -> Vec<u8> {
    todo!("stage 1: make a frame of payload")
}

/// Stage 2: read one frame, and return its payload; `None` when the stream ends before a frame.
///
/// - One `read` can return only some of the bytes. [`std::io::Read::read_exact`] reads until all of them have arrived.
///   For the header, this is too late: if its first byte is wrong, the other 63 may never arrive.
/// - So gather the header piece by piece. [`BufRead::fill_buf`] waits for bytes without consuming them, and returns
///   those that have arrived, or none at the end of the stream; [`BufRead::consume`] consumes them. Fill the missing
///   bytes with spaces: as soon as there is a byte that is not a space, `payload_length` can tell whether the bytes
///   could become a valid header.
/// - If the stream ends within a frame, return an error. `cut_off` makes it: `.map_err(cut_off)?`.
/// - [`String::from_utf8_lossy`] replaces bytes that are not UTF-8 with U+FFFD, which is three bytes long. So the text
///   can become longer than [`MAX_PAYLOAD`], and no receiver would accept it. Return an error in this case as well.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for a bad header or text that is too long, [`ErrorKind::UnexpectedEof`] for a stream that
/// ends within a frame, or an error of the connection. After any of these errors, the start of the next frame is
/// unknown.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    todo!("stage 2: read one frame, and return its payload; None when the stream …")
}

/// Stage 2: return the length in a header, or in the beginning of one.
///
/// Remove the spaces (`trim_matches(' ')`), and [`str::parse`] the digits.
///
/// Stage 9 comes back to this function: a header contains only digits, with spaces around them (`parse` alone would
/// accept `+5`), and the length in it is at most [`MAX_PAYLOAD`]. Otherwise, ten digits from any client could make the
/// server allocate gigabytes, and wait for that many bytes.
fn payload_length(header: &[u8; HEADER]) -> io::Result<usize> {
    todo!("stage 2: return the length in a header, or in the beginning of one")
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem)
}

fn cut_off(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the stream ended within a frame");
    }
    error
}
