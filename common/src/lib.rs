//! What the chats share, so that a lab can be about what it teaches.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`endpoint`] | the command line `[PORT] --host HOST`; listening and connecting   |
//! | [`serve`](mod@serve) | the accept loop: one thread a connection, and a limit     |
//! | [`messages`] | cutting the byte stream of wires 1 and 2 into messages            |
//! | [`outbox`]   | sending to many without ever being held up by one                 |
//! | [`closing`]  | last words that arrive, Ctrl-C                                    |
//! | [`text`]     | text from the network that cannot harm a terminal                 |
//!
//! What a lab has taught, this crate does from the next lab on. It knows no lab. The
//! prompt of the clients is a package of its own, `terminal`, below this one.

pub mod closing;
pub mod endpoint;
pub mod messages;
pub mod outbox;
pub mod serve;
pub mod text;

pub use closing::{drain, exit_on_ctrl_c, refuse};
pub use endpoint::Endpoint;
pub use messages::{MAX_MESSAGE, Messages};
pub use outbox::Outbox;
pub use serve::serve;
pub use text::{green, log, print_line, printable};
