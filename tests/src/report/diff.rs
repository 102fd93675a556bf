//! Two texts, and where they begin to differ.

/// How much of the part that both have is shown, in characters, when a text is too long for its line.
const CONTEXT: usize = 16;

/// `expected` and `came` as they are shown in `room` columns, and the column at which they begin to differ. Both are
/// cut in front at the same place, and never so that what differs is gone.
pub fn side_by_side(expected: &str, came: &str, room: usize) -> (String, String, Option<usize>) {
    let same = expected.chars().zip(came.chars()).take_while(|(a, b)| a == b).count();
    let fits = |text: &str| text.chars().count() <= room;
    let begin =
        if fits(expected) && fits(came) { 0 } else { same.saturating_sub(room.min(CONTEXT)) };
    let differ = expected != came && same > 0;
    let at = (same - begin + usize::from(begin > 0)).min(room);
    (window(expected, begin, room), window(came, begin, room), differ.then_some(at))
}

/// The text from the character `begin` on, in `room` columns, with how long it is in all if some is left out.
fn window(text: &str, begin: usize, room: usize) -> String {
    let count = text.chars().count();
    let is_cut = begin > 0 || count > room;
    if !is_cut {
        return text.to_owned();
    }
    let size = format!(" ({count} characters)");
    let before = if begin > 0 { "…" } else { "" };
    let room = room.saturating_sub(size.len() + 2).max(CONTEXT);
    let shown: String = text.chars().skip(begin).take(room).collect();
    let after = if begin + room < count { "…" } else { "" };
    format!("{before}{shown}{after}{size}")
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn short_texts_are_shown_in_full() {
        let (expected, came, at) = side_by_side("alice: hi⏎", "alice: ho⏎", 40);
        assert_eq!((expected.as_str(), came.as_str(), at), ("alice: hi⏎", "alice: ho⏎", Some(8)));
        assert_eq!(side_by_side("abc", "xyz", 40).2, None);
    }

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let (expected, came) = ("x".repeat(9000) + "yes", "x".repeat(9000) + "no");
        let (expected, came, at) = side_by_side(&expected, &came, 50);
        assert!(expected.starts_with("…xxx") && expected.contains("xyes (9003"), "{expected}");
        assert!(came.contains("xno (9002"), "{came}");
        assert_eq!(expected.chars().nth(at.unwrap()), Some('y'));
    }
}
