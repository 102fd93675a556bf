//! The kinds of terminals that people and servers use.

use std::num::NonZero;

/// The kind of terminal on which a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// A terminal without echo. For most programs, `TERM` is set to `dumb`, which disables line editors.
    Dumb,
    /// `TERM=xterm`: an ordinary terminal, with echo.
    Xterm,
    /// An `Xterm` in a window with this number of columns.
    Window(NonZero<u16>),
}

impl Terminal {
    /// Returns the terminal's width, in characters.
    pub fn columns(self) -> NonZero<u16> {
        if let Self::Window(columns) = self { columns } else { COLUMNS }
    }
}

/// The width of the terminal, in characters.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
/// The height of the terminal. The terminal has many rows, so that a program that fills the screen has room for a whole
/// stage.
pub const ROWS: NonZero<u16> = NonZero::new(60).unwrap();
