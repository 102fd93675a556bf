//! Tests that printed text cannot control a terminal.

use support::printable;

#[test]
fn control_characters_become_visible() {
    assert_eq!(printable("\x1b[31mred\x07\r\n\x7f"), "␛[31mred␇␍␊␡");
    assert_eq!(printable("a\tb"), "a b");
    assert_eq!(printable("\u{9b}31m \u{202e}txt.exe"), "\u{FFFD}31m \u{FFFD}txt.exe");
}

#[test]
fn harmless_text_is_unchanged() {
    for text in ["", "hello", "café 日本語 👩‍🚀", "a: b <c> [d]"] {
        assert_eq!(printable(text), text);
    }
}
