//! The parts of a chat that do not involve sockets: threads that work together, and text for people to read.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`room`]     | shared state; only one thread at a time changes it                |
//! | [`panics`]   | a panic stops either one connection or the whole program          |
//! | [`log`](mod@log) | printing without waiting for a reader                         |
//! | [`text`]     | ensuring that text from the network cannot deceive people         |

pub mod log;
pub mod panics;
pub mod room;
pub mod text;

pub use log::{flush_log, log, log_all, log_in_background, print_line};
pub use panics::catch_panic;
pub use room::Room;
pub use text::{green, has_invisible, printable, same_name};
