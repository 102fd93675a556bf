//! The screens of the people and servers.

use crate::journal::inbox::Content;
use crate::journal::screen as shown;
use crate::journal::terminal::ROWS;
use crate::journal::unwritten::without_unwritten;
use crate::journal::{Event, EventKind};
use crate::report::text::{MIN_COLUMNS, cut, folded, quoted_line, width};

/// The number of lines that a report shows from the bottom of each screen.
pub const LINES: usize = 6;

/// The maximum number of output bytes that are used to reconstruct a screen. If there are more, the last bytes are
/// used, because they contain the last rows.
const MOST_BYTES: usize = 128 * 1024;

/// The screen of a person or server, line by line.
pub struct Screen {
    /// The name of the person or server.
    pub name: String,
    /// The last lines of the screen, from top to bottom.
    pub lines: Vec<String>,
}

impl Screen {
    /// Keeps at most `last` lines. If there are more, the first line says how many are left out.
    pub fn keep_last(&mut self, last: usize) {
        keep_last(&mut self.lines, last);
    }
}

fn keep_last(lines: &mut Vec<String>, last: usize) {
    if lines.len() > last {
        let left_out: Vec<_> = lines.drain(..=lines.len() - last).collect();
        // The first line may itself be a placeholder for several lines.
        let earlier = left_out[0].strip_prefix("⋮ ").and_then(|rest| rest.strip_suffix(" more"));
        let earlier = earlier.and_then(|count| count.parse().ok()).unwrap_or(1);
        lines.insert(0, format!("⋮ {} more", left_out.len() - 1 + earlier));
    }
}

/// Returns the last lines of every program's screen, in the order in which the programs were started. If a terminal
/// does not echo, the typed text is added, because the person knows what they typed.
pub fn screens(events: &[Event], last: usize) -> Vec<Screen> {
    let end = events.iter().position(|event| event.what == EventKind::End);
    let events = &events[..end.unwrap_or(events.len())];
    let mut screens = Vec::new();
    for (at, start) in events.iter().enumerate() {
        let EventKind::Started(terminal, _) = start.what else { continue };
        let name = &start.who;
        let later = events[at + 1..].iter().filter(|event| event.who == *name);
        // If a later program has the same name, only its screen is shown.
        if later.clone().any(|event| matches!(event.what, EventKind::Started(..))) {
            continue;
        }
        let mut screen = shown::Screen::new(terminal.columns(), ROWS);
        let total: usize = later.clone().filter_map(shown_bytes).map(<[u8]>::len).sum();
        let mut skipped = total.saturating_sub(MOST_BYTES);
        let mut typed = Typed::default();
        for event in later {
            match &event.what {
                EventKind::Showed(bytes) => {
                    let (before, bytes) = bytes.split_at(skipped.min(bytes.len()));
                    skipped -= before.len();
                    typed.is_followed_by(bytes, &mut screen);
                    // This call fails only if there are too many bytes, which is not the case here.
                    let _ = screen.add(bytes);
                }
                EventKind::Unechoed(keys) => typed.adds(keys, &mut screen),
                EventKind::Resized(columns, rows) => screen.resize(*columns, *rows),
                _ => {}
            }
        }
        let lines = screen.picture();
        let text = without_unwritten(&lines.join("\n"));
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let mut lines = lines.split_off(lines.len().saturating_sub(last));
        for line in &mut lines {
            *line = quoted_line(line);
        }
        screens.push(Screen { name: name.clone(), lines });
    }
    screens
}

fn shown_bytes(event: &Event) -> Option<&[u8]> {
    if let EventKind::Showed(bytes) = &event.what { Some(bytes) } else { None }
}

/// The line that a person is typing on a terminal that does not echo.
#[derive(Default)]
struct Typed {
    line: Vec<u8>,
    /// Whether the program has shown something in the middle of the line.
    is_interrupted: bool,
    /// Whether Enter has been pressed and nothing has been shown since.
    is_entered: bool,
}

impl Typed {
    /// Echoes the pressed keys as a line editor would: after an interruption, the whole line is shown again.
    fn adds(&mut self, keys: &[u8], screen: &mut shown::Screen) {
        self.is_followed_by(b"", screen);
        let shown = |key: &u8| match key {
            b'\r' => Vec::new(),
            3 => b"^C".to_vec(),
            4 => b"^D".to_vec(),
            key => vec![*key],
        };
        let shown: Vec<u8> = keys.iter().flat_map(shown).collect();
        if self.is_interrupted {
            let _ = screen.add(&self.line);
        }
        let _ = screen.add(&shown);
        self.line.extend_from_slice(&shown);
        self.is_interrupted = false;
        self.is_entered = keys.ends_with(b"\r");
    }

    /// Starts a new line after Enter, unless `bytes`, the next output, begins with a newline.
    fn is_followed_by(&mut self, bytes: &[u8], screen: &mut shown::Screen) {
        if self.is_entered {
            if !bytes.starts_with(b"\r\n") && !bytes.starts_with(b"\n") {
                let _ = screen.add(b"\r\n");
            }
            *self = Self::default();
        }
        self.is_interrupted = !self.line.is_empty();
    }
}

/// The minimum width of a screen, in columns. A narrower screen is hard to read.
const MIN_WIDTH: usize = 34;

/// The space at the left edge, and the space between a screen's text and its frame, in columns.
const INDENT: usize = 2;
const FRAME: usize = 4;

/// Returns how many of `count` screens fit side by side.
fn beside(columns: usize, count: usize) -> usize {
    (columns.saturating_sub(INDENT) / MIN_WIDTH).clamp(1, count.max(1))
}

/// Returns how many columns of text fit into each of `count` screens on a terminal with `columns` columns.
pub fn room(columns: usize, count: usize) -> usize {
    let columns = columns.max(MIN_COLUMNS);
    (columns - INDENT) / beside(columns, count) - FRAME - INDENT
}

/// Returns the screens in rows, with as many screens side by side as fit. If `columns` is too small, [`MIN_COLUMNS`] is
/// used instead.
pub fn to_text(screens: &[Screen], columns: usize) -> String {
    let (beside, room) = (beside(columns, screens.len()), room(columns, screens.len()));
    let fill = |text: &str, with: &str, room: usize| {
        format!("{text}{}", with.repeat(room.saturating_sub(width(text))))
    };
    let mut text = Vec::new();
    for row in screens.chunks(beside) {
        let wrapped: Vec<_> = row.iter().map(|screen| wrap(&screen.lines, room, LINES)).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let titles = row.iter().map(|screen| {
            let name = cut(&quoted_line(&screen.name), room.saturating_sub(2));
            format!("{}┐", fill(&format!("┌ {name} "), "─", room + FRAME - 1))
        });
        text.push(format!("  {}", titles.collect::<Vec<_>>().join("  ")));
        for at in 0..height {
            let cells = wrapped.iter().map(|lines| {
                let line = lines.get(at).map_or("", String::as_str);
                format!("│ {} │", fill(line, " ", room))
            });
            text.push(format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        }
        let bottoms = row.iter().map(|_| format!("└{}┘", "─".repeat(room + FRAME - 2)));
        text.push(format!("  {}", bottoms.collect::<Vec<_>>().join("  ")));
    }
    text.join("\n")
}

/// The mark before the rest of a line that did not fit. A line break without this mark was on the person's
/// terminal, too.
const CONTINUED: &str = "↪ ";

/// In a report with fewer columns than this, there is no room for the mark.
const NARROW: usize = 8;

/// Wraps the lines for a report of this width and returns the last rows.
pub fn wrap(lines: &[String], room: usize, last: usize) -> Vec<String> {
    let mark = if room < NARROW { "" } else { CONTINUED };
    let mut rows = Vec::new();
    for line in lines {
        let mut parts = folded(line.trim_end(), room).into_iter();
        rows.extend(parts.next());
        let rest: String = parts.collect();
        if !rest.is_empty() {
            let rest = folded(&rest, room - width(mark));
            rows.extend(rest.iter().map(|row| format!("{mark}{row}")));
        }
    }
    if rows.len() > last {
        keep_last(&mut rows, last);
        rows[0] = cut(&rows[0], room);
    }
    rows
}
