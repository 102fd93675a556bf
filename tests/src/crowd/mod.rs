//! The broadcast checker. A seed determines how a crowd of simulated people joins, talks, leaves, and disconnects.
//! Everything is recorded, and the record is checked.
//!
//! [`plan`] uses the seed to decide what the people do. [`player`] simulates all the people in one thread and writes a
//! [`record`]. [`checker`] reads only this record. [`shrink`] finds a smaller plan that breaks the same rule, and
//! [`mod@slice`] picks the messages to show in the report.
//!
//! # What a correct server may do
//!
//! A verdict must never depend on a race, so a rule is applied only if the record proves that it applies. The entry for
//! a message to the server is written before the first byte of the message is sent. The entry for a message from the
//! server is written after the last byte of the message has arrived. The server may process a message at any time
//! between these two entries.
//!
//! - **Members.** A person is known to be a member of a room once the person has received a message that only members
//!   get. In wire formats 2 and 4, only the announcement that the person has joined proves membership; in wire formats
//!   1 and 3, any chat message does. In wire formats 1 and 3, the others send special chat messages, called probes,
//!   until one reaches the newcomer, because a server may send the welcome message just before it adds the newcomer to
//!   its list. Once the person begins to leave, in whatever way, the person is no longer known to be a member.
//! - **Nothing is lost.** A person who stays must get every message that is sent after the person is known to be a
//!   member. A member who leaves may miss the last messages, but no earlier ones: if a later message from the same
//!   sender has arrived, all earlier messages must have arrived. Missing messages are detected during a quiet period,
//!   in which nobody does anything. The player waits until nothing is missing, or until nothing has arrived for a while
//!   and the server is not busy.
//! - **Senders that disconnect abruptly.** If a sender disconnects without leaving properly, a missing message counts
//!   as lost only if some member got it, because a reset destroys the bytes that the server has not read. If one member
//!   got the message, all members must get it. In a wire format with announcements, the server must announce that the
//!   sender has left, no matter how the sender left. If the sender leaves as the wire format requires, no message may
//!   be lost.
//! - **Strangers.** A newcomer may get a message that was in transit when the newcomer began to join. But if a later
//!   message from the same sender had already reached anyone, the earlier message was complete, so the newcomer must
//!   not get it. In wire format 4, a member who leaves a room may still get the room's messages after the server's
//!   reply, up to the announcement that the member has left.
//! - **Order.** The messages from one sender in one room stay in order. The announcement that a person has joined
//!   precedes all of the person's messages, and the announcement that the person has left follows them. The server
//!   never passes on a message that the person sent after leaving.
//! - **Twice.** A repeated message is always an error, because no two messages have the same text, and nobody joins a
//!   room twice under the same name.
//! - **Nobody said it.** Each message must contain exactly the text that a person sent, with the right name and room.
//!   In wire format 1, a message contains an address instead of a name, but its text identifies the sender.
//! - **First messages.** In wire formats 1 and 2, a person's first message is sent in one piece, because a server may
//!   treat a pause in this message as its end.

pub mod checker;
pub mod connection;
pub mod game;
mod member;
mod owed;
pub mod plan;
pub mod player;
pub mod record;
mod seat;
pub mod shrink;
pub mod silence;
pub mod slice;
pub mod violation;
pub mod wire;

#[cfg(test)]
mod tests;
