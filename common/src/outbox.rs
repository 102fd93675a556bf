//! The sending side of a connection, for a thread that must never block.
//!
//! A blocking write to a peer that does not read may never return, so it would hold up a whole broadcast. Instead, an
//! [`Outbox`] gathers bytes and sends all of them with one `send` that does not block. Sending fifty messages with one
//! `send` takes hardly any longer than sending one message. Bytes that the socket does not accept are added to a
//! backlog, which a thread sends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use support::log;

use crate::closing::LINGER;

/// The maximum length of a backlog, in bytes. A peer whose backlog would exceed this length is disconnected.
pub const MAX_BACKLOG: usize = 1024 * 1024;

/// The maximum number of bytes that are gathered before they are sent.
const MAX_GATHERED: usize = 256 * 1024;

/// The maximum number of pieces in one send.
const MAX_PIECES: usize = 64;

/// The maximum number of bytes that one write takes from a backlog.
const CHUNK: usize = 16 * 1024;

/// When a peer's machine has been silent for a minute, it is probed once a minute, at most four times.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// The connection is also closed when the peer's machine has acknowledged nothing for this long.
#[cfg(target_os = "linux")]
const GONE: Duration = Duration::from_mins(5);

/// How long the thread that sends a backlog waits for more bytes before it ends. On systems where every send may block,
/// this thread sends all bytes.
const IDLE: Duration = Duration::from_secs(if cfg!(target_os = "linux") { 0 } else { 5 });

/// The limit on the total number of bytes in all backlogs.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The current total number of bytes in all backlogs.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Limits the total length of all peers' backlogs to `bytes`.
pub fn limit_backlogs(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// Waits until all backlogs are empty, for at most `limit`. The program calls this function before it exits.
pub fn wait_for_backlogs(limit: Duration) {
    let end = Instant::now() + limit;
    while WAITING.load(Ordering::Relaxed) > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Gathers bytes for one peer and sends them without ever blocking.
///
/// Dropping an outbox sends everything that was pushed and then shuts down the sending side of the connection. A peer
/// that is gone or too far behind is disconnected: the thread that reads from it then sees the end of the stream.
///
/// ```
/// # use std::io::Read;
/// # use std::net::{TcpListener, TcpStream};
/// # use std::sync::Arc;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut peer = TcpStream::connect(listener.local_addr()?)?;
/// # let stream = Arc::new(listener.accept()?.0);
/// let mut outbox = common::Outbox::new(stream);
/// outbox.push("hello ");
/// outbox.push("there\n");
/// outbox.flush(); // one send for both
/// drop(outbox);
///
/// let mut all = String::new();
/// peer.read_to_string(&mut all)?;
/// assert_eq!(all, "hello there\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Outbox {
    stream: Arc<TcpStream>,
    send: Option<Send>,
    gathered: Vec<Bytes>,
    /// The total number of bytes in `gathered`.
    length: usize,
    /// `None` until the peer is behind for the first time. Most peers never are, so sending needs no lock. In a
    /// broadcast to many peers, locks would take a noticeable part of the time, because their memory is not in the
    /// processor's cache.
    backlog: Option<Arc<Backlog>>,
}

type Send = fn(&TcpStream, &[u8]) -> io::Result<usize>;

#[derive(Default)]
struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Whether a thread is sending `bytes`, in which case new bytes must wait in the queue after them.
    has_writer: bool,
    /// Whether the outbox was dropped, in which case the sending side is shut down after the last byte.
    closing: bool,
    /// Whether the peer is disconnected, in which case bytes that are pushed later are discarded.
    gone: bool,
}

impl Outbox {
    /// Creates an outbox for the peer at the other end of `stream`. No other code may write to the stream. After this
    /// call, the system notices within a few minutes if the peer's machine becomes unreachable (tcp(7)).
    pub fn new(stream: Arc<TcpStream>) -> Self {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let socket = SockRef::from(&stream);
        // If the system does not support an option, the outbox works without it.
        let _ = socket.set_tcp_keepalive(&keepalive.with_retries(4));
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(GONE));
        Self { stream, send: None, gathered: Vec::new(), length: 0, backlog: None }
    }

    /// Like [`Outbox::new`], but sends with `send`, which must not block. `send` returns how many bytes the socket has
    /// accepted, starting with the first byte. The outbox calls `send` again for the rest until `send` returns 0: after
    /// a short write, the socket may still accept more bytes. If `send` returns an error, the peer is disconnected.
    pub fn sending_with(stream: Arc<TcpStream>, send: Send) -> Self {
        let mut outbox = Self::new(stream);
        outbox.send = Some(send);
        outbox
    }

    /// Adds bytes to the next send. Pushing a clone of [`Bytes`] copies no data, so many peers can share the same
    /// bytes.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.length += bytes.len();
        self.gathered.push(bytes);
        if self.length >= MAX_GATHERED || self.gathered.len() == MAX_PIECES {
            self.flush();
        }
    }

    /// Sends as many of the pushed bytes as the socket accepts now. A thread sends the rest later.
    pub fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        // If `send` panics, the outbox must not send these pieces again when it is dropped.
        let mut pieces = mem::take(&mut self.gathered);
        if let Err(why) = self.send_or_queue(&pieces) {
            self.backlog.get_or_insert_default().lock().forget();
            if let (Some(why), Ok(peer)) = (why, self.stream.peer_addr()) {
                log(&format!("{peer} {why}: disconnected"));
            }
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        self.length = 0;
        pieces.clear();
        self.gathered = pieces;
    }

    /// Returns an error if the peer must be disconnected. If the reason should be logged, the error contains it.
    fn send_or_queue(&mut self, pieces: &[Bytes]) -> Result<(), Option<&'static str>> {
        let must_wait = self.backlog.as_ref().is_some_and(|backlog| {
            let backlog = backlog.lock();
            backlog.has_writer || backlog.gone
        });
        let mut sent = if must_wait { 0 } else { self.send(pieces).map_err(|_| None)? };
        let rest = self.length - sent;
        if rest == 0 {
            return Ok(());
        }
        let shared = self.backlog.get_or_insert_default();
        let mut backlog = shared.lock();
        if backlog.gone {
            return Ok(());
        }
        let length = backlog.bytes.len() + rest;
        if length > MAX_BACKLOG {
            return Err(Some("is more than 1 MiB behind"));
        }
        // The less memory is left for all backlogs, the less each peer may use, so the peers that are furthest behind
        // are the first to be disconnected.
        let free = LIMIT.load(Ordering::Relaxed).saturating_sub(WAITING.load(Ordering::Relaxed));
        if length > free / 2 {
            return Err(Some("is behind, and the total backlog of all clients is too large"));
        }
        for piece in pieces {
            let skipped = sent.min(piece.len());
            sent -= skipped;
            backlog.bytes.extend(&piece[skipped..]);
        }
        WAITING.fetch_add(rest, Ordering::Relaxed);
        shared.changed.notify_one();
        if !backlog.has_writer {
            let (stream, shared) = (Arc::clone(&self.stream), Arc::clone(shared));
            thread::Builder::new()
                .spawn(move || shared.send(&stream))
                .map_err(|_| Some("is behind, and no thread can be started for it"))?;
            backlog.has_writer = true;
        }
        Ok(())
    }

    /// Sends the pieces. Returns the total number of bytes that the socket has accepted.
    fn send(&self, pieces: &[Bytes]) -> io::Result<usize> {
        let Some(own_send) = self.send else {
            let sent = if let [only] = pieces {
                send_now(&self.stream, only)
            } else {
                let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                send_slices(&self.stream, &slices)
            };
            return sent.or_else(|error| if may_try_again(&error) { Ok(0) } else { Err(error) });
        };
        let all = if let [only] = pieces { only.clone() } else { pieces.concat().into() };
        let (mut sent, mut count) = (0, 1);
        while sent < all.len() && count > 0 {
            count = own_send(&self.stream, &all[sent..])?;
            sent += count;
        }
        assert!(sent <= all.len(), "`send` has accepted more bytes than it was given");
        Ok(sent)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.flush();
        let has_writer = self.backlog.as_ref().is_some_and(|shared| {
            let mut backlog = shared.lock();
            backlog.closing = true;
            shared.changed.notify_one();
            backlog.has_writer
        });
        if !has_writer {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

impl Backlog {
    /// Sends the backlog until it is empty. The write timeout lets the thread notice that the outbox was dropped.
    fn send(&self, mut stream: &TcpStream) {
        let _ = stream.set_write_timeout(Some(LINGER));
        loop {
            let mut waiting = self.lock();
            if waiting.bytes.is_empty() && !waiting.closing && !IDLE.is_zero() {
                let woken = self.changed.wait_timeout(waiting, IDLE);
                waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            if waiting.bytes.is_empty() {
                waiting.bytes = VecDeque::new();
                waiting.has_writer = false;
                if waiting.closing {
                    let _ = stream.shutdown(Shutdown::Write);
                }
                return;
            }
            let next = waiting.bytes.as_slices().0;
            let chunk = next[..CHUNK.min(next.len())].to_vec();
            drop(waiting);

            let sent = stream.write(&chunk);
            let mut waiting = self.lock();
            match sent {
                Ok(sent) => waiting.remove(sent),
                Err(error) if may_try_again(&error) && !waiting.closing => {}
                Err(_) => {
                    waiting.forget();
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        }
    }

    /// Locks the backlog. A poisoned lock does no harm, because no panic can leave the bytes inconsistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, count: usize) {
        // The backlog is empty if the peer was disconnected in the meantime.
        let removed = self.bytes.drain(..count.min(self.bytes.len())).len();
        WAITING.fetch_sub(removed, Ordering::Relaxed);
    }

    /// Discards the backlog and everything that is pushed later.
    fn forget(&mut self) {
        self.gone = true;
        self.remove(self.bytes.len());
    }
}

fn may_try_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

// ANCHOR: send-now
/// Sends once, without blocking. Returns how many bytes the socket has accepted, starting with the first byte.
///
/// # Errors
/// Returns [`ErrorKind::WouldBlock`] if the socket's buffer is full, and always on systems other than Linux: macOS
/// accepts the flag but blocks anyway, and Windows has no such flag. Any other error means that the connection is lost.
pub fn send_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    send_slices(stream, &[IoSlice::new(bytes)])
}

#[cfg(target_os = "linux")]
fn send_slices(stream: &TcpStream, slices: &[IoSlice]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(match slices {
        [only] => send(stream, only, flags)?,
        _ => sendmsg(stream, slices, &mut SendAncillaryBuffer::default(), flags)?,
    })
}
// ANCHOR_END: send-now

#[cfg(not(target_os = "linux"))]
fn send_slices(_stream: &TcpStream, _slices: &[IoSlice]) -> io::Result<usize> {
    Err(ErrorKind::WouldBlock.into())
}
