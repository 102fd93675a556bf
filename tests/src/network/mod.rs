//! A relay between the clients and a server that passes on all bytes and can make trouble: pieces, delays, resets.
//!
//! The relay produces events. [`messages`] finds the messages in the bytes.

pub mod bytes;
pub mod connection;
pub mod event;
pub mod messages;
pub mod names;
pub mod pipe;
pub mod relay;
pub mod trouble;
pub mod way;
