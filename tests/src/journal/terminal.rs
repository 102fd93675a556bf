//! The terminals that people and servers use, and the text that a person reads on a terminal after certain bytes.

use std::borrow::Cow;
use std::num::NonZero;

use memchr::memmem;

use crate::journal::visible::visible;

/// The kind of terminal on which a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// `TERM=dumb`: shows one line after the other, and does not echo typed keys.
    Dumb,
    /// `TERM=xterm`: an ordinary terminal, with echo.
    Xterm,
    /// An `Xterm` in a window with this number of columns.
    Window(NonZero<u16>),
}

impl Terminal {
    /// The terminal's width, in characters.
    pub fn columns(self) -> NonZero<u16> {
        if let Self::Window(columns) = self { columns } else { COLUMNS }
    }
}

/// The width of the terminal, in characters.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
/// The height of the terminal. It has many rows, so that no line that a script waits for scrolls away.
pub const ROWS: NonZero<u16> = NonZero::new(60).unwrap();

/// The number of rows that the script reads. It is larger than the terminal's, so that no line scrolls away: the lines
/// that the script has seen are counted from the first one.
const ALL_ROWS: NonZero<u16> = NonZero::new(300).unwrap();

/// The lines that a person reads on a terminal after these bytes. The last one is the line of the cursor.
pub fn screen(terminal: Terminal, bytes: &[u8]) -> Vec<String> {
    if terminal == Terminal::Dumb {
        return String::from_utf8_lossy(bytes).split('\n').map(readable).collect();
    }
    let mut parser = vt100::Parser::new(ALL_ROWS, terminal.columns(), 0);
    // vt100 panics if this mark widens the last character of a row.
    let bytes = replaced(bytes, AS_PICTURE.as_bytes(), STAND_IN.as_bytes());
    // It reads the rest of a piece again for each byte that is not UTF-8, so the pieces are short.
    bytes.chunks(PIECE).for_each(|piece| parser.process(piece));
    let screen = parser.screen();
    let mut lines = vec![String::new()];
    for (row, text) in
        (0..=screen.cursor_position().0).zip(screen.rows(0, terminal.columns().get()))
    {
        if let Some(line) = lines.last_mut() {
            line.push_str(&text.replace(STAND_IN, AS_PICTURE));
        }
        if !screen.row_wrapped(row) && row < screen.cursor_position().0 {
            lines.push(String::new());
        }
    }
    lines
}

/// The mark that asks for a colored picture of the character before it, as in ☺\u{fe0f}, and one without any meaning.
const AS_PICTURE: &str = "\u{fe0f}";
const STAND_IN: &str = "\u{fe0d}";

const PIECE: usize = 512;

fn replaced<'a>(bytes: &'a [u8], part: &[u8], with: &[u8]) -> Cow<'a, [u8]> {
    if memmem::find(bytes, part).is_none() {
        return Cow::Borrowed(bytes);
    }
    let (mut replaced, mut begin) = (Vec::with_capacity(bytes.len()), 0);
    for at in memmem::find_iter(bytes, part) {
        replaced.extend_from_slice(&bytes[begin..at]);
        replaced.extend_from_slice(with);
        begin = at + part.len();
    }
    replaced.extend_from_slice(&bytes[begin..]);
    Cow::Owned(replaced)
}

/// Returns a line of a dumb terminal as a person reads it, without colors. Text after a carriage return overwrites the
/// line, and `ESC [ K` erases the rest of it. Many programs use this to show a message above a prompt.
fn readable(line: &str) -> String {
    let mut shown: Vec<char> = Vec::new();
    let mut column = 0;
    let mut rest = line.trim_end_matches('\r').chars();
    while let Some(char) = rest.next() {
        if char == '\r' {
            column = 0;
        } else if let Some(sequence) = rest.as_str().strip_prefix('[').filter(|_| char == '\x1b') {
            let end = sequence.find(|char: char| char.is_ascii_alphabetic());
            let (sequence, after) = sequence.split_at(end.map_or(sequence.len(), |end| end + 1));
            rest = after.chars();
            match sequence {
                "K" | "0K" => shown.truncate(column),
                "2K" => shown.iter_mut().for_each(|char| *char = ' '),
                _ => {}
            }
        } else {
            shown.resize(shown.len().max(column), ' ');
            shown.splice(column..shown.len().min(column + 1), [char]);
            column += 1;
        }
    }
    visible(String::from_iter(shown).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::{Terminal, readable, screen};

    /// This made vt100 panic.
    #[test]
    fn a_picture_in_the_last_column_is_shown() {
        let window = Terminal::Window(NonZero::new(3).unwrap());
        assert_eq!(
            screen(window, "ab☺\u{fe0f}\r\n1\u{fe0f}\u{20e3}".as_bytes()).join("/"),
            "ab☺\u{fe0f}/1\u{fe0f}\u{20e3}"
        );
    }

    #[test]
    fn colors_and_a_final_carriage_return_are_not_shown() {
        assert_eq!(readable("\x1b[32m green \x1b[0m\r"), " green ");
        assert_eq!(readable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
    }

    #[test]
    fn text_after_a_carriage_return_overwrites_the_line() {
        assert_eq!(readable("> half of\rbob: hi"), "bob: hiof");
        assert_eq!(readable("> half of a \r\x1b[Kbob: hi\r\r"), "bob: hi");
        assert_eq!(readable("> half of a \x1b[2K\rbob: hi").trim_end(), "bob: hi");
    }
}
