//! The fuzzer. It runs every parser in the kit on random bytes, and it runs random sessions with the finished servers
//! and clients.
//!
//! | module       | idea                                                                  |
//! |--------------|-----------------------------------------------------------------------|
//! | [`targets`]  | the parsers, each with a check that must succeed for every input      |
//! | [`engine`]   | runs a parser again and again                                         |
//! | [`mutate`]   | makes a new input from the inputs of the corpus                       |
//! | [`corpus`]   | the inputs that are kept for later runs                               |
//! | [`coverage`] | which parts of the code an input reaches                              |
//! | [`memory`]   | how much memory a parser needs                                        |
//! | [`watch`]    | detects when a parser hangs                                           |
//! | [`wire`]     | random sessions with whole programs                                   |
//! | [`finding`]  | a mistake and how to reproduce it                                     |

pub mod corpus;
pub mod coverage;
pub mod engine;
pub mod finding;
pub mod memory;
pub mod mutate;
pub mod targets;
pub mod watch;
pub mod wire;
