//! Finds where each message ends in the wire formats of labs 1 and 2, which have no frames.
//!
//! Our programs end each message with a newline. The original programs add no newline, so the last byte that one `recv`
//! returns also ends a message. Most of the code in this file determines what kind of program the peer is.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::mem;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::room::Gather;

use crate::timed::wait_readable;

/// The maximum length, in bytes, of a message without its newline. A peer that sends a longer message is disconnected.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The maximum length, in bytes, of the prefix that a server puts before a message.
const PREFIX: usize = 1024;

/// The maximum number of bytes that one `recv` returns.
const BUFFER: usize = 16 * 1024;

/// The time to wait for more bytes of a message that may be complete.
const SILENCE: Duration = Duration::from_millis(50);

/// The maximum time for a client's first message if the message does not end with a newline.
const FIRST_MESSAGE: Duration = Duration::from_secs(1);

/// If an original program's message has at least this many bytes, it may have been sent in several segments.
const LONG: usize = 1024;

/// Reads a connection's messages, one at a time.
///
/// ```
/// # use std::io::Write;
/// # use std::net::{Shutdown, TcpListener, TcpStream};
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// client.write_all(b"one\ntwo\nthr")?; // one send, three messages
/// client.write_all(b"ee")?;
/// client.shutdown(Shutdown::Write)?;
///
/// let mut messages = common::Messages::new(&stream, &());
/// let mut all = Vec::new();
/// while let Some(message) = messages.receive()? {
///     all.push(message);
/// }
/// assert_eq!(all, ["one", "two", "three"]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Messages<'a> {
    reader: BufReader<&'a TcpStream>,
    /// The bytes of an incomplete message that have arrived so far.
    begun: Vec<u8>,
    /// Whether the last `recv` filled the buffer, in which case the message may continue.
    is_full: bool,
    limit: usize,
    peer: Peer,
    room: &'a dyn Gather,
}

enum Peer {
    /// A peer during the handshake, before it is known what kind of program the peer is.
    Stranger,
    /// A client whose first message is not complete yet.
    NewClient,
    /// A server whose first line is not complete yet. The flag is true if the line was returned before its newline
    /// arrived.
    NewServer(Greeting, bool),
    Ours,
    OriginalClient,
    OriginalServer,
}

/// The first line that our server sends is either `line` or a line that begins with `refusal`. A client recognizes our
/// server by this line.
struct Greeting {
    line: Vec<u8>,
    refusal: Vec<u8>,
}

impl<'a> Messages<'a> {
    /// For a server: reads messages from the client at the other end of `stream`. No other code may read from the
    /// stream. The client is one of our programs if its first message ends with a newline. The caller sends the
    /// messages to `room`, which is notified whenever all received bytes have been read.
    pub fn new(stream: &'a TcpStream, room: &'a dyn Gather) -> Self {
        Self { room, ..Self::with_limit(stream, MAX_MESSAGE, Peer::NewClient) }
    }

    /// For a client: reads messages from a server. The maximum length of a message is slightly greater here, because a
    /// server adds a prefix. The server is one of our programs if its first line is `greeting` or begins with
    /// `refusal`. Neither argument includes the newline.
    pub fn from_server(stream: &'a TcpStream, greeting: &str, refusal: &str) -> Self {
        let greeting = Greeting { line: greeting.into(), refusal: refusal.into() };
        Self::with_limit(stream, MAX_MESSAGE + PREFIX, Peer::NewServer(greeting, false))
    }

    fn with_limit(stream: &'a TcpStream, limit: usize, peer: Peer) -> Self {
        let reader = BufReader::with_capacity(BUFFER, stream);
        Self { reader, begun: Vec::new(), is_full: false, limit, peer, room: &() }
    }

    /// Waits for the next message that is not empty. Returns `None` when the peer has closed the connection.
    ///
    /// Every `\r` before the newline is dropped; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidData`] if a message is longer than [`MAX_MESSAGE`], either as it arrived or because
    /// U+FFFD has replaced invalid bytes. Any other error comes from the connection itself.
    pub fn receive(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.read_one(None)? {
                Some(message) if message.len() > self.limit => return Err(too_long(self.limit)),
                Some(message) if message.is_empty() => {}
                message => return Ok(message),
            }
        }
    }

    /// Waits for one message of the handshake: `NICK`, or a nickname, which may be empty. No matter what kind of
    /// program the peer is, the message ends with a newline or after 50 ms of silence. Returns `None` at the end of the
    /// stream.
    ///
    /// # Errors
    /// Returns [`ErrorKind::TimedOut`] if the message does not arrive within `limit`; for other errors, see
    /// [`Messages::receive`].
    pub fn handshake(&mut self, limit: Option<Duration>) -> io::Result<Option<String>> {
        let peer = mem::replace(&mut self.peer, Peer::Stranger);
        let part = self.read_one(limit.map(|limit| Instant::now() + limit));
        self.peer = peer;
        part
    }

    fn read_one(&mut self, deadline: Option<Instant>) -> io::Result<Option<String>> {
        let mut began = None;
        // The time at which the message is considered complete even if no newline has arrived.
        let mut over: Option<Instant> = None;
        loop {
            if over.is_some_and(|over| over <= Instant::now()) {
                self.recognize(None);
                return Ok(Some(self.take_message()));
            }
            let is_new = self.reader.buffer().is_empty();
            if is_new {
                self.room.hand_over();
            }
            let until = over.into_iter().chain(deadline).min();
            if is_new && !wait_readable(self.reader.get_ref(), until)? {
                if until == over {
                    continue;
                }
                return Err(ErrorKind::TimedOut.into());
            }
            let arrived = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                arrived => arrived?,
            };
            if arrived.is_empty() {
                return Ok((!self.begun.is_empty()).then(|| self.take_message()));
            }
            if is_new {
                self.is_full = arrived.len() == BUFFER;
                self.room.gather();
            }
            let newline = arrived.iter().position(|&byte| byte == b'\n');
            self.begun.extend_from_slice(&arrived[..newline.unwrap_or(arrived.len())]);
            let used = newline.map_or(arrived.len(), |at| at + 1);
            self.reader.consume(used);
            if without_returns(&self.begun).len() > self.limit {
                return Err(too_long(self.limit));
            }
            self.recognize(Some(newline.is_some()));
            if newline.is_some() {
                return Ok(Some(self.take_message()));
            }
            over = self.over(*began.get_or_insert_with(Instant::now));
        }
    }

    /// Returns the time at which the message is considered complete if no more bytes arrive. `began` is the time at
    /// which the first bytes of the message arrived.
    fn over(&self, began: Instant) -> Option<Instant> {
        match &self.peer {
            Peer::Ours => None,
            Peer::NewServer(greeting, _) if self.begun != greeting.line => None,
            Peer::Stranger | Peer::NewServer(..) => Some(Instant::now() + SILENCE),
            Peer::NewClient => Some((Instant::now() + SILENCE).min(began + FIRST_MESSAGE)),
            Peer::OriginalClient | Peer::OriginalServer => {
                let may_go_on = self.is_full
                    || self.begun.len() >= LONG
                    || ends_inside_a_character(&self.begun);
                Some(if may_go_on { began + SILENCE } else { began })
            }
        }
    }

    /// Determines what kind of program the peer is. `has_newline` says whether a newline arrived after `begun`; it is
    /// `None` if the time limit has passed.
    fn recognize(&mut self, has_newline: Option<bool>) {
        let is_ours = match &mut self.peer {
            // An original client cannot send a newline.
            Peer::NewClient | Peer::OriginalClient if has_newline == Some(true) => true,
            Peer::NewClient if has_newline.is_none() => false,
            Peer::NewServer(_, is_shown) if has_newline.is_none() => {
                *is_shown = true;
                return;
            }
            // The byte after the greeting shows what kind of server this is.
            Peer::NewServer(_, true) => self.begun.is_empty() && has_newline == Some(true),
            Peer::NewServer(greeting, false) => {
                let Greeting { line, refusal } = greeting;
                let is_whole = self.begun == *line || self.begun.starts_with(refusal);
                let may_become = line.starts_with(&self.begun) || refusal.starts_with(&self.begun);
                if has_newline == Some(false) && (is_whole || may_become) {
                    return;
                }
                is_whole && has_newline == Some(true)
            }
            _ => return,
        };
        self.peer = match self.peer {
            _ if is_ours => Peer::Ours,
            Peer::NewServer(..) => Peer::OriginalServer,
            _ => Peer::OriginalClient,
        };
    }

    fn take_message(&mut self) -> String {
        let message = String::from_utf8_lossy(without_returns(&self.begun)).into_owned();
        self.begun.clear();
        message
    }
}

fn without_returns(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
    &line[..end]
}

/// Returns whether the bytes end with an incomplete UTF-8 character.
fn ends_inside_a_character(bytes: &[u8]) -> bool {
    (1..=bytes.len().min(3)).any(|length| {
        let tail = str::from_utf8(&bytes[bytes.len() - length..]);
        tail.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    })
}

fn too_long(limit: usize) -> io::Error {
    let why = format!("a message longer than {} KiB", limit / 1024);
    io::Error::new(ErrorKind::InvalidData, why)
}
