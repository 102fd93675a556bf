//! The broadcast checker: a crowd talks, joins, leaves, and vanishes according to a seed, and the record is checked.
//!
//! [`plan`] uses a seed to decide what the people do. [`player`] plays all people in one thread and writes a
//! [`record`]. [`checker`] reads only this record. [`shrink`] finds a smaller plan that breaks the same rule, and
//! [`mod@slice`] picks the messages that matter.
//!
//! # What a correct server may do
//!
//! A verdict must never depend on a race, so a rule is applied only if the record proves that it applies. The entry
//! for a sent message is written before its first byte is sent. The entry for a received message is written after its
//! last byte has arrived. A server may process a message at any time between the entries for sending it and receiving
//! it.
//!
//! - **Members.** A person is certain to be a member of a room when a message that only members get has arrived. In
//!   wire formats 2 and 4, only the announcement of the person's own join proves the membership; in wire formats 1 and
//!   3, any chat message does. In wire formats 1 and 3, the others send calls to a newcomer until one arrives, because
//!   a server may send the welcome just before it adds the newcomer to its list. The membership is certain only until
//!   the person begins to leave in any way.
//! - **Nothing is lost.** A member who stays gets every message that is sent once the membership is certain. A member
//!   who leaves may miss the last messages, but no earlier ones: if a later message from the same sender has arrived,
//!   all earlier messages must have arrived. Missing messages are detected at a calm, when nobody does anything.
//!   The player waits until nothing is missing, or until nothing has arrived for a while and the server's program is
//!   not running.
//! - **Senders that vanish.** If a sender vanishes, its message counts as lost only if some members got it, because a
//!   reset destroys the bytes that the server has not read. If one member got the message, all members must get it. If
//!   leaves are announced in the wire format, the server must announce every leave, however the sender left. If the
//!   sender leaves as the wire format requires, no message may be lost.
//! - **Strangers.** A newcomer may get a message that was on its way when the newcomer began to join. If a later
//!   message from the same sender had already arrived anywhere, the earlier message was complete, so the newcomer must
//!   not get it. In wire format 4, a member who leaves a room may get its messages up to the announcement of the
//!   leave, even after the reply, but no later messages.
//! - **Order.** The messages from one sender in one room stay in order. The announcement of a join precedes all
//!   messages from the newcomer, and no message from a member follows the announcement of the leave. The server never
//!   passes on a text that was sent after leaving.
//! - **Twice.** A repeated message is certain to be an error, because all texts are different, and nobody joins a room
//!   twice under the same name.
//! - **Nobody said it.** Each message must consist of exactly the bytes that a person sent, with the right name and
//!   room. Wire format 1 shows only an address, but the text identifies the sender.
//! - **First messages.** In wire formats 1 and 2, a person's first message is sent in one piece, because a pause could
//!   split it into two messages.

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
