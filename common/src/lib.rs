//! What the chats share, so that a lab can be about what it teaches.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`endpoint`] | the command line `[PORT] --host HOST`; listening and connecting   |
//! | [`serve`](mod@serve) | the accept loop: one thread a connection, and a limit     |
//! | [`messages`] | cutting the byte stream of wires 1 and 2 into messages            |
//! | [`timed`]    | reading messages that must not take too long                      |
//! | [`outbox`]   | sending to many without ever being held up by one                 |
//! | [`closing`]  | last words that arrive, Ctrl-C, the end of the program            |
//!
//! What a lab has taught, this crate does from the next lab on. It knows no lab.
//!
//! Two packages of their own are below this one: [`support`] has what is not about sockets, and `terminal` the
//! prompt of the clients.

pub mod closing;
pub mod endpoint;
pub mod messages;
pub mod outbox;
pub mod serve;
pub mod timed;

pub use bytes::Bytes;
pub use closing::{drain, exit, exit_on_ctrl_c, refuse};
pub use endpoint::Endpoint;
pub use messages::{MAX_MESSAGE, Messages};
pub use outbox::{Outbox, limit_backlogs};
pub use serve::serve;
pub use support::{Room, catch_panic, room};
pub use support::{green, has_invisible, printable, same_name};
pub use support::{log, log_all, log_in_background, print_line};
pub use timed::TimedReader;
