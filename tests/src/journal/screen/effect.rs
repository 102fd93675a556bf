//! The effect of a piece of output on the cursor and the lines of a screen.

use crate::journal::screen::pieces::Piece;

/// The effect of a piece of output on the cursor and the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The piece of output has none of the effects below.
    None,
    /// The cursor moves to the beginning of the line.
    Returns,
    /// The cursor moves to the next line.
    NextLine,
    /// The cursor may move anywhere.
    Moves,
    /// The text on the cursor's line changes.
    Edits,
    /// The text after the cursor is erased.
    ErasesAfter,
    /// Lines other than the cursor's line may move.
    MovesLines,
    /// Lines other than the cursor's line may be erased.
    Clears,
    /// The terminal switches between the main screen and the alternate screen.
    Switches,
}

/// Returns the effect of a piece of output on the cursor and the lines.
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
