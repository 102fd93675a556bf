//! Tests that printed text cannot control a terminal, and that no two names look the same.

use support::{printable, same_name};

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

/// The fuzzer found this case: the uppercase `ẞ` did not count as the same letter as `ß`.
#[test]
fn names_that_differ_in_case_are_the_same() {
    let names = [
        ["STRAẞE", "straße"],
        ["STRAẞE", "strasse"],
        ["ﬃ", "FFI"],
        ["ς", "Σ"],
        ["Al1ce", "ａL１ce"],
    ];
    for [one, other] in names {
        assert_eq!(same_name(one), same_name(other), "{one} and {other}");
    }
}
