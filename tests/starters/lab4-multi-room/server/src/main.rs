//! The lab 4 server: many rooms, requests, and replies.
//!
//! As before, each connection has a thread that reads; in this lab, the thread turns lines into requests. The hall
//! (`hall.rs`) owns the clients and the rooms, and handles the requests one after another.

mod hall;

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, value_parser};
use common::{Endpoint, Outbox, Room, TimedReader, log};
use protocol::{Complaint, Lines, Problem, Reply, Request, read_request};

use crate::hall::{Client, Hall};

const FULL: &[u8] = b"ERROR_CODE: 6\nERROR_DESCRIPTION: the server is full\n";

/// The multi-room chat server
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
    /// Maximum number of connected clients
    #[arg(long, default_value_t = 10_000)]
    max_clients: usize,
    /// Also obey `KILL_SERVICE` from other computers
    #[arg(long)]
    kill_from_anywhere: bool,
    /// Maximum time, in seconds, from a request's first byte to its last
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3600))]
    request_timeout: u64,
    /// Maximum total backlog, in MiB, of all clients that read too slowly
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    max_backlog: u16,
}

/// The events that the connections' threads send to the hall. The number in each event identifies the connection.
enum Event {
    Connected(i64, Client),
    Asked(i64, Request),
    NotUnderstood(i64, Complaint),
    Gone(i64),
}

impl common::room::Event for Event {
    /// Always returns `None`, because the hall itself gathers each room's messages.
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
        None
    }

    fn text_len(&mut self) -> usize {
        match self {
            Self::Asked(_, request) => request.text_len(),
            Self::NotUnderstood(_, complaint) => complaint.description.len(),
            Self::Connected(..) | Self::Gone(_) => 0,
        }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let _log = common::log_in_background()?;
    common::exit_on_ctrl_c()?;
    common::limit_backlogs(usize::from(options.max_backlog) << 20);
    let listener = options.endpoint.listen()?;

    let mut hall = Hall::default();
    let hall = Room::new(move |events| run_hall(&mut hall, events, options.kill_from_anywhere));
    let limit = Duration::from_secs(options.request_timeout);
    common::serve(&listener, options.max_clients, FULL, move |id, stream| {
        talk(id.cast_signed(), stream, &hall.clone(), limit)
    })
}

/// Handles one connection from its beginning to its end. Each request must be complete within `limit`, counted from its
/// first byte.
fn talk(id: i64, stream: &Arc<TcpStream>, hall: &Room<Event>, limit: Duration) -> Result<()> {
    let (server, peer) = (stream.local_addr()?, stream.peer_addr()?);
    log(&format!("{peer} connected"));
    let outbox = Outbox::new(Arc::clone(stream));
    hall.send_now(Event::Connected(id, Client::new(server, peer, outbox)))?;
    let reader = TimedReader::new(stream, limit, hall);
    let result = common::catch_panic(|| receive_requests(id, reader, hall));
    // No matter how the connection ended, the hall gets this event.
    hall.send_now(Event::Gone(id))?;
    log(&format!("{peer} closed"));
    result
}

/// Passes each incoming request to the hall, which owns all clients and rooms, until the stream ends or the client
/// disconnects.
fn receive_requests(id: i64, reader: TimedReader, hall: &Room<Event>) -> Result<()> {
    let mut lines = Lines::new(reader, TimedReader::restart);
    loop {
        match read_request(&mut lines) {
            Ok(Some(request)) => {
                let is_last = matches!(request, Request::Disconnect { .. });
                hall.send(Event::Asked(id, request))?;
                if is_last {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(Problem::Message(complaint)) => hall.send(Event::NotUnderstood(id, complaint))?,
            Err(Problem::TooLong) => {
                let complaint = Complaint::new(Complaint::TOO_LONG, Problem::TooLong.to_string());
                return hall.send(Event::NotUnderstood(id, complaint));
            }
            Err(Problem::Connection(error)) => return Err(error.into()),
        }
    }
}

/// Processes one round of events, one after another, and then flushes each outbox once.
fn run_hall(hall: &mut Hall, events: impl Iterator<Item = Event>, kill_from_anywhere: bool) {
    for event in events {
        match event {
            Event::Connected(id, client) => hall.connect(id, client),
            Event::Asked(id, request) => answer(hall, id, request, kill_from_anywhere),
            Event::NotUnderstood(id, complaint) => hall.tell(id, &Reply::Error(complaint)),
            Event::Gone(id) => hall.disconnect(id),
        }
    }
    hall.flush();
}

/// Handles one request. The request also says who the client claims to be, but the server identifies the client by its
/// connection.
fn answer(hall: &mut Hall, id: i64, request: Request, kill_from_anywhere: bool) {
    if !matches!(request, Request::Chat { .. }) {
        // Earlier messages go only to the room's current members, not to a newcomer.
        hall.push_said();
    }
    match request {
        Request::Helo(line) => greet(hall, id, line),
        Request::Join { room, name } => hall.join(id, room, name),
        Request::Chat { room_ref, message, .. } => hall.chat(id, room_ref, message),
        Request::Leave { room_ref, join_id, .. } => hall.leave(id, room_ref, join_id),
        Request::Disconnect { .. } => hall.disconnect(id),
        Request::Kill => kill(hall, id, kill_from_anywhere),
    }
}

/// Stage 1: reply to a greeting by repeating its line and adding the server's address.
///
/// The reply contains the address at which this client sees the server ([`Client::server`]). The reply is a
/// [`Reply::Helo`], which [`Hall::tell`] sends. If the client has left in the meantime, there is no reply.
fn greet(hall: &mut Hall, id: i64, line: String) {
    todo!("stage 1: reply to a greeting by repeating its line and adding the …")
}

/// Stage 9: exit when a client on this computer requests it.
///
/// The program exits with status 0, even though other threads are still waiting in a read or in `accept`. Earlier
/// requests still get their replies ([`Hall::flush`]), and [`common::exit`] waits a moment for bytes that the sockets
/// have not accepted yet.
///
/// A client on this computer has a loopback address, which may be an IPv4-mapped IPv6 address. Any other client is
/// obeyed only if `from_anywhere` is set. If `from_anywhere` is not set, the reply is [`Complaint::NOT_ALLOWED`]:
/// without this rule, any client could shut down the chat.
fn kill(hall: &mut Hall, id: i64, from_anywhere: bool) {
    todo!("stage 9: exit when a client on this computer requests it")
}
