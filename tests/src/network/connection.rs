//! One connection through the relay: a client, the server, and a pipe for each direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use socket2::{Domain, SockRef, Socket, Type};

use crate::network::bytes::Bytes;
use crate::network::event::What;
use crate::network::names::Names;
use crate::network::pipe::{End, Next, Pipe};
use crate::network::trouble::{Kind, Trouble};
use crate::network::way::Way;
use crate::system::ports;

/// The interval at which the relay checks whether a receiver has read a piece.
const LOOK: Duration = Duration::from_millis(1);

/// The maximum number of bytes in one read.
const CHUNK: usize = 16 * 1024;

/// The maximum number of consecutive reads before the relay serves the other connections.
const READS: usize = 8;

/// One connection.
pub struct Connection {
    number: u32,
    name: Option<String>,
    names: Names,
    trouble: Rc<Trouble>,
    /// The sockets of the client and the server, or `None` if the connection is closed.
    ends: Option<[TcpStream; 2]>,
    /// The pipe to the server and the pipe to the client.
    pipes: [Pipe; 2],
    /// Whether the connection to the server is still being established.
    is_connecting: bool,
    /// For each direction, whether the send buffer of the socket to the receiver was full.
    is_full: [bool; 2],
    /// Whether the relay no longer passes on any bytes, but discards all bytes that still arrive.
    is_draining: bool,
    /// For each direction, whether the relay has stopped because of `--stop-after`.
    is_stopped: [bool; 2],
    /// For each socket in `ends`, whether the stream from that client or server has ended.
    has_ended: [bool; 2],
}

impl Connection {
    /// Starts connecting a client to the server.
    ///
    /// # Errors
    /// Returns an error if the system cannot provide a socket or the connection fails immediately.
    pub fn new(
        number: u32,
        lab: u32,
        client: TcpStream,
        server: SocketAddr,
        trouble: &Rc<Trouble>,
    ) -> io::Result<Self> {
        client.set_nonblocking(true)?;
        // This call fails if the client has already disconnected. A later read detects that the client is gone.
        let _ = client.set_nodelay(true);
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let _ = socket.set_tcp_nodelay(true);
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let mut connection = Self {
            number,
            name: None,
            names: Names::new(lab),
            trouble: Rc::clone(trouble),
            ends: Some([client, socket.into()]),
            pipes: Way::BOTH.map(|way| Pipe::new(trouble, number, way)),
            is_connecting: true,
            is_full: [false; 2],
            is_draining: false,
            is_stopped: [false; 2],
            has_ended: [false; 2],
        };
        connection.apply_trouble();
        Ok(connection)
    }

    /// Returns the connection number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns whether the connection has ended and nothing more can happen.
    pub fn is_over(&self) -> bool {
        self.ends.is_none()
    }

    /// Replaces the network trouble that the relay simulates.
    pub fn change(&mut self, trouble: &Rc<Trouble>) {
        self.trouble = Rc::clone(trouble);
        for (way, pipe) in Way::BOTH.into_iter().zip(&mut self.pipes) {
            pipe.change(trouble, self.number, way);
        }
        self.apply_trouble();
    }

    /// Returns whether bytes are waiting in this direction.
    pub fn has_more(&self, way: Way) -> bool {
        !self.is_over() && self.pipes[way as usize].has_more()
    }

    fn apply_trouble(&mut self) {
        for (way, pipe) in Way::BOTH.into_iter().zip(&mut self.pipes) {
            pipe.set_troubled(self.trouble.is_for(self.number, self.name.as_deref(), way));
        }
    }

    /// Returns the `poll` events to wait for on each socket.
    pub fn interests(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let Some(ends) = &self.ends else { return Vec::new() };
        let interest = |end: usize| {
            let mut flags = PollFlags::empty();
            if end == 1 && self.is_connecting {
                return PollFlags::POLLOUT;
            }
            let reads = self.pipes[end].accepts() || self.is_draining;
            flags.set(PollFlags::POLLIN, reads && !self.has_ended[end]);
            flags.set(PollFlags::POLLOUT, self.is_full[1 - end]);
            flags
        };
        let interests =
            ends.iter().enumerate().map(|(end, stream)| (stream.as_fd(), interest(end)));
        // A socket with no events to wait for is omitted. Otherwise, a reset would wake the relay again and again.
        interests.filter(|(_, flags)| !flags.is_empty()).collect()
    }

    /// Reads the bytes that have arrived and passes on the bytes that are due. Returns the time at which to call this
    /// function again if nothing happens before then.
    pub fn work(&mut self, report: &mut dyn FnMut(What)) -> Option<Instant> {
        if self.is_connecting && !self.connects(report) {
            return None;
        }
        for way in Way::BOTH {
            self.reads(way, report);
        }
        let due = Way::BOTH.map(|way| self.passes_on(way, report)).into_iter().flatten().min();
        // A connection that the relay has stopped in both directions remains open, as if the network had failed.
        if self.pipes.iter().all(Pipe::is_over) && self.is_stopped != [true; 2] {
            self.is_draining = true;
            if self.has_ended == [true; 2] {
                self.ends = None;
            }
        }
        due
    }

    /// Returns whether the connection to the server has been established.
    fn connects(&mut self, report: &mut dyn FnMut(What)) -> bool {
        let Some([_, server]) = &self.ends else { return false };
        let failed = server.take_error().unwrap_or_else(Some);
        if let Some(error) = failed {
            let why = format!("the server cannot be reached: {error}");
            report(What::Refused { connection: self.number, why });
            self.resets();
            return false;
        }
        self.is_connecting = server.peer_addr().is_err();
        !self.is_connecting
    }

    fn reads(&mut self, way: Way, report: &mut dyn FnMut(What)) {
        let from = way as usize;
        let mut bytes = [0; CHUNK];
        for _ in 0..READS {
            if self.has_ended[from] || !self.pipes[from].accepts() && !self.is_draining {
                return;
            }
            let Some(ends) = &self.ends else { return };
            match (&ends[from]).read(&mut bytes) {
                Ok(0) => {
                    self.has_ended[from] = true;
                    self.pipes[from].end(End::Closed);
                }
                Ok(_) if self.is_draining => {}
                Ok(read) => {
                    if let Some(name) = self.names.read(way, &bytes[..read]) {
                        report(What::Named { connection: self.number, name: name.clone() });
                        self.name = Some(name);
                        self.apply_trouble();
                    }
                    self.pipes[from].arrive(&bytes[..read], Instant::now());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.has_ended[from] = true;
                    self.pipes[from].end(End::Reset);
                }
            }
        }
    }

    fn passes_on(&mut self, way: Way, report: &mut dyn FnMut(What)) -> Option<Instant> {
        let (at, connection) = (way as usize, self.number);
        self.is_full[at] = false;
        loop {
            let now = Instant::now();
            let size = match self.pipes[at].next(now) {
                Next::Nothing => return None,
                Next::Wait(until) => return Some(until),
                Next::WaitUntilRead(size, until) => {
                    if !self.is_read(way) {
                        return Some(until.min(now + LOOK));
                    }
                    size
                }
                Next::Piece(size) => size,
                Next::End(End::Closed) => {
                    report(What::Closed { connection, way });
                    self.ends_stream(way);
                    return None;
                }
                Next::End(End::Reset) => {
                    report(What::Reset { connection, way });
                    self.resets();
                    return None;
                }
                Next::Trouble(kind) => {
                    let after = self.pipes[at].passed;
                    report(What::Trouble { connection, way, kind, after });
                    match kind {
                        Kind::Stop => {
                            self.pipes[at].stop();
                            self.is_stopped[at] = true;
                        }
                        Kind::HalfClose => self.ends_stream(way),
                        Kind::Close => Way::BOTH.into_iter().for_each(|way| self.ends_stream(way)),
                        Kind::Reset => self.resets(),
                    }
                    return None;
                }
            };
            let Some(ends) = &self.ends else { return None };
            let piece = &self.pipes[at].front()[..size];
            match (&ends[1 - at]).write(piece) {
                Ok(written) => {
                    let bytes = Bytes(piece[..written].to_vec());
                    let late = self.pipes[at].pass(written, Instant::now());
                    let late = late.map(|late| late.as_micros().try_into().unwrap_or(u64::MAX));
                    report(What::Passed { connection, way, bytes, late });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_full[at] = true;
                    return None;
                }
                // The receiver has disconnected. All bytes that the receiver had sent have already been read.
                Err(_) => {
                    let way = Way::BOTH[1 - at];
                    report(What::Reset { connection, way });
                    self.resets();
                    return None;
                }
            }
        }
    }

    /// Returns whether the receiver has read all bytes, as far as the system can tell.
    fn is_read(&self, way: Way) -> bool {
        let Some(ends) = &self.ends else { return true };
        let receiver = &ends[1 - way as usize];
        let (Ok(own), Ok(other)) = (receiver.local_addr(), receiver.peer_addr()) else {
            return true;
        };
        ports::unread(own.port(), other.port()).is_none_or(|bytes| bytes == 0)
    }

    fn ends_stream(&mut self, way: Way) {
        self.pipes[way as usize].stop();
        if let Some(ends) = &self.ends {
            let _ = ends[1 - way as usize].shutdown(Shutdown::Write);
        }
    }

    /// Resets both ends.
    pub fn resets(&mut self) {
        self.pipes.iter_mut().for_each(Pipe::stop);
        for stream in self.ends.take().into_iter().flatten() {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}
