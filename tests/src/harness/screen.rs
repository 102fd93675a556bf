//! What a person reads on a terminal that got certain bytes.

use std::num::NonZero;

use crate::journal::terminal::Terminal;
use crate::journal::visible::visible;

/// The rows of the screen as the script sees it: higher than the terminal, so that nothing scrolls away however much
/// is said. The lines seen are counted from the first.
const ALL_ROWS: NonZero<u16> = NonZero::new(300).unwrap();

/// What a person reads on a terminal that got these bytes, line by line, the last one being that of the cursor.
pub fn screen(terminal: Terminal, bytes: &[u8]) -> Vec<String> {
    if terminal == Terminal::Dumb {
        return String::from_utf8_lossy(bytes).split('\n').map(readable).collect();
    }
    let mut parser = vt100::Parser::new(ALL_ROWS, terminal.columns(), 0);
    parser.process(bytes);
    let screen = parser.screen();
    let mut lines = vec![String::new()];
    for (row, text) in
        (0..=screen.cursor_position().0).zip(screen.rows(0, terminal.columns().get()))
    {
        if let Some(line) = lines.last_mut() {
            line.push_str(&text);
        }
        if !screen.row_wrapped(row) && row < screen.cursor_position().0 {
            lines.push(String::new());
        }
    }
    lines
}

/// A line of a dumb terminal as a person reads it, without colours. What comes behind a carriage return stands over
/// what was there before, and `ESC [ K` takes away the rest: many programs show so what comes above a prompt.
fn readable(line: &str) -> String {
    let mut shown: Vec<char> = Vec::new();
    let mut column = 0;
    let mut rest = line.trim_end_matches('\r').chars();
    while let Some(char) = rest.next() {
        if char == '\r' {
            column = 0;
        } else if let Some(sequence) = rest.as_str().strip_prefix('[').filter(|_| char == '\x1b') {
            let end = sequence.find(|char: char| char.is_ascii_alphabetic());
            let (sequence, behind) = sequence.split_at(end.map_or(sequence.len(), |end| end + 1));
            rest = behind.chars();
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
    use super::readable;

    #[test]
    fn colours_and_carriage_returns_are_not_read() {
        assert_eq!(readable("\x1b[32m green \x1b[0m\r"), " green ");
        assert_eq!(readable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
    }

    #[test]
    fn what_stands_behind_a_carriage_return_is_above_what_was_there() {
        assert_eq!(readable("> half of\rbob: hi"), "bob: hiof");
        assert_eq!(readable("> half of a \r\x1b[Kbob: hi\r\r"), "bob: hi");
        assert_eq!(readable("> half of a \x1b[2K\rbob: hi").trim_end(), "bob: hi");
    }
}
