//! The screens of the people and servers.

use crate::journal::inbox::Content;
use crate::journal::screen as shown;
use crate::journal::terminal::ROWS;
use crate::journal::unwritten::without_unwritten;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind};

/// How many lines of each screen a report shows, counted from the bottom.
pub const LINES: usize = 8;

/// The longest line that is shown in full, in characters.
const LONG: usize = 300;

/// The screen of a person or server, line by line.
pub struct Screen {
    /// The name of the person or server.
    pub name: String,
    /// The last lines of the screen, from top to bottom.
    pub lines: Vec<String>,
}

/// Returns the last lines of every program's screen, in the order in which the programs were started. If a terminal
/// does not echo, the typed text is added, because the person knows what they typed.
pub fn screens(events: &[Event], last: usize) -> Vec<Screen> {
    let mut shown: Vec<(&str, shown::Screen)> = Vec::new();
    for event in events.iter().take_while(|event| event.what != EventKind::End) {
        let who = event.who.as_str();
        if let EventKind::Started(terminal, _) = event.what {
            // A later program with the same name has a new screen.
            shown.retain(|(name, _)| *name != who);
            shown.push((who, shown::Screen::new(terminal.columns(), ROWS)));
        }
        let Some((_, screen)) = shown.iter_mut().find(|(name, _)| *name == who) else { continue };
        match &event.what {
            // What is a flood was already said.
            EventKind::Showed(bytes) => drop(screen.add(bytes)),
            EventKind::Unechoed(keys) => drop(screen.add(&echo(keys))),
            EventKind::Resized(columns, rows) => screen.resize(*columns, *rows),
            _ => {}
        }
    }
    let mut screens = Vec::new();
    for (name, mut screen) in shown {
        let lines = screen.picture();
        let text = without_unwritten(&lines.join("\n"));
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let mut lines = lines.split_off(lines.len().saturating_sub(last));
        for line in &mut lines {
            *line = visible(line.as_bytes());
            if line.chars().count() > LONG {
                *line = line.chars().take(LONG).chain(['…']).collect();
            }
        }
        screens.push(Screen { name: name.to_owned(), lines });
    }
    screens
}

/// The keys as a terminal with an echo would show them. Even without an echo, Enter begins a new line.
fn echo(keys: &[u8]) -> Vec<u8> {
    let shown = |key: &u8| match key {
        b'\r' => Vec::new(),
        3 => b"^C".to_vec(),
        4 => b"^D".to_vec(),
        key => vec![*key],
    };
    keys.iter().flat_map(shown).collect()
}

/// The minimum width of a screen, in columns. A narrower screen is hard to read.
const MIN_WIDTH: usize = 34;

/// Returns how many of `count` screens fit side by side.
fn beside(columns: usize, count: usize) -> usize {
    ((columns - 2) / MIN_WIDTH).clamp(1, count.max(1))
}

/// Returns how many columns of text fit into each of `count` screens on a terminal with `columns` columns.
pub fn room(columns: usize, count: usize) -> usize {
    (columns - 2) / beside(columns, count) - 6
}

/// Returns the screens in rows, with as many screens side by side as fit.
pub fn to_text(screens: &[Screen], columns: usize) -> String {
    let beside = beside(columns, screens.len());
    let width = room(columns, screens.len()) + 4;
    let mut text = Vec::new();
    for row in screens.chunks(beside) {
        let wrapped: Vec<_> =
            row.iter().map(|screen| wrap(&screen.lines, width - 4, LINES)).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let titles = row.iter().map(|screen| {
            let title = format!("┌ {} ", console::truncate_str(&screen.name, width - 6, "…"));
            let line = "─".repeat(width.saturating_sub(console::measure_text_width(&title) + 1));
            format!("{title}{line}┐")
        });
        text.push(format!("  {}", titles.collect::<Vec<_>>().join("  ")));
        for at in 0..height {
            let cells = wrapped.iter().map(|lines| {
                let line = lines.get(at).map_or("", String::as_str);
                let line = console::pad_str(line, width - 4, console::Alignment::Left, None);
                format!("│ {line} │")
            });
            text.push(format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        }
        let bottoms = row.iter().map(|_| format!("└{}┘", "─".repeat(width - 2)));
        text.push(format!("  {}", bottoms.collect::<Vec<_>>().join("  ")));
    }
    text.join("\n")
}

/// Wraps the lines for a terminal of this width, and returns the last rows.
pub fn wrap(lines: &[String], width: usize, last: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in lines {
        let mut row = String::new();
        for char in line.trim_end().chars() {
            let char_width = console::measure_text_width(char.encode_utf8(&mut [0; 4]));
            if console::measure_text_width(&row) + char_width > width {
                rows.push(std::mem::take(&mut row));
            }
            row.push(char);
        }
        rows.push(row);
    }
    rows.split_off(rows.len().saturating_sub(last))
}
