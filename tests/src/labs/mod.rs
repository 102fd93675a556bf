//! What each stage of each lab asks.
//!
//! The mistakes of the original programs, and the stage that catches each (`wires.md` of the design):
//!
//! | lab | mistake of the original                                          | stage |
//! |-----|------------------------------------------------------------------|-------|
//! | 1   | after a client is gone its handler runs in circles               | 1.9   |
//! | 1   | `quit` stuck to the message before it is missed                  | 1.6   |
//! | 1   | over 2048 bytes become two messages                              | 1.11  |
//! | 1   | bad UTF-8 loses the message                                      | 1.11  |
//! | 1   | the client sends one line only                                   | 1.5   |
//! | 1   | the client prints empty lines for ever when the server dies      | 1.10  |
//! | 1   | the client survives Ctrl-C                                       | 1.7   |
//! | 1   | no limit of seats                                                | 1.8   |
//! | 2   | the nickname is read in the accept loop                          | 2.9   |
//! | 2   | a clean close is not noticed, `left!` comes late, a core at 99 % | 2.7   |
//! | 2   | a failing send to one throws out another; a blocking one stops all | 2.9 |
//! | 2   | a nickname that is not ASCII kills the accept thread             | 2.8   |
//! | 2   | duplicate and empty nicknames                                    | 2.8   |
//! | 2   | anybody speaks in anybody's name                                 | 2.10  |
//! | 2   | `joined!` and `Connected to server!` stick together              | 2.4   |
//! | 2   | the client has no way out                                        | 2.11  |
//! | 3   | the client counts characters, not bytes                          | 3.1   |
//! | 3   | the server counts characters, not bytes                          | 3.8   |
//! | 3   | `recv(64)` and `recv(n)` are taken to return everything          | 3.2, 3.3 |
//! | 3   | a bad header leaves a zombie that still receives                 | 3.9   |
//! | 3   | the end of the stream runs in circles                            | 3.10  |
//! | 3   | the next broadcast fails on a dead client, and ends the speaker  | 3.9   |
//! | 3   | who ends a sentence with `!DISCONNECT` is thrown out             | 3.6   |
//! | 4   | an unknown room crashes the server, or it never answers again    | 4.7   |
//! | 4   | joining twice doubles every message                              | 4.5   |
//! | 4   | two requests in one segment, or one in two                       | 4.8   |
//! | 4   | takes long to die, or never does                                 | 4.9   |

pub mod checks;
pub mod flood;
pub mod lab1;
pub mod lab2;
pub mod lab3;
pub mod lab4;
pub mod messages;

use crate::harness::stage::Lab;

/// All labs, in their order.
pub fn all() -> Vec<Lab> {
    vec![lab1::lab(), lab2::lab(), lab3::lab(), lab4::lab()]
}

/// Their numbers.
pub fn numbers() -> Vec<u32> {
    all().iter().map(|lab| lab.number).collect()
}
