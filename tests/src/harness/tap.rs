//! A tap between two programs: it records and passes on every byte that either program sends to the other.
//!
//! A tap also passes on resets and the end of the stream. It never buffers more than the bytes of one read. A tap
//! preserves neither timing nor the boundaries between reads, so stages that test these properties use scripted peers.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::SockRef;

use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal, Wire};

/// The maximum number of connections from one client. A client needs only one connection.
const MAX_CONNECTIONS: usize = 100;

/// Listens in place of a server. A tap that has been dropped accepts no new connections.
pub struct Tap {
    address: SocketAddr,
    is_dropped: Arc<AtomicBool>,
}

impl Tap {
    /// Listens on a free port for the client of the person called `name` and connects that client to `server`.
    pub fn new(
        name: &str,
        server_name: &str,
        server: SocketAddr,
        journal: &Journal,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_dropped = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_dropped);
        let ends_of = Ends { name: name.into(), server_name: server_name.into(), server };
        let tapped = journal.clone();
        journal.spawn("tapping connections", move || {
            for (count, client) in listener.incoming().enumerate() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                match client {
                    Ok(client) => ends_of.connect(&Arc::new(client), count, &tapped),
                    // The client disconnected before the tap accepted the connection.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => return tapped.breaks(&format!("accepting a client: {error}")),
                }
            }
        })?;
        Ok(Self { address, is_dropped })
    }

    /// Returns the address to which the client connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
        // Wakes the thread that is waiting in `accept`.
        let _ = TcpStream::connect_timeout(&self.address, TIMEOUT);
    }
}

/// The two ends of the connections that go through a tap: the client and the server.
struct Ends {
    name: String,
    server_name: String,
    server: SocketAddr,
}

impl Ends {
    /// Connects a client to the server, after `count` earlier connections. If the server does not accept the
    /// connection, the result for the client is the same as without a tap.
    fn connect(&self, client: &Arc<TcpStream>, count: usize, journal: &Journal) {
        let note = |what: fn(String, Wire) -> EventKind| {
            let (name, server_name) = (self.name.clone(), self.server_name.clone());
            let journal = journal.clone();
            move |wire| journal.note(&name, what(server_name.clone(), wire))
        };
        note(EventKind::Sent)(Wire::Signal("connects"));
        // All stages share the grader's sockets and threads, so no client may use too many of them.
        if count >= MAX_CONNECTIONS {
            return resets(client);
        }
        let server = match TcpStream::connect_timeout(&self.server, TIMEOUT) {
            Ok(server) => Arc::new(server),
            Err(error) => {
                if !is_of_server(&error) {
                    journal.breaks(&format!("connecting to the server: {error}"));
                }
                return resets(client);
            }
        };
        let pumps = pump(client, &server, journal, note(EventKind::Sent))
            .and_then(|()| pump(&server, client, journal, note(EventKind::Got)));
        if let Err(error) = pumps {
            journal.breaks(&format!("passing on the bytes of a connection: {error}"));
            resets(client);
            resets(&server);
        }
    }
}

/// Returns whether the server, and not a lack of sockets in the grader, caused a connection to fail.
fn is_of_server(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut].contains(&error.kind())
}

/// Starts a thread that passes on all bytes up to the end of the stream.
fn pump(
    from: &Arc<TcpStream>,
    to: &Arc<TcpStream>,
    journal: &Journal,
    note: impl Fn(Wire) + Send + 'static,
) -> io::Result<()> {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    // This call fails if the other end has already closed the connection. The thread detects this later.
    let _ = to.set_nodelay(true);
    journal.spawn("passing on the bytes of a connection", move || {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            match (&*from).read(&mut bytes) {
                Ok(0) => {
                    note(Wire::Signal("closes"));
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(read) => {
                    note(Wire::Bytes(bytes[..read].to_vec()));
                    if (&*to).write_all(&bytes[..read]).is_err() {
                        return resets(&from);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    note(Wire::Signal("resets the connection"));
                    return resets(&to);
                }
            }
        }
    })
}

/// Resets a connection. The system sends the reset when the last thread stops using the connection.
fn resets(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Read);
}
