//! The complete version of the accept loop that lab 1 teaches: it survives every error that `accept` can return.

use std::io::ErrorKind;
use std::mem;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::closing::{drain, refuse};
use support::log;

/// The time to wait before the next attempt if the system has no file descriptor for a new connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints `listening on …` with the address and serves each connection with `handle` in its own thread. `handle` also
/// receives the connection's number; the numbers start at 1. This function never returns, no matter what happens to a
/// connection.
///
/// The server serves at most `max_clients` clients at a time. If the server is full or cannot start a thread, a new
/// client gets the bytes in `full` and is disconnected. When file descriptors run out, new connections wait in the
/// listener's queue. When `handle` returns, the server logs the error, if any, and then drains and closes the
/// connection.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use std::net::TcpListener;
///
/// // An echo server.
/// let listener = TcpListener::bind("127.0.0.1:7777")?;
/// common::serve(&listener, 100, b"full\n", |_number, stream| {
///     let mut stream = &**stream;
///     let mut bytes = [0; 1024];
///     loop {
///         match stream.read(&mut bytes)? {
///             0 => return Ok(()),
///             count => stream.write_all(&bytes[..count])?,
///         }
///     }
/// })
/// # ; Ok::<(), anyhow::Error>(())
/// ```
pub fn serve<H>(listener: &TcpListener, max_clients: usize, full: &[u8], handle: H) -> !
where
    H: Fn(u64, &Arc<TcpStream>) -> anyhow::Result<()> + Send + Sync + 'static,
{
    if let Ok(address) = listener.local_addr() {
        log(&format!("listening on {address}"));
    }
    // Each thread holds a clone of `served`, so the number of clones is the number of clients.
    let (handle, served) = (Arc::new(handle), Arc::new(()));
    let mut number = 0;
    let mut failing = false;
    loop {
        let (stream, peer) = match listener.accept() {
            Ok((stream, peer)) => (Arc::new(stream), peer),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if !mem::replace(&mut failing, true) {
                    log(&format!("cannot accept a connection: {error}; trying again"));
                }
                thread::sleep(PAUSE);
                continue;
            }
        };
        if mem::take(&mut failing) {
            log("accepting connections again");
        }
        // One send carries many messages, so the only effect of Nagle's algorithm would be to delay the last message.
        let _ = stream.set_nodelay(true);

        if Arc::strong_count(&served) > max_clients {
            log(&format!("{peer} refused: {max_clients} clients are connected"));
            refuse(stream, full);
            continue;
        }
        number += 1;
        let seat = Arc::clone(&served);
        let (connection, handle) = (Arc::clone(&stream), Arc::clone(&handle));
        let started = thread::Builder::new().spawn(move || {
            if let Err(error) = handle(number, &connection) {
                log(&format!("{peer}: {error}"));
            }
            // The seat becomes free now, even if the peer is slow to close its side.
            drop(seat);
            drain(&connection);
        });
        if let Err(error) = started {
            log(&format!("{peer} refused: cannot start a thread: {error}"));
            refuse(stream, full);
        }
    }
}
