//! The load of a benchmark, and the relay that shows the limit of the machine.
//!
//! This package is always optimized (see the profile in the kit's `Cargo.toml`), so that a debug build of `cargo lab`
//! measures the servers and not itself.
//!
//! | file         | idea                                                                |
//! |--------------|---------------------------------------------------------------------|
//! | `throughput` | senders who send as fast as the slowest receiver allows             |
//! | `latency`    | one sender who sends at a fixed rate, whatever the server does      |
//! | `session`    | people in a conversation: sends, receives, and checks every byte    |
//! | `people`     | people who connect and join                                         |
//! | `ledger`     | the messages and the receivers that wait for them; checks each byte |
//! | `mistake`    | names the mistake that a wrong message shows                        |
//! | `wire`       | the parts of the four wire formats that the load needs              |
//! | `relay`      | the limit: a program that only passes on bytes                      |
//! | `processors` | the processors on which the load and the servers run                |
//!
//! The load needs Linux, because it uses epoll.

#![cfg(target_os = "linux")]

pub mod latency;
pub mod ledger;
pub mod mistake;
pub mod people;
pub mod processors;
pub mod relay;
pub mod session;
pub mod throughput;
pub mod wire;
