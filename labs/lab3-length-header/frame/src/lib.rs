//! A frame: a header that says how long the payload is, and the payload.
//!
//! The header is exactly [`HEADER`] bytes: the payload's length in bytes, in decimal ASCII, padded on
//! the right with spaces. The payload is UTF-8. TCP may cut the stream wherever it likes, and still
//! each frame comes out as it went in.

use std::io::{self, BufRead, ErrorKind};

/// The length of a header, in bytes.
pub const HEADER: usize = 64;

/// The longest payload, in bytes. A header that promises more is not believed.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Stage 1: make a frame of `payload`.
///
/// The length counts bytes, not characters: `é` is two. [`Vec::resize`] pads a header with spaces.
/// Return header and payload in one piece: two frames that are sent by two threads cannot mix then.
pub fn encode(payload: &str) -> Vec<u8> {
    todo!("stage 1: make a frame of payload")
}

/// Stage 2: read one frame, and return its payload; `None` when the stream ends before a frame.
///
/// - One `read` may bring a part of what you want. [`std::io::Read::read_exact`] reads until there is all of it.
///   For the header that is too late: when its first byte is wrong, 64 may never come.
/// - So gather the header piece by piece. [`BufRead::fill_buf`] waits for bytes without taking them, and returns
///   those that are there, at the end of the stream none; [`BufRead::consume`] takes them. Fill what has not come
///   yet with spaces: as soon as there is anything else, `payload_length` knows whether it can become a header.
/// - A stream that ends within a frame is an error. `cut_off` says so: `.map_err(cut_off)?`.
/// - Bytes that are not UTF-8 become U+FFFD: [`String::from_utf8_lossy`]. That is three bytes long, and the
///   text may have become longer than [`MAX_PAYLOAD`]: nobody would take it from us. That is an error, too.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for a bad header, [`ErrorKind::UnexpectedEof`] for a stream that ends
/// within a frame, and what the connection reports. No frame can be found after any of them.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    todo!("stage 2: read one frame, and return its payload; None when the stream …")
}

/// Stage 2: the length that a header, or the beginning of one, promises.
///
/// Take the spaces away (`trim_matches(' ')`), and [`str::parse`] the digits.
///
/// Stage 9 comes back to this function: a header is nothing but digits, with spaces around them
/// (`parse` alone would take `+5`), and it promises at most [`MAX_PAYLOAD`]. Otherwise ten digits from
/// anybody could make the server set aside gigabytes, and wait for them.
fn payload_length(header: &[u8; HEADER]) -> io::Result<usize> {
    todo!("stage 2: the length that a header, or the beginning of one, promises")
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
