//! The accept loop that lab 1 teaches, grown up: it survives whatever `accept` can return.

use std::io::ErrorKind;
use std::mem;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::closing::{drain, refuse};
use support::log;

/// How long to wait when the system has no descriptor for a new connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints `listening on …` and the address, and serves each connection in a thread of its own with
/// `handle`, which also gets a number for it, counted from 1. It never returns: nothing that happens to
/// one connection ends the server.
///
/// At most `max_clients` are served at a time. A client that comes when the server is full, or when the system
/// gives no thread, gets the bytes `full` and is closed. When descriptors run out, those that wait to
/// be accepted go on waiting. What `handle` returns as an error is logged with the peer's address; then
/// somebody else can be served, and the connection is drained ([`drain`]) and closed.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use std::net::TcpListener;
///
/// // Sends everybody back what they say.
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
    let handle = Arc::new(handle);
    // Each thread holds a clone of this: the clones are the count.
    let served = Arc::new(());
    let mut number = 0;
    let mut failing = false;
    loop {
        let (stream, peer) = match listener.accept() {
            Ok((stream, peer)) => (Arc::new(stream), peer),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if !failing {
                    log(&format!("cannot accept a connection: {error}; trying again"));
                }
                failing = true;
                thread::sleep(PAUSE);
                continue;
            }
        };
        if mem::take(&mut failing) {
            log("accepting connections again");
        }
        // One send carries many messages here; to hold back the last of them only costs time.
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
            // The seat is free, even if the peer takes its time.
            drop(seat);
            drain(&connection);
        });
        if let Err(error) = started {
            log(&format!("{peer} refused: no thread for it: {error}"));
            refuse(stream, full);
        }
    }
}
