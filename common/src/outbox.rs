//! The sending side of a connection, for a thread that must never wait.
//!
//! A blocking write to a peer that does not read lasts for ever, and a broadcaster would wait with it. A
//! thread for each peer never waits, but wakes a hundred threads for each message. An [`Outbox`] gathers
//! instead: [`push`](Outbox::push) what a peer is to get, then [`flush`](Outbox::flush) once for all of it.
//! That is one `send` which does not block, and one `send` costs hardly more for fifty messages than for one. What
//! the socket does not take goes to a backlog, and a thread sends it that lives hardly longer than the backlog.

use std::collections::VecDeque;
#[cfg(target_os = "linux")]
use std::io::IoSlice;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use support::log;

use crate::closing::LINGER;

/// The longest backlog, in bytes. A peer that is further behind is disconnected.
pub const MAX_BACKLOG: usize = 1024 * 1024;

/// More than this, in bytes, is not gathered but sent.
const MAX_GATHERED: usize = 256 * 1024;

/// How many pieces one send takes, at most.
const MAX_PIECES: usize = 16;

/// How much of a backlog one write gets, in bytes.
const CHUNK: usize = 16 * 1024;

/// A machine that is silent for a minute is asked each minute whether it is still there, four times.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// A machine is gone, too, when it has taken nothing for this long of what was sent to it.
#[cfg(target_os = "linux")]
const GONE: Duration = Duration::from_mins(5);

/// How long the thread of a backlog waits for the next one. Linux hardly ever needs the thread. Other systems
/// have no send that does not block, so there it sends all.
const IDLE: Duration =
    if cfg!(target_os = "linux") { Duration::ZERO } else { Duration::from_secs(5) };

/// How many bytes may wait in all backlogs together, and how many do.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Limits the memory, in bytes, for all peers together that read too slowly.
pub fn limit_backlogs(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// Waits until nothing is left in any backlog, for at most `limit`: for the end of the program.
pub fn wait_for_backlogs(limit: Duration) {
    let end = Instant::now() + limit;
    while WAITING.load(Ordering::Relaxed) > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Gathers bytes for one peer and sends them without ever blocking.
///
/// Dropping it sends what was pushed and shuts the connection for writing. A peer that is gone or hopelessly
/// behind is disconnected: the thread that reads from it then sees the end of the stream, so that there is
/// one way out for everybody.
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
    gathered: Vec<Bytes>,
    /// The bytes of all of them.
    length: usize,
    backlog: Arc<Backlog>,
}

#[derive(Default)]
struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// A thread is sending `bytes`; whatever comes now must queue after them.
    has_writer: bool,
    /// The outbox was dropped: shut the connection for writing after the last byte.
    closing: bool,
    /// The peer is disconnected; whatever comes now is forgotten.
    gone: bool,
}

impl Outbox {
    /// An outbox for the peer at the other end of `stream`; nobody else may write to it.
    ///
    /// From now on the system notices within a few minutes when the peer's machine has vanished (tcp(7)). A
    /// peer that only listens is not disconnected by that: its machine replies.
    pub fn new(stream: Arc<TcpStream>) -> Self {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let socket = SockRef::from(&stream);
        // A system that does not know one of these goes on without it.
        let _ = socket.set_tcp_keepalive(&keepalive.with_retries(4));
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(GONE));
        Self { stream, gathered: Vec::new(), length: 0, backlog: Arc::default() }
    }

    /// Adds bytes to what the peer gets next. To push a clone of [`Bytes`] copies nothing: many peers share them.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.length += bytes.len();
        self.gathered.push(bytes);
        if self.length >= MAX_GATHERED || self.gathered.len() == MAX_PIECES {
            self.flush();
        }
    }

    /// Sends what was pushed, as far as the peer takes it now; the rest follows by itself.
    pub fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        if let Err(why) = self.send_or_queue() {
            self.backlog.lock().forget();
            if let (Some(why), Ok(peer)) = (why, self.stream.peer_addr()) {
                log(&format!("{peer} {why}: disconnected"));
            }
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        self.gathered.clear();
        self.length = 0;
    }

    /// An error says why to disconnect the peer, if there is something to say.
    fn send_or_queue(&self) -> Result<(), Option<&'static str>> {
        let mut backlog = self.backlog.lock();
        if backlog.gone {
            return Ok(());
        }
        let sent = if backlog.has_writer { Ok(0) } else { send_now(&self.stream, &self.gathered) };
        let mut sent = sent.map_err(|_| None)?;
        let rest = self.length - sent;
        if rest == 0 {
            return Ok(());
        }
        let length = backlog.bytes.len() + rest;
        if length > MAX_BACKLOG {
            return Err(Some("is more than 1 MiB behind"));
        }
        // The fuller the memory for all, the less of it for one: those furthest behind go first.
        let free = LIMIT.load(Ordering::Relaxed).saturating_sub(WAITING.load(Ordering::Relaxed));
        if length > free / 2 {
            return Err(Some("is behind, and too much waits for all clients together"));
        }
        for piece in &self.gathered {
            let skipped = sent.min(piece.len());
            sent -= skipped;
            backlog.bytes.extend(&piece[skipped..]);
        }
        WAITING.fetch_add(rest, Ordering::Relaxed);
        self.backlog.changed.notify_one();
        if !backlog.has_writer {
            let (stream, shared) = (Arc::clone(&self.stream), Arc::clone(&self.backlog));
            thread::Builder::new()
                .spawn(move || shared.send(&stream))
                .map_err(|_| Some("is behind, and there is no thread to wait for it"))?;
            backlog.has_writer = true;
        }
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.flush();
        let mut backlog = self.backlog.lock();
        backlog.closing = true;
        self.backlog.changed.notify_one();
        if !backlog.has_writer {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

impl Backlog {
    /// Sends the backlog until none is left. The timeout is there to notice that the outbox is gone.
    fn send(&self, stream: &TcpStream) {
        let mut writer = stream;
        let _ = stream.set_write_timeout(Some(LINGER));
        let mut chunk = Vec::with_capacity(CHUNK);
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
            chunk.clear();
            let next = waiting.bytes.as_slices().0;
            chunk.extend_from_slice(&next[..CHUNK.min(next.len())]);
            drop(waiting);

            let sent = writer.write(&chunk);
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

    /// A thread that panicked while it held the lock cannot have left half a byte there.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, count: usize) {
        // (nothing is left when the peer was disconnected meanwhile)
        let removed = self.bytes.drain(..count.min(self.bytes.len())).len();
        WAITING.fetch_sub(removed, Ordering::Relaxed);
    }

    /// The peer gets nothing more.
    fn forget(&mut self) {
        self.gone = true;
        self.remove(self.bytes.len());
    }
}

fn may_try_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

// ANCHOR: send-now
/// Sends as many bytes as fit into the socket's buffer (sendmsg(2) with `MSG_DONTWAIT`).
#[cfg(target_os = "linux")]
fn send_now(stream: &TcpStream, pieces: &[Bytes]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let sent = if let [only] = pieces {
        send(stream, only, flags)
    } else {
        let mut slices = [IoSlice::new(&[]); MAX_PIECES];
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
        }
        sendmsg(stream, &slices[..pieces.len()], &mut SendAncillaryBuffer::default(), flags)
    };
    match sent.map_err(io::Error::from) {
        Err(error) if may_try_again(&error) => Ok(0),
        sent => sent,
    }
}
// ANCHOR_END: send-now

/// macOS accepts the flag and waits all the same, Windows has none: there the thread sends everything.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)]
fn send_now(_stream: &TcpStream, _pieces: &[Bytes]) -> io::Result<usize> {
    Ok(0)
}
