//! The terminals that people and servers sit at.

use std::num::NonZero;

/// The terminal that a program finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// `TERM=dumb`: lines, one after the other, and nothing of what is typed.
    Dumb,
    /// `TERM=xterm`: what people have; it echoes.
    Xterm,
    /// The same in a window of so many columns.
    Window(NonZero<u16>),
}

impl Terminal {
    /// Its width, in characters.
    pub fn columns(self) -> NonZero<u16> {
        if let Self::Window(columns) = self { columns } else { COLUMNS }
    }
}

/// The width of the terminal, in characters.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
/// Its height: many rows, so that nothing scrolls away that a script still wants to see.
pub const ROWS: NonZero<u16> = NonZero::new(60).unwrap();
