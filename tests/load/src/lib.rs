//! The benchmark's load generator, and the relay that shows the machine's limit.
//!
//! This package is always optimized (see the profile in the kit's `Cargo.toml`), so that a debug build of `cargo lab`
//! measures the servers and not itself.
//!
//! | file         | idea                                                                |
//! |--------------|---------------------------------------------------------------------|
//! | `throughput` | senders who send as fast as the slowest receiver allows             |
//! | `latency`    | one sender who sends at a fixed rate, whatever the server does      |
//! | `session`    | people in a conversation: they send, receive, and check every byte  |
//! | `people`     | people who connect and join                                         |
//! | `ledger`     | the messages and the receivers that wait for them; checks each byte |
//! | `mistake`    | the mistakes that wrong messages reveal                             |
//! | `wire`       | the parts of the four wire formats that the load generator needs    |
//! | `relay`      | the upper limit: a program that only passes bytes on                |
//! | `processors` | the processors on which the load generator and the servers run      |
//!
//! The load generator needs Linux, because it uses epoll.

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
