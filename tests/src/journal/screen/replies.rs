//! Replies to the queries that a program sends to its terminal. Line editors and full-screen programs wait for these
//! replies.

use crate::journal::screen::pieces::Piece;

/// The values that a program can query.
pub struct State {
    /// The row and the column of the cursor, counted from 1.
    pub place: (u32, u32),
    /// The numbers of rows and columns.
    pub size: (u32, u32),
}

/// Returns the reply to a query. Returns `None` if the piece is not a query.
pub fn reply(piece: &Piece, state: &State) -> Option<Vec<u8>> {
    match piece {
        Piece::Sequence(marks, numbers, last) => sequence(marks, numbers, *last, state),
        Piece::Escape(marks, b'Z') if marks.is_empty() => Some(ATTRIBUTES.into()),
        Piece::Command(fields) => color(fields),
        // A query for a setting or a terminfo entry. Both are unknown.
        Piece::Device(device) if device.starts_with(b"$q") => Some(b"\x1bP0$r\x1b\\".into()),
        Piece::Device(device) if device.starts_with(b"+q") => Some(b"\x1bP0+r\x1b\\".into()),
        _ => None,
    }
}

/// The capabilities of the terminal: a VT220 with colors.
const ATTRIBUTES: &[u8] = b"\x1b[?62;22c";

fn sequence(marks: &[u8], numbers: &[u16], last: char, state: &State) -> Option<Vec<u8>> {
    let first = numbers.first().copied().unwrap_or(0);
    let ((row, column), (rows, columns)) = (state.place, state.size);
    let reply = match (marks, last, first) {
        (b"", 'c', 0) => return Some(ATTRIBUTES.into()),
        (b">", 'c', 0) => "\x1b[>1;10;0c".to_owned(),
        (b"=", 'c', 0) => "\x1bP!|00000000\x1b\\".to_owned(),
        (b">", 'q', 0) => "\x1bP>|lab\x1b\\".to_owned(),
        (b"", 'n', 5) => "\x1b[0n".to_owned(),
        (b"", 'n', 6) => format!("\x1b[{row};{column}R"),
        (b"?", 'n', 6) => format!("\x1b[?{row};{column}R"),
        // The size in pixels, with characters of 8 by 16 pixels.
        (b"", 't', 14) => format!("\x1b[4;{};{}t", rows * 16, columns * 8),
        (b"", 't', 18) => format!("\x1b[8;{rows};{columns}t"),
        (b"", 't', 19) => format!("\x1b[9;{rows};{columns}t"),
        // A mode that the terminal does not support.
        (b"$", 'p', _) => format!("\x1b[{first};0$y"),
        (b"?$", 'p', _) => format!("\x1b[?{first};0$y"),
        _ => return None,
    };
    Some(reply.into_bytes())
}

/// The colors of text, background, and cursor: light text on black.
fn color(fields: &[Vec<u8>]) -> Option<Vec<u8>> {
    let fields: Vec<_> = fields.iter().map(Vec::as_slice).collect();
    let color = match fields[..] {
        [b"10" | b"12", b"?"] => "rgb:e6e6/e6e6/e6e6",
        [b"11", b"?"] => "rgb:0000/0000/0000",
        _ => return None,
    };
    let number = String::from_utf8_lossy(fields[0]);
    Some(format!("\x1b]{number};{color}\x1b\\").into_bytes())
}
