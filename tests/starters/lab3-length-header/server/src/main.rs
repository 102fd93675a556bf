//! The lab 3 server: every message has a header, so a receiver knows where each message ends.
//!
//! As before, each connection has a thread that reads from it, while the room owns the list of members and does all
//! the sending. There is no handshake: a client is a member as soon as it connects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, value_parser};
use common::{Bytes, Endpoint, Outbox, Room, TimedReader, log, log_all};

/// The chat server that uses a length header
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
    /// Maximum number of connected clients
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
    /// Maximum time, in seconds, from a frame's first byte to its last
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3600))]
    frame_timeout: u64,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the room. The number in each event identifies the connection.
enum Event {
    Joined(u64, Outbox),
    /// One or more consecutive payloads from one client.
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

/// Stage 3: serve one connection from its beginning to its end.
///
/// This function notifies the room when the client joins and when it leaves ([`Room::send_now`]); in between,
/// `receive_frames` passes on what the client says. If an error ended the connection, the function returns it; the
/// caller logs it.
///
/// Stage 9 tests this function: no matter how the connection ended, the room is notified exactly once that the client
/// has left. Otherwise, the client would remain in the list as a zombie, and messages would still be sent to it.
/// [`common::catch_panic`] turns a panic into an error.
fn talk(id: u64, outbox: Outbox, reader: &mut TimedReader, room: &Room<Event>) -> Result<()> {
    todo!("stage 3: serve one connection from its beginning to its end")
}

/// Stage 3: send every incoming payload to the room.
///
/// Each payload goes to the room once ([`Room::send`]), in the order of arrival. Returns `Ok` if the stream ends
/// between two frames; otherwise, returns the error that ended it. After a bad header, the start of the next frame is
/// unknown, so this connection ends; all other connections continue.
///
/// A client may be silent for hours between two frames but not in the middle of a frame. The `reader` limits the time
/// from a frame's first byte to its last, so call [`TimedReader::restart`] at the end of each frame.
///
/// Stage 6 extends this function: a disconnect is sent to the room like any other payload and is the last payload
/// that the room gets from this client, even if more frames have already arrived.
///
/// Stage 9 tests this function with bad headers and with truncated frames. Stage 10 tests this function: no matter how
/// the stream ends, the function returns. Once a stream has ended, a read does not wait: it returns immediately, with
/// no bytes.
///
/// Stage 12 tests this function together with the client: some people leave, and others stay.
///
/// Stage 15 (bonus) tests this function over bad networks.
fn receive_frames(id: u64, reader: &mut TimedReader, room: &Room<Event>) -> Result<()> {
    todo!("stage 3: send every incoming payload to the room")
}

/// Stage 6: return whether a payload is a disconnect.
///
/// The handout describes the rest.
fn is_disconnect(payload: &str) -> bool {
    todo!("stage 6: return whether a payload is a disconnect")
}

/// Stage 3: process one round of events, in order.
///
/// `members` lists the connected clients: it maps the number of each connection to its outbox. A client that has joined
/// receives everything that is said from then on (`relay`); a client that has left receives nothing more. Dropping a
/// client's [`Outbox`] sends everything that was pushed for the client and then closes the connection.
///
/// [`Outbox::push`] only gathers; [`Outbox::flush`] sends what was gathered. When the round ends, everything that was
/// pushed must have been sent.
///
/// Stage 10 extends this function: whenever the number of members changes, the server prints the new number in the
/// line `[SERVER] active connections = n` ([`log()`]).
fn run_room(members: &mut BTreeMap<u64, Outbox>, events: impl Iterator<Item = Event>) {
    todo!("stage 3: process one round of events, in order")
}

/// Stage 3: pass payloads on to every member except the speaker.
///
/// `payloads` holds what one client has said, in order. Each payload is printed ([`log_all`]) and pushed to every other
/// member as a separate frame, in the same order ([`Outbox::push`]). This function must not wait for any member. Each
/// frame is created only once: all members share the same [`Bytes`].
///
/// Stage 8 tests this function: a frame's header holds the number of bytes in that frame's payload. The payload may be
/// empty. A payload may also be longer than it was on arrival, because U+FFFD has replaced invalid bytes.
///
/// Stage 11 tests this function together with the client: three people talk.
///
/// Stage 13 tests this function: a payload may contain characters that would control the server's terminal. [`log_all`]
/// replaces control characters with symbols; `println!` does not.
///
/// Stage 14 (bonus) tests this function with a crowd.
fn relay(members: &mut BTreeMap<u64, Outbox>, speaker: u64, payloads: &[String]) {
    todo!("stage 3: pass payloads on to every member except the speaker")
}
