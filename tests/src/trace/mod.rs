//! A relay in front of a server. The relay shows every message of a real session and can simulate network trouble.
//!
//! The relay produces events. The ladder diagram shows the events, and a session file or a packet capture stores them.

pub mod bytes;
pub mod connection;
pub mod event;
pub mod label;
pub mod ladder;
pub mod names;
pub mod packets;
pub mod pipe;
pub mod relay;
pub mod session;
pub mod trouble;
pub mod way;
