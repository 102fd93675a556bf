//! Reads messages with a deadline.
//!
//! On Windows, a socket is in an undefined state after a read timeout (`SO_RCVTIMEO`). Waiting until the socket is
//! readable (poll(2)) does not change its state.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use support::room::Gather;

/// Waits until `stream` is readable, has ended, or has failed. Returns false if `deadline` passes first. Without a
/// deadline, returns immediately, because the next read waits anyway.
pub(crate) fn wait_readable(stream: &TcpStream, deadline: Option<Instant>) -> io::Result<bool> {
    let Some(deadline) = deadline else { return Ok(true) };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) if !left.is_zero() => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// Reads from a peer that may be silent for any length of time between messages but must finish each message in time.
///
/// ```
/// # use std::io::{BufRead, ErrorKind, Write};
/// # use std::net::{TcpListener, TcpStream};
/// # use std::time::Duration;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// let mut reader = common::TimedReader::new(&stream, Duration::from_millis(20), &());
/// let mut line = String::new();
/// client.write_all(b"whole\nhal")?;
/// reader.read_line(&mut line)?;
/// assert_eq!(line, "whole\n");
/// reader.restart();
/// let error = reader.read_line(&mut line).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TimedReader<'a> {
    reader: BufReader<&'a TcpStream>,
    limit: Duration,
    /// Whether any byte of the message has arrived.
    has_begun: bool,
    deadline: Option<Instant>,
    room: &'a dyn Gather,
}

impl<'a> TimedReader<'a> {
    /// Reads messages from `stream`. Each message may take at most `limit`, from its first byte to its last. If a
    /// message takes longer than `limit`, a read returns an error of kind [`ErrorKind::TimedOut`], and the stream can
    /// no longer be used. The caller sends the messages to `room`, which is notified whenever all received bytes have
    /// been read.
    pub fn new(stream: &'a TcpStream, limit: Duration, room: &'a dyn Gather) -> Self {
        let reader = BufReader::with_capacity(16 * 1024, stream);
        Self { reader, limit, has_begun: false, deadline: None, room }
    }

    /// Marks the end of a message. The time limit for the next message starts with that message's first byte.
    pub fn restart(&mut self) {
        self.has_begun = !self.reader.buffer().is_empty();
        self.deadline = None;
    }
}

impl BufRead for TimedReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.reader.buffer().is_empty() {
            self.room.hand_over();
            if self.has_begun && self.deadline.is_none() {
                self.deadline = Some(Instant::now() + self.limit);
            }
            if !wait_readable(self.reader.get_ref(), self.deadline)? {
                let what = format!("a message took longer than {} s", self.limit.as_secs_f32());
                return Err(io::Error::new(ErrorKind::TimedOut, what));
            }
            self.has_begun = true;
            self.reader.fill_buf()?;
            self.room.gather();
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl Read for TimedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
