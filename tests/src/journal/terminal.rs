//! The terminals that people and servers use.

use std::num::NonZero;

/// The kind of terminal on which a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// `TERM=dumb`: one line after the other, without an echo of typed keys.
    Dumb,
    /// `TERM=xterm`: a usual terminal, with echo.
    Xterm,
    /// An `Xterm` in a window with this number of columns.
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
/// Its height. There are many rows, so that no line that a script waits for scrolls away.
pub const ROWS: NonZero<u16> = NonZero::new(60).unwrap();
