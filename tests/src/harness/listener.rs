//! A scripted server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::peer::Peer;
use crate::journal::failure::{Check, Failure};
use crate::journal::timeout::{START_TIMEOUT, TIMEOUT};
use crate::journal::{EventKind, Journal, Wire};

/// A scripted server that listens and plays the server's end of each connection.
pub struct Listener {
    listener: TcpListener,
    journal: Journal,
}

impl Listener {
    /// Listens on a free loopback port.
    pub fn new(journal: &Journal) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, journal: journal.clone() })
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> Check<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Waits for the next client to connect. In reports, the scripted end of the connection is called `name`.
    pub fn accepts(&self, name: &str) -> Check<Peer> {
        let begin = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    let client = self.journal.last_started().unwrap_or_default();
                    self.journal
                        .note(name, EventKind::Got(client.clone(), Wire::Signal("connects")));
                    let peer = Peer::new(name, &client, stream, &self.journal)?;
                    peer.reads_in_background()?;
                    return Ok(peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A client disconnected before the server accepted the connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error.into()),
            }
            let waited = begin.elapsed();
            if waited > START_TIMEOUT || waited > TIMEOUT && self.journal.last_started_has_shown() {
                let address = self.address()?.to_string();
                let who = "the client should have connected to";
                let came = format!("it did not connect within {} s", waited.as_secs());
                return Err(Failure::wrong(who, address, came));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
