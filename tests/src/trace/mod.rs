//! A relay in front of a server. The relay shows every message of a real session and can make trouble between the
//! client and the server.
//!
//! The relay produces events. The ladder draws the events, and a session file and a packet capture store them.

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
