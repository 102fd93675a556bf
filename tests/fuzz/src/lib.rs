//! The fuzzer. It runs every parser of the kit with random bytes, and plays random sessions with the finished servers and
//! clients.
//!
//! | module       | idea                                                                  |
//! |--------------|-----------------------------------------------------------------------|
//! | [`targets`]  | the parsers and what must be true of them for all bytes               |
//! | [`engine`]   | runs a parser again and again                                         |
//! | [`mutate`]   | makes a new input from the kept ones                                  |
//! | [`corpus`]   | the kept inputs                                                       |
//! | [`coverage`] | what an input reaches in the code                                     |
//! | [`memory`]   | how much memory a parser needs                                        |
//! | [`watch`]    | notices that a parser hangs                                           |
//! | [`wire`]     | random sessions with whole programs                                   |
//! | [`finding`]  | a mistake and how to see it again                                     |

pub mod corpus;
pub mod coverage;
pub mod engine;
pub mod finding;
pub mod memory;
pub mod mutate;
pub mod targets;
pub mod watch;
pub mod wire;
