//! The lab 2 server: a group of any size, and a handshake before a client joins.
//!
//! As in lab 1, each connection has a thread that reads, and the room owns the members and sends. The handshake is
//! new: a newcomer's thread waits for the room's answer.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, value_parser};
use common::{Bytes, Endpoint, Messages, Outbox, Room};
use common::{green, has_invisible, log, print_line, same_name};

const FULL: &[u8] = b"Nickname refused: the server is full\n";

/// The maximum length of a nickname, in characters.
const MAX_NICKNAME: usize = 32;

/// The server of the group chat
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<55555>,
    /// Maximum number of connected clients
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
    /// Maximum time for a client to send its nickname, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3600))]
    handshake_timeout: u64,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the room. The number identifies the connection.
enum Event {
    /// Contains a channel for the answer, which says whether the newcomer has joined.
    Join(u64, Member, mpsc::Sender<bool>),
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
    nickname: String,
    outbox: Outbox,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let _log = common::log_in_background()?;
    common::exit_on_ctrl_c()?;
    common::limit_backlogs(usize::from(options.max_backlog) << 20);
    let listener = open_listener(&options.endpoint)?;

    let mut members = BTreeMap::new();
    let room = Room::new(move |events| run_room(&mut members, events));
    let patience = Duration::from_secs(options.handshake_timeout);
    common::serve(&listener, options.max_clients, FULL, move |id, stream| {
        talk(id, stream, &room.clone(), patience)
    })
}

/// Stage 1: open the listening socket, and announce it.
///
/// In lab 1, you opened the socket yourself; now [`Endpoint::listen`] opens it. Then print `SERVER WORKING`;
/// [`green`] makes the text green where colors are visible. `main` continues with [`common::serve()`], which prints
/// `listening on` and the address, and accepts clients.
fn open_listener(endpoint: &Endpoint<55555>) -> Result<TcpListener> {
    todo!("stage 1: open the listening socket, and announce it")
}

/// Handles one connection, from the handshake to its end.
fn talk(id: u64, stream: &Arc<TcpStream>, room: &Room<Event>, patience: Duration) -> Result<()> {
    log(&format!("Connected with {}", stream.peer_addr()?));
    let mut messages = Messages::new(stream, room);
    let Some(nickname) = ask_nickname(stream, &mut messages, patience)? else {
        return Ok(());
    };
    log(&format!("Nickname is {nickname}"));

    let outbox = Outbox::new(Arc::clone(stream));
    let (answer, answered) = mpsc::channel();
    room.send_now(Event::Join(id, Member { nickname, outbox }, answer))?;
    if !answered.recv()? {
        return Ok(());
    }

    let result = common::catch_panic(|| receive_messages(id, &mut messages, room));
    let last_words = match &result {
        Err(error) => format!("Goodbye: {error}\n"),
        Ok(()) => String::new(),
    };
    // The room gets this event however the connection ended.
    room.send_now(Event::Left(id, last_words))?;
    result
}

/// Stage 2: ask for the nickname, and wait for it.
///
/// Send `NICK`, exactly these four letters: the original client compares what it receives with them.
/// [`Messages::handshake`] waits for the nickname, but for at most `patience`. It returns `None` if the client has
/// closed the connection instead. This function runs in the connection's own thread, so a silent client blocks no
/// other.
///
/// Stage 9 comes back to this function: a client that has not sent its nickname in time gets `Nickname refused: `, a
/// reason and a newline, and nothing more: shut down the sending side with [`TcpStream::shutdown`], and return
/// `Ok(None)`. `handshake` reports this case as an error of kind [`ErrorKind::TimedOut`]. An error of kind
/// [`ErrorKind::InvalidData`] means that the nickname is longer than the limit for messages: refuse it in the same
/// way. Return other errors with `?`.
fn ask_nickname(
    mut stream: &TcpStream,
    messages: &mut Messages,
    patience: Duration,
) -> Result<Option<String>> {
    todo!("stage 2: ask for the nickname, and wait for it")
}

/// Stage 5: send each message that arrives to the room.
///
/// As in lab 1, [`Messages::receive`] waits for a message, and returns `None` at the end of the stream. At the end,
/// return; then [`talk`] tells the room that the member has left.
///
/// Stage 12 tests this function: messages arrive in pieces, or several together. An original client's message ends
/// where the bytes of one read end. Pass on each complete message.
fn receive_messages(id: u64, messages: &mut Messages, room: &Room<Event>) -> Result<()> {
    todo!("stage 5: send each message that arrives to the room")
}

/// Runs one round of the room: processes one event after the other, and then sends once for all of them.
fn run_room(members: &mut BTreeMap<u64, Member>, events: impl Iterator<Item = Event>) {
    for event in events {
        match event {
            Event::Said(id, messages) => {
                if let Some(member) = members.get(&id) {
                    let lines = messages.iter().map(|message| line(&member.nickname, message));
                    broadcast(members, lines.collect());
                }
            }
            Event::Join(id, member, answer) => {
                // An error means that the client's thread no longer waits for the answer.
                let _ = answer.send(join(members, id, member));
            }
            Event::Left(id, last_words) => leave(members, id, last_words),
        }
    }
    for member in members.values_mut() {
        member.outbox.flush();
    }
}

fn broadcast(members: &mut BTreeMap<u64, Member>, lines: String) {
    // All members share the same bytes.
    let lines = Bytes::from(lines);
    for member in members.values_mut() {
        member.outbox.push(lines.clone());
    }
}

/// Stage 4: let a newcomer join, and tell all members.
///
/// First put the newcomer into `members`, under its `id`. All members, including the newcomer, get
/// `alice joined!`; then only the newcomer gets `Connected to server!`. Each line ends with a newline.
/// [`broadcast`] sends to all members.
///
/// Returns whether the newcomer has joined.
///
/// Stage 8 comes back to this function: some nicknames are refused. A newcomer with such a nickname gets
/// `Nickname refused: ` and the reason; dropping its outbox sends this line and closes the connection. Refuse a
/// nickname if it is empty, is longer than [`MAX_NICKNAME`] characters, contains a control character, `:` or an
/// invisible character ([`has_invisible`]), or already belongs to a member. `alice` and `Alice` would be confused,
/// and so would any two names for which [`same_name`] returns the same. Print the refusal with [`log()`], never with
/// `println!`: a nickname may contain characters that would control the terminal. Stage 15 tests that.
fn join(members: &mut BTreeMap<u64, Member>, id: u64, mut newcomer: Member) -> bool {
    todo!("stage 4: let a newcomer join, and tell all members")
}

/// Stage 5: make the line that all members get, including the speaker.
///
/// A client adds the prefix itself, like the original client: `alice: hello` arrives, and is sent out again with a
/// newline.
///
/// Stage 10 comes back to this function: no member can speak in another member's name. If a message does not begin
/// with the speaker's own `alice: `, put this prefix before the message: `mallory: hi` from alice is sent out as
/// `alice: mallory: hi`.
fn line(nickname: &str, message: &str) -> String {
    todo!("stage 5: make the line that all members get, including the speaker")
}

/// Stage 7: remove a member, and tell the remaining members.
///
/// The remaining members get `alice left!`, with a newline, through [`broadcast`]. The member who leaves gets the
/// `last_words`, if there are any. Dropping an outbox sends its bytes and closes the connection.
///
/// Stage 14 tests this function, together with the client: people come and go, and a nickname is free again when its
/// owner is gone. Stage 12 also tests this function: a client that sends too much is told why it is disconnected.
fn leave(members: &mut BTreeMap<u64, Member>, id: u64, last_words: String) {
    todo!("stage 7: remove a member, and tell the remaining members")
}
