//! Shows where two texts begin to differ.

use crate::report::text::{cut, folded, width};

/// Words that replace the screen's text if the screen contains nothing similar to the expected text.
const OTHER_LINES: &str = "other lines, which are on the screen below";

/// If the text is too long for its line, this many characters before the difference are shown.
const CONTEXT: usize = 16;

/// The end of a placeholder such as `‹52 spaces›`. Text that contains a placeholder is shown without its length.
const SHORTENED: &str = " spaces›";

/// Text with fewer characters than this is shown without its length.
const LONG: usize = 500;

/// The exact length is shown only for text with at most this many characters. If a text has more characters than this,
/// the grader may have stored only the beginning of the text, so the exact length may be unknown.
const COUNTED: usize = 60_000;

/// The maximum number of rows in text that is shown line by line.
const MAX_ROWS: usize = 8;

/// The expected and the actual text, row by row.
#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The rows of the expected text.
    pub expected: Vec<String>,
    /// The rows of the text that arrived.
    pub came: Vec<String>,
    /// The row and the column of `came` at which the texts begin to differ.
    pub caret: Option<(usize, usize)>,
}

/// The kind of text, which determines where the search for a difference begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream.
    Stream,
    /// The lines of a screen. Other lines may precede the relevant line.
    Screen,
    /// Frames whose headers are correct, so that only the payloads are compared. The two numbers are the lengths of the
    /// expected header and of the header that arrived, in characters, as the report shows these headers.
    Payload(usize, usize),
}

/// Compares two texts and fits the result into `room` columns. Short multiline text has a row for each line. `ending`,
/// which says why nothing more can arrive, is appended to the text that arrived, but is not compared.
pub fn compare(expected: &str, came: &str, ending: &str, kind: Kind, room: usize) -> Comparison {
    let has_lines = |text: &str| text.trim_end_matches('⏎').contains('⏎');
    if kind == Kind::Stream && (has_lines(expected) || has_lines(came)) {
        let (wanted, found) = (lines(expected, room), lines(came, room));
        if wanted.len().max(found.len()) <= MAX_ROWS {
            let caret = caret_in(&found, expected, came);
            let mut came = found;
            match came.last_mut() {
                Some(last) => last.push_str(ending),
                None => came.push(ending.to_owned()),
            }
            return Comparison { expected: wanted, came, caret };
        }
    }
    if let Kind::Payload(wanted, found) = kind {
        let payload = |text: &str, header| text.chars().skip(header).collect::<String>();
        if width(expected).max(width(came)) > room {
            let (expected, came) = (payload(expected, wanted), payload(came, found));
            return compare(&expected, &came, ending, Kind::Stream, room);
        }
        let (one, other) = (payload(expected, wanted), payload(came, found));
        let header: String = came.chars().take(found).collect();
        let at = width(&header) + same(&one, &other);
        let (expected, came) = (vec![expected.to_owned()], vec![format!("{came}{ending}")]);
        return Comparison { expected, came, caret: Some((0, at)) };
    }
    let room_of_came = room.saturating_sub(width(ending));
    let (expected, mut came, at) =
        side_by_side(expected, came, kind == Kind::Screen, room_of_came.max(room / 2));
    came.push_str(ending);
    Comparison { expected: vec![expected], came: vec![came], caret: at.map(|at| (0, at)) }
}

/// Returns the width, in columns, of the common prefix of two texts.
fn same(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(char, _)| char);
    width(&same.collect::<String>())
}

/// Returns the lines of `text`, wrapped at `room` columns.
fn lines(text: &str, room: usize) -> Vec<String> {
    text.split_inclusive('⏎').flat_map(|line| folded(line, room)).collect()
}

/// Returns the row and the column at which `came`, which is split into rows, begins to differ from `expected`.
fn caret_in(rows: &[String], expected: &str, came: &str) -> Option<(usize, usize)> {
    if expected == came {
        return None;
    }
    let mut same = expected.chars().zip(came.chars()).take_while(|(a, b)| a == b).count();
    if same == 0 {
        return None;
    }
    for (number, row) in rows.iter().enumerate() {
        let count = row.chars().count();
        if same < count || number + 1 == rows.len() {
            return Some((number, width(&row.chars().take(same).collect::<String>())));
        }
        same -= count;
    }
    None
}

/// Fits `expected` and `came` into `room` columns and returns them with the column at which they begin to differ. If
/// the beginning of one or both texts is left out, the remaining parts are still aligned with each other and still show
/// the difference. The text of a screen may contain other lines before the relevant line.
fn side_by_side(
    expected: &str,
    came: &str,
    is_screen: bool,
    room: usize,
) -> (String, String, Option<usize>) {
    let fits = |text: &str| width(text) <= room;
    // In a long text from a screen, the comparison starts at the part that begins like the expected text.
    let skipped = if !is_screen || fits(came) { 0 } else { alike(expected, came) };
    let in_common = |skipped: usize| {
        expected.chars().zip(came.chars().skip(skipped)).take_while(|(a, b)| a == b).count()
    };
    if is_screen
        && !fits(came)
        && fits(expected)
        && 3 * in_common(skipped) < 2 * expected.chars().count()
    {
        return (expected.to_owned(), cut(OTHER_LINES, room), None);
    }
    let aligned = came.chars().skip(skipped);
    let same = expected.chars().zip(aligned).take_while(|(a, b)| a == b).count();
    let columns = |from, to: usize| {
        width(&expected.chars().skip(from).take(to.saturating_sub(from)).collect::<String>())
    };
    // Leave room for the text's full length, which is shown after the text if the text is truncated.
    let is_in_sight = columns(0, same) + 2 * CONTEXT <= room;
    let begin = if fits(expected) && fits(came) || is_in_sight {
        0
    } else {
        same.saturating_sub(CONTEXT.min(room / 3))
    };
    let differ = expected != came && same > 0;
    let indent = usize::from(begin > 0 || skipped > 0);
    let at = (columns(begin, same) + indent).min(room.saturating_sub(1));
    let expected = if begin == 0 && skipped > 0 {
        // The space aligns this line with the other line, which begins with `…`.
        format!(" {}", window(expected, begin, room.saturating_sub(1)))
    } else {
        window(expected, begin, room)
    };
    (expected, window(came, skipped + begin, room), differ.then_some(at))
}

/// Returns the position in `came` of the longest match for the beginning of `expected`, or 0 if there is no match.
fn alike(expected: &str, came: &str) -> usize {
    const SHORT: usize = 4;
    const LONG: usize = 200;
    let beginning = |count: usize| expected.chars().take(count).collect::<String>();
    let longest = expected.chars().count().min(LONG);
    let found = (SHORT..=longest).rev().find_map(|count| came.find(&beginning(count)));
    found.map_or(0, |at| came[..at].chars().count())
}

/// Returns as much of the text as fits in `room` columns, starting with the character at `begin`. If the text is
/// truncated, its total length follows.
fn window(text: &str, begin: usize, room: usize) -> String {
    if begin == 0 && width(text) <= room {
        return text.to_owned();
    }
    let count = text.chars().count();
    let mut size = match count {
        ..=COUNTED => format!(" ({count} characters)"),
        _ => format!(" (over {COUNTED} characters)"),
    };
    if size.len() + 2 + CONTEXT > room || count < LONG || text.contains(SHORTENED) {
        // The text itself is more useful to the reader than its length, so the length is left out.
        size.clear();
    }
    let before = if begin > 0 { "…" } else { "" };
    let rest: String = text.chars().skip(begin).collect();
    let shown = cut(&rest, room.saturating_sub(size.len() + 1));
    format!("{before}{shown}{size}")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Kind, compare, side_by_side};

    #[test]
    fn a_message_of_several_lines_is_shown_line_by_line() {
        let rows = |rows: &[&str]| rows.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = "CHAT: 1⏎CLIENT_NAME: bob⏎MESSAGE: hi⏎⏎";
        let came = "CHAT: 1⏎CLIENT_NAME: bank⏎MESSAGE: hi⏎⏎";
        let comparison = compare(expected, came, " (closed)", Kind::Stream, 60);
        let lines = ["CHAT: 1⏎", "CLIENT_NAME: bob⏎", "MESSAGE: hi⏎", "⏎"];
        assert_eq!(comparison.expected, rows(&lines));
        let lines = ["CHAT: 1⏎", "CLIENT_NAME: bank⏎", "MESSAGE: hi⏎", "⏎ (closed)"];
        assert_eq!(comparison.came, rows(&lines));
        assert_eq!(comparison.caret, Some((1, 14)));
        assert_eq!(compare(expected, expected, "", Kind::Stream, 60).caret, None);
        let nothing = compare(expected, "nothing", "", Kind::Stream, 60);
        assert_eq!((nothing.came, nothing.caret), (rows(&["nothing"]), None));
        let many = compare(expected, &came.repeat(4), "", Kind::Stream, 60);
        assert_eq!((many.came.len(), many.expected.len()), (1, 1));
    }

    #[test]
    fn a_payload_is_compared_without_its_header() {
        let compared = |expected: &str, room| {
            let kind = Kind::Payload(12, 13);
            compare(expected, "10‹62 spaces›[b] : hallo", "", kind, room)
        };
        let Comparison { caret, .. } = compared("9‹63 spaces›[b] : hello", 60);
        assert_eq!(caret, Some((0, 13 + 7)));
        let Comparison { expected, caret, .. } = compared("9‹63 spaces›[b] : hello", 16);
        assert_eq!((expected[0].as_str(), caret), ("[b] : hello", Some((0, 7))));
    }

    #[test]
    fn short_texts_are_shown_in_full() {
        let (expected, came, at) = side_by_side("alice: hi⏎", "alice: ho⏎", false, 40);
        assert_eq!((expected.as_str(), came.as_str(), at), ("alice: hi⏎", "alice: ho⏎", Some(8)));
        assert_eq!(side_by_side("abc", "xyz", false, 40).2, None);
    }

    #[test]
    fn the_similar_part_of_a_long_text_is_shown() {
        let came = format!("{}alice: ho⏎", "bob: something else⏎".repeat(9));
        let (expected, came, at) = side_by_side("alice: hi⏎", &came, true, 50);
        assert_eq!((expected.as_str(), at), (" alice: hi⏎", Some(9)));
        assert_eq!(came, "…alice: ho⏎");
    }

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let (expected, came) = ("x".repeat(9000) + "yes", "x".repeat(9000) + "no");
        let (expected, came, at) = side_by_side(&expected, &came, false, 50);
        assert!(expected.starts_with("…xxx") && expected.contains("xyes (9003"), "{expected}");
        assert!(came.contains("xno (9002"), "{came}");
        assert_eq!(expected.chars().nth(at.unwrap()), Some('y'));
    }
}
