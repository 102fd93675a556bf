//! A network between one client and the server. At first, the network passes on everything at once. A script can make
//! the network cause trouble, such as delays.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::journal::failure::{Check, Failure};
use crate::journal::{EventKind, Journal, SERVER, Wire};
use crate::network::event::What;
use crate::network::relay::Relay;
use crate::network::trouble::Trouble;
use crate::network::way::Way;

/// The longest wait for the next event. Every event ends the wait.
const LONG: Duration = Duration::from_mins(1);

/// A network between a client and the server. Dropping it closes the connections through it.
pub struct BadNetwork {
    address: SocketAddr,
    troubles: Sender<Trouble>,
    /// Wakes the relay when a byte is written to this socket or when this socket is closed. This field is dropped after
    /// `troubles`.
    wakes: UnixStream,
}

impl BadNetwork {
    /// Returns the address to which the client connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the network simulate the given trouble (for example, delays) instead of its previous trouble.
    ///
    /// # Errors
    /// Returns an error if the relay has ended.
    pub fn becomes(&self, trouble: Trouble) -> Check {
        let gone = |_| Failure::Grader("the relay has ended".into());
        self.troubles.send(trouble).map_err(gone)?;
        Ok(io::Write::write_all(&mut &self.wakes, b"x")?)
    }
}

impl Harness {
    /// Creates a network between the client of the person called `name` and the server.
    pub fn network(&self, name: &str, server: SocketAddr) -> Check<BadNetwork> {
        let (troubles, received) = mpsc::channel();
        let (wakes, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let (listens, listening) = mpsc::channel();
        let (name, journal) = (name.to_owned(), self.journal().clone());
        self.journal().spawn("passing on bytes between the client and the server", move || {
            let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            // The nicknames do not matter here, and in wire format 1 there are none.
            match Relay::new(1, anywhere, server, Trouble::default()) {
                Ok(relay) => {
                    let _ = listens.send(relay.address());
                    let result = passes_on(relay, &received, &woken, &Notes::new(name, &journal));
                    result.unwrap_or_else(|error| journal.breaks(&format!("the relay: {error}")));
                }
                Err(error) => drop(listens.send(Err(error))),
            }
        })?;
        let gone = |_| Failure::Grader("the relay has ended".into());
        let address = listening.recv().map_err(gone)??;
        Ok(BadNetwork { address, troubles, wakes })
    }
}

/// Passes on everything until the [`BadNetwork`] is dropped.
fn passes_on(
    mut relay: Relay,
    troubles: &Receiver<Trouble>,
    woken: &UnixStream,
    notes: &Notes,
) -> io::Result<()> {
    let mut passed = BTreeMap::new();
    loop {
        match troubles.try_recv() {
            Ok(trouble) => relay.change(trouble),
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {}
        }
        let due = relay.work(&mut |event| notes.add(&mut passed, event.what));
        // If data was passed on in several pieces, a report shows all of it as one message.
        for way in Way::BOTH.into_iter().filter(|way| !relay.has_more(*way)) {
            notes.add_passed(&mut passed, way);
        }
        let until = Instant::now() + LONG;
        relay.wait(&[woken.as_fd()], due.map_or(until, |due| due.min(until)))?;
        // For each change of the trouble, `BadNetwork::becomes` writes one byte. Only one byte is read here, so the
        // next wait ends at once if another change is waiting.
        let _ = (&*woken).read(&mut [0]);
    }
}

/// The bytes that the relay has passed on in each direction but has not yet recorded in the journal.
type Passed = BTreeMap<Way, Vec<u8>>;

/// Records in the journal what the relay does.
struct Notes {
    name: String,
    journal: Journal,
}

impl Notes {
    fn new(name: String, journal: &Journal) -> Self {
        Self { name, journal: journal.clone() }
    }

    fn note(&self, way: Way, wire: Wire) {
        let kind = if way == Way::ToServer { EventKind::Sent } else { EventKind::Got };
        self.journal.note(&self.name, kind(SERVER.to_owned(), wire));
    }

    fn add_passed(&self, passed: &mut Passed, way: Way) {
        if let Some(bytes) = passed.remove(&way) {
            self.note(way, Wire::Bytes(bytes));
        }
    }

    fn add(&self, passed: &mut Passed, what: What) {
        let (way, signal) = match what {
            What::Passed { way, bytes, .. } => {
                return passed.entry(way).or_default().extend_from_slice(&bytes.0);
            }
            What::Opened { .. } => (Way::ToServer, "connects"),
            What::Closed { way, .. } => (way, "closes"),
            What::Reset { way, .. } => (way, "resets the connection"),
            What::Trouble { kind, .. } => {
                for way in Way::BOTH {
                    self.add_passed(passed, way);
                }
                let text = format!("the network {}", kind.words());
                return self.journal.note(&self.name, EventKind::Note(text));
            }
            What::Refused { why, .. } => {
                return self.journal.note(&self.name, EventKind::Note(why));
            }
            What::Named { .. } | What::Gone { .. } | What::Printed { .. } | What::Note { .. } => {
                return;
            }
        };
        self.add_passed(passed, way);
        self.note(way, Wire::Signal(signal));
    }
}
