//! The lab 1 server: two people talk over a byte stream.
//!
//! Each connection has a thread that reads and sends events to the room. The room owns the list of members, processes
//! one event after the other, and does all the sending. So no two threads ever change the list at the same time, and
//! all members see the events in the same order.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use common::{Bytes, Endpoint, Messages, Outbox, Room, drain, log, log_all, refuse};

const WELCOME: &[u8] = b"Welcome to this chatroom!\n";
const FULL: &[u8] = b"The chatroom is full\n";

/// The server of the one-to-one chat
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
    /// Maximum number of people in the chatroom
    #[arg(long, default_value_t = 2)]
    seats: usize,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the room. The number identifies the connection.
enum Event {
    Joined(u64, Member),
    /// One message, or several in a row.
    Said(u64, Vec<String>),
    /// Contains the last words for the member who left.
    Left(u64, String),
}

impl common::room::Event for Event {
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
        if let Self::Said(id, messages) = self { Some((*id, messages)) } else { None }
    }
}

struct Member {
    ip: IpAddr,
    outbox: Outbox,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let _log = common::log_in_background()?;
    common::exit_on_ctrl_c()?;
    common::limit_backlogs(usize::from(options.max_backlog) << 20);
    let listener = options.endpoint.listen_with(open_listener)?;
    log(&format!("listening on {}", listener.local_addr()?));

    let mut members = BTreeMap::new();
    let room = Room::new(move |events| run_room(&mut members, events));
    accept_clients(&listener, options.seats, &room)
}

/// Stage 1: open the listening socket at `address`, a host and a port.
///
/// [`TcpListener::bind`] makes the three system calls that the original makes one by one: `socket`, `bind` and
/// `listen`. From then on, clients can connect, even before the server accepts them.
fn open_listener(address: (&str, u16)) -> io::Result<TcpListener> {
    todo!("stage 1: open the listening socket at address, a host and a port")
}

/// Stage 2: accept clients for ever, and give each a thread.
///
/// - [`TcpListener::accept`] waits for the next client, and returns a new socket and the client's address. Number the
///   clients from 1. The IP for [`talk`] is `peer.ip().to_canonical()`, which removes the `::ffff:` that a server on
///   `::` sees before an IPv4 address.
/// - Small messages should leave immediately, instead of waiting for more bytes to fill a segment (Nagle's
///   algorithm): call [`TcpStream::set_nodelay`].
/// - The client's thread reads from the socket while the room writes to it, so wrap the socket in an [`Arc`].
/// - `thread::Builder::new().spawn(move || …)` starts the thread, with its own clone of `room`. The thread calls
///   [`talk`], and then [`drain`], which waits a moment for the client to close its side as well. `spawn` returns an
///   error where `thread::spawn` would panic. One client too many must not end the server, so [`log()`] the error and
///   continue. Do not wait for the thread, because the next client is waiting.
/// - An error from `accept` must not end the loop: for example, if there are no free file descriptors, the connected
///   clients can still talk. Log the first error, wait a second, and try again.
///
/// Stage 8 comes back to this function: the room has space for only `seats` people. Count the taken seats in an
/// [`AtomicUsize`] that the threads share. Add one before a thread starts. Subtract one as soon as [`talk`] has
/// returned, and also if the thread could not be started. A client without a seat gets [`FULL`]: [`refuse`] sends that
/// and closes the connection, without blocking.
///
/// Stage 13 tests this function, together with the client: one person leaves, another joins, and a third
/// finds the room full.
fn accept_clients(listener: &TcpListener, seats: usize, room: &Room<Event>) -> ! {
    todo!("stage 2: accept clients for ever, and give each a thread")
}

/// Handles one connection, from its welcome to its end.
fn talk(id: u64, ip: IpAddr, stream: &Arc<TcpStream>, room: &Room<Event>) {
    log(&format!("{ip} connected"));
    let outbox = Outbox::new(Arc::clone(stream));
    let joined = room.send_now(Event::Joined(id, Member { ip, outbox }));
    let result = joined.and_then(|()| common::catch_panic(|| receive_messages(id, stream, room)));
    let last_words = result.map_or_else(|error| format!("Goodbye: {error}\n"), |()| String::new());
    // The room gets this event however the connection ended.
    let _ = room.send_now(Event::Left(id, last_words));
}

/// Stage 4: send each message that arrives to the room.
///
/// TCP has no messages: one `read` can return half a message, or three. [`Messages`] puts them together. Create one
/// before the loop, with [`Messages::new`]: `while let Some(message) = messages.receive()?` runs once for each
/// message, until the stream ends. At the end, return, or this thread loops forever.
///
/// Stage 6 comes back to this function: a message that is exactly `quit` is also the end.
///
/// Stage 9 tests this function: a client that is killed in the middle of a word makes `receive` fail. Return the error
/// (`?`), and never unwrap anything that comes from outside; [`talk`] does the rest.
///
/// Stage 11 tests this function: messages arrive in pieces, or several together. An original client's message ends
/// where the bytes of one read end. [`Messages`] handles all that; a program that reads lines instead waits for a
/// newline that never arrives.
fn receive_messages(id: u64, stream: &TcpStream, room: &Room<Event>) -> Result<()> {
    todo!("stage 4: send each message that arrives to the room")
}

/// Runs one round of the room: processes one event after the other, and then sends once for all of them.
fn run_room(members: &mut BTreeMap<u64, Member>, events: impl Iterator<Item = Event>) {
    for event in events {
        match event {
            Event::Joined(id, mut member) => {
                welcome(&mut member);
                members.insert(id, member);
            }
            Event::Said(id, messages) => relay(members, id, &messages),
            Event::Left(id, last_words) => {
                // Dropping the outbox closes the connection, after the last words.
                if let Some(mut member) = members.remove(&id) {
                    member.outbox.push(last_words);
                    log(&format!("{} closed", member.ip));
                }
            }
        }
    }
    for member in members.values_mut() {
        member.outbox.flush();
    }
}

/// Stage 2: send a new member the [`WELCOME`].
///
/// Do not write to the socket here. [`Outbox::push`] puts bytes into the member's outbox, and the room sends them. A
/// `write` waits until the client has read enough, so one client that does not read would block the whole room. A push
/// never blocks.
fn welcome(member: &mut Member) {
    todo!("stage 2: send a new member the WELCOME")
}

/// Stage 4: pass messages on to every member except their speaker.
///
/// A message becomes the line `<127.0.0.1> hello`, with the speaker's address, and a newline at its end. Print the
/// line ([`log()`], or [`log_all`] for several), and push it into every other member's outbox. If there are several
/// messages, push all lines together: then a hundred members need a hundred pushes, and not a hundred for each
/// message. [`Bytes`] can be shared: call `Bytes::from(lines)` once, and `clone` the result for each member.
///
/// Stage 14 tests this function: a message may contain characters that would control the server's terminal.
/// [`log_all`] makes them visible and harmless; `println!` does not.
fn relay(members: &mut BTreeMap<u64, Member>, speaker: u64, messages: &[String]) {
    todo!("stage 4: pass messages on to every member except their speaker")
}
