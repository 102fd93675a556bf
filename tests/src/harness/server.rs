//! A running server, and the peers that connect to it.

use std::net::SocketAddr;

use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::journal::Journal;
use crate::journal::failure::Check;

/// A running server.
pub struct Server {
    terminal: Person,
    address: SocketAddr,
    journal: Journal,
}

impl Server {
    pub(super) fn new(terminal: Person, address: SocketAddr, journal: &Journal) -> Self {
        Self { terminal, address, journal: journal.clone() }
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has printed the line.
    pub fn prints(&self, line: &str) -> Check {
        self.terminal.sees(line)
    }

    /// Returns the terminal in which the server runs.
    pub fn terminal(&self) -> &Person {
        &self.terminal
    }

    /// Connects a scripted peer.
    pub fn peer(&self, name: &str) -> Check<Peer> {
        Peer::connect(name, self.terminal.name(), self.address, &self.journal)
    }

    /// Connects a scripted peer that does not read until [`Peer::starts_reading`].
    pub fn deaf_peer(&self, name: &str) -> Check<Peer> {
        Peer::connect_deaf(name, self.terminal.name(), self.address, &self.journal)
    }

    /// Checks that the server soon stops using processor time while all peers are silent.
    pub fn rests(&self) -> Check {
        self.terminal.rests()
    }
}
