//! Shows bytes as text in which every byte is visible.

use std::fmt::Write;

/// Returns the bytes as text in which every byte is visible: `⏎` for a newline, `\x1b` for an escape, `\xff` for a byte
/// that is not UTF-8.
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\n' => text.push('⏎'),
                '\r' => text.push_str("\\r"),
                '\0'..='\x1f' | '\x7f' => {
                    let _ = write!(text, "\\x{:02x}", u32::from(char));
                }
                // These ranges include the characters that change the direction of the text after them.
                '\u{80}'..='\u{9f}'
                | '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => text.extend(char.escape_unicode()),
                _ => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn every_byte_is_visible() {
        assert_eq!(visible("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(visible(b"a\n\r\x1b\x7f caf\xc3\xa9 \xff"), "a⏎\\r\\x1b\\x7f café \\xff");
    }
}
