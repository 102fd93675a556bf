//! Emulates an xterm-like terminal with the vt100 crate and adds the features that vt100 lacks.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZero;

use crate::journal::screen::pieces::Piece;
use crate::journal::screen::replies::{State, reply};

/// The maximum number of rows that are kept after they have scrolled off the top of the screen.
const SCROLLBACK: usize = 2000;

/// The maximum number of bytes of unread replies that are kept for a program.
const MAX_REPLIES: usize = 4096;

/// The width of a tab.
const TAB: usize = 8;

/// Characters that vt100 cannot handle, each with a replacement that no chat uses. vt100 does not show `\u{fffd}`, and
/// panics if `\u{fe0f}` makes a character in the last column wide. In xterm, `\u{fe0f}` does not make any character
/// wide.
const STAND_INS: [(char, char); 2] = [('\u{fffd}', '\u{fffc}'), ('\u{fe0f}', '\u{fe01}')];

/// A terminal with its screen contents and its cursor position.
pub struct Emulator {
    screen: vt100::Parser,
    inserts: bool,
    wraps: bool,
    /// Whether a line feed also returns to the first column.
    returns: bool,
    /// For each of the two character sets, whether it is the line-drawing set.
    draws_lines: [bool; 2],
    character_set: usize,
    tabs: BTreeSet<u16>,
    replies: Vec<u8>,
}

impl Emulator {
    /// Creates a terminal of this size, with an empty screen.
    pub fn new(columns: NonZero<u16>, rows: NonZero<u16>) -> Self {
        Self {
            screen: vt100::Parser::new(rows, columns, SCROLLBACK),
            inserts: false,
            wraps: true,
            returns: false,
            draws_lines: [false; 2],
            character_set: 0,
            tabs: (TAB..columns.get().into()).step_by(TAB).filter_map(to_u16).collect(),
            replies: Vec::new(),
        }
    }

    /// Changes the size of the terminal. The text keeps its position relative to the last row.
    pub fn resize(&mut self, columns: NonZero<u16>, rows: NonZero<u16>) {
        let before = usize::from(self.columns()).next_multiple_of(TAB);
        self.screen.set_size(rows, columns);
        self.tabs.extend((before..columns.get().into()).step_by(TAB).filter_map(to_u16));
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> u16 {
        self.screen.screen().size().1.get()
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u16 {
        self.screen.screen().size().0.get()
    }

    /// Returns the cursor's row, counted from 0.
    pub fn row(&self) -> u16 {
        self.screen.screen().cursor_position().0
    }

    /// Returns the cursor's column, counted from 0. After a character in the last column, the cursor is still in the
    /// last column, although the next character will be on the next row.
    pub fn column(&self) -> u16 {
        self.screen.screen().cursor_position().1.min(self.columns() - 1)
    }

    /// Returns whether the next character will be on the next row.
    fn is_past_the_end(&self) -> bool {
        self.screen.screen().cursor_position().1 >= self.columns()
    }

    /// Returns whether the text that the program prints next will be shown unchanged.
    pub fn shows_as_is(&self) -> bool {
        !self.inserts && self.wraps && !self.draws_lines[self.character_set]
    }

    /// Returns whether the program uses the alternate screen, as full-screen programs do.
    pub fn is_alternate(&self) -> bool {
        self.screen.screen().alternate_screen()
    }

    /// Returns the line that contains this row. A line that is too long for one row continues on the next row.
    pub fn line(&self, row: u16) -> String {
        let screen = self.screen.screen();
        let begin = (0..row).rev().take_while(|row| screen.row_wrapped(*row)).last().unwrap_or(row);
        let end = (row..self.rows() - 1).find(|row| !screen.row_wrapped(*row));
        let end = end.unwrap_or(self.rows() - 1);
        let text = |row| screen.contents_between(row, 0, row, self.columns());
        restored((begin..=end).map(text).collect())
    }

    /// Returns the part of the cursor's line that is before the cursor.
    pub fn before_cursor(&self) -> String {
        let screen = self.screen.screen();
        let (row, column) = screen.cursor_position();
        let begin = (0..row).rev().take_while(|row| screen.row_wrapped(*row)).last().unwrap_or(row);
        let above = (begin..row).map(|row| screen.contents_between(row, 0, row, self.columns()));
        let mut text: String = above.collect();
        text.push_str(&screen.contents_between(row, 0, row, column));
        restored(text)
    }

    /// Returns the number of rows in the main screen's scrollback.
    pub fn scrollback(&self) -> usize {
        if self.is_alternate() { 0 } else { self.screen.screen().scrollback_len() }
    }

    /// Discards the rows that have scrolled off the screen, if there are many.
    pub fn trim_scrollback(&mut self) {
        if self.scrollback() > SCROLLBACK / 2 {
            self.screen.screen_mut().clear_scrollback();
        }
    }

    /// Returns the lines in the last `scrollback` rows that have scrolled off the screen, followed by the lines on the
    /// screen. For each line, also returns whether it is the cursor's line.
    pub fn lines(&mut self, scrollback: usize) -> Vec<(String, bool)> {
        let (height, columns) = (usize::from(self.rows()), self.columns());
        let mut above = scrollback.min(self.scrollback());
        let cursor = above + usize::from(self.row());
        let total = above + height;
        let mut rows: Vec<(String, bool)> = Vec::with_capacity(total);
        while rows.len() < total {
            self.screen.screen_mut().set_scrollback(above);
            let screen = self.screen.screen();
            let count = if above == 0 { height } else { above.min(height) };
            let seen = screen.rows(0, columns).zip(0..).take(count);
            rows.extend(seen.map(|(text, row)| (text, screen.row_wrapped(row))));
            above = above.saturating_sub(height);
        }
        self.screen.screen_mut().set_scrollback(0);
        let mut lines: Vec<(String, bool)> = Vec::new();
        let mut continues = false;
        for (at, (text, is_wrapped)) in rows.into_iter().enumerate() {
            if !continues {
                lines.push(Default::default());
            }
            if let Some((line, has_cursor)) = lines.last_mut() {
                line.push_str(&text);
                *has_cursor |= at == cursor;
            }
            continues = is_wrapped;
        }
        lines.into_iter().map(|(line, has_cursor)| (restored(line), has_cursor)).collect()
    }

    /// Removes and returns the replies to the program's queries. The replies must be sent as if they had been typed.
    pub fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.replies)
    }

    /// Applies a piece of output to the terminal.
    pub fn apply(&mut self, piece: &Piece) {
        let place = (self.row() + 1, self.column() + 1);
        let state = State {
            place: (place.0.into(), place.1.into()),
            size: (self.rows().into(), self.columns().into()),
        };
        if let Some(reply) = reply(piece, &state) {
            if self.replies.len() < MAX_REPLIES {
                self.replies.extend(reply);
            }
            return;
        }
        match piece {
            Piece::Text(text) => self.print(text),
            Piece::Control(byte) => self.control(*byte),
            Piece::Escape(marks, last) => self.escape(marks, *last),
            Piece::Sequence(marks, numbers, last) => self.sequence(marks, numbers, *last),
            Piece::Command(_) | Piece::Device(_) => {}
        }
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // Unlike `process`, `write_all` is compiled as part of vt100, with that crate's optimization level. The call to
        // `write_all` never fails.
        let _ = self.screen.write_all(bytes.as_ref());
    }

    fn print(&mut self, text: &str) {
        if self.shows_as_is() {
            return self.write(replaced(text, STAND_INS).as_bytes());
        }
        let draws_lines = self.draws_lines[self.character_set];
        for char in text.chars() {
            let char = if draws_lines { line_drawing(char) } else { char };
            let mut bytes = [0; 4];
            let char = replaced(char.encode_utf8(&mut bytes), STAND_INS);
            let width = to_u16(console::measure_text_width(&char)).unwrap_or(0);
            let column = self.screen.screen().cursor_position().1;
            if !self.wraps && width > 0 && column + width > self.columns() {
                self.write(format!("\x1b[{}G", (self.columns() + 1).saturating_sub(width)));
            } else if self.inserts && width > 0 && !self.is_past_the_end() {
                self.write(format!("\x1b[{width}@"));
            }
            self.write(char.as_bytes());
        }
    }

    fn control(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c if self.returns => self.write("\r\n"),
            b'\n' | 0x0b | 0x0c => self.write("\n"),
            b'\r' => self.write("\r"),
            0x08 => {
                self.stays_in_last_column();
                self.write("\x08");
            }
            b'\t' => self.tab(1),
            // The control characters Shift Out and Shift In.
            0x0e => self.character_set = 1,
            0x0f => self.character_set = 0,
            _ => {}
        }
    }

    /// Keeps the cursor in the last column, because vt100 would otherwise count backward from the column after it.
    fn stays_in_last_column(&mut self) {
        if self.is_past_the_end() {
            self.write(format!("\x1b[{}G", self.columns()));
        }
    }

    fn tab(&mut self, count: u16) {
        for _ in 0..count.min(self.columns()) {
            let next = self.tabs.range(self.column() + 1..self.columns()).next();
            let next = next.copied().unwrap_or(self.columns() - 1);
            if !self.is_past_the_end() {
                self.write(format!("\x1b[{}G", next + 1));
            }
        }
    }

    fn tab_back(&mut self, count: u16) {
        for _ in 0..count.min(self.columns()) {
            let before = self.tabs.range(..self.column()).next_back().copied().unwrap_or(0);
            self.write(format!("\x1b[{}G", before + 1));
        }
    }

    fn escape(&mut self, marks: &[u8], last: u8) {
        match (marks, last) {
            ([], b'7' | b'8' | b'M') => self.write([0x1b, last]),
            ([], b'D') => self.write("\n"),
            ([], b'E') => self.write("\r\n"),
            ([], b'H') => {
                self.tabs.insert(self.column());
            }
            ([], b'c') => {
                let (rows, columns) = self.screen.screen().size();
                let replies = self.take_replies();
                self.write("\x1bc");
                let screen = std::mem::take(&mut self.screen);
                *self = Self { screen, replies, ..Self::new(columns, rows) };
            }
            (b"(", set) => self.draws_lines[0] = set == b'0',
            (b")", set) => self.draws_lines[1] = set == b'0',
            _ => {}
        }
    }

    fn sequence(&mut self, marks: &[u8], numbers: &[u16], last: char) {
        let first = numbers.first().copied().unwrap_or(0);
        match (marks, last) {
            ([], 's') if first == 0 => self.write("\x1b7"),
            ([], 'u') => self.write("\x1b8"),
            ([], 'I') => self.tab(first.max(1)),
            ([], 'Z') => self.tab_back(first.max(1)),
            ([], 'g') if first == 3 => self.tabs.clear(),
            ([], 'g') => {
                self.tabs.remove(&self.column());
            }
            ([], 'h' | 'l') => {
                for mode in numbers {
                    match mode {
                        4 => self.inserts = last == 'h',
                        20 => self.returns = last == 'h',
                        _ => {}
                    }
                }
            }
            ([], 'a') => self.pass_on(numbers, 'C'),
            ([], 'e') => self.pass_on(numbers, 'B'),
            ([], 'D') => {
                self.stays_in_last_column();
                self.pass_on(numbers, 'D');
            }
            ([], 'r') => {
                self.pass_on(numbers, 'r');
                // When a scrolling region is set, vt100 moves the cursor to the first row of the region, but xterm
                // moves it to the first row of the screen.
                self.write("\x1b[H");
            }
            // If `CSI T` has more than one parameter, the sequence controls mouse tracking.
            ([], 'T') if numbers.len() > 1 => {}
            (
                [],
                '@'
                | 'A'..='C'
                | 'E'..='H'
                | 'J'..='M'
                | 'P'
                | 'S'
                | 'T'
                | 'X'
                | '`'
                | 'b'
                | 'd'
                | 'f',
            )
            | (b"?", 'J' | 'K') => self.pass_on(numbers, last),
            (b"?", 'h' | 'l') => numbers.iter().for_each(|mode| self.mode(*mode, last)),
            (b"!", 'p') => {
                (self.inserts, self.wraps, self.draws_lines) = (false, true, [false; 2]);
                let place = self.place();
                self.write(format!("\x1b[?6l\x1b[r{place}"));
            }
            _ => {}
        }
    }

    fn pass_on(&mut self, numbers: &[u16], last: char) {
        let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        self.write(format!("\x1b[{}{last}", numbers.join(";")));
    }

    /// Sets or resets a mode.
    fn mode(&mut self, mode: u16, last: char) {
        let sets = last == 'h';
        match mode {
            6 => self.write(format!("\x1b[?6{last}")),
            7 => self.wraps = sets,
            1048 => self.write(if sets { "\x1b7" } else { "\x1b8" }),
            47 | 1047 | 1049 if sets != self.is_alternate() => {
                // In vt100, each screen has its own cursor.
                let place = self.place();
                match (mode, sets) {
                    (1049, true) => self.write(format!("\x1b[?1049h{place}")),
                    (1049, false) => self.write("\x1b[?1049l"),
                    (1047, false) => self.write(format!("\x1b[2J\x1b[?47l{place}")),
                    _ => self.write(format!("\x1b[?47{last}{place}")),
                }
            }
            _ => {}
        }
    }

    /// Returns the sequence that moves the cursor to its current position.
    fn place(&self) -> String {
        format!("\x1b[{};{}H", self.row() + 1, self.column() + 1)
    }
}

fn to_u16(number: usize) -> Option<u16> {
    u16::try_from(number).ok()
}

fn restored(text: String) -> String {
    replaced(&text, STAND_INS.map(|(char, stand_in)| (stand_in, char))).into_owned()
}

fn replaced(text: &str, pairs: [(char, char); 2]) -> Cow<'_, str> {
    let mut replaced = Cow::Borrowed(text);
    for (char, other) in pairs {
        if replaced.contains(char) {
            replaced = replaced.replace(char, other.encode_utf8(&mut [0; 4])).into();
        }
    }
    replaced
}

/// Returns the character that replaces an ASCII character in the line-drawing set.
fn line_drawing(char: char) -> char {
    const CHARACTERS: [char; 31] = [
        '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─',
        '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
    ];
    let at = u32::from(char).checked_sub(u32::from('`'));
    let at = at.and_then(|at| usize::try_from(at).ok());
    at.and_then(|at| CHARACTERS.get(at)).copied().unwrap_or(char)
}

#[cfg(test)]
mod tests;
