//! Text from the network: when the text is shown, it cannot control a terminal, and names that people consider equal
//! are treated as equal.

use common::{has_invisible, printable, same_name};
use grader::journal::visible::visible;
use grader::report::text::{cut, quoted, rows, width};

/// Checks the functions that make text safe to show.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let shown = printable(&text);
    is_harmless(&shown)?;
    if shown.chars().count() != text.chars().count() || printable(&shown) != shown {
        return Err(format!("printable turned {text:?} into {shown:?}"));
    }
    let visible = visible(bytes);
    is_harmless(&visible)?;
    quoted(&text).iter().try_for_each(|line| is_harmless(line))?;
    let room = bytes.len() % 50 + 2;
    let cut = cut(&visible, room);
    if width(&cut) > room || rows(&visible, room).iter().any(|row| width(row) > room) {
        return Err(format!("{visible:?} does not fit into {room} columns"));
    }
    if text.len() < 200 {
        let name = same_name(&text);
        if same_name(&name) != name || text.is_ascii() && same_name(&text.to_uppercase()) != name {
            return Err(format!(
                "same_name turned {text:?} into {name:?}, and that into {:?}",
                same_name(&name)
            ));
        }
    }
    let _ = has_invisible(&text);
    Ok(())
}

fn is_harmless(text: &str) -> Result<(), String> {
    let steers = |char: char| {
        char.is_control()
            || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(steers) { Err(format!("{text:?} can control a terminal")) } else { Ok(()) }
}
