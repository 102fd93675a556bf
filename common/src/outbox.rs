//! The sending side of a connection, for a thread that must never wait.
//!
//! A blocking write to a peer that does not read lasts for ever, and whoever broadcasts would wait
//! with it. A thread for each peer never waits, but wakes a hundred threads for each message. An
//! [`Outbox`] gathers instead: [`push`](Outbox::push) what a peer is to get, then
//! [`flush`](Outbox::flush) once for all of it. That is one `send` which does not block, and
//! one `send` costs the same for one message as for fifty. What the socket does not take goes to a
//! backlog, and a thread that lives only as long as the backlog sends it.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::closing::LINGER;
use crate::text::log;

/// The longest backlog, in bytes. Who is further behind is disconnected.
pub const MAX_BACKLOG: usize = 1024 * 1024;

/// More than this, in bytes, is not gathered but sent.
const CHUNK: usize = 16 * 1024;

/// Gathers bytes for one peer and sends them without ever blocking.
///
/// Dropping it sends what was pushed and shuts the connection for writing. A peer that is gone or
/// hopelessly behind is disconnected: the thread that reads from it then sees the end of the stream,
/// so that there is one way out for everybody.
pub struct Outbox {
    stream: Arc<TcpStream>,
    gathered: Vec<u8>,
    backlog: Arc<Mutex<Backlog>>,
}

#[derive(Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// A thread is sending `bytes`; whatever comes now must queue behind them.
    has_writer: bool,
    /// The outbox was dropped: shut the connection for writing after the last byte.
    closing: bool,
    /// The peer is disconnected; whatever comes now is forgotten.
    gone: bool,
}

impl Outbox {
    /// An outbox for the peer at the other end of `stream`; nobody else may write to it.
    pub fn new(stream: Arc<TcpStream>) -> Self {
        Self { stream, gathered: Vec::new(), backlog: Arc::default() }
    }

    /// Adds bytes to what the peer gets next.
    pub fn push(&mut self, bytes: impl AsRef<[u8]>) {
        self.gathered.extend_from_slice(bytes.as_ref());
        if self.gathered.len() >= CHUNK {
            self.flush();
        }
    }

    /// Sends what was pushed, as far as the peer takes it now; the rest follows by itself.
    pub fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let mut backlog = lock(&self.backlog);
        if let Err(why) = self.send_or_queue(&mut backlog) {
            backlog.gone = true;
            if let (Some(why), Ok(peer)) = (why, self.stream.peer_addr()) {
                log(&format!("{peer} {why}: disconnected"));
            }
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        // Ten thousand outboxes that each keep the room for their longest message would be a lot.
        if self.gathered.capacity() > 2 * CHUNK {
            self.gathered = Vec::new();
        }
        self.gathered.clear();
    }

    /// An error says why to disconnect the peer, if there is something to say.
    fn send_or_queue(&self, backlog: &mut Backlog) -> Result<(), Option<&'static str>> {
        if backlog.gone {
            return Ok(());
        }
        let sent = if backlog.has_writer { Ok(0) } else { send_now(&self.stream, &self.gathered) };
        let rest = &self.gathered[sent.map_err(|_| None)?..];
        if backlog.bytes.len() + rest.len() > MAX_BACKLOG {
            return Err(Some("is more than 1 MiB behind"));
        }
        backlog.bytes.extend_from_slice(rest);
        if !backlog.has_writer && !rest.is_empty() {
            let (stream, backlog) = (Arc::clone(&self.stream), Arc::clone(&self.backlog));
            thread::Builder::new()
                .spawn(move || send_backlog(&stream, &backlog))
                .map_err(|_| Some("is behind, and there is no thread to wait for it"))?;
        }
        backlog.has_writer = !backlog.bytes.is_empty();
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.flush();
        let mut backlog = lock(&self.backlog);
        backlog.closing = true;
        if !backlog.has_writer {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Sends the backlog until none is left. The timeout is there to notice that the outbox is gone.
fn send_backlog(stream: &TcpStream, backlog: &Mutex<Backlog>) {
    let mut writer = stream;
    let _ = stream.set_write_timeout(Some(LINGER));
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut sent = 0;
    loop {
        let mut waiting = lock(backlog);
        waiting.bytes.drain(..sent);
        if waiting.bytes.is_empty() {
            waiting.bytes = Vec::new();
            waiting.has_writer = false;
            if waiting.closing {
                let _ = stream.shutdown(Shutdown::Write);
            }
            return;
        }
        chunk.clear();
        chunk.extend_from_slice(&waiting.bytes[..CHUNK.min(waiting.bytes.len())]);
        drop(waiting);

        sent = match writer.write(&chunk) {
            Ok(sent) => sent,
            Err(error) if may_try_again(&error) && !lock(backlog).closing => 0,
            Err(_) => {
                lock(backlog).gone = true;
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        };
    }
}

fn may_try_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

// ANCHOR: send-now
/// Sends as many bytes as fit into the socket's buffer (send(2) with `MSG_DONTWAIT`).
#[cfg(unix)]
fn send_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match socket2::SockRef::from(stream).send_with_flags(bytes, libc::MSG_DONTWAIT) {
        Err(error) if may_try_again(&error) => Ok(0),
        sent => sent,
    }
}
// ANCHOR_END: send-now

/// Windows has no send that does not block on a blocking socket: the writer thread sends everything.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn send_now(_stream: &TcpStream, _bytes: &[u8]) -> io::Result<usize> {
    Ok(0)
}

/// A thread that panicked while it held the lock cannot have left half a byte behind.
fn lock(backlog: &Mutex<Backlog>) -> MutexGuard<'_, Backlog> {
    backlog.lock().unwrap_or_else(PoisonError::into_inner)
}
