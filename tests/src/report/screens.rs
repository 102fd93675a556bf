//! The screens of the people and servers.

use std::collections::BTreeMap;

use crate::journal::terminal::Terminal;
use crate::journal::terminal::screen;
use crate::journal::unwritten::without_unwritten;
use crate::journal::{Event, EventKind};
use crate::report::text::{MIN_COLUMNS, clusters, cut, quoted_line, width};

/// The number of last rows of a screen that a report shows.
pub const LINES: usize = 8;

/// The maximum number of bytes that are made into a screen. The last rows of a flood are in its last bytes.
const MOST_BYTES: usize = 128 * 1024;

/// The screen of a person or server, line by line.
pub struct Screen {
    /// The name of the person or server.
    pub name: String,
    /// The last lines, from top to bottom.
    pub lines: Vec<String>,
}

/// Returns the last lines of every program's screen, in the order in which the programs were started. If a terminal
/// does not echo, this adds the typed text, because the person knows it.
pub fn screens(events: &[Event], last: usize) -> Vec<Screen> {
    let mut kinds: Vec<(&str, Terminal)> = Vec::new();
    let mut bytes: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for event in events.iter().take_while(|event| event.what != EventKind::End) {
        let who = event.who.as_str();
        match &event.what {
            EventKind::Started(kind, _) => {
                // A later program with the same name has a new screen.
                kinds.retain(|(name, _)| *name != who);
                kinds.push((who, *kind));
                bytes.remove(who);
            }
            EventKind::Showed(shown) => bytes.entry(who).or_default().extend_from_slice(shown),
            EventKind::Typed(keys) if kinds.contains(&(who, Terminal::Dumb)) => {
                let echo = keys.iter().flat_map(|key| match key {
                    b'\r' => b"\r\n".to_vec(),
                    3 => b"^C".to_vec(),
                    4 => b"^D".to_vec(),
                    key => vec![*key],
                });
                bytes.entry(who).or_default().extend(echo);
            }
            _ => {}
        }
    }
    let mut screens = Vec::new();
    for (name, kind) in kinds {
        let bytes = bytes.get(name).map_or(&[][..], Vec::as_slice);
        let lines = screen(kind, &bytes[bytes.len().saturating_sub(MOST_BYTES)..]);
        let text = without_unwritten(&lines.join("\n"));
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let mut lines = lines.split_off(lines.len().saturating_sub(last));
        for line in &mut lines {
            *line = quoted_line(line);
        }
        screens.push(Screen { name: name.to_owned(), lines });
    }
    screens
}

/// The minimum width of a screen, in columns. A narrower screen is hard to read.
const MIN_WIDTH: usize = 34;

/// The space at the left edge, and the space between a screen's text and its frame on both sides.
const INDENT: usize = 2;
const FRAME: usize = 4;

/// How many of `count` screens fit side by side.
fn beside(columns: usize, count: usize) -> usize {
    (columns.saturating_sub(INDENT) / MIN_WIDTH).clamp(1, count.max(1))
}

/// The number of columns for text in each of `count` screens that are shown in `columns`.
pub fn room(columns: usize, count: usize) -> usize {
    let columns = columns.max(MIN_COLUMNS);
    (columns - INDENT) / beside(columns, count) - FRAME - INDENT
}

/// The screens in rows, with as many screens side by side as fit. There are at least [`MIN_COLUMNS`] columns.
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

/// The last rows of these lines on a terminal of this width.
pub fn wrap(lines: &[String], room: usize, last: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in lines {
        let (mut row, mut used) = (String::new(), 0);
        for (cluster, width) in clusters(line.trim_end()) {
            if used > 0 && used + width > room {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push_str(cluster);
            used += width;
        }
        rows.push(row);
    }
    rows.split_off(rows.len().saturating_sub(last))
}
