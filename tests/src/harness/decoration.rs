//! The decoration that a program shows in front of a message: a clock, a bullet, a prompt, or indentation.
//!
//! Each program may choose its own decoration. A speaker's name, another message, or a half-typed line in front of a
//! message is not a decoration.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::net::Ipv4Addr;

use console::measure_text_width;

use crate::journal::Journal;

/// The maximum width of a decoration, in columns.
const WIDEST: usize = 20;

/// The minimum length of a word. A shorter word, such as the `am` in a time of day, may occur in a message by chance.
const SHORTEST: usize = 3;

/// Finds decorations in front of the messages on a screen. This value must not be used after the screen has changed.
pub struct Decorations<'a> {
    journal: &'a Journal,
    /// The words that have been typed or sent so far. The words are collected only when needed, because few lines need
    /// them.
    words: OnceCell<HashSet<String>>,
}

impl<'a> Decorations<'a> {
    /// Prepares to find decorations in the output of the run that this journal records.
    pub fn new(journal: &'a Journal) -> Self {
        Self { journal, words: OnceCell::new() }
    }

    /// Returns the message's decoration if `shown` consists of an optional decoration followed by the message.
    pub fn before<'b>(&self, shown: &'b str, message: &str) -> Option<&'b str> {
        let message = message.trim_end();
        let front = shown.trim_end().strip_suffix(message)?;
        let is_glued =
            front.ends_with(char::is_alphanumeric) && message.starts_with(char::is_alphanumeric);
        let is_decoration = !is_glued
            && measure_text_width(front) <= WIDEST
            && words(front).all(|word| !self.was_said(&word));
        is_decoration.then_some(front)
    }

    fn was_said(&self, word: &str) -> bool {
        let said = self.words.get_or_init(|| {
            let texts = self.journal.said();
            let texts = texts.iter().map(|bytes| String::from_utf8_lossy(bytes));
            texts.flat_map(|text| words(&text).collect::<Vec<_>>()).collect()
        });
        said.contains(word) || said.contains(&word.to_lowercase())
    }
}

/// Returns the words and IP addresses in `text`. A program may change the capitalization of a name, but a word in all
/// capitals, such as `CHAT`, belongs to a wire format.
fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|char: char| !char.is_alphanumeric() && char != '.');
    let parts = parts.map(|part| part.trim_matches('.'));
    let is_word = |part: &&str| {
        part.chars().filter(|char| char.is_alphabetic()).count() >= SHORTEST
            || part.parse::<Ipv4Addr>().is_ok()
    };
    parts.filter(is_word).map(|word| {
        if word.contains(char::is_lowercase) { word.to_lowercase() } else { word.to_owned() }
    })
}

/// Returns whether two decorations are the same except for their digits, which may show the time.
pub fn looks_like(one: &str, other: &str) -> bool {
    let shape = |text: &str| text.replace(|char: char| char.is_ascii_digit(), "0");
    shape(one) == shape(other)
}

#[cfg(test)]
mod tests {
    use super::{Decorations, looks_like};
    use crate::journal::{EventKind, Journal, Wire};

    /// Returns the decoration in front of the message. The run is one in which bob and Zoë have already spoken.
    fn before<'a>(shown: &'a str, message: &str) -> Option<&'a str> {
        let journal = Journal::default();
        let sent = |text: &str| {
            let bytes = Wire::Bytes(text.as_bytes().to_vec());
            journal.note("server", EventKind::Sent("alice".into(), bytes));
        };
        ["NICK", "joined!\nb", "ob: I am back\n", "<127.0.0.1> hi\nMESSAGE: 24\n"]
            .iter()
            .copied()
            .for_each(sent);
        journal.note("alice", EventKind::Typed(b"half of a ".to_vec()));
        journal.note("alice", EventKind::Typed("Zoë\r".as_bytes().to_vec()));
        Decorations::new(&journal).before(shown, message)
    }

    #[test]
    fn a_decoration_may_come_before_a_message() {
        for decoration in [
            "",
            "> ",
            ">>> ",
            "    ",
            "[12:34:56] ",
            "2026-11-26 21:01:05 ",
            "9:24 am • ",
            "📣 ",
            "* message: ",
            "──────────────────> ",
        ] {
            let line = format!("{decoration}bob: hi");
            assert_eq!(before(&line, "bob: hi"), Some(decoration), "{line}");
        }
        assert_eq!(before("12:34 <127.0.0.1> hi  ", "<127.0.0.1> hi"), Some("12:34 "));
        assert_eq!(before("12:34 bob: hi", "bob: hi "), Some("12:34 "));
    }

    #[test]
    fn a_name_a_word_of_the_run_or_a_wide_text_is_no_decoration() {
        for line in [
            "bob: bob: hi",
            "BOB> bob: hi",
            "Bob bob: hi",
            "zoë: bob: hi",
            "[12:34 bob] bob: hi",
            "half of a bob: hi",
            "> half bob: hi",
            "NICK bob: hi",
            "NICKbob: hi",
            "xbob: hi",
            "1bob: hi",
            "I am back bob: hi",
            "MESSAGE: bob: hi",
            "───────────────────> bob: hi",
            "                     bob: hi",
            "日日日日日日日日日日 bob: hi",
            "bob: hi there",
            "bob: h",
        ] {
            assert_eq!(before(line, "bob: hi"), None, "{line}");
        }
        assert_eq!(before("<127.0.0.1> <127.0.0.1> hi", "<127.0.0.1> hi"), None);
    }

    #[test]
    fn a_clock_moves_on() {
        assert!(looks_like("[12:34:56] ", "[12:35:00] ") && looks_like("• ", "• "));
        assert!(!looks_like("[12:34:56] ", "           ") && !looks_like("• ", "  "));
    }
}
