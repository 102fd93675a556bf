//! Lab 3, the server: every message has a header, so nothing sticks together any more.
//!
//! As before, each connection has a thread that reads, and one thread, the room, owns the members and
//! sends. There is no handshake: who connects is in.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, LazyLock};
use std::{iter, thread};

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Outbox, log};

/// How many events may wait for the room before its readers wait.
const QUEUE: usize = 64;

static FULL: LazyLock<Vec<u8>> = LazyLock::new(|| frame::encode("[SERVER] : the server is full"));

/// The server of the chat with a length header
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
    /// How many clients may be connected at a time
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
}

/// What the readers tell the room. The number is that of the connection.
enum Event {
    Joined(u64, Outbox),
    Said(u64, String),
    Left(u64),
}

fn main() -> Result<()> {
    let options = Options::parse();
    common::exit_on_ctrl_c()?;
    log("[SERVER] Starting ...");
    let listener = options.endpoint.listen()?;
    log(&format!("[SERVER] server started at {}", listener.local_addr()?));

    let (room, events) = mpsc::sync_channel(QUEUE);
    thread::spawn(move || run_room(&events));
    common::serve(&listener, options.max_clients, &FULL, move |id, stream| talk(id, stream, &room))
}

/// What happens to one connection, from its beginning to its end.
fn talk(id: u64, stream: &Arc<TcpStream>, room: &SyncSender<Event>) -> Result<()> {
    log(&format!("[SERVER] {} connected", stream.peer_addr()?));
    room.send(Event::Joined(id, Outbox::new(Arc::clone(stream))))?;
    let result = receive_frames(id, stream, room);
    // However it went, the room hears of it.
    room.send(Event::Left(id))?;
    result
}

/// Stage 3: tell the room each payload that arrives.
///
/// Return when the stream ends: `frame::read` answers `None` then.
///
/// `frame::read` needs a reader that can look ahead: `BufReader::new(stream)`. An error is returned
/// (`?`): behind a bad header nobody knows where the next frame begins, so this connection ends, and
/// no other. Stage 9 tests this function: bad headers, and frames that are cut off.
///
/// Stage 6 comes back to this function: `!DISCONNECT` is passed on like any payload, and then it is the
/// end. It is one when the payload is `!DISCONNECT`, or ends in `] : !DISCONNECT`. The original takes any
/// payload whose last word it is, and throws out who explains how to leave.
///
/// Stage 10 tests this function: return however the stream ends; only then the room counts one less.
///
/// Stage 12 tests this function, together with the client: people leave, and others stay.
fn receive_frames(id: u64, stream: &TcpStream, room: &SyncSender<Event>) -> Result<()> {
    todo!("stage 3: tell the room each payload that arrives")
}

/// The room: takes one event after the other, and sends once for all that have come.
fn run_room(events: &Receiver<Event>) {
    let mut members = BTreeMap::new();
    while let Ok(first) = events.recv() {
        for event in iter::once(first).chain(events.try_iter().take(QUEUE)) {
            match event {
                Event::Joined(id, outbox) => {
                    members.insert(id, outbox);
                    log_count(&members);
                }
                Event::Said(id, payload) => relay(&mut members, id, &payload),
                Event::Left(id) => {
                    // Dropping the outbox closes the connection.
                    members.remove(&id);
                    log_count(&members);
                }
            }
        }
        for outbox in members.values_mut() {
            outbox.flush();
        }
    }
}

/// Stage 3: pass a payload on to everybody but its speaker.
///
/// Print it with [`log`]; then push it, in a frame, into the outboxes. One frame serves all receivers.
/// This is the only thread that sends, so the frames of two speakers cannot get mixed.
///
/// Stage 8 tests this function: `frame::encode` makes a new header, which counts the bytes of the payload.
/// The payload may be empty, and it may have become longer than it came, by U+FFFD.
///
/// Stage 11 tests this function, together with the client: three people talk.
///
/// Stage 13 tests this function: a payload may contain what would steer the server's terminal. [`log`] shows
/// that instead of obeying; `println!` does not.
fn relay(members: &mut BTreeMap<u64, Outbox>, speaker: u64, payload: &str) {
    todo!("stage 3: pass a payload on to everybody but its speaker")
}

/// Prints how many are connected, whenever that has changed.
fn log_count(members: &BTreeMap<u64, Outbox>) {
    log(&format!("[SERVER] active connections = {}", members.len()));
}
