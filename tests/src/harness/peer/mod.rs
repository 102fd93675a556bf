//! Scripted peers: the other end of a connection, played by a script. This module sends and receives raw bytes. The
//! labs' modules contain the steps for each wire format.

pub mod receiving;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::journal::failure::Check;
use crate::journal::inbox::{Inbox, Stream};
use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal, Wire};
use crate::system::ports;

/// One end of a connection to a program, played by the script.
pub struct Peer {
    name: String,
    /// The name of the program at the other end.
    other: String,
    stream: Arc<TcpStream>,
    inbox: Arc<Inbox>,
    journal: Journal,
    /// Whether this end has closed the connection.
    has_closed: Arc<AtomicBool>,
}

impl Peer {
    /// Connects to a server, as a peer called `name`.
    pub fn connect(
        name: &str,
        server: &str,
        address: SocketAddr,
        journal: &Journal,
    ) -> Check<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        let peer = Self::connect_with(socket, name, server, address, journal)?;
        peer.reads_in_background()?;
        Ok(peer)
    }

    /// Connects a peer that does not read until [`Peer::starts_reading`] is called.
    ///
    /// The peer's receive buffer is small, so that the peer soon falls behind. The peer's segments are also small,
    /// because the initial size of the sender's buffer is a multiple of the segment size. Whatever the system's
    /// settings are, the sender's buffer does not grow while the receiver is not reading.
    pub(crate) fn connect_deaf(
        name: &str,
        server: &str,
        address: SocketAddr,
        journal: &Journal,
    ) -> Check<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(4096)?;
        // On macOS, this call fails because the connection does not exist yet.
        let _ = socket.set_tcp_mss(1460);
        let peer = Self::connect_with(socket, name, server, address, journal)?;
        journal.note(name, EventKind::Note("does not read".into()));
        Ok(peer)
    }

    fn connect_with(
        socket: Socket,
        name: &str,
        server: &str,
        address: SocketAddr,
        journal: &Journal,
    ) -> Check<Self> {
        socket.connect_timeout(&address.into(), TIMEOUT).map_err(|error| {
            let who = format!("{name} should have been able to connect to");
            journal.wrong(who, address.to_string(), error.to_string())
        })?;
        journal.note(name, EventKind::Sent(server.into(), Wire::Signal("connects")));
        Ok(Self::new(name, server, socket.into(), journal)?)
    }

    pub(super) fn new(
        name: &str,
        other: &str,
        stream: TcpStream,
        journal: &Journal,
    ) -> io::Result<Self> {
        // If the other end has already closed the connection, this call fails on some systems. The script detects the
        // closed connection later.
        let _ = stream.set_nodelay(true);
        // A program that does not read must not block the script.
        stream.set_write_timeout(Some(TIMEOUT))?;
        let (stream, inbox) = (Arc::new(stream), Inbox::new(Stream::default()));
        let (name, other) = (name.to_owned(), other.to_owned());
        Ok(Self {
            name,
            other,
            stream,
            inbox,
            journal: journal.clone(),
            has_closed: Arc::default(),
        })
    }

    fn note_sent(&self, what: Wire) {
        self.journal.note(&self.name, EventKind::Sent(self.other.clone(), what));
    }

    /// Makes a peer that is not reading start to read.
    pub fn starts_reading(&self) -> Check {
        self.journal.note(&self.name, EventKind::Note("begins to read".into()));
        self.reads_in_background()
    }

    /// Starts the thread that reads from the connection.
    pub(super) fn reads_in_background(&self) -> Check {
        let (stream, inbox) = (Arc::clone(&self.stream), Arc::clone(&self.inbox));
        let (journal, name, other) = (self.journal.clone(), self.name.clone(), self.other.clone());
        let has_closed = Arc::clone(&self.has_closed);
        let note = move |what| journal.note(&name, EventKind::Got(other.clone(), what));
        self.journal.spawn("reading from a connection", move || {
            let _end = inbox.ends_with_reader();
            let mut bytes = vec![0; 16 * 1024];
            let (end, signal) = loop {
                match (&*stream).read(&mut bytes) {
                    Ok(0) => break ("the connection was closed", "closes"),
                    Ok(read) => {
                        note(Wire::Bytes(bytes[..read].to_vec()));
                        if !inbox.push(&bytes[..read]) {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break ("the connection was reset", "resets the connection"),
                }
            };
            // If this end has shut down the connection, the end of the stream was not caused by the other end.
            if !has_closed.load(Ordering::SeqCst) {
                note(Wire::Signal(signal));
            }
            inbox.end(end);
        })?;
        Ok(())
    }

    /// Returns the time since the stage began.
    pub fn now(&self) -> Duration {
        self.journal.now()
    }

    /// Records that all participants have joined and that everything since `begin` served only to confirm this.
    pub fn has_joined_with_all(&self, begin: Duration) {
        self.journal.note(&self.name, EventKind::AllJoined(begin));
    }

    /// Returns the name that reports use for the peer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends bytes in one piece.
    pub fn sends(&self, bytes: impl AsRef<[u8]>) -> Check {
        let bytes = bytes.as_ref();
        self.tries_to_send(bytes).map_err(|error| {
            let who = format!("{} should have been able to send", self.name);
            self.journal.wrong(who, format!("{} bytes", bytes.len()), error.to_string())
        })
    }

    /// Like [`Peer::sends`], but for a program that is allowed to close the connection before it has received
    /// everything.
    pub fn tries_to_send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.note_sent(Wire::Bytes(bytes.to_vec()));
        (&*self.stream).write_all(bytes)
    }

    /// Sends one byte after another until the other end has closed the connection and accepts no more bytes.
    pub fn can_send_no_more(&self) -> Check {
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            if (&*self.stream).write_all(b"x").is_err() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let who =
            format!("{} should have closed its side of {}'s connection", self.other, self.name);
        let came = format!("it still accepts bytes after {} s", TIMEOUT.as_secs());
        Err(self.journal.wrong(who, "a reset in reply to more bytes", came))
    }

    /// Sends each piece as a separate segment, without pauses between the pieces.
    pub fn sends_in_pieces<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Check {
        pieces.into_iter().try_for_each(|piece| self.sends(piece))
    }

    /// Sends the bytes one at a time.
    pub fn trickles(&self, bytes: impl AsRef<[u8]>) -> Check {
        self.sends_in_pieces(bytes.as_ref().chunks(1))
    }

    /// Sends each piece after the program has read the previous piece. If the system does not report what a program has
    /// read, or if the program only peeks at the bytes, this function sends the next piece after a while anyway.
    pub fn sends_when_read<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Check {
        let (own, other) = (self.stream.local_addr()?.port(), self.stream.peer_addr()?.port());
        for piece in pieces {
            self.sends(piece)?;
            let end = Instant::now() + TIMEOUT / 4;
            while ports::unread(own, other).is_some_and(|bytes| bytes > 0) && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    /// Shuts down the sending side of the connection, but continues to read.
    pub fn ends_sending(&self) {
        self.note_sent(Wire::Signal("ends sending"));
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes the connection.
    pub fn closes(self) {
        self.note_sent(Wire::Signal("closes"));
    }

    /// Resets the connection, as a crashing program may do.
    pub fn crashes(self) {
        self.note_sent(Wire::Signal("resets the connection"));
        self.has_closed.store(true, Ordering::SeqCst);
        // The reading thread also holds the socket. This shutdown wakes the thread, which then releases the socket, so
        // the socket is closed.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Read);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.has_closed.store(true, Ordering::SeqCst);
        // Without this shutdown, the reading thread would keep the connection open.
        let lingers = SockRef::from(&*self.stream).linger();
        if !matches!(lingers, Ok(Some(_))) {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    /// Connects a peer to a listener, calls `leaves`, and returns the peer's events.
    fn events_of(leaves: fn(Peer)) -> Vec<EventKind> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let journal = Journal::default();
        let address = listener.local_addr().unwrap();
        let peer = Peer::connect("alice", "server", address, &journal).unwrap();
        let inbox = Arc::clone(&peer.inbox);
        leaves(peer);
        assert!(
            inbox.wait(|arrived| arrived.end).is_some(),
            "the reading thread should have ended"
        );
        journal.events().into_iter().map(|event| event.what).collect()
    }

    #[test]
    fn only_what_the_other_end_did_is_recorded() {
        let sent = |signal| EventKind::Sent("server".into(), Wire::Signal(signal));
        assert_eq!(events_of(drop), [sent("connects")]);
        assert_eq!(events_of(Peer::closes), [sent("connects"), sent("closes")]);
        assert_eq!(events_of(Peer::crashes), [sent("connects"), sent("resets the connection")]);
    }
}
