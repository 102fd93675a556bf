//! A running server and the peers that connect to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::journal::Journal;
use crate::journal::failure::{Check, Failure};
use crate::system::ports;

/// A running server.
pub struct Server {
    terminal: Person,
    /// The address to which peers connect.
    address: SocketAddr,
    /// The address on which the server listens.
    listens_on: IpAddr,
    journal: Journal,
}

impl Server {
    /// Creates a server that listens on one address of this computer or on all addresses.
    pub(super) fn new(terminal: Person, listens_on: SocketAddr, journal: &Journal) -> Self {
        let port = listens_on.port();
        let (mut address, mut listens_on) = (listens_on, listens_on.ip());
        if ports::is_open_to_all(port) {
            listens_on = Ipv4Addr::UNSPECIFIED.into();
        }
        if listens_on.is_unspecified() {
            address = (Ipv4Addr::LOCALHOST, port).into();
        }
        Self { terminal, address, listens_on, journal: journal.clone() }
    }

    /// Checks that other computers cannot connect to the server.
    pub fn is_for_this_computer(&self) -> Check {
        if self.listens_on.is_loopback() {
            return Ok(());
        }
        let came = if self.listens_on.is_unspecified() {
            format!("{}, so other computers could connect", self.listens_on)
        } else {
            self.listens_on.to_string()
        };
        let who = "without --host, the server should have listened on";
        Err(Failure::wrong(who, "127.0.0.1", came))
    }

    /// Returns the address at which the server can be reached.
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

    /// Connects a scripted peer that does not read until [`Peer::starts_reading`] is called.
    pub fn deaf_peer(&self, name: &str) -> Check<Peer> {
        Peer::connect_deaf(name, self.terminal.name(), self.address, &self.journal)
    }

    /// Suspends the server's process while `act` runs, so that everything that peers do in the meantime reaches the
    /// operating system before the server can react.
    pub fn stopped<T>(&self, act: impl FnOnce() -> Check<T>) -> Check<T> {
        let process = self.terminal.process();
        process.stop();
        let result = act();
        process.go_on();
        result
    }

    /// Checks that the server stops using processor time soon after all peers become silent.
    pub fn rests(&self) -> Check {
        self.terminal.rests()
    }
}
