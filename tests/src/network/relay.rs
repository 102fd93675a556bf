//! The relay listens in place of a server and passes bytes between the clients and the server. One thread does all the
//! work, so the order of the events is well defined.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use crate::network::connection::Connection;
use crate::network::event::{Event, What};
use crate::network::trouble::Trouble;
use crate::network::way::Way;

/// The maximum number of simultaneous connections.
pub const MAX_CONNECTIONS: usize = 100;

/// If the system cannot provide a socket, the relay waits this long before it accepts clients again.
const NO_SOCKETS: Duration = Duration::from_secs(1);

/// A relay in front of a server.
pub struct Relay {
    lab: u32,
    listener: TcpListener,
    server: SocketAddr,
    trouble: Rc<Trouble>,
    connections: Vec<Connection>,
    /// The number of connections that have been accepted so far.
    count: u32,
    /// The time until which no clients are accepted.
    pause: Option<Instant>,
    begin: Instant,
}

impl Relay {
    /// Listens on an address for the clients of a lab. The lab's server listens on a different address.
    ///
    /// # Errors
    /// Returns an error if the address is in use or does not belong to this computer.
    pub fn new(
        lab: u32,
        address: SocketAddr,
        server: SocketAddr,
        trouble: Trouble,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            lab,
            listener,
            server,
            trouble: Rc::new(trouble),
            connections: Vec::new(),
            count: 0,
            pause: None,
            begin: Instant::now(),
        })
    }

    /// Returns the address on which the relay listens.
    ///
    /// # Errors
    /// Returns an error if the system cannot provide the address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the time, in microseconds, since the relay was started.
    pub fn now(&self) -> u64 {
        self.begin.elapsed().as_micros().try_into().unwrap_or(u64::MAX)
    }

    /// Returns whether there are no connections.
    pub fn is_idle(&self) -> bool {
        self.connections.is_empty()
    }

    /// Replaces the network trouble that the relay simulates, for existing and for new connections.
    pub fn change(&mut self, trouble: Trouble) {
        self.trouble = Rc::new(trouble);
        self.connections.iter_mut().for_each(|connection| connection.change(&self.trouble));
    }

    /// Returns whether bytes are waiting in this direction of any connection.
    pub fn has_more(&self, way: Way) -> bool {
        self.connections.iter().any(|connection| connection.has_more(way))
    }

    /// Does all the work that can be done now. Then waits until there is more to do, one of the `others` is readable,
    /// or the time `until` is reached. `report` receives the events.
    ///
    /// # Errors
    /// Returns an error if poll(2), the system call that waits, fails.
    pub fn turn(
        &mut self,
        others: &[BorrowedFd],
        until: Instant,
        report: &mut dyn FnMut(Event),
    ) -> io::Result<()> {
        let due = self.work(report);
        self.wait(others, due.map_or(until, |due| due.min(until)))
    }

    /// Performs all actions that are possible now. Returns the time at which to call this function again if nothing
    /// happens before then.
    pub fn work(&mut self, report: &mut dyn FnMut(Event)) -> Option<Instant> {
        let begin = self.begin;
        let report = &mut |what| {
            let at = begin.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
            report(Event { at, what });
        };
        self.accept(report);
        let mut first = None;
        for connection in &mut self.connections {
            let due = connection.work(report);
            first = first.into_iter().chain(due).min();
            if connection.is_over() {
                report(What::Gone { connection: connection.number() });
            }
        }
        self.connections.retain(|connection| !connection.is_over());
        first
    }

    /// Waits until there is more to do, one of the `others` is readable, or the time `until` is reached.
    ///
    /// # Errors
    /// Returns an error if poll(2), the system call that waits, fails.
    pub fn wait(&self, others: &[BorrowedFd], until: Instant) -> io::Result<()> {
        let mut watched: Vec<_> =
            others.iter().map(|other| PollFd::new(*other, PollFlags::POLLIN)).collect();
        if self.pause.is_none() {
            watched.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        }
        let until = self.pause.map_or(until, |pause| pause.min(until));
        let interests = self.connections.iter().flat_map(Connection::interests);
        watched.extend(interests.map(|(end, flags)| PollFd::new(end, flags)));
        // The timeout is rounded up to whole milliseconds. If it were rounded down, the relay would spend the last
        // millisecond before `until` in a busy loop.
        let left = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut watched, left) {
            Err(error) if error != Errno::EINTR => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, report: &mut dyn FnMut(What)) {
        if self.pause.is_some_and(|pause| Instant::now() < pause) {
            return;
        }
        self.pause = None;
        loop {
            let (client, from) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The call was interrupted, or a client disconnected before it was accepted.
                Err(error)
                    if [ErrorKind::Interrupted, ErrorKind::ConnectionAborted]
                        .contains(&error.kind()) =>
                {
                    continue;
                }
                Err(error) => {
                    report(What::Note { text: format!("cannot accept a client: {error}") });
                    self.pause = Some(Instant::now() + NO_SOCKETS);
                    return;
                }
            };
            self.count = self.count.saturating_add(1);
            let connection = self.count;
            report(What::Opened { connection, from });
            match self.connect(client) {
                Ok(connection) => self.connections.push(connection),
                Err(why) => {
                    report(What::Refused { connection, why });
                    report(What::Gone { connection });
                }
            }
        }
    }

    /// Connects a client to the server. If this is impossible, resets the client's connection.
    fn connect(&self, client: TcpStream) -> Result<Connection, String> {
        // A copy of the socket keeps the connection open until the relay can reset it.
        let copy = client.try_clone();
        let connected = if self.connections.len() < MAX_CONNECTIONS {
            Connection::new(self.count, self.lab, client, self.server, &self.trouble)
                .map_err(|error| format!("the server cannot be reached: {error}"))
        } else {
            Err(format!("there are already {MAX_CONNECTIONS} connections"))
        };
        if connected.is_err() {
            let _ = copy.map(|client| SockRef::from(&client).set_linger(Some(Duration::ZERO)));
        }
        connected
    }
}
