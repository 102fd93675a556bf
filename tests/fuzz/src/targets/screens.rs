//! What a program shows on a terminal, as the grader emulates it: the same bytes produce the same screen, no matter how
//! they are split, and queries get short replies.

use std::num::NonZero;

use grader::journal::inbox::Content;
use grader::journal::screen::Screen;
use grader::journal::screen::pieces::{Cutter, Piece};

use crate::targets::cut::Cut;

/// The maximum length of the replies to queries, in bytes.
const MAX_REPLIES: usize = 8192;

/// Checks the emulated terminal.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut cut = Cut::new(bytes);
    let mut cutter = Cutter::default();
    let mut pieces = Vec::new();
    while let Some(piece) = cut.piece() {
        pieces.extend(cutter.cut(piece));
    }
    let whole = joined(Cutter::default().cut(bytes));
    if joined(pieces) != whole {
        return Err("the pieces depend on how the stream was split".to_owned());
    }
    let size = |number: usize| {
        NonZero::new(u16::try_from(number).unwrap_or(1).max(1)).unwrap_or(NonZero::<u16>::MIN)
    };
    let first = bytes.first().copied().map_or(0, usize::from);
    let mut screen = Screen::new(size(1 + first % 90), size(1 + first / 7 % 30));
    let mut cut = Cut::new(bytes);
    let middle = bytes.len() / 2;
    let mut count = 0;
    while let Some(piece) = cut.piece() {
        screen.add(piece).map_err(ToOwned::to_owned)?;
        count += piece.len();
        if count >= middle && count - piece.len() < middle && bytes.len().is_multiple_of(3) {
            screen.resize(size(1 + first % 100), size(1 + first % 40));
        }
    }
    screen.settle();
    let replies = screen.take_replies().len();
    if replies > MAX_REPLIES {
        return Err(format!("{replies} bytes of replies"));
    }
    let _ = (screen.picture(), screen.inputs(), screen.count(|line| line.contains('a')));
    Ok(())
}

/// Joins adjacent texts.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}
