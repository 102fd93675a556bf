//! What the chats share, so that a lab can be about what it teaches.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`endpoint`] | the command line `[PORT] --host HOST`; listening and connecting   |
//! | [`serve`](mod@serve) | the accept loop: one thread a connection, and a limit     |
//! | [`messages`] | cutting the byte stream of wires 1 and 2 into messages            |
//! | [`timed`]    | reading messages that must not take too long                      |
//! | [`inbox`](mod@inbox) | what all readers put in and one thread takes out          |
//! | [`outbox`]   | sending to many without ever being held up by one                 |
//! | [`closing`]  | last words that arrive, Ctrl-C                                    |
//! | [`panics`]   | a panic ends one connection, or the program, and nothing between  |
//! | [`log`](mod@log) | printing without waiting for somebody to read                 |
//! | [`text`]     | text and names from the network that cannot deceive anybody       |
//!
//! What a lab has taught, this crate does from the next lab on. It knows no lab. The prompt of the clients is
//! a package of its own, `terminal`, below this one.

pub mod closing;
pub mod endpoint;
pub mod inbox;
pub mod log;
pub mod messages;
pub mod outbox;
pub mod panics;
pub mod serve;
pub mod text;
pub mod timed;

pub use closing::{drain, exit_on_ctrl_c, refuse};
pub use endpoint::Endpoint;
pub use inbox::inbox;
pub use log::{exit, log, log_in_background, print_line};
pub use messages::{MAX_MESSAGE, Messages};
pub use outbox::{Backlogs, Outbox};
pub use panics::{catch_panic, spawn_room};
pub use serve::serve;
pub use text::{green, has_invisible, printable, same_name};
pub use timed::TimedReader;
