//! Wires 1 and 2 have no frames: where does one message end?
//!
//! Our programs end each message with a newline. The original programs end it with nothing and hope
//! that one `send` arrives as one `recv`. The rule that serves both is on the page of the wires: *a
//! message ends at a newline and at the end of the stream; and, if the peer is an original, after
//! 50 ms of silence.* Its first message tells which kind it is.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest message, in bytes without its newline. Who sends more is not served any longer.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Room for what a server puts in front of a message, in bytes.
const PREFIX: usize = 1024;

/// How long an original must be silent for its message to be over.
const SILENCE: Duration = Duration::from_millis(50);

/// Reads a connection message by message.
pub struct Messages<'a> {
    reader: BufReader<&'a TcpStream>,
    /// The message that has begun to arrive.
    begun: Vec<u8>,
    limit: usize,
    peer: Peer,
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// It has not sent its first message yet.
    Unknown,
    /// It ends messages with a newline. Silence means nothing.
    Ours,
    /// It ends messages with silence, too.
    Original,
}

impl<'a> Messages<'a> {
    /// Reads from `stream`; nobody else may read from it or change its read timeout.
    pub fn new(stream: &'a TcpStream) -> Self {
        Self::with_limit(stream, MAX_MESSAGE)
    }

    /// As [`Messages::new`], for a client: what a server passes on is a little longer than what it got.
    pub fn from_server(stream: &'a TcpStream) -> Self {
        Self::with_limit(stream, MAX_MESSAGE + PREFIX)
    }

    fn with_limit(stream: &'a TcpStream, limit: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(16 * 1024, stream),
            begun: Vec::new(),
            limit,
            peer: Peer::Unknown,
            timeout: None,
        }
    }

    /// Waits for the next message that is not empty; `None` when the peer has closed.
    ///
    /// A `\r` before the newline is dropped; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] for a message over [`MAX_MESSAGE`], as it came or as U+FFFD has made it
    /// longer; what the connection reports.
    pub fn receive(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.read_one(None)? {
                Some((message, end)) => {
                    if self.peer == Peer::Unknown && end != End::Stream {
                        self.peer = if end == End::Newline { Peer::Ours } else { Peer::Original };
                    }
                    if message.len() > self.limit {
                        return Err(too_long());
                    }
                    if !message.is_empty() {
                        return Ok(Some(message));
                    }
                }
                None => return Ok(None),
            }
        }
    }

    /// Waits for a part of the handshake, which ends with a newline or silence whoever the peer is:
    /// the bare `NICK`, or a nickname, which may be empty. `None` when the peer has closed.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when it has not come within `limit`; as [`Messages::receive`].
    pub fn handshake(&mut self, limit: Option<Duration>) -> io::Result<Option<String>> {
        let known = std::mem::replace(&mut self.peer, Peer::Unknown);
        let part = self.read_one(limit.map(|limit| Instant::now() + limit));
        self.peer = known;
        Ok(part?.map(|(text, _)| text))
    }

    fn read_one(&mut self, deadline: Option<Instant>) -> io::Result<Option<(String, End)>> {
        loop {
            let silence = (!self.begun.is_empty() && self.peer != Peer::Ours).then_some(SILENCE);
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.set_timeout(silence.into_iter().chain(left).min())?;
            let arrived = match self.reader.fill_buf() {
                Ok([]) if self.begun.is_empty() => return Ok(None),
                Ok([]) => return Ok(Some((self.take_message(), End::Stream))),
                Ok(bytes) => bytes,
                Err(error) if is_timeout(&error) => {
                    if silence.is_some() && left.is_none_or(|left| left > SILENCE) {
                        return Ok(Some((self.take_message(), End::Silence)));
                    }
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let newline = arrived.iter().position(|&byte| byte == b'\n');
            self.begun.extend_from_slice(&arrived[..newline.unwrap_or(arrived.len())]);
            let used = newline.map_or(arrived.len(), |at| at + 1);
            self.reader.consume(used);
            // (a `\r` does not count)
            if self.begun.len() > self.limit + 1 {
                return Err(too_long());
            }
            if newline.is_some() {
                return Ok(Some((self.take_message(), End::Newline)));
            }
        }
    }

    fn take_message(&mut self) -> String {
        let bytes = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
        let message = String::from_utf8_lossy(bytes).into_owned();
        self.begun.clear();
        message
    }

    /// Most reads need no change, and so no system call.
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.timeout != timeout {
            self.reader.get_ref().set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Newline,
    Silence,
    Stream,
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a message longer than 64 KiB")
}

/// A read timeout is `WouldBlock` on Unix and `TimedOut` on Windows.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
