//! A line of characters in which text can be placed at any column.

use crate::report::text::{clusters, cut, width};

/// A line under construction. Text that is placed over other text replaces it.
#[derive(Clone, Default)]
pub struct Canvas(Vec<Cell>);

/// One column of the line.
#[derive(Clone, PartialEq, Eq)]
enum Cell {
    Char(char),
    /// A character with combining marks.
    Marked(String),
    /// A continuation column of a wide character. The character begins in an earlier column.
    Covered,
}

const BLANK: Cell = Cell::Char(' ');

impl Canvas {
    /// Places text at a column.
    pub fn put(&mut self, mut at: usize, text: &str) {
        // A combining mark without a base character is not shown.
        for (cluster, width) in clusters(text).filter(|(_, width)| *width > 0) {
            if self.0.len() < at + width {
                self.0.resize(at + width, BLANK);
            }
            self.clear(at);
            self.clear(at + width - 1);
            self.0[at..at + width].fill(Cell::Covered);
            let mut chars = cluster.chars();
            self.0[at] = match (chars.next(), chars.next()) {
                (Some(char), None) => Cell::Char(char),
                _ => Cell::Marked(cut(cluster, width)),
            };
            at += width;
        }
    }

    /// Clears the character at a column. A wide character is cleared completely, because half of one cannot be shown.
    fn clear(&mut self, at: usize) {
        let is_covered = |cell: &Cell| *cell == Cell::Covered;
        let before = self.0[..=at].iter().rev().take_while(|cell| is_covered(cell)).count();
        let after = self.0[at + 1..].iter().take_while(|cell| is_covered(cell)).count();
        self.0[at - before.min(at)..=at + after].fill(BLANK);
    }

    /// Draws an arrow from one column to another, with text on the arrow.
    pub fn arrow(&mut self, from: usize, to: usize, text: &str, dash: char) {
        let (left, right) = (from.min(to), from.max(to));
        let distance = right - left;
        if distance < 2 {
            // There is no room for an arrow.
            return;
        }
        let line: String = std::iter::repeat_n(dash, distance - 1).collect();
        self.put(left + 1, &line);
        self.put(from, if from < to { "├" } else { "┤" });
        if from < to {
            self.put(to - 1, "▶");
        } else {
            self.put(to + 1, "◀");
        }
        // The text is at the sender's end of the arrow. If there is room, a short piece of the arrow precedes it.
        let room = distance.saturating_sub(5);
        if room == 0 || text.is_empty() {
            return;
        }
        let text = format!(" {} ", cut(text, room));
        let used = width(&text);
        let line = if used < room + 2 { 2 } else { 1 };
        self.put(if from < to { from + line } else { from + 1 - line - used }, &text);
    }

    /// Returns the line without trailing spaces.
    pub fn line(self) -> String {
        let mut line = String::new();
        for cell in self.0 {
            match cell {
                Cell::Char(char) => line.push(char),
                Cell::Marked(text) => line.push_str(&text),
                Cell::Covered => {}
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Canvas;

    #[test]
    fn text_replaces_wide_characters_as_a_whole() {
        let mut canvas = Canvas::default();
        canvas.put(1, "漢字e\u{301}!");
        canvas.put(2, "x");
        assert_eq!(canvas.line(), "  x字e\u{301}!");
        let mut canvas = Canvas::default();
        canvas.put(0, "ab漢");
        canvas.put(1, "字");
        assert_eq!(canvas.line(), "a字");
    }

    #[test]
    fn an_arrow_keeps_its_place_whatever_its_text_is() {
        for text in ["漢字漢字漢字漢字", "e\u{301}e\u{301}", "", "long, much too long"] {
            let mut canvas = Canvas::default();
            canvas.put(4, "│");
            canvas.put(20, "│");
            canvas.arrow(20, 4, text, '─');
            let line = canvas.line();
            assert_eq!(super::width(&line), 21, "{line}");
            assert!(line.starts_with("    │◀") && line.ends_with('┤'), "{line}");
        }
    }
}
