//! Shows, stores, and exports the messages of real sessions.
//!
//! A [relay](crate::network) produces events. The ladder draws the events, and a session file and a packet capture
//! store them.

pub mod label;
pub mod ladder;
pub mod packets;
pub mod session;
