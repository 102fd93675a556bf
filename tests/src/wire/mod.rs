//! Scripted peers: the other end of a connection, played by a stage's script.
//!
//! | module      | wire                                    |
//! |-------------|-----------------------------------------|
//! | this one    | bytes, as they come                     |
//! | [`text`]    | wires 1 and 2: messages that end with ⏎ |
//! | [`nick`]    | wire 2: the handshake                   |
//! | [`frames`]  | wire 3: header and payload              |
//! | [`fields`]  | wire 4: lines of `NAME: value`          |
//! | [`tap`]     | between two programs, any wire          |

pub mod fields;
pub mod frames;
pub mod nick;
pub mod tap;
pub mod text;

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::feed::{Arrived, Feed, PATIENCE};
use crate::lab::is_server;
use crate::record::{Record, What, Wire, visible};
use crate::stage::{Check, Evidence, Failure};

/// One end of a connection to a program, played by the script.
pub struct Peer {
    name: String,
    /// Who is at the other end.
    other: String,
    stream: Arc<TcpStream>,
    feed: Arc<Feed>,
    record: Record,
    /// Whether it was this end that closed the connection.
    has_closed: Arc<AtomicBool>,
}

impl Peer {
    /// Connects to a server as somebody called `name`.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn connect(name: &str, server: &str, address: SocketAddr, record: &Record) -> Check<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        let peer = Self::connect_with(socket, name, server, address, record)?;
        peer.start_reading()?;
        Ok(peer)
    }

    /// Connects somebody who reads nothing.
    ///
    /// The system keeps little for it, so that it is soon behind: what the system keeps for the sender, however it is
    /// set up, does not grow while the receiver takes nothing.
    ///
    /// # Errors
    /// When nobody accepts.
    pub(crate) fn connect_deaf(
        name: &str,
        server: &str,
        address: SocketAddr,
        record: &Record,
    ) -> Check<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(4096)?;
        Self::connect_with(socket, name, server, address, record)
    }

    fn connect_with(
        socket: Socket,
        name: &str,
        server: &str,
        address: SocketAddr,
        record: &Record,
    ) -> Check<Self> {
        socket.connect_timeout(&address.into(), PATIENCE).map_err(|error| {
            let who = format!("{name} should have been able to connect to");
            record.wrong(who, address.to_string(), error.to_string())
        })?;
        record.note(name, What::Sent(server.into(), Wire::Signal("connects")));
        Ok(Self::new(name, server, socket.into(), record)?)
    }

    fn new(name: &str, other: &str, stream: TcpStream, record: &Record) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // A program that does not read must not hold up the script.
        stream.set_write_timeout(Some(PATIENCE))?;
        let (stream, feed) = (Arc::new(stream), Feed::new());
        let (name, other) = (name.to_owned(), other.to_owned());
        Ok(Self { name, other, stream, feed, record: record.clone(), has_closed: Arc::default() })
    }

    fn note_sent(&self, what: Wire) {
        self.record.note(&self.name, What::Sent(self.other.clone(), what));
    }

    /// Reads from now on whatever comes.
    ///
    /// # Errors
    /// When the machine gives no thread.
    fn start_reading(&self) -> Check {
        let (stream, feed) = (Arc::clone(&self.stream), Arc::clone(&self.feed));
        let (record, name, other) = (self.record.clone(), self.name.clone(), self.other.clone());
        let has_closed = Arc::clone(&self.has_closed);
        let note = move |what| record.note(&name, What::Got(other.clone(), what));
        thread::Builder::new().stack_size(256 * 1024).spawn(move || {
            let mut bytes = vec![0; 16 * 1024];
            let (end, signal) = loop {
                match (&*stream).read(&mut bytes) {
                    Ok(0) => break ("the connection was closed", "closes"),
                    Ok(read) => {
                        note(Wire::Bytes(bytes[..read].to_vec()));
                        if !feed.push(&bytes[..read]) {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break ("the connection was reset", "resets the connection"),
                }
            };
            // (the end that a shutdown of ours makes is not the other end's doing)
            if !has_closed.load(Ordering::SeqCst) {
                note(Wire::Signal(signal));
            }
            feed.end(end);
        })?;
        Ok(())
    }

    /// What somebody who plays this peer is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends bytes, all at once.
    ///
    /// # Errors
    /// When the program takes nothing any more.
    pub fn sends(&self, bytes: impl AsRef<[u8]>) -> Check {
        let bytes = bytes.as_ref();
        self.tries_to_send(bytes).map_err(|error| {
            let who = format!("{} should have been able to send", self.name);
            self.record.wrong(who, format!("{} bytes", bytes.len()), error.to_string())
        })
    }

    /// As [`Peer::sends`], to a program that may well close before it has taken all: nothing is found wrong then.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn tries_to_send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.note_sent(Wire::Bytes(bytes.to_vec()));
        (&*self.stream).write_all(bytes)
    }

    /// Sends each piece as a segment of its own, one directly after the other.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn sends_in_pieces<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Check {
        pieces.into_iter().try_for_each(|piece| self.sends(piece))
    }

    /// Sends byte by byte.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn trickles(&self, bytes: impl AsRef<[u8]>) -> Check {
        self.sends_in_pieces(bytes.as_ref().chunks(1))
    }

    /// Shuts the connection for writing: nothing more is sent, but still read.
    pub fn ends_sending(&self) {
        self.note_sent(Wire::Signal("ends sending"));
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes the connection.
    pub fn closes(self) {
        self.note_sent(Wire::Signal("closes"));
    }

    /// Shuts its side for writing, and is forgotten: the other end must close.
    pub fn hangs_up(self) {
        self.ends_sending();
        let _ = self.hears_until_closed();
    }

    /// Ends the connection with a reset, as a program that crashes does.
    pub fn crashes(self) {
        self.note_sent(Wire::Signal("resets the connection"));
        self.has_closed.store(true, Ordering::SeqCst);
        // The reading thread holds the socket, too: wake it up, so that the socket is closed.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Waits until all the bytes in `expected` come next.
    ///
    /// # Errors
    /// As soon as something else comes, or when they do not come.
    pub fn gets(&self, expected: impl AsRef<[u8]>) -> Check {
        let expected = expected.as_ref();
        let has_come = self.takes(|rest| {
            let common = rest.len().min(expected.len());
            if rest[..common] != expected[..common] {
                return Next::Wrong;
            }
            if common == expected.len() { Next::Right(common) } else { Next::NotYet }
        });
        if has_come { Ok(()) } else { Err(self.wrong("should have got", expected)) }
    }

    /// Waits for what several speakers have said, which comes mixed, but each speaker's in its order.
    ///
    /// # Errors
    /// When something else comes, or one of them does not come.
    pub fn gets_interleaved(&self, said: &[Vec<Vec<u8>>]) -> Check {
        let mut left: Vec<&[Vec<u8>]> = said.iter().map(Vec::as_slice).collect();
        while left.iter().any(|messages| !messages.is_empty()) {
            let found = self.wait(|arrived| {
                let late = late_end(arrived.rest());
                let rest = &arrived.rest()[late..];
                let is_next = |messages: &&[Vec<u8>]| {
                    messages.first().is_some_and(|message| rest.starts_with(message))
                };
                let speaker = left.iter().position(is_next)?;
                arrived.taken += late + left[speaker][0].len();
                Some(speaker)
            });
            let Some(speaker) = found else {
                let next: Vec<_> = left.iter().filter_map(|messages| messages.first()).collect();
                let expected = next.into_iter().map(Vec::as_slice).collect::<Vec<_>>();
                let expected = expected.join(&b" or "[..]);
                return Err(self.wrong_message("should have got next", &expected));
            };
            left[speaker] = &left[speaker][1..];
        }
        Ok(())
    }

    /// Waits until so many bytes have come that were not taken yet: for a speaker who must not be faster than
    /// those who listen.
    ///
    /// # Errors
    /// When they do not come.
    pub fn has_got_at_least(&self, count: usize) -> Check {
        let found = self.wait(|arrived| (arrived.rest().len() >= count).then_some(()));
        found.ok_or_else(|| self.wrong(&format!("should have got {count} bytes"), b"..."))
    }

    /// Passes over everything up to the last of these.
    ///
    /// # Errors
    /// When one of them does not come.
    pub fn skips_past(&self, all: &[Vec<u8>]) -> Check {
        let found = self.wait(|arrived| {
            let rest = arrived.rest();
            let ends = all.iter().map(|one| {
                rest.windows(one.len()).position(|window| window == one).map(|at| at + one.len())
            });
            let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max()?;
            arrived.taken += last;
            Some(())
        });
        found.ok_or_else(|| self.wrong("should have got sooner or later", &all.join(&b" and "[..])))
    }

    /// Waits until the program closes the connection; before that nothing more may come.
    ///
    /// # Errors
    /// When something comes, or it stays open.
    pub fn is_closed(&self) -> Check {
        let closed = self.feed.wait(|arrived| {
            // (a ⏎ that nobody asked for is the end of what was heard before)
            if arrived.rest().iter().any(|&byte| byte != b'\n') {
                return Some(false);
            }
            arrived.end.map(|_| true)
        });
        if closed == Some(true) {
            return Ok(());
        }
        let who = self.should_be_closed();
        let came = self.feed.look(|arrived| match &arrived.rest()[late_end(arrived.rest())..] {
            [] => format!("it is still open after {} s", PATIENCE.as_secs()),
            rest => visible(rest),
        });
        Err(self.record.wrong(who, "the end of the stream", came))
    }

    /// Waits until these bytes come, and nothing but the end of the stream after them.
    ///
    /// # Errors
    /// As [`Peer::gets`], and when more comes or the connection stays open.
    pub fn gets_last(&self, expected: impl AsRef<[u8]>) -> Check {
        self.gets(&expected)?;
        match self.hears_until_closed()?.as_slice() {
            [] => Ok(()),
            more => {
                let who = format!("{} should have got as the last words", self.name);
                Err(Failure::wrong_bytes(
                    who,
                    expected.as_ref(),
                    &[expected.as_ref(), more].concat(),
                ))
            }
        }
    }

    /// Nothing has come that was not taken yet; for a time when a program that is too early has had time enough.
    ///
    /// # Errors
    /// When something has.
    pub fn has_got_nothing(&self, when: &str) -> Check {
        self.feed.look(|arrived| self.is_nothing(arrived.rest(), when))
    }

    /// For a program that was just killed, so that all that it has sent is here when the stream ends: that was nothing
    /// more, not even a ⏎.
    ///
    /// # Errors
    /// When something has come.
    pub fn got_nothing_more(&self, when: &str) -> Check {
        self.is_nothing(&self.hears_until_closed()?, when)
    }

    /// As [`Peer::got_nothing_more`], when it is only a ⏎ that must not have come next.
    ///
    /// # Errors
    /// When it has.
    pub fn got_no_newline(&self, when: &str) -> Check {
        let rest = self.hears_until_closed()?;
        self.is_nothing(&rest[..late_end(&rest)], when)
    }

    fn is_nothing(&self, came: &[u8], when: &str) -> Check {
        if came.is_empty() {
            return Ok(());
        }
        Err(self.record.wrong(
            format!("{} should have got {when}", self.name),
            "nothing",
            visible(came),
        ))
    }

    /// The program has not closed the connection so far.
    ///
    /// # Errors
    /// When it has.
    pub fn is_connected(&self) -> Check {
        // (the end may have arrived without having been read yet)
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let next =
            SockRef::from(&*self.stream).recv_with_flags(&mut [MaybeUninit::uninit()], flags);
        let is_at_end = matches!(next, Ok(0));
        if !is_at_end && self.feed.look(|arrived| arrived.end).is_none() {
            return Ok(());
        }
        let who = format!("{} should still have been", self.name);
        Err(self.record.wrong(who, "connected", "the connection was closed"))
    }

    /// Waits until the program says why it closes the connection, and closes it.
    ///
    /// # Errors
    /// When it closes without a word, or leaves it open.
    pub fn is_told_and_closed(&self) -> Check {
        let said = self.hears_until_closed()?;
        if said.iter().any(|&byte| byte != b'\n') {
            return Ok(());
        }
        let who = format!("{} should have been told", self.name);
        Err(self.record.wrong(who, "why the connection is closed", "it was closed without a word"))
    }

    /// Waits for the end of the connection, whatever comes before; answers what came.
    ///
    /// # Errors
    /// When it stays open.
    pub fn hears_until_closed(&self) -> Check<Vec<u8>> {
        let rest = self.feed.wait(|arrived| {
            arrived.end?;
            let rest = arrived.rest().to_vec();
            arrived.taken = arrived.bytes.len();
            Some(rest)
        });
        let who = self.should_be_closed();
        let came = format!("it is still open after {} s", PATIENCE.as_secs());
        rest.ok_or_else(|| self.record.wrong(who, "the end of the stream", came))
    }

    /// Waits for what `look` finds at the beginning of what was not taken yet; answers whether it came.
    fn takes(&self, look: impl Fn(&[u8]) -> Next) -> bool {
        let right = self.feed.wait(|arrived| match look(arrived.rest()) {
            Next::NotYet => None,
            Next::Wrong => Some(false),
            Next::Right(length) => {
                arrived.taken += length;
                Some(true)
            }
        });
        right == Some(true)
    }

    fn should_be_closed(&self) -> String {
        if is_server(&self.name) {
            // (the client is the program that is tested)
            return format!("{} should have closed its connection", self.other);
        }
        format!("{}'s connection should have been closed", self.name)
    }

    fn wrong(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_behind(0, what, expected)
    }

    /// As [`Peer::wrong`], where the ⏎ of the message before this one is nothing.
    fn wrong_message(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_behind(self.feed.look(|arrived| late_end(arrived.rest())), what, expected)
    }

    fn wrong_behind(&self, skipped: usize, what: &str, expected: &[u8]) -> Failure {
        self.record.found_wrong();
        let (before, rest, end) = self.feed.look(|arrived| {
            let (before, rest) = arrived.bytes.split_at(arrived.taken + skipped);
            (before.to_vec(), rest.to_vec(), arrived.end)
        });
        let mut failure = Failure::wrong_bytes(format!("{} {what}", self.name), expected, &rest);
        if let (Failure::Wrong { came, .. }, Some(end)) = (&mut failure, end) {
            let _ = write!(came, " ({end})");
        }
        let (name, expected) = (self.name.clone(), expected.to_vec());
        failure.with(Evidence { name, expected, before, rest, is_screen: false })
    }

    /// Whether anything has come within `limit` that was not taken yet.
    fn has_got_anything(&self, limit: Duration) -> bool {
        self.feed.wait_for(limit, |arrived| (!arrived.rest().is_empty()).then_some(())).is_some()
    }

    /// Looks at what has arrived until `look` answers.
    fn wait<T>(&self, look: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        self.feed.wait(look)
    }
}

/// How many bytes are the end of the message before, of which nobody asked whether it comes.
fn late_end(rest: &[u8]) -> usize {
    rest.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count()
}

/// What the next bytes are.
enum Next {
    NotYet,
    Wrong,
    Right(usize),
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.has_closed.store(true, Ordering::SeqCst);
        // Without this the reading thread would keep the connection open.
        let lingers = SockRef::from(&*self.stream).linger();
        if !matches!(lingers, Ok(Some(_))) {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

/// A port on which nobody listens, and nobody can while this lives.
///
/// A listener that was dropped will not do: a program that is being started at the same moment holds a copy
/// of its socket until it begins, and connections still succeed.
pub struct ClosedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ClosedPort {
    /// Takes any free port of the loopback.
    ///
    /// # Errors
    /// When the machine gives no socket.
    pub fn new() -> io::Result<Self> {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = bound.local_addr()?.as_socket();
        let address = address.ok_or_else(|| io::Error::other("no address"))?;
        Ok(Self { address, _bound: bound })
    }

    /// Where nobody listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A scripted server: listens, and plays the other end of whoever connects.
pub struct Listener {
    listener: TcpListener,
    record: Record,
}

impl Listener {
    /// Listens on any free port of the loopback.
    ///
    /// # Errors
    /// When the machine gives no socket.
    pub fn new(record: &Record) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, record: record.clone() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn address(&self) -> Check<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Waits for the next client to connect, which is called `name` in reports.
    ///
    /// # Errors
    /// When nobody connects.
    pub fn accepts(&self, name: &str) -> Check<Peer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    let client = self.record.last_started().unwrap_or_default();
                    self.record.note(name, What::Got(client.clone(), Wire::Signal("connects")));
                    let peer = Peer::new(name, &client, stream, &self.record)?;
                    peer.start_reading()?;
                    return Ok(peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() > deadline {
                let address = self.address()?.to_string();
                let who = "the client should have connected to";
                return Err(Failure::wrong(who, address, format!("no, in {PATIENCE:?}")));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a peer has noted that leaves a listener in this way.
    fn noted(leaves: fn(Peer)) -> Vec<What> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let record = Record::default();
        let address = listener.local_addr().unwrap();
        let peer = Peer::connect("alice", "server", address, &record).unwrap();
        let feed = Arc::clone(&peer.feed);
        leaves(peer);
        assert!(feed.wait(|arrived| arrived.end).is_some(), "the reading thread should have ended");
        record.events().into_iter().map(|event| event.what).collect()
    }

    #[test]
    fn what_the_other_end_did_not_do_is_not_noted() {
        let sent = |signal| What::Sent("server".into(), Wire::Signal(signal));
        assert_eq!(noted(drop), [sent("connects")]);
        assert_eq!(noted(Peer::closes), [sent("connects"), sent("closes")]);
        assert_eq!(noted(Peer::crashes), [sent("connects"), sent("resets the connection")]);
    }
}
