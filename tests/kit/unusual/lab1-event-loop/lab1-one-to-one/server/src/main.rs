//! Unusual: an event loop. One thread serves all clients. After each wake-up, it reads from every client that has sent
//! something and then sends each member everything that the others have said, with one send.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{IpAddr, Shutdown};
use std::ops::Range;
use std::time::{Duration, Instant};

use clap::Parser;
use common::{Endpoint, MAX_MESSAGE, log, log_all};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// The maximum number of bytes waiting for a client.
const MAX_BACKLOG: usize = 1 << 20;

/// An original client's message ends after this silence.
const SILENCE: Duration = Duration::from_millis(50);

/// The maximum time until the connection of a client that has left is closed.
const LINGER: Duration = Duration::from_secs(1);

/// The time to wait after a failed attempt to accept a client.
const PAUSE: Duration = Duration::from_millis(100);

const LISTENER: usize = 0;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
    #[arg(long, default_value_t = 2)]
    seats: usize,
}

struct Client {
    stream: TcpStream,
    ip: IpAddr,
    /// The beginning of an incomplete message.
    begun: Vec<u8>,
    /// Whether the client ends its messages with newlines; original clients do not.
    has_newlines: bool,
    /// The time at which `begun` becomes a message, or at which the connection of a client that has left is closed.
    deadline: Option<Instant>,
    /// The bytes that the socket has not accepted yet.
    backlog: Vec<u8>,
    has_left: bool,
    /// The part of the current batch that comes from this client.
    own: Range<usize>,
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    seats: usize,
    members: BTreeMap<usize, Client>,
    /// The clients that have left or found no free seat.
    leaving: BTreeMap<usize, Client>,
    /// The clients from which more can be read. mio reports new bytes only once.
    readable: BTreeSet<usize>,
    last_id: usize,
    accepts_again: Option<Instant>,
    /// The lines that were said since the last wake-up.
    batch: String,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let _log = common::log_in_background()?;
    common::exit_on_ctrl_c()?;
    let listener = options.endpoint.listen()?;
    log(&format!("listening on {}", listener.local_addr()?));
    listener.set_nonblocking(true)?;
    let (poll, mut listener) = (Poll::new()?, TcpListener::from_std(listener));
    poll.registry().register(&mut listener, Token(LISTENER), Interest::READABLE)?;
    let mut server = Server {
        poll,
        listener,
        seats: options.seats,
        members: BTreeMap::new(),
        leaving: BTreeMap::new(),
        readable: BTreeSet::new(),
        last_id: LISTENER,
        accepts_again: None,
        batch: String::new(),
    };
    let (mut events, mut bytes) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
    loop {
        server.turn(&mut events, &mut bytes)?;
    }
}

impl Server {
    /// Waits for a wake-up and does everything that can be done without waiting.
    fn turn(&mut self, events: &mut Events, bytes: &mut [u8]) -> io::Result<()> {
        match self.poll.poll(events, self.timeout()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let mut has_guests = false;
        for event in &*events {
            let Token(id) = event.token();
            if id == LISTENER {
                has_guests = true;
                continue;
            }
            self.readable.insert(id);
            if let Some(client) = self.members.get_mut(&id).or(self.leaving.get_mut(&id)) {
                client.send(b"");
            }
        }
        let now = Instant::now();
        if has_guests || self.accepts_again.is_some_and(|time| time <= now) {
            self.accept();
        }
        // If there is something to read, the client may have sent it in time, so its deadline does not count yet.
        let is_over = |id: &usize, client: &Client| {
            client.deadline.is_some_and(|time| time <= now)
                && (client.has_left || !self.readable.contains(id))
        };
        self.leaving.retain(|id, client| !is_over(id, client));
        let over = self.members.iter().filter(|(id, client)| is_over(id, client));
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.update(id, Client::ends_message);
        }
        for id in mem::take(&mut self.readable) {
            self.read(id, bytes);
        }
        self.pass_on();
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.readable.is_empty() {
            return Some(Duration::ZERO);
        }
        let clients = self.members.values().chain(self.leaving.values());
        let deadlines = clients.filter_map(|client| client.deadline).chain(self.accepts_again);
        deadlines.min().map(|time| time.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self) {
        self.accepts_again = None;
        loop {
            let (mut stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.accepts_again = Some(Instant::now() + PAUSE),
            };
            self.last_id += 1;
            let (id, both) = (self.last_id, Interest::READABLE | Interest::WRITABLE);
            if self.poll.registry().register(&mut stream, Token(id), both).is_err() {
                continue;
            }
            let _ = stream.set_nodelay(true);
            let ip = peer.ip().to_canonical();
            let mut client = Client::new(stream, ip);
            if self.members.len() < self.seats {
                log(&format!("{ip} connected"));
                client.send(b"Welcome to this chatroom!\n");
                self.members.insert(id, client);
            } else {
                client.leaves("The chatroom is full\n");
                self.leaving.insert(id, client);
            }
        }
    }

    fn read(&mut self, id: usize, bytes: &mut [u8]) {
        let Some(client) = self.members.get_mut(&id).or(self.leaving.get_mut(&id)) else { return };
        let is_open = match client.stream.read(bytes) {
            Ok(count) if count > 0 => {
                self.readable.insert(id);
                self.update(id, |client, batch| client.hears(&bytes[..count], batch));
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.readable.insert(id),
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Ok(_) => {
                self.update(id, |client, batch| {
                    client.ends_message(batch)?;
                    Err(String::new())
                });
                // A client that sends nothing more may still have to receive something.
                self.leaving.get(&id).is_some_and(|client| !client.backlog.is_empty())
            }
            Err(_) => {
                self.update(id, |_, _| Err(String::new()));
                false
            }
        };
        if !is_open {
            self.leaving.remove(&id);
        }
    }

    /// Changes a member. If `change` returns an error, the error is sent to the member as its last message, and the
    /// member is removed.
    fn update(
        &mut self,
        id: usize,
        change: impl FnOnce(&mut Client, &mut String) -> Result<(), String>,
    ) {
        let Some(client) = self.members.get_mut(&id) else { return };
        let begin = self.batch.len();
        let result = change(client, &mut self.batch);
        client.own = begin..self.batch.len();
        if let Err(last_words) = result
            && let Some(mut client) = self.members.remove(&id)
        {
            client.leaves(&last_words);
            log(&format!("{} closed", client.ip));
            self.leaving.insert(id, client);
        }
    }

    /// Sends the batch to each member, without the member's own lines.
    fn pass_on(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        log_all(&self.batch.lines().collect::<Vec<_>>());
        let batch = mem::take(&mut self.batch).into_bytes();
        let mut too_slow = Vec::new();
        for (id, client) in &mut self.members {
            let own = mem::take(&mut client.own);
            if own.is_empty() {
                client.send(&batch);
            } else {
                client.send(&[&batch[..own.start], &batch[own.end..]].concat());
            }
            if client.backlog.len() > MAX_BACKLOG {
                too_slow.push(*id);
            }
        }
        for client in too_slow.iter().filter_map(|id| self.members.remove(id)) {
            log(&format!("{} is more than 1 MiB behind\n{0} closed", client.ip));
        }
    }
}

impl Client {
    fn new(stream: TcpStream, ip: IpAddr) -> Self {
        let (begun, backlog) = (Vec::new(), Vec::new());
        let (has_newlines, has_left) = (false, false);
        Self { stream, ip, begun, has_newlines, deadline: None, backlog, has_left, own: 0..0 }
    }

    /// Sends the backlog and then these bytes, and keeps the bytes that the socket does not accept.
    fn send(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if !self.backlog.is_empty() {
            self.backlog.extend_from_slice(bytes);
            rest = &self.backlog;
        }
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // If the connection is broken, the next read reports it.
                Err(_) => break,
            }
        }
        self.backlog = rest.to_vec();
        if self.has_left && self.backlog.is_empty() {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn leaves(&mut self, last_words: &str) {
        self.has_left = true;
        self.deadline = Some(Instant::now() + LINGER);
        self.begun = Vec::new();
        self.send(last_words.as_bytes());
    }

    /// Adds the complete messages to the batch. If the client must leave, returns an error: the last message to the
    /// client.
    fn hears(&mut self, bytes: &[u8], batch: &mut String) -> Result<(), String> {
        self.begun.extend_from_slice(bytes);
        let begun = mem::take(&mut self.begun);
        let mut rest = &begun[..];
        while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
            self.has_newlines = true;
            self.says(&rest[..at], batch)?;
            rest = &rest[at + 1..];
        }
        if rest.len() > MAX_MESSAGE {
            return Err(too_long());
        }
        self.begun = rest.to_vec();
        let may_be_complete = !self.has_newlines && !self.begun.is_empty();
        self.deadline = may_be_complete.then(|| Instant::now() + SILENCE);
        Ok(())
    }

    fn ends_message(&mut self, batch: &mut String) -> Result<(), String> {
        self.deadline = None;
        let message = mem::take(&mut self.begun);
        self.says(&message, batch)
    }

    fn says(&mut self, message: &[u8], batch: &mut String) -> Result<(), String> {
        let end = message.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
        let text = String::from_utf8_lossy(&message[..end]);
        if text.len() > MAX_MESSAGE {
            return Err(too_long());
        }
        if text == "quit" {
            return Err(String::new());
        }
        if !text.is_empty() {
            *batch += &format!("<{}> {text}\n", self.ip);
        }
        Ok(())
    }
}

fn too_long() -> String {
    format!("Goodbye: a message longer than {} KiB\n", MAX_MESSAGE / 1024)
}
