//! A tap between two programs, which records and passes on every byte that either program sends to the other.
//!
//! A tap also passes on the end of the stream and a reset, and never buffers more than the bytes of one read. A tap
//! preserves neither timing nor the boundaries between reads, so stages that test these use scripted peers.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal, Wire};

/// Listens in place of a server. A tap that has been dropped accepts no new connections.
pub struct Tap {
    address: SocketAddr,
    is_dropped: Arc<AtomicBool>,
}

impl Tap {
    /// Listens on a free port for the client of the person called `name`, and connects that client to `server`.
    pub fn new(
        name: &str,
        server_name: &str,
        server: SocketAddr,
        journal: &Journal,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_dropped = Arc::new(AtomicBool::new(false));
        let (name, server_name) = (name.to_owned(), server_name.to_owned());
        let (journal, ends) = (journal.clone(), Arc::clone(&is_dropped));
        thread::Builder::new().spawn(move || {
            for client in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                journal.note(&name, EventKind::Sent(server_name.clone(), Wire::Signal("connects")));
                let client = client.map(Arc::new);
                if let Ok(client) = &client
                    && connect(&name, client, &server_name, server, &journal).is_err()
                {
                    resets(client);
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
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect_timeout(&self.address, TIMEOUT);
    }
}

fn connect(
    name: &str,
    client: &Arc<TcpStream>,
    server_name: &str,
    server: SocketAddr,
    journal: &Journal,
) -> io::Result<()> {
    let server = Arc::new(TcpStream::connect_timeout(&server, TIMEOUT)?);
    let note = |what: fn(String, Wire) -> EventKind| {
        let (name, server_name) = (name.to_owned(), server_name.to_owned());
        let journal = journal.clone();
        move |wire| journal.note(&name, what(server_name.clone(), wire))
    };
    pump(client, &server, note(EventKind::Sent))?;
    pump(&server, client, note(EventKind::Got))
}

/// Starts a thread that passes on all bytes up to the end of the stream.
fn pump(
    from: &Arc<TcpStream>,
    to: &Arc<TcpStream>,
    note: impl Fn(Wire) + Send + 'static,
) -> io::Result<()> {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    to.set_nodelay(true)?;
    thread::Builder::new().stack_size(256 * 1024).spawn(move || {
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
    })?;
    Ok(())
}

/// Ends a connection with a reset. The reset is sent when the last thread stops reading from the connection.
fn resets(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Read);
}
