//! What a chat needs beside its sockets: threads that work together, and lines for people to read.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`room`]     | what all connections share, and one thread at a time changes      |
//! | [`panics`]   | a panic ends one connection, or the program, and nothing between  |
//! | [`log`](mod@log) | printing without waiting for somebody to read                 |
//! | [`text`]     | text and names from the network that cannot deceive anybody       |

pub mod log;
pub mod panics;
pub mod room;
pub mod text;

pub use log::{flush_log, log, log_all, log_in_background, print_line};
pub use panics::catch_panic;
pub use room::Room;
pub use text::{green, has_invisible, printable, same_name};
