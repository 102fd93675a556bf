//! The windows that a program draws on its screen, with borders around them.

/// The characters that a program may draw as the vertical borders of its windows.
const BORDERS: [char; 4] = ['│', '┃', '║', '|'];

/// Returns the parts of a line that are between window borders.
pub fn parts(line: &str) -> Vec<String> {
    let parts: Vec<_> = line.split(BORDERS).collect();
    // There is often a space between a border and the text.
    let text = |part: &&str| part.strip_prefix(' ').unwrap_or(part).trim_end().to_owned();
    if parts.len() > 1 { parts.iter().map(text).collect() } else { Vec::new() }
}

/// Returns true if the line is either a border or the empty space inside a window.
pub fn is_border(line: &str) -> bool {
    let is_drawn = |char| matches!(char, '\u{2500}'..='\u{257f}' | '+' | '-' | '=' | '|' | ' ');
    !line.trim().is_empty() && line.chars().all(is_drawn)
}

/// Returns the text between a line's borders, or the whole line if it has no borders.
pub fn without_borders(line: &str) -> String {
    if !line.contains(BORDERS) {
        return line.to_owned();
    }
    let parts = parts(line).into_iter().filter(|part| !part.trim().is_empty());
    parts.collect::<Vec<_>>().join(" │ ")
}

#[cfg(test)]
mod tests {
    use super::{is_border, parts, without_borders};

    #[test]
    fn borders_are_no_text() {
        assert!(is_border("┌────┬─┐") && is_border("│    │ │") && is_border("+---+"));
        assert!(!is_border("") && !is_border("│ > │"));
        assert_eq!(parts("│ bob: hi  │  ann│"), ["", "bob: hi", " ann", ""]);
        assert!(parts("bob: hi").is_empty());
        assert_eq!(without_borders("│ bob: hi  │ ann│"), "bob: hi │ ann");
        assert_eq!(without_borders("bob: hi "), "bob: hi ");
    }
}
