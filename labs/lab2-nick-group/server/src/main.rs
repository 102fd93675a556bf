//! The lab 2 server: a group of any size and a handshake before a client joins.
//!
//! As in lab 1, each connection has a thread that reads from it, while the room owns the list of members and does all
//! the sending. The handshake is new: a newcomer's thread waits for the room's answer.

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

/// The group chat server
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<55555>,
    /// Maximum number of connected clients
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
    /// Maximum time, in seconds, for a client to send its nickname
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3600))]
    handshake_timeout: u64,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the room. The number in each event identifies the connection.
enum Event {
    /// The channel carries the room's answer, which says whether the newcomer has joined.
    Join(u64, Member, mpsc::Sender<bool>),
    /// One or more consecutive messages from one client.
    Said(u64, Vec<String>),
    /// The member has left, and the room sends it this final message.
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

/// Stage 1: open the listening socket and announce it.
///
/// Returns a listener on `endpoint`; [`Endpoint::listen`] does what you wrote in lab 1. A server that can listen prints
/// `SERVER WORKING` ([`print_line`]), in green if the output can show colors ([`green`]). A server that cannot listen
/// must not print this line; the function returns the error to `main`.
fn open_listener(endpoint: &Endpoint<55555>) -> Result<TcpListener> {
    todo!("stage 1: open the listening socket and announce it")
}

/// Handles one connection from the handshake to the end of the stream.
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
    // No matter how the connection ended, the room gets this event.
    room.send_now(Event::Left(id, last_words))?;
    result
}

/// Stage 2: ask for the nickname and wait for it.
///
/// The client gets exactly the four bytes `NICK`, because the original client compares what it receives with these
/// bytes. Returns the reply, which may be empty and has no newline ([`Messages::handshake`]), or `None` if the client
/// has closed the connection instead. No bytes that arrive together with the reply may be lost.
///
/// Stage 9 extends this function: a client must reply within `patience`. A client that does not reply in time or
/// whose nickname is longer than the limit for messages gets `Nickname refused: `, a reason, and a newline, and then
/// the end of the stream, even if the client never closes its own side. Such a client does not become a member, and the
/// function returns `Ok(None)`. The function returns any other error.
///
/// Stage 12 tests this function: the nickname and the first message may arrive in one segment.
fn ask_nickname(
    mut stream: &TcpStream,
    messages: &mut Messages,
    patience: Duration,
) -> Result<Option<String>> {
    todo!("stage 2: ask for the nickname and wait for it")
}

/// Stage 5: send every incoming message to the room.
///
/// The room gets each of the client's messages as an [`Event::Said`]: once, in order, and immediately. The function
/// returns `Ok(())` when the client has closed the connection; otherwise, it returns the error that ended the
/// connection. Either way, [`talk`] tells the room that the member has left.
///
/// Stage 12 tests this function: a message may arrive in pieces, and several may arrive together. An original client's
/// message ends with the last byte that one `read` returns. A message that is too long is an error.
///
/// Stage 17 (bonus) tests this function over bad networks.
fn receive_messages(id: u64, messages: &mut Messages, room: &Room<Event>) -> Result<()> {
    todo!("stage 5: send every incoming message to the room")
}

/// Stage 4: process one round of events.
///
/// `events` come from all connections' threads. During the round, only this function uses `members`, and no other
/// thread sends to a member. These rules apply to a round:
///
/// - Events are processed one after another, in the given order.
/// - When the round ends, everything that was pushed for members has been sent, with one [`Outbox::flush`] for each
///   member.
/// - The round never waits for a client. [`Outbox::push`] and [`Outbox::flush`] never wait; a write to a socket may
///   wait.
/// - [`Event::Join`] asks whether the newcomer can [`join`]. The newcomer's thread waits for the answer, so the thread
///   must always get an answer. If the newcomer's thread is no longer waiting, the round continues.
///
/// A round may ignore [`Event::Said`] until stage 5 and [`Event::Left`] until stage 7.
///
/// Stage 5 extends this function: for each message in an [`Event::Said`], all members get a [`line()`], in order.
/// Messages from a connection that is not a member are dropped.
///
/// Stage 7 extends this function: after [`Event::Left`], the connection is no longer a member ([`leave`]), and by
/// the end of the round, the remaining members have been notified.
fn run_room(members: &mut BTreeMap<u64, Member>, events: impl Iterator<Item = Event>) {
    todo!("stage 4: process one round of events")
}

/// Stage 4: push the same lines to all members.
///
/// Each member gets `lines` after everything that was pushed for it earlier. No matter how many members there are, the
/// text exists only once: all members share it as [`Bytes`].
///
/// Stage 16 (bonus) tests this function with a crowd.
fn broadcast(members: &mut BTreeMap<u64, Member>, lines: String) {
    todo!("stage 4: push the same lines to all members")
}

/// Stage 4: let a newcomer join, and announce the newcomer to all members.
///
/// Returns whether the newcomer has joined. A newcomer that has joined is in `members`, under its `id`. All members,
/// including the newcomer, get `alice joined!`; after that, only the newcomer gets `Connected to server!`. Each line
/// ends with a newline.
///
/// Stage 8 extends this function: a nickname is refused if it is empty, is longer than [`MAX_NICKNAME`] characters,
/// contains a control character, a `:`, or an invisible character ([`has_invisible`]), or already belongs to a member.
/// `alice` and `Alice` are the same nickname, and so are any two nicknames for which [`same_name`] returns the same
/// value. The refused newcomer gets `Nickname refused: `, a reason, and a newline; then its connection is closed. No
/// member is notified.
///
/// Stage 14 tests this function together with the client: a nickname is free again when its owner has left.
///
/// Stage 15 tests this function: a refused nickname may contain characters that would control the server's terminal. If
/// you print such a nickname, use [`log()`], which sanitizes these characters.
fn join(members: &mut BTreeMap<u64, Member>, id: u64, mut newcomer: Member) -> bool {
    todo!("stage 4: let a newcomer join, and announce the newcomer to all …")
}

/// Stage 5: create the line that all members, including the speaker, get.
///
/// The client has already put the speaker's nickname at the beginning of the message, as the original client does: for
/// the message `alice: hello`, the line is exactly this text, followed by a newline. [`run_room`] sends this line to
/// all members.
///
/// Stage 10 extends this function: no member can speak under another member's name. Every line begins with
/// `alice: `, where `alice` is the speaker's `nickname`. This prefix is added to each message that does not begin with
/// exactly this prefix, and to no other message: `mallory: hi` from alice becomes `alice: mallory: hi`.
fn line(nickname: &str, message: &str) -> String {
    todo!("stage 5: create the line that all members, including the speaker, get")
}

/// Stage 7: remove a member.
///
/// The handout describes the rest.
fn leave(members: &mut BTreeMap<u64, Member>, id: u64, last_words: String) {
    todo!("stage 7: remove a member")
}
