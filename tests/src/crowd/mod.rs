//! The broadcast checker: a crowd talks, joins, leaves and vanishes as a seed says, and the record is checked.
//!
//! [`plan`] makes what the people do from a seed. [`player`] plays all of them in one thread, and writes a [`record`].
//! [`checker`] reads nothing but this record. [`shrink`] finds a smaller plan that breaks the same rule, and
//! [`mod@slice`] picks the messages that matter.
//!
//! # What a right server may do
//!
//! A verdict must never depend on a race, so a rule applies only if the record proves that it does. In the record,
//! something is sent before its first byte is written, and received after its last byte has arrived. A server may have
//! processed it at any time in between.
//!
//! - **Members.** A person certainly is a member of a room after something that only members get has arrived: on wires
//!   2 and 4, its own announcement; on wires 1 and 3, any message. The others call a newcomer there until it has heard a
//!   call, because a welcome may come just before the server adds the newcomer to its list. A person certainly is a
//!   member only until it begins to leave, however it leaves.
//! - **Nothing is lost.** A member that stays gets each message sent since it certainly is one. A member that leaves may
//!   miss messages on their way, but none in the middle: if a later message of the same sender has arrived, so must all
//!   earlier ones. Whether something did not come shows at a calm, when nobody does anything: the player waits until
//!   nothing is missing, or until nothing has arrived for a while and the server's program is not running.
//! - **Senders that vanish.** A message is not missed if its sender has vanished (a reset destroys what the server has not
//!   read) and nobody has got it. If anybody has got it, all must. A leave that is announced must be announced however the
//!   sender left. A sender that leaves as the wire says loses nothing.
//! - **Strangers.** A newcomer may get a message that was on its way when it joined. It may not if a later message of the
//!   same sender had already arrived anywhere when it began to join, because then the first one was complete. A room that
//!   somebody leaves on wire 4 ends with the leaver's own announcement: later messages of this room are wrong, those
//!   before it are not, even after the reply.
//! - **Order** is that of one sender in one room. A join comes before all messages of the newcomer, and nothing of a
//!   member comes after it has left. What a person sends after leaving is never passed on.
//! - **Twice** is certain, because no two texts are the same, and nobody joins a room twice under one name.
//! - **Nobody said it.** Each message must consist of exactly the bytes that somebody sent, with the right name and room.
//!   Wire 1 shows only an address, but the text says who spoke.
//! - **First messages.** On wires 1 and 2, a very first message is sent in one piece, because a pause may split it.

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
