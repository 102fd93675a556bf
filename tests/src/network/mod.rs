//! A relay between the clients and a server. The relay passes on bytes and can simulate network trouble, such as split
//! messages, delays, and resets.
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
