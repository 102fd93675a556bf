//! Sessions with a server: several hostile clients connect to it while two people talk.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::RngExt;
use rand::rngs::StdRng;
use socket2::SockRef;

use crate::wire::Kind;
use crate::wire::people::{LIMIT, Person};
use crate::wire::program::{Counts, Program, Screen};
use crate::wire::script::{End, Script};

/// The maximum growth of the server's memory after the first sessions, in KiB.
const MAX_GROWTH: usize = 48 * 1024;

/// The number of sessions after which the memory is measured for the first time.
const FIRST_SESSIONS: u64 = 10;

/// The number of sessions between two checks of the idle server's processor time.
const REST_EVERY: u64 = 16;

/// A server and two people who talk to each other through it.
pub struct Hall {
    lab: u32,
    server: Program,
    address: SocketAddr,
    people: [Person; 2],
    /// The server's threads and descriptors while nobody except the two people is connected.
    counts: Counts,
    /// The server's resident memory after the first sessions, in KiB.
    memory: Option<usize>,
    sessions: u64,
}

/// A hostile client.
struct Visitor {
    script: Script,
    stream: Option<TcpStream>,
    sent: usize,
    next: usize,
}

impl Hall {
    /// Starts a server and lets the two people join.
    ///
    /// # Errors
    /// Returns an error if the server does not start, or if the two people cannot join or talk to each other.
    pub fn open(lab: u32, program: &Path) -> Result<Self, String> {
        let options: &[&str] = if lab == 1 { &["0", "--seats", "100"] } else { &["0"] };
        let server = Program::start(program, options, Screen::Pipes)?;
        let address = if lab == 3 { "server started at " } else { "listening on " };
        let address = server.prints(address, LIMIT)?;
        let address =
            address.trim().parse().map_err(|_| format!("{address:?} is not an address"))?;
        let people = [
            Person::join(lab, "alice", "bob", address)?,
            Person::join(lab, "bob", "alice", address)?,
        ];
        if lab == 3 {
            // In wire format 3, a client is not told that it has joined.
            server.prints("active connections = 2", LIMIT)?;
        }
        let counts = server.counts();
        let mut hall = Self { lab, server, address, people, counts, memory: None, sessions: 0 };
        hall.talk()?;
        hall.counts = hall.server.counts();
        Ok(hall)
    }

    /// Runs one session.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub fn session(&mut self, rng: &mut StdRng) -> Result<(), String> {
        let result = self.visit(rng).and_then(|()| self.recovers());
        self.sessions += 1;
        let ended = self.server.ended();
        let printed = self.server.printed_well();
        match (ended, printed, result) {
            (Some(status), ..) => {
                Err(format!("the server has exited: {status}\n  {}", self.server.last_words()))
            }
            (None, Err(why), _) | (None, Ok(()), Err(why)) => Err(why),
            (None, Ok(()), Ok(())) => Ok(()),
        }
    }

    fn visit(&mut self, rng: &mut StdRng) -> Result<(), String> {
        let count = rng.random_range(1..7_usize);
        let mut visitors: Vec<_> =
            (0..count).map(|_| Visitor::new(Script::new(rng, Kind::Server, self.lab))).collect();
        let talks_at = rng.random_range(0..20_u32);
        let mut active: Vec<_> = (0..count).collect();
        let mut step = 0;
        while !active.is_empty() {
            let chosen = rng.random_range(0..active.len());
            if visitors[active[chosen]].act(self.address)? {
                active.swap_remove(chosen);
            }
            if step == talks_at {
                self.talk()?;
            }
            step += 1;
        }
        // Some visitors are still connected.
        self.talk()
    }

    /// Lets each of the two people say something that the other one must hear.
    fn talk(&mut self) -> Result<(), String> {
        let [alice, bob] = &mut self.people;
        alice.speak()?;
        bob.speak()?;
        alice.hears(bob)?;
        bob.hears(alice)
    }

    /// Checks that the server has returned to the state that it had before the session.
    fn recovers(&mut self) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        loop {
            let counts = self.server.counts();
            if counts.threads <= self.counts.threads
                && counts.descriptors <= self.counts.descriptors
            {
                break;
            }
            if Instant::now() > end {
                return Err(format!(
                    "before the session, the server had {:?}; long after the session, it had {counts:?}",
                    self.counts
                ));
            }
            thread::sleep(Duration::from_micros(500));
        }
        if self.sessions % REST_EVERY == REST_EVERY - 1 {
            self.server.rests()?;
        }
        let (memory, _) = self.server.memory();
        if self.sessions == FIRST_SESSIONS {
            self.memory = Some(memory);
        }
        match self.memory {
            Some(before) if memory > before + MAX_GROWTH => {
                Err(format!("its memory has grown from {before} to {memory} KiB"))
            }
            _ => Ok(()),
        }
    }

    /// Stops the server as Ctrl-C does.
    ///
    /// # Errors
    /// Returns an error if the server does not exit cleanly or its output is wrong.
    pub fn ends(mut self) -> Result<(), String> {
        self.server.signal(Signal::SIGTERM);
        match self.server.ends_within(LIMIT) {
            Some(status) if status.success() => self.server.printed_well(),
            Some(status) => {
                Err(format!("it was asked to stop: {status}\n  {}", self.server.last_words()))
            }
            None => Err("it was asked to stop but is still running".to_owned()),
        }
    }
}

impl Visitor {
    fn new(script: Script) -> Self {
        Self { script, stream: None, sent: 0, next: 0 }
    }

    /// Does the visitor's next step. Returns whether this was the visitor's last step.
    fn act(&mut self, server: SocketAddr) -> Result<bool, String> {
        let Some(stream) = &mut self.stream else {
            let stream = TcpStream::connect(server)
                .map_err(|error| format!("nobody can connect: {error}"))?;
            let set = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
            set.map_err(|error| error.to_string())?;
            self.stream = Some(stream);
            return Ok(false);
        };
        let Script { bytes, pieces, reads, end } = &self.script;
        if *reads {
            let mut buffer = [0; 16 * 1024];
            while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
        if let Some((until, pause)) = pieces.get(self.next) {
            match stream.write(&bytes[self.sent..*until]) {
                Ok(count) => self.sent += count,
                // The server has closed the connection or is not reading from it.
                Err(error) if error.kind() != ErrorKind::Interrupted => self.next = pieces.len(),
                Err(_) => {}
            }
            if self.sent >= *until {
                self.next += 1;
                thread::sleep(*pause);
            }
            return Ok(false);
        }
        match end {
            End::Close => self.stream = None,
            End::HalfClose => drop(stream.shutdown(Shutdown::Write)),
            End::Reset => {
                let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
                self.stream = None;
            }
            End::Stall => {}
        }
        Ok(true)
    }
}
