//! The lab 3 server: every message has a header, so messages no longer stick together.
//!
//! As before, each connection has a thread that reads, and the room owns the members and sends. There is no
//! handshake: a client that connects is a member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, value_parser};
use common::{Bytes, Endpoint, Outbox, Room, TimedReader, log, log_all};

/// The server of the chat with a length header
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
    /// Maximum number of connected clients
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
    /// Maximum time for a frame, from its first byte to its last, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3600))]
    frame_timeout: u64,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the room. The number identifies the connection.
enum Event {
    Joined(u64, Outbox),
    /// One payload, or several in a row.
    Said(u64, Vec<String>),
    Left(u64),
}

impl common::room::Event for Event {
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
        if let Self::Said(id, payloads) = self { Some((*id, payloads)) } else { None }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let _log = common::log_in_background()?;
    common::exit_on_ctrl_c()?;
    common::limit_backlogs(usize::from(options.max_backlog) << 20);
    log("[SERVER] Starting ...");
    let listener = options.endpoint.listen()?;
    log(&format!("[SERVER] server started at {}", listener.local_addr()?));

    let mut members = BTreeMap::new();
    let room = Room::new(move |events| run_room(&mut members, events));
    let full = frame::encode("[SERVER] : the server is full");
    let limit = Duration::from_secs(options.frame_timeout);
    common::serve(&listener, options.max_clients, &full, move |id, stream| {
        log(&format!("[SERVER] {} connected", stream.peer_addr()?));
        let (outbox, room) = (Outbox::new(Arc::clone(stream)), room.clone());
        let mut reader = TimedReader::new(stream, limit, &room);
        talk(id, outbox, &mut reader, &room)
    })
}

/// Stage 3: serve one connection, from its beginning to its end.
///
/// The room is told ([`Room::send_now`]) when the client joins and when it leaves; between the two, `receive_frames`
/// tells it what the client says. The error that ended the connection, if any, is returned; the caller logs it.
///
/// Stage 9 tests this function: the room is told exactly once that the client has left, however the connection ended.
/// Otherwise the client remains on the list as a zombie, and still receives messages. [`common::catch_panic`] makes an
/// error of a panic.
fn talk(id: u64, outbox: Outbox, reader: &mut TimedReader, room: &Room<Event>) -> Result<()> {
    todo!("stage 3: serve one connection, from its beginning to its end")
}

/// Stage 3: send each payload that arrives to the room.
///
/// Each payload goes to the room once ([`Room::send`]), in the order of arrival. Returns `Ok` when the stream ends
/// between two frames, and otherwise the error: after a bad header, the start of the next frame is unknown, so this
/// connection ends, and no other.
///
/// A client is allowed to be silent for hours between two frames, but not within one. The `reader` limits the time
/// from a frame's first byte to its last, and must be told where each frame ends ([`TimedReader::restart`]).
///
/// Stage 6 comes back to this function: a disconnect is sent to the room like any other payload, and is the last
/// payload of its client, even if more frames have already arrived.
///
/// Stage 9 tests this function with bad headers, and with frames that are cut off. Stage 10 tests this function: it
/// returns however the stream ends. A stream that has ended does not wait; each read returns immediately, with no
/// bytes.
///
/// Stage 12 tests this function, together with the client: some people leave, and others stay.
fn receive_frames(id: u64, reader: &mut TimedReader, room: &Room<Event>) -> Result<()> {
    todo!("stage 3: send each payload that arrives to the room")
}

/// Stage 6: tell whether a payload is a disconnect.
///
/// The handout says the rest.
fn is_disconnect(payload: &str) -> bool {
    todo!("stage 6: tell whether a payload is a disconnect")
}

/// Stage 3: process one round of events, in their order.
///
/// `members` is the list of the connected clients: the number of each connection, and its outbox. A client that has
/// joined receives everything that is said after that (`relay`), and a client that has left receives nothing more.
/// Dropping a client's [`Outbox`] sends what was pushed, and closes the connection.
///
/// [`Outbox::push`] only gathers; [`Outbox::flush`] sends what was gathered. At the end of the round, nothing may be
/// left unsent.
///
/// Stage 10 comes back to this function: whenever the number of members has changed, the server prints the new number
/// in the line `[SERVER] active connections = n` ([`log()`]).
fn run_room(members: &mut BTreeMap<u64, Outbox>, events: impl Iterator<Item = Event>) {
    todo!("stage 3: process one round of events, in their order")
}

/// Stage 3: pass payloads on to every member except their speaker.
///
/// The `payloads` are what one client has said in a row. Each is printed ([`log_all`]), and pushed to every other
/// member as a frame of its own, in the same order ([`Outbox::push`]). This must not wait for any member. The frames
/// are made once: all members share the same [`Bytes`].
///
/// Stage 8 tests this function: the header of a frame counts the bytes of the payload that this frame holds. The
/// payload can be empty, and U+FFFD can have made it longer than when it arrived.
///
/// Stage 11 tests this function, together with the client: three people talk.
///
/// Stage 13 tests this function: a payload may contain characters that would control the server's terminal. They are
/// printed as harmless symbols, as [`log_all`] does and `println!` does not.
fn relay(members: &mut BTreeMap<u64, Outbox>, speaker: u64, payloads: &[String]) {
    todo!("stage 3: pass payloads on to every member except their speaker")
}
