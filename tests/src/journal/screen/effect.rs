//! What a piece of output does to the cursor and to the lines of a screen.

use crate::journal::screen::pieces::Piece;

/// What a piece does to the cursor and to the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that matters.
    None,
    /// It moves the cursor to the beginning of the line.
    Returns,
    /// It moves the cursor to the next line.
    NextLine,
    /// It may move the cursor anywhere.
    Moves,
    /// It changes the cursor's line.
    Edits,
    /// It erases what is after the cursor.
    ErasesAfter,
    /// It moves other lines.
    MovesLines,
    /// It erases other lines.
    Clears,
    /// It shows the other screen.
    Switches,
}

/// Returns what a piece does.
pub fn effect(piece: &Piece) -> Effect {
    match piece {
        Piece::Control(b'\n' | 0x0b | 0x0c) => Effect::NextLine,
        Piece::Control(b'\r') => Effect::Returns,
        Piece::Control(0x08 | b'\t') => Effect::Moves,
        Piece::Escape(marks, last) if marks.is_empty() => match last {
            b'D' | b'E' => Effect::NextLine,
            b'M' => Effect::MovesLines,
            b'c' => Effect::Clears,
            b'8' => Effect::Moves,
            _ => Effect::None,
        },
        Piece::Sequence(marks, numbers, last) => sequence(marks, numbers, *last),
        _ => Effect::None,
    }
}

fn sequence(marks: &[u8], numbers: &[u16], last: char) -> Effect {
    let has = |modes: &[u16]| numbers.iter().any(|mode| modes.contains(mode));
    match (marks, last) {
        (b"" | b"?", 'J') if has(&[1, 2]) => Effect::Clears,
        (b"" | b"?", 'J' | 'K') if numbers.iter().all(|mode| *mode == 0) => Effect::ErasesAfter,
        (b"" | b"?", 'J' | 'K') | (b"", '@' | 'P' | 'X' | 'b') => Effect::Edits,
        (b"", 'L' | 'M' | 'S' | 'T' | 'r') | (b"!", 'p') => Effect::MovesLines,
        (b"", 'A'..='I' | 'Z' | '`' | 'a' | 'd' | 'e' | 'f' | 'u') => Effect::Moves,
        (b"?", 'h' | 'l') if has(&[47, 1047, 1049]) => Effect::Switches,
        (b"?", 'h' | 'l') if has(&[6, 1048]) => Effect::Moves,
        _ => Effect::None,
    }
}
