//! The lab 1 server: two people talk over a byte stream.
//!
//! Each connection has a thread that reads from it and sends events to the room. The room owns the list of members,
//! processes one event after another, and does all the sending. So no two threads ever change the list at the same
//! time, and all members see the events in the same order.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use common::{Bytes, Endpoint, Messages, Outbox, Room, drain, log, log_all, send_now};

const WELCOME: &[u8] = b"Welcome to this chatroom!\n";
const FULL: &[u8] = b"The chatroom is full\n";

/// The one-to-one chat server
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

/// The events that the connections' threads send to the room. The number in each event identifies the connection.
enum Event {
    Joined(u64, Member),
    /// One or more consecutive messages from one client.
    Said(u64, Vec<String>),
    /// The member has left, and the room sends it these last words.
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
/// Once this function has returned, clients can connect, even before the server accepts them. If the socket cannot be
/// opened at this address, the caller gets the error and tells the person what to do.
fn open_listener(address: (&str, u16)) -> io::Result<TcpListener> {
    todo!("stage 1: open the listening socket at address, a host and a port")
}

/// Stage 2: accept clients forever and give each a thread.
///
/// In each client's thread, [`talk`] serves the client, and then [`drain`] gives the server's last words time to
/// arrive. No client has to wait until the server has finished with another client. [`talk`] gets a number that no
/// other client ever gets (the first number is 1); the client's IP address, as [`IpAddr::to_canonical`] returns it; and
/// the socket, which the thread shares with the room. Each send is transmitted immediately, even if it contains only a
/// few bytes (Nagle's algorithm is off).
///
/// This function never returns. If a client cannot be accepted or no thread can be started for it, the log says why,
/// its connection is closed, and the connected clients notice nothing. While the cause persists, each call to `accept`
/// may fail immediately; even then, the server must not keep a core busy or flood the log.
///
/// Stage 8 extends this function: at most `seats` clients are served at a time. A seat is taken before its client's
/// thread starts. The seat is free again as soon as [`talk`] has returned or the thread has failed to start. A client
/// that finds no free seat is turned away ([`turn_away`]); meanwhile, no other client has to wait.
///
/// Stage 13 tests this function together with the client: one person leaves, another joins, and a third finds the room
/// full.
fn accept_clients(listener: &TcpListener, seats: usize, room: &Room<Event>) -> ! {
    todo!("stage 2: accept clients forever and give each a thread")
}

/// Stage 8: turn a client away.
///
/// The handout describes the rest.
fn turn_away(stream: TcpStream) {
    todo!("stage 8: turn a client away")
}

/// Handles one connection from the welcome to the end of the stream.
fn talk(id: u64, ip: IpAddr, stream: &Arc<TcpStream>, room: &Room<Event>) {
    log(&format!("{ip} connected"));
    let outbox = Outbox::sending_with(Arc::clone(stream), send);
    let joined = room.send_now(Event::Joined(id, Member { ip, outbox }));
    let result = joined.and_then(|()| common::catch_panic(|| receive_messages(id, stream, room)));
    let last_words = result.map_or_else(|error| format!("Goodbye: {error}\n"), |()| String::new());
    // No matter how the connection ended, the room gets this event.
    let _ = room.send_now(Event::Left(id, last_words));
}

/// Stage 4: send every incoming message to the room.
///
/// TCP has no messages: the bytes of one `read` can be half a message or three messages. [`Messages`] finds the
/// messages in a connection's bytes and may already hold the beginning of the next message. The room gets each message
/// as an [`Event::Said`] from this client ([`Room::send`]), once and in order. At the end of the stream, this function
/// returns.
///
/// Stage 6 extends this function: a message that is exactly `quit` also counts as the end of the stream. The room
/// does not get such a message.
///
/// Stage 9 tests this function: no matter how a connection ends, the function returns, and if there is an error, it
/// returns the error. [`talk`] then tells the client why, and the other clients notice nothing. Nothing that a client
/// sends may make this function panic or keep a core busy.
///
/// Stage 11 tests this function: the messages are the same no matter how their bytes arrive. An original client's
/// message ends with the last byte that one `read` returns. A message that is too long is an error.
///
/// Stage 16 (bonus) tests this function over bad networks.
fn receive_messages(id: u64, stream: &TcpStream, room: &Room<Event>) -> Result<()> {
    todo!("stage 4: send every incoming message to the room")
}

/// Runs one round of the room: processes one event after another and then flushes each outbox once.
fn run_room(members: &mut BTreeMap<u64, Member>, events: impl Iterator<Item = Event>) {
    for event in events {
        match event {
            Event::Joined(id, mut member) => {
                welcome(&mut member);
                members.insert(id, member);
            }
            Event::Said(id, messages) => relay(members, id, &messages),
            Event::Left(id, last_words) => {
                // Dropping the outbox sends its remaining bytes, including `last_words`, and then closes the
                // connection.
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

/// Stage 2: send [`WELCOME`] to a new member.
///
/// The welcome is the first line that the member receives. This function pushes the line into the member's [`Outbox`],
/// and the room sends the outbox's contents. The whole room waits for this function, so the function must not wait for
/// the member.
fn welcome(member: &mut Member) {
    todo!("stage 2: send WELCOME to a new member")
}

/// Stage 4: pass messages on to every member except the speaker.
///
/// A message becomes the line `<127.0.0.1> hello`, with the speaker's address and a newline at its end. Every other
/// member gets each line, once and in order, and so does the log ([`log_all`] adds the newline). The speaker gets
/// nothing back. If `members` does not contain the speaker, no member gets anything.
///
/// The whole room waits for this function, so the function must not wait for a member. For a hundred members, there are
/// a hundred pushes, no matter how many messages there are. The members share the same [`Bytes`], which can be cloned
/// without copying the data.
///
/// Stage 14 tests this function: a message may contain characters that would control the server's terminal. Such
/// characters must appear on that terminal as visible, harmless symbols.
///
/// Stage 15 (bonus) tests this function with a crowd.
fn relay(members: &mut BTreeMap<u64, Member>, speaker: u64, messages: &[String]) {
    todo!("stage 4: pass messages on to every member except the speaker")
}

/// Stage 2: send as many bytes as the socket accepts now.
///
/// Everything that the server sends to a member goes through this function: the member's [`Outbox`] calls it with the
/// next bytes. The function returns how many of these bytes the socket has accepted, starting from the first. If the
/// client reads slowly, the socket may have accepted only some of the bytes, or none of them. The outbox keeps the rest
/// and sends it later. An error means that the connection is lost, so the client is disconnected. A socket that accepts
/// nothing right now is not an error.
///
/// This function never waits for the client; otherwise, the whole room would have to wait as well. [`send_now`] is a
/// `write` that does not wait.
///
/// Stage 9 extends this function: a client that reads slowly gets every byte, once and in order.
fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    todo!("stage 2: send as many bytes as the socket accepts now")
}
