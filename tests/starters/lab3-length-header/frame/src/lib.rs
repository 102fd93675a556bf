//! Creates and reads frames. A frame consists of a header, which says how long the payload is, and the payload itself.
//!
//! The header is exactly [`HEADER`] bytes long: the payload's length in bytes, in decimal ASCII, padded on the right
//! with spaces. The payload is UTF-8. TCP may split the stream anywhere, but each frame is read exactly as it was sent.

use std::io::{self, BufRead, ErrorKind};

/// The length of a header, in bytes.
pub const HEADER: usize = 64;

/// The maximum length of a payload, in bytes. A header that announces more than the maximum is an error.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Stage 1: create a frame from `payload`.
///
/// The header holds the length of `payload` in bytes, not in characters, because `é` is two bytes long. The header
/// consists of decimal ASCII digits, padded on the right with spaces to exactly [`HEADER`] bytes. The payload follows
/// unchanged. The header and the payload are in one vector, so that a sender can send them together.
pub fn encode(payload: &str) -> Vec<u8> {
    todo!("stage 1: create a frame from payload")
}

/// Stage 2: read one frame and return its payload.
///
/// TCP may split the stream anywhere: one `read` may return any part of a header or a payload, or several frames. Each
/// call returns exactly one payload, as soon as its last byte has arrived, and consumes no byte of the next frame.
/// `None` means that the stream has ended between two frames, which is a normal end. If the stream ends within a frame,
/// that frame was cut off; no part of it is ever returned.
///
/// Bytes that are not UTF-8 become U+FFFD, which is three bytes long, so the text can become longer than
/// [`MAX_PAYLOAD`]. No receiver would accept such a long payload, so text that has become too long is also an error.
///
/// # Errors
/// Returns [`ErrorKind::InvalidData`] (from `invalid`) for a bad header or for text that is too long,
/// [`ErrorKind::UnexpectedEof`] (from `cut_off`) for a stream that ends within a frame, or a connection error. After
/// any of these errors, the start of the next frame is unknown.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    todo!("stage 2: read one frame and return its payload")
}

/// Stage 2: read a header and return the length in it.
///
/// Consumes exactly [`HEADER`] bytes, no matter how many pieces they arrive in. `None` means that the stream has ended
/// before the first byte of the header. If the stream ends after the first byte but before the last byte of the header,
/// the frame was cut off.
///
/// Stage 9 extends this function: a header that no further bytes could make valid is an error immediately, because the
/// sender might never send the missing bytes.
fn read_header(reader: &mut impl BufRead) -> io::Result<Option<usize>> {
    todo!("stage 2: read a header and return the length in it")
}

/// Stage 2: return the length that a header contains.
///
/// `header` may be only the beginning of a header: it holds the bytes that have arrived, with a space for each byte
/// that is still missing. A header without a number is an error.
///
/// Stage 9 extends this function: a length must be checked before it is used; otherwise, ten digits from any client
/// could make the server allocate gigabytes and wait for that many bytes. A valid header consists of ASCII digits, with
/// only spaces around them, and holds a length of at most [`MAX_PAYLOAD`]. `+5` is not valid. No matter what the bytes
/// are, this function returns a length or an error; it never panics.
fn payload_length(header: &[u8; HEADER]) -> io::Result<usize> {
    todo!("stage 2: return the length that a header contains")
}

/// Creates the error for bytes that are not a valid frame.
fn invalid(problem: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem)
}

/// Returns an error that names the problem if `error` is the end of the stream; otherwise, returns `error` unchanged.
fn cut_off(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the stream ended within a frame");
    }
    error
}
