//! The stages of each lab.
//!
//! The mistakes in the original programs and the stage that catches each mistake:
//!
//! | lab | mistake in the original                                            | stage |
//! |-----|--------------------------------------------------------------------|-------|
//! | 1   | a disconnected client's handler loops forever                      | 1.9   |
//! | 1   | `quit` is missed when it arrives together with the previous message | 1.6  |
//! | 1   | a message of more than 2048 bytes is split in two                  | 1.11  |
//! | 1   | a message with invalid UTF-8 is lost                               | 1.11  |
//! | 1   | the client sends only one line                                     | 1.5   |
//! | 1   | the client prints empty lines forever after the server exits       | 1.10  |
//! | 1   | Ctrl-C does not make the client exit                               | 1.7   |
//! | 1   | the number of seats is not limited                                 | 1.8   |
//! | 2   | the nickname is read in the accept loop                            | 2.9   |
//! | 2   | a clean close is not noticed, `left!` is sent late, and one core is 99% busy | 2.7 |
//! | 2   | a send that fails disconnects another client; a send that blocks stops all clients | 2.9 |
//! | 2   | a nickname that is not ASCII kills the accept thread               | 2.8   |
//! | 2   | duplicate and empty nicknames are accepted                         | 2.8   |
//! | 2   | any client can pretend to be another client                        | 2.10  |
//! | 2   | `joined!` and `Connected to server!` arrive as one message         | 2.4   |
//! | 2   | the user has no way to exit the client                             | 2.11  |
//! | 3   | the client counts characters, not bytes                            | 3.1   |
//! | 3   | the server counts characters, not bytes                            | 3.8   |
//! | 3   | `recv(64)` and `recv(n)` are assumed to return everything          | 3.2, 3.3 |
//! | 3   | a client that sends a bad header still receives messages           | 3.9   |
//! | 3   | a loop does not stop at the end of the stream                      | 3.10  |
//! | 3   | a broadcast that fails for a client that is gone disconnects the speaker | 3.9 |
//! | 3   | a client whose sentence ends with `!DISCONNECT` is disconnected    | 3.6   |
//! | 4   | a message to an unknown room crashes the server or stops all further replies | 4.7 |
//! | 4   | a client that joins a room twice receives every message twice      | 4.5   |
//! | 4   | two requests in one segment, or one request in two segments, fail  | 4.8   |
//! | 4   | the server takes a long time to exit or never exits                | 4.9   |

pub mod bad_networks;
pub mod checks;
pub mod crowds;
pub mod flood;
pub mod lab1;
pub mod lab2;
pub mod lab3;
pub mod lab4;
pub mod messages;

use crate::harness::stage::Lab;

/// All labs, in order.
pub fn all() -> Vec<Lab> {
    vec![lab1::lab(), lab2::lab(), lab3::lab(), lab4::lab()]
}

/// The numbers of all labs.
pub fn numbers() -> Vec<u32> {
    all().iter().map(|lab| lab.number).collect()
}
