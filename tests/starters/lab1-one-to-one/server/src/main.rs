//! Lab 1, the server: two people talk, byte stream and all.
//!
//! Each connection has a thread that reads, and tells the room what happened. The room owns the list of
//! members and does all the sending, one event after the other. So no two threads ever change the list at the
//! same time, and everybody sees things in the same order.

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
    /// How many people fit into the chatroom
    #[arg(long, default_value_t = 2)]
    seats: usize,
    /// How many MiB may wait in all for clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// What the threads of the connections tell the room. The number is that of the connection.
enum Event {
    Joined(u64, Member),
    /// One message, or several in a row.
    Said(u64, Vec<String>),
    /// With last words for the one who left.
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
/// [`TcpListener::bind`] makes the three system calls that the original makes one by one: `socket`,
/// `bind` and `listen`. From then on clients can connect, even before anybody accepts them.
fn open_listener(address: (&str, u16)) -> io::Result<TcpListener> {
    todo!("stage 1: open the listening socket at address, a host and a port")
}

/// Stage 2: accept clients for ever, and give each a thread.
///
/// - [`TcpListener::accept`] waits for the next client and returns a new socket for it, and its
///   address. Number the clients from 1. The IP for [`talk`] is `peer.ip().to_canonical()`: an IPv4
///   address without the `::ffff:` that a server on `::` sees in front of it.
/// - Small messages should leave at once, instead of waiting for others to fill a segment (Nagle's
///   algorithm): [`TcpStream::set_nodelay`].
/// - The client's thread reads from the socket while the room writes to it: wrap it in an [`Arc`].
/// - `thread::Builder::new().spawn(move || …)` starts the thread, with its own clone of `room`. It calls
///   [`talk`], and then [`drain`], which waits a moment for the client to close, too. `spawn` returns an
///   error where `thread::spawn` would panic, and a server must not die of one client too many: [`log()`] it
///   and go on. Do not wait for the thread: the next client is waiting for you.
/// - An error of `accept` must not end the loop: without free file descriptors, say, those who are
///   connected go on talking. Log the first one, wait a second, and try again.
///
/// Stage 8 comes back to this function: only `seats` people fit into the room. Count the taken seats in an
/// [`AtomicUsize`] that you share with the threads: one more before a thread starts, one less as soon as
/// [`talk`] has returned, and when the thread could not be started. A client without a seat gets [`FULL`]:
/// [`refuse`] sends that, closes, and does not wait.
///
/// Stage 13 tests this function, together with the client: one leaves, another comes, a third finds the
/// room full.
fn accept_clients(listener: &TcpListener, seats: usize, room: &Room<Event>) -> ! {
    todo!("stage 2: accept clients for ever, and give each a thread")
}

/// What happens to one connection, from its welcome to its end.
fn talk(id: u64, ip: IpAddr, stream: &Arc<TcpStream>, room: &Room<Event>) {
    log(&format!("{ip} connected"));
    let outbox = Outbox::new(Arc::clone(stream));
    let joined = room.send_now(Event::Joined(id, Member { ip, outbox }));
    let result = joined.and_then(|()| common::catch_panic(|| receive_messages(id, stream, room)));
    let last_words = result.map_or_else(|error| format!("Goodbye: {error}\n"), |()| String::new());
    // However it went, the room hears of it.
    let _ = room.send_now(Event::Left(id, last_words));
}

/// Stage 4: tell the room each message that arrives.
///
/// TCP knows no messages: one `read` may bring half a message, or three. [`Messages`] puts them together.
/// Make one before the loop, with [`Messages::new`]: `while let Some(message) = messages.receive()?` runs
/// once for each, until the stream ends. Return then, or this thread runs in circles for ever.
///
/// Stage 6 comes back to this function: a message that is just `quit` is the end, too.
///
/// Stage 9 tests this function: a client that is killed in the middle of a word makes `receive` fail. Return the error
/// (`?`) and unwrap nothing that comes from outside; [`talk`] does the rest.
///
/// Stage 11 tests this function: messages come in pieces, or several at once, and those of an original
/// client end where one read ended. [`Messages`] knows all that; a program that reads lines instead waits for a
/// newline that never comes.
fn receive_messages(id: u64, stream: &TcpStream, room: &Room<Event>) -> Result<()> {
    todo!("stage 4: tell the room each message that arrives")
}

/// A round of the room: takes one event after the other, and sends once for all that have come.
fn run_room(members: &mut BTreeMap<u64, Member>, events: Vec<Event>) {
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
/// Nobody writes to the socket here: [`Outbox::push`] puts bytes into the member's outbox, and the room
/// sends what is in it. A `write` waits until the client has read enough, and one client that does not
/// read would hold up the whole room. Pushing never waits.
fn welcome(member: &mut Member) {
    todo!("stage 2: send a new member the WELCOME")
}

/// Stage 4: pass messages on to everybody but their speaker.
///
/// The line of a message is `<127.0.0.1> hello`, with the speaker's address and a newline at its end. Print it
/// ([`log()`], or [`log_all`] for several), and push it into the outbox of each of the others. When there are
/// several messages, push all lines at once: a hundred members need a hundred pushes then, and not a hundred
/// for each message. [`Bytes`] can be shared: `Bytes::from(lines)` once, and a `clone` of it for each member.
///
/// Stage 14 tests this function: a message may contain what would steer the server's terminal. [`log_all`]
/// shows that instead of obeying; `println!` does not.
fn relay(members: &mut BTreeMap<u64, Member>, speaker: u64, messages: &[String]) {
    todo!("stage 4: pass messages on to everybody but their speaker")
}
