//! Messages of all wire formats, as the grader reads them from a student's server: a message that is complete stays the
//! same when more bytes arrive.

use grader::crowd::wire::hear;

/// Checks the grader's message reader. The first byte determines the wire format.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let Some((first, mut rest)) = bytes.split_first() else { return Ok(()) };
    let lab = u32::from(first % 4) + 1;
    let mut asked = false;
    while let Some((heard, length)) = hear(lab, rest, asked) {
        if length == 0 || length > rest.len() {
            return Err(format!(
                "the reader reports a message length of {length} bytes for a buffer of {} bytes",
                rest.len()
            ));
        }
        // After a bad header, the reader cannot know where the frame ends.
        let has_end = lab != 3 || length < rest.len();
        if has_end && hear(lab, &rest[..length], asked) != Some((heard, length)) {
            return Err("a message depends on the bytes after it".to_owned());
        }
        if has_end && hear(lab, &rest[..length - 1], asked).is_some() {
            return Err(format!("a message was complete before its {length} bytes had arrived"));
        }
        asked = true;
        rest = &rest[length..];
    }
    Ok(())
}
