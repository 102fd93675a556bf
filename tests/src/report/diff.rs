//! Shows where two texts begin to differ.

use crate::report::text::{cut, width};

/// How many characters of the common beginning are shown if a text is too long for its line.
const CONTEXT: usize = 16;

/// The longest text whose length is exact, in characters. Of a longer one, only the beginning may have been kept.
const COUNTED: usize = 60_000;

/// Fits `expected` and `came` into `room` columns, and returns them with the column at which they begin to differ. If
/// the beginnings are cut, both texts are cut at the same place, and the difference is always shown. The text of a
/// screen may contain other lines before the relevant line.
pub fn side_by_side(
    expected: &str,
    came: &str,
    is_screen: bool,
    room: usize,
) -> (String, String, Option<usize>) {
    let fits = |text: &str| width(text) <= room;
    // In long text from a screen, the relevant part is the one that begins like the expected text.
    let skipped = if !is_screen || fits(came) { 0 } else { alike(expected, came) };
    let aligned = came.chars().skip(skipped);
    let same = expected.chars().zip(aligned).take_while(|(a, b)| a == b).count();
    let columns = |from, to: usize| {
        width(&expected.chars().skip(from).take(to.saturating_sub(from)).collect::<String>())
    };
    // Text that was cut is followed by its full length.
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
        // The space aligns this line with the other one, which begins with `…`.
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

/// Returns the text from the character at `begin` on, as much as fits into `room` columns. If the text is cut, its
/// total length is added.
fn window(text: &str, begin: usize, room: usize) -> String {
    if begin == 0 && width(text) <= room {
        return text.to_owned();
    }
    let count = text.chars().count();
    let mut size = match count {
        ..=COUNTED => format!(" ({count} characters)"),
        _ => format!(" (over {COUNTED} characters)"),
    };
    if size.len() + 2 + CONTEXT > room {
        // The text is worth more than its size.
        size.clear();
    }
    let before = if begin > 0 { "…" } else { "" };
    let rest: String = text.chars().skip(begin).collect();
    let shown = cut(&rest, room.saturating_sub(size.len() + 1));
    format!("{before}{shown}{size}")
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

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
        assert!(came.starts_with("…alice: ho⏎ ("), "{came}");
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
