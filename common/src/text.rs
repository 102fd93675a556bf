//! Text for people: nothing that comes from the network may steer their terminal.

use std::io::{self, IsTerminal, Write};

/// The text with every character that could steer a terminal replaced by a visible one.
///
/// Control characters become their pictures (`␛`, `␊`, `␍`), the others U+FFFD, among them those
/// that turn the direction of writing, by which one name can look like another.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' => ' ',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{FFFD}'),
            '\x7f' => '␡',
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
            _ => char,
        })
        .collect()
}

/// Prints one line about what happened, made [`printable`].
///
/// Unlike `println!` it does not panic when nobody reads the output any more.
pub fn log(line: &str) {
    print_line(&printable(line));
}

/// The text in green when people will see it, as it is otherwise (a pipe, `TERM=dumb`, `NO_COLOR`).
pub fn green(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !is_capable_terminal() {
        return text.to_owned();
    }
    format!("\x1b[32m{text}\x1b[0m")
}

/// Prints one line as it is, for text that is our own. It does not panic either.
pub fn print_line(line: &str) {
    let mut stdout = io::stdout().lock();
    // A server goes on serving when its output is gone; there is nobody left to tell.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Whether the output is a terminal that understands escape sequences.
pub fn is_capable_terminal() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
