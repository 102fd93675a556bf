//! What a person sees on a terminal: the lines that are or were on its screen.
//!
//! A plain program prints one line after another, and a line counts as seen each time that it is printed. Other
//! programs move the cursor, erase, and redraw. A line of a program that redraws its screen counts as seen if it was
//! ever on the screen. A redrawn line does not count again, but two copies on the screen at the same time count twice.

mod changes;
mod effect;
pub mod emulator;
pub mod pieces;
mod replies;
mod windows;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::journal::inbox::Content;
use crate::journal::screen::changes::added;
use crate::journal::screen::effect::{Effect, effect};
use crate::journal::screen::emulator::Emulator;
use crate::journal::screen::pieces::{Cutter, Piece};
use crate::journal::screen::windows::{is_border, parts, without_borders};

/// If a program shows nothing more for this long, its screen counts as complete. A program may draw in several steps.
const QUIET: Duration = Duration::from_millis(20);

/// If a program shows more bytes than this, the grader stops reading.
const FLOOD: usize = 32 * 1024 * 1024;

/// The maximum number of lines that are kept. A program that shows more lines than this is out of control.
const MAX_LINES: usize = 100_000;

/// The maximum length, in bytes, of a line that is kept as printed and not read from the emulator.
const MAX_LINE: usize = 1024 * 1024;

/// The indices of the main screen and the alternate screen.
const MAIN: usize = 0;
const ALTERNATE: usize = 1;

/// A line that a person has seen.
struct Line {
    text: String,
    /// Whether the program may draw lines in any order. If so, the line's position in the list means little.
    is_drawn: bool,
    /// Whether the script has accepted the line.
    is_taken: bool,
}

impl Line {
    fn text(&self) -> &str {
        &self.text
    }
}

/// A screen and everything that a person has seen on it.
pub struct Screen {
    cutter: Cutter,
    emulator: Emulator,
    /// All bytes that the program has shown.
    bytes: Vec<u8>,
    /// The lines, in the order in which they appeared.
    seen: Vec<Line>,
    known: HashSet<String>,
    /// The index of the line after the last line that the script has accepted.
    taken: usize,
    /// Whether the program has done nothing but print one line after another on the main screen.
    is_plain: bool,
    /// Whether the cursor's line has changed since the cursor arrived there.
    is_changed: bool,
    /// The text of the cursor's line, if it was printed in one piece on an empty row. vt100 would lose characters that
    /// do not fit in a cell and lines that are longer than the screen.
    printed: Option<String>,
    /// Whether the cursor has moved since text was last shown.
    has_moved: bool,
    /// The lines of both screens after the last complete update.
    complete: [Vec<String>; 2],
    /// The number of rows in the main screen's scrollback after the last complete update.
    scrollback: usize,
    /// The lines that have appeared since the last complete update.
    since: BTreeMap<String, usize>,
    /// The time of the last output, if the screen has not been examined since then.
    changed: Option<Instant>,
}

impl Screen {
    /// Creates an empty screen of this size.
    pub fn new(columns: NonZero<u16>, rows: NonZero<u16>) -> Self {
        Self {
            cutter: Cutter::default(),
            emulator: Emulator::new(columns, rows),
            bytes: Vec::new(),
            seen: Vec::new(),
            known: HashSet::new(),
            taken: 0,
            is_plain: true,
            is_changed: false,
            printed: None,
            has_moved: true,
            complete: [const { Vec::new() }; 2],
            scrollback: 0,
            since: BTreeMap::new(),
            changed: None,
        }
    }

    /// Changes the size of the screen.
    pub fn resize(&mut self, columns: NonZero<u16>, rows: NonZero<u16>) {
        self.settle();
        self.printed = None;
        self.emulator.resize(columns, rows);
        self.scrollback = self.emulator.scrollback();
    }

    /// Returns all bytes that the program has shown.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Removes and returns the replies to the program's queries. The replies must be sent as if they had been typed.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.emulator.take_replies()
    }

    /// Returns whether the program has only printed one line after another, in which case each line is final as soon as
    /// its newline arrives.
    pub fn is_plain(&self) -> bool {
        self.is_plain && !self.emulator.is_alternate()
    }

    /// Returns whether the whole screen has been drawn, as far as the grader can tell.
    pub fn is_complete(&self) -> bool {
        self.is_plain() || self.changed.is_none()
    }

    /// Returns the cursor's line: a prompt and the text that is typed after it.
    pub fn prompt(&self) -> String {
        self.printed.clone().unwrap_or_else(|| self.emulator.line(self.emulator.row()))
    }

    /// Returns everything that may contain typed text: the cursor's line, the part of it before the cursor, and, for a
    /// full-screen program, every line, because such a program may leave its cursor anywhere.
    pub fn inputs(&mut self) -> Vec<String> {
        let mut inputs = vec![self.prompt(), self.emulator.before_cursor()];
        if self.emulator.is_alternate() {
            for (line, _) in self.emulator.lines(0) {
                inputs.extend(parts(&line));
                inputs.push(line);
            }
        }
        inputs
    }

    /// Returns the lines that a person has seen, except the cursor's line: first the lines up to the last line that the
    /// script has accepted, then the lines after it.
    pub fn seen(&self) -> (Vec<&str>, Vec<&str>) {
        let (before, after) = self.seen.split_at(self.taken);
        (before.iter().map(Line::text).collect(), after.iter().map(Line::text).collect())
    }

    /// Accepts the next line that matches and returns it.
    pub fn take(&mut self, matches: impl Fn(&str) -> bool) -> Option<String> {
        let fits = |line: &Line| fits(&line.text, line.is_drawn, &matches);
        let is_next =
            |(at, line): &(usize, &Line)| *at >= self.taken || line.is_drawn && !line.is_taken;
        let found = self.seen.iter().enumerate().filter(is_next).find_map(|(at, line)| {
            let text = fits(line)?;
            Some((at, text))
        });
        let (at, text) = found?;
        self.seen[at].is_taken = true;
        self.taken = self.taken.max(at + 1);
        Some(text)
    }

    /// Accepts the next lines that together contain the text, however the text is divided among them.
    pub fn take_wrapped(&mut self, text: &str) -> Option<()> {
        let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
        let (wanted, mut shown) = (without_spaces(text), String::new());
        let mut later = self.seen[self.taken..].iter();
        let last = later.position(|line| {
            shown += &without_spaces(&without_borders(&line.text));
            shown.contains(&wanted)
        })?;
        self.taken += last + 1;
        Some(())
    }

    /// Returns whether any line that was seen matches.
    pub fn was_seen(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.seen.iter().any(|line| fits(&line.text, line.is_drawn, &matches).is_some())
    }

    /// Like [`Screen::was_seen`], but also checks the lines that are on the screen now, including the prompt.
    pub fn has(&mut self, matches: impl Fn(&str) -> bool) -> bool {
        self.was_seen(&matches) || self.emulator.lines(0).iter().any(|(line, _)| matches(line))
    }

    /// Returns how many times a matching line was seen. For a program that redraws its screen, this is the number of
    /// copies that are now on the screen or above it. If there is no copy now but a matching line was seen before,
    /// returns 1.
    pub fn count(&mut self, matches: impl Fn(&str) -> bool) -> usize {
        let is_seen = |line: &&Line| fits(&line.text, line.is_drawn, &matches).is_some();
        if self.is_plain() {
            return self.seen.iter().filter(is_seen).count();
        }
        let is_alternate = self.emulator.is_alternate();
        let lines = self.emulator.lines(self.emulator.scrollback()).into_iter();
        let lines = lines.filter(|(_, has_cursor)| is_alternate || !has_cursor);
        let count = lines.filter(|(line, _)| fits(line, is_alternate, &matches).is_some()).count();
        count.max(usize::from(self.seen.iter().any(|line| is_seen(&line))))
    }

    /// Returns the contents of the screen as lines of text. A plain program's screen includes the lines that have
    /// scrolled away. The screen of a full-screen program is shown without its borders and without most of its empty
    /// rows.
    pub fn picture(&mut self) -> Vec<String> {
        if self.is_plain() {
            let seen = self.seen.iter().map(|line| line.text.clone());
            return seen.chain([self.prompt()]).collect();
        }
        let lines = self.emulator.lines(self.emulator.scrollback()).into_iter();
        let lines = lines.map(|(line, _)| line).filter(|line| !is_border(line));
        let mut lines: Vec<_> = lines.map(|line| without_borders(&line)).collect();
        lines.dedup_by(|next, before| next.trim().is_empty() && before.trim().is_empty());
        lines
    }

    fn add_at(&mut self, bytes: &[u8], now: Instant) -> Result<(), &'static str> {
        if self.settles_at().is_some_and(|at| at <= now) {
            self.settle();
        }
        self.bytes.extend_from_slice(bytes);
        for piece in self.cutter.cut(bytes) {
            self.do_piece(&piece);
        }
        self.changed = Some(now);
        if self.bytes.len() > FLOOD { Err("it sent more than 32 MiB") } else { Ok(()) }
    }

    fn do_piece(&mut self, piece: &Piece) {
        if let Piece::Text(text) = piece {
            self.text(text);
            return self.emulator.apply(piece);
        }
        let effect = effect(piece);
        // If the cursor is at the end of the printed text, nothing follows the cursor.
        let erases_nothing =
            effect == Effect::ErasesAfter && !self.has_moved && self.printed.is_some();
        if erases_nothing || effect == Effect::None {
            return self.emulator.apply(piece);
        }
        self.has_moved = true;
        if effect == Effect::Returns {
            return self.emulator.apply(piece);
        }
        let (row, is_alternate) = (self.emulator.row(), self.emulator.is_alternate());
        match effect {
            Effect::NextLine if self.is_plain() => self.end_line(),
            Effect::NextLine => self.leave(row),
            Effect::MovesLines | Effect::Clears => {
                self.draws();
                self.leave(row);
            }
            Effect::Switches => {
                if is_alternate {
                    self.leave(row);
                }
                self.is_changed = false;
            }
            Effect::Edits | Effect::ErasesAfter => self.is_changed = true,
            Effect::None | Effect::Returns | Effect::Moves => {}
        }
        self.emulator.apply(piece);
        if effect == Effect::Moves && self.emulator.row() != row {
            self.draws();
            self.leave(row);
        }
        // After a plain program has printed a line, the next row is empty.
        let is_fresh = effect == Effect::NextLine && self.is_plain() && self.emulator.column() == 0;
        self.printed = is_fresh.then(String::new);
    }

    fn text(&mut self, text: &str) {
        self.is_changed = true;
        let is_empty = |emulator: &Emulator| emulator.line(emulator.row()).trim().is_empty();
        let has_moved = std::mem::take(&mut self.has_moved);
        let is_known = self.printed.as_ref().is_some_and(String::is_empty);
        if !self.emulator.shows_as_is() {
            self.printed = None;
        } else if has_moved && !is_known {
            let is_new = self.emulator.column() == 0 && is_empty(&self.emulator);
            self.printed = is_new.then(String::new);
        }
        if let Some(printed) = self.printed.as_mut().filter(|line| line.len() < MAX_LINE) {
            printed.push_str(text);
        }
    }

    /// Called when a plain program begins a new line.
    fn end_line(&mut self) {
        let text = self.prompt();
        self.record(text, false);
        self.is_changed = false;
        self.emulator.trim_scrollback();
    }

    /// Called when the cursor leaves a line that is being drawn.
    fn leave(&mut self, row: u16) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let text = self.printed.take().unwrap_or_else(|| self.emulator.line(row));
        self.appears(text.trim_end());
    }

    /// Called when a line is drawn. If an identical line has been seen before, this may be the same line.
    fn appears(&mut self, text: &str) {
        if !text.is_empty() && !self.known.contains(text) {
            *self.since.entry(text.to_owned()).or_default() += 1;
            self.record(text.to_owned(), true);
        }
    }

    fn record(&mut self, text: String, is_drawn: bool) {
        if self.seen.len() < MAX_LINES {
            if !self.known.contains(&text) {
                self.known.insert(text.clone());
            }
            self.seen.push(Line { text, is_drawn, is_taken: false });
        }
    }

    /// Called when the program begins to do more than print one line after another on the main screen.
    fn draws(&mut self) {
        if self.emulator.is_alternate()
            || !self.is_plain
            || (self.seen.is_empty() && !self.is_changed)
        {
            return;
        }
        self.is_plain = false;
        self.scrollback = self.emulator.scrollback();
        self.complete[MAIN] = texts(self.emulator.lines(0));
    }
}

impl Content for Screen {
    fn add(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.add_at(bytes, Instant::now())
    }

    fn may_be_starting(&self) -> bool {
        self.bytes.is_empty()
    }

    fn settles_at(&self) -> Option<Instant> {
        self.changed.map(|changed| changed + QUIET)
    }

    /// Called when the screen is complete. Only on a complete screen can a new line be told apart from an identical
    /// earlier line.
    fn settle(&mut self) {
        self.changed = None;
        if self.is_plain() {
            return;
        }
        let is_alternate = self.emulator.is_alternate();
        let scrolled = self.emulator.scrollback().saturating_sub(self.scrollback);
        let lines = self.emulator.lines(if is_alternate { 0 } else { scrolled }).into_iter();
        // On the main screen, the cursor's line is the prompt.
        let lines = texts(lines.filter(|(_, has_cursor)| is_alternate || !has_cursor));
        let screen = if is_alternate { ALTERNATE } else { MAIN };
        let mut since = std::mem::take(&mut self.since);
        for line in added(&self.complete[screen], &lines) {
            match since.get_mut(line) {
                Some(count @ 1..) => *count -= 1,
                _ => self.record(line.to_owned(), true),
            }
        }
        self.complete[screen] = texts(self.emulator.lines(0));
        self.emulator.trim_scrollback();
        self.scrollback = if is_alternate { self.scrollback } else { self.emulator.scrollback() };
    }
}

/// Returns the lines that are not empty.
fn texts(lines: impl IntoIterator<Item = (String, bool)>) -> Vec<String> {
    let lines = lines.into_iter().map(|(line, _)| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Returns the text that matches: the whole line or, for a program that redraws its screen, a part of the line.
fn fits(line: &str, is_drawn: bool, matches: impl Fn(&str) -> bool) -> Option<String> {
    if matches(line) {
        Some(line.to_owned())
    } else if is_drawn {
        parts(line).into_iter().find(|part| matches(part))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
