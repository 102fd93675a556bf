//! One person's connection to the server. Reads and writes never block, and each read returns all bytes that have
//! arrived.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::crowd::wire::{self, Heard};
use crate::journal::timeout::TIMEOUT;

/// The maximum length of a message, in bytes. All messages that the simulated people send are shorter, so a longer
/// message from the server is invalid.
const LONGEST: usize = 128 * 1024;

/// A connection.
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    lab: u32,
    out: Vec<u8>,
    /// Whether to shut down the sending side of the connection after all bytes have been written.
    shuts: bool,
    arrived: Vec<u8>,
    /// Whether the server has asked for the nickname, in wire format 2.
    asked: bool,
}

/// What has arrived.
pub struct Arrived {
    /// The complete messages, each with its bytes.
    pub messages: Vec<(Heard, Vec<u8>)>,
    /// Whether the server has closed the connection.
    pub is_closed: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Returns an error if the server does not accept the connection.
    pub fn new(lab: u32, server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
        stream.set_nonblocking(true)?;
        let _ = stream.set_nodelay(true);
        let (out, arrived) = Default::default();
        Ok(Self { stream, lab, out, shuts: false, arrived, asked: false })
    }

    /// Sends bytes in one piece, either now or as soon as the connection accepts more bytes. The next read reports any
    /// error.
    pub fn send(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.flush();
    }

    /// Shuts down the sending side of the connection after all bytes have been written.
    pub fn ends_sending(&mut self) {
        self.shuts = true;
        self.flush();
    }

    /// Writes as many bytes as possible without blocking.
    pub fn flush(&mut self) {
        while !self.out.is_empty() {
            match (&self.stream).write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The next read reports why the write failed.
                Err(_) => self.out.clear(),
            }
        }
        if self.shuts {
            self.shuts = false;
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Returns whether any bytes still need to be written.
    pub fn has_more(&self) -> bool {
        !self.out.is_empty()
    }

    /// Reads all bytes that have arrived.
    pub fn receive(&mut self) -> Arrived {
        let mut bytes = [0; 16 * 1024];
        let is_closed = loop {
            match (&self.stream).read(&mut bytes) {
                Ok(0) => break true,
                Ok(read) => self.arrived.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
            if self.arrived.len() > LONGEST {
                break false;
            }
        };
        let (mut messages, mut begin) = (Vec::new(), 0);
        while begin < self.arrived.len() {
            let rest = &self.arrived[begin..];
            let Some((heard, len)) = wire::hear(self.lab, rest, self.asked) else { break };
            self.asked = true;
            messages.push((heard, rest[..len].to_vec()));
            begin += len;
        }
        self.arrived.drain(..begin);
        // A message is invalid if the stream ends in the middle of it or if it is too long.
        if !self.arrived.is_empty() && (is_closed || self.arrived.len() > LONGEST) {
            messages.push((Heard::Other, std::mem::take(&mut self.arrived)));
        }
        Arrived { messages, is_closed }
    }

    /// Resets the connection, as if the client program had crashed.
    pub fn resets(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}
