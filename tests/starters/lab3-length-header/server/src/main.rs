//! The lab 3 server: every message has a header, so messages no longer stick together.
//!
//! As before, each connection has a thread that reads, and the room owns the members and sends. There is no
//! handshake: a client that connects is a member.

use std::collections::BTreeMap;
use std::net::TcpStream;
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
        talk(id, stream, &room.clone(), limit)
    })
}

/// Handles one connection, from its beginning to its end. A frame must not take longer than `limit`.
fn talk(id: u64, stream: &Arc<TcpStream>, room: &Room<Event>, limit: Duration) -> Result<()> {
    log(&format!("[SERVER] {} connected", stream.peer_addr()?));
    room.send_now(Event::Joined(id, Outbox::new(Arc::clone(stream))))?;
    let mut reader = TimedReader::new(stream, limit, room);
    let result = common::catch_panic(|| receive_frames(id, &mut reader, room));
    // The room gets this event however the connection ended.
    room.send_now(Event::Left(id))?;
    result
}

/// Stage 3: send each payload that arrives to the room.
///
/// Return when the stream ends: `frame::read` then returns `None`. Return every error (`?`): after a bad header, the
/// start of the next frame is unknown, so this connection ends, and no other. Stage 9 tests this function with bad
/// headers, and with frames that are cut off.
///
/// A client is allowed to listen for hours, but must not stop in the middle of a frame, so the `reader` measures how
/// long a frame takes. Call [`TimedReader::restart`] after each frame.
///
/// Stage 6 comes back to this function: pass on `!DISCONNECT` like any other payload, and then return. A payload is
/// a disconnect if it is `!DISCONNECT` or ends in `] : !DISCONNECT`. The original accepts every payload whose last
/// word is `!DISCONNECT`, and so disconnects people who explain how to leave.
///
/// Stage 10 tests this function: return however the stream ends, because only then does the room count one
/// connection less.
///
/// Stage 12 tests this function, together with the client: some people leave, and others stay.
fn receive_frames(id: u64, reader: &mut TimedReader, room: &Room<Event>) -> Result<()> {
    todo!("stage 3: send each payload that arrives to the room")
}

/// Runs one round of the room: processes one event after the other, and then sends once for all of them.
fn run_room(members: &mut BTreeMap<u64, Outbox>, events: impl Iterator<Item = Event>) {
    for event in events {
        match event {
            Event::Joined(id, outbox) => {
                members.insert(id, outbox);
                log_count(members);
            }
            Event::Said(id, payloads) => relay(members, id, &payloads),
            Event::Left(id) => {
                // Dropping the outbox closes the connection.
                members.remove(&id);
                log_count(members);
            }
        }
    }
    for outbox in members.values_mut() {
        outbox.flush();
    }
}

/// Stage 3: pass payloads on to every member except their speaker.
///
/// Print the payloads with [`log_all`]. Then put them into frames, and push all frames together into each outbox.
/// All receivers share the same [`Bytes`]. Only the room sends, so the frames of two speakers cannot get mixed.
///
/// Stage 8 tests this function: `frame::encode` makes a new header, which counts the payload's bytes. The payload
/// can be empty, and U+FFFD can have made it longer than when it arrived.
///
/// Stage 11 tests this function, together with the client: three people talk.
///
/// Stage 13 tests this function: a payload may contain characters that would control the server's terminal.
/// [`log_all`] makes them visible and harmless; `println!` does not.
fn relay(members: &mut BTreeMap<u64, Outbox>, speaker: u64, payloads: &[String]) {
    todo!("stage 3: pass payloads on to every member except their speaker")
}

/// Prints the number of connections. Call this function whenever the number has changed.
fn log_count(members: &BTreeMap<u64, Outbox>) {
    log(&format!("[SERVER] active connections = {}", members.len()));
}
