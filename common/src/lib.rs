//! The code that the chats share, so that each lab can focus on what it teaches.
//!
//! | module       | idea                                                              |
//! |--------------|-------------------------------------------------------------------|
//! | [`endpoint`] | the command line `[PORT] --host HOST`; listening and connecting   |
//! | [`serve`](mod@serve) | the accept loop: one thread per client, up to a limit     |
//! | [`messages`] | splitting the byte stream of labs 1 and 2 into messages           |
//! | [`timed`]    | reading messages with a time limit                                |
//! | [`outbox`]   | sending to many peers without being blocked by any of them        |
//! | [`closing`]  | closing without losing the last bytes; Ctrl-C                     |
//!
//! In each lab, this crate provides what the earlier labs have taught. The crate does not depend on any lab. Its
//! subfolders contain two more crates: `support`, which is not about sockets, and `terminal`, the clients' prompt.

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
pub use outbox::{Outbox, limit_backlogs, send_now};
pub use serve::serve;
pub use support::{Room, catch_panic, room};
pub use support::{green, has_invisible, printable, same_name};
pub use support::{log, log_all, log_in_background, print_line};
pub use timed::TimedReader;
