//! The upper limit: the rate that a chat could reach on this machine if it only passed bytes on.
//!
//! The relay has one thread and does not apply the rules of any lab. After each wake-up, it reads from all ready
//! connections and then sends once to each receiver. With plain sockets, this is the minimum number of system calls.
//! The relay does only what every server must do: it keeps messages whole, can leave out the sender, and disconnects a
//! peer that does not read.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;

use anyhow::Result;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

/// The maximum backlog of a peer, in bytes: the same as in the labs.
const MAX_BACKLOG: usize = 1024 * 1024;

/// The maximum number of connections waiting to be accepted: the same as in the labs.
const BACKLOG: i32 = 4096;

/// The maximum number of bytes per read.
const READ: usize = 64 * 1024;

/// The maximum number of events per wake-up.
const EVENTS: usize = 1024;

/// The epoll data of the listener; the epoll data of a peer is its number.
const LISTENER: u64 = u64::MAX;

/// How the relay works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The length of a message, in bytes.
    pub message_len: usize,
    /// Whether a sender receives its own messages.
    pub echo: bool,
}

struct Peer {
    stream: TcpStream,
    /// The beginning of an incomplete message.
    begun: Vec<u8>,
    backlog: Vec<u8>,
    /// The part of the batch that came from this peer.
    own: Range<usize>,
}

struct Relay {
    options: Options,
    epoll: Epoll,
    peers: Vec<Option<Peer>>,
    /// The messages that were read after one wake-up.
    batch: Vec<u8>,
}

/// Listens on the port and passes messages on until the process is killed.
///
/// # Errors
/// Returns an error if the relay cannot listen or has too many connections.
pub fn run(port: u16, options: Options) -> Result<()> {
    // The backlog of the standard library's listener is too short for a thousand people who connect at the same time.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut relay = Relay { options, epoll, peers: Vec::new(), batch: Vec::new() };
    let mut events = vec![EpollEvent::empty(); EVENTS];
    let mut bytes = vec![0; READ];
    let mut without_own = Vec::new();
    loop {
        let count = match relay.epoll.wait(&mut events, EpollTimeout::NONE) {
            // After Ctrl-Z and `fg`, the system interrupts the wait.
            Err(Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            match event.data() {
                LISTENER => relay.accept(&listener)?,
                peer => {
                    let number = usize::try_from(peer)?;
                    if event.events().contains(EpollFlags::EPOLLOUT) {
                        relay.send_backlog(number);
                    }
                    if event.events() != EpollFlags::EPOLLOUT {
                        relay.read(number, &mut bytes);
                    }
                }
            }
        }
        relay.pass_on(&mut without_own);
    }
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener) -> Result<()> {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let mark = EpollEvent::new(EpollFlags::EPOLLIN, self.peers.len() as u64);
            self.epoll.add(&stream, mark)?;
            let (begun, backlog) = (Vec::new(), Vec::new());
            self.peers.push(Some(Peer { stream, begun, backlog, own: 0..0 }));
        }
        Ok(())
    }

    /// Reads from a peer and adds its complete messages to the batch.
    fn read(&mut self, number: usize, bytes: &mut [u8]) {
        let Some(peer) = &mut self.peers[number] else { return };
        let count = match peer.stream.read(bytes) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // Closing the socket removes it from the epoll instance.
            _ => return self.peers[number] = None,
        };
        let begin = self.batch.len();
        self.batch.append(&mut peer.begun);
        self.batch.extend_from_slice(&bytes[..count]);
        let len = self.batch.len() - begin;
        let whole = len - len % self.options.message_len;
        peer.begun = self.batch.split_off(begin + whole);
        peer.own = begin..begin + whole;
    }

    /// Sends the batch to each peer, with one send per peer.
    fn pass_on(&mut self, without_own: &mut Vec<u8>) {
        if self.batch.is_empty() {
            return;
        }
        for (number, slot) in self.peers.iter_mut().enumerate() {
            let Some(peer) = slot else { continue };
            let mut bytes = &self.batch;
            if !peer.own.is_empty() && !self.options.echo {
                without_own.clear();
                without_own.extend_from_slice(&self.batch[..peer.own.start]);
                without_own.extend_from_slice(&self.batch[peer.own.end..]);
                bytes = without_own;
            }
            peer.own = 0..0;
            if !peer.send(bytes, &self.epoll, number) {
                *slot = None;
            }
        }
        self.batch.clear();
    }

    fn send_backlog(&mut self, number: usize) {
        let Some(peer) = &mut self.peers[number] else { return };
        let backlog = std::mem::take(&mut peer.backlog);
        let sent = send(&peer.stream, &backlog);
        peer.backlog.extend_from_slice(&backlog[sent.min(backlog.len())..]);
        if peer.backlog.is_empty() {
            peer.wait_for(EpollFlags::EPOLLIN, &self.epoll, number);
        }
    }
}

impl Peer {
    /// Sends bytes or adds them to the backlog. Returns whether the backlog is still short enough.
    fn send(&mut self, bytes: &[u8], epoll: &Epoll, number: usize) -> bool {
        let was_behind = !self.backlog.is_empty();
        let sent = if was_behind { 0 } else { send(&self.stream, bytes) };
        if sent < bytes.len() {
            self.backlog.extend_from_slice(&bytes[sent..]);
            if !was_behind {
                self.wait_for(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT, epoll, number);
            }
        }
        self.backlog.len() <= MAX_BACKLOG
    }

    fn wait_for(&self, flags: EpollFlags, epoll: &Epoll, number: usize) {
        // If this call fails, the peer falls behind and is then disconnected.
        let _ = epoll.modify(&self.stream, &mut EpollEvent::new(flags, number as u64));
    }
}

/// Sends as many bytes as the socket accepts and returns the number of bytes sent. If the connection is broken, the
/// next read reports it.
fn send(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    stream.write(bytes).unwrap_or(0)
}
