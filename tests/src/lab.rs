//! What a stage's script has at hand: the programs of one maker, people, peers, random words.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::feed::PATIENCE;
use crate::port;
use crate::process::Process;
use crate::program::{Launch, Runnable, TerminalKind};
use crate::record::{Record, What};
use crate::stage::{Check, Failure};
use crate::terminal::Person;
use crate::wire::tap::Tap;
use crate::wire::{Listener, Peer};

/// What the server is called in the record and in reports; a second one beside it is `server 2`.
pub const SERVER: &str = "server";

/// Whether this is the name of a server.
pub fn is_server(name: &str) -> bool {
    name.starts_with(SERVER)
}

/// The stage of a script: everything that it starts is gone when this is dropped.
pub struct Lab {
    server: Runnable,
    client: Runnable,
    record: Record,
    seed: u64,
    random: Mutex<Rng>,
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
    /// Where the servers of this lab listen, and what they are called.
    servers: Mutex<Vec<(SocketAddr, String)>>,
    taps: Mutex<Vec<Tap>>,
}

impl Lab {
    /// A lab with the programs of one maker. Equal seeds make equal words.
    pub fn new(server: Runnable, client: Runnable, seed: u64) -> Self {
        let random = Mutex::new(Rng::with_seed(seed));
        let (record, processes) = (Record::default(), Arc::default());
        let (servers, taps) = (Mutex::default(), Mutex::default());
        Self { server, client, record, seed, random, processes, servers, taps }
    }

    /// What has happened so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// From which the words are made.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The processes started so far, for somebody who has to end them.
    pub fn processes(&self) -> Arc<Mutex<Vec<Arc<Process>>>> {
        Arc::clone(&self.processes)
    }

    /// Says what comes now; a report names the step in which a stage failed.
    pub fn step(&self, what: &str) {
        self.record.note("", What::Step(what.to_owned()));
    }

    /// Starts the server on a free port, and waits until it listens.
    ///
    /// # Errors
    /// When it does not say where it listens.
    pub fn server(&self) -> Check<Server> {
        self.server_with(&[])
    }

    /// As [`Lab::server`], with options, `--seats 3` for example.
    ///
    /// # Errors
    /// As [`Lab::server`].
    pub fn server_with(&self, options: &[&str]) -> Check<Server> {
        self.listening(options, None)
    }

    /// As [`Lab::server`], for a server that prints a line before it listens.
    ///
    /// # Errors
    /// As [`Lab::server`], and when it does not print the line.
    pub fn server_printing(&self, line: &str) -> Check<Server> {
        self.listening(&[], Some(line))
    }

    fn listening(&self, options: &[&str], line: Option<&str>) -> Check<Server> {
        let says_where = !matches!(self.server, Runnable::Command(_));
        let port = if says_where { 0 } else { port::unused() };
        let terminal = self.server_on(port, options)?;
        if let Some(line) = line {
            terminal.sees_somewhere(line)?;
        }
        let address = if says_where {
            let line = terminal.sees_somewhere("listening on ")?;
            let address = line.rsplit("listening on ").next();
            address.and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
                Failure::wrong("the server should have said where it listens", "IP:PORT", line)
            })?
        } else {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            self.wait_until_listening(address, terminal.process())?;
            address
        };
        let name = terminal.name().to_owned();
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push((address, name));
        Ok(Server { terminal, address, record: self.record.clone() })
    }

    /// For a program that need not say where it listens. Nothing tells when it does, so this looks again and again.
    fn wait_until_listening(&self, address: SocketAddr, process: &Process) -> Check {
        let deadline = Instant::now() + PATIENCE;
        while !port::is_listening(address.port()) {
            let has_ended = process.status().is_some();
            if has_ended || Instant::now() > deadline {
                let came = if has_ended { "it has ended" } else { "it still does not" };
                let who = "the server should have listened on";
                return Err(Failure::wrong(who, address.to_string(), came));
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.record.note(process.name(), What::Note(format!("listens on {address}")));
        Ok(())
    }

    /// Starts the server on a port that it may not get, and waits for nothing.
    ///
    /// # Errors
    /// When the machine does not start it.
    pub fn server_on(&self, port: u16, options: &[&str]) -> Check<Person> {
        let processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = processes.iter().filter(|process| is_server(process.name())).count();
        drop(processes);
        let name = if before == 0 { SERVER.to_owned() } else { format!("{SERVER} {}", before + 1) };
        self.start(&name, self.server.launch(port, options)?, TerminalKind::Dumb)
    }

    /// Starts the client for somebody.
    ///
    /// # Errors
    /// When the machine does not start it.
    pub fn client(&self, name: &str, server: SocketAddr) -> Check<Person> {
        self.client_at(name, server, TerminalKind::Dumb)
    }

    /// Starts the client for somebody at this kind of terminal.
    ///
    /// # Errors
    /// When the machine does not start it.
    pub fn client_at(
        &self,
        name: &str,
        server: SocketAddr,
        terminal: TerminalKind,
    ) -> Check<Person> {
        let mut server = server;
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, server_name)) = servers.iter().find(|(address, _)| *address == server) {
            // Two programs talk: a tap notes what they say.
            let tap = Tap::new(name, server_name, server, &self.record)?;
            server = tap.address();
            self.taps.lock().unwrap_or_else(PoisonError::into_inner).push(tap);
        }
        self.start(name, self.client.launch(server.port(), &[])?, terminal)
    }

    fn start(&self, name: &str, launch: Launch, terminal: TerminalKind) -> Check<Person> {
        let person = Person::start(name, &launch, terminal, &self.record)?;
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.push(Arc::clone(person.process()));
        Ok(person)
    }

    /// A scripted server, for a client to connect to.
    ///
    /// # Errors
    /// When the machine gives no socket.
    pub fn listener(&self) -> Check<Listener> {
        Ok(Listener::new(&self.record)?)
    }

    /// Random words, so that nobody can know the answer beforehand.
    pub fn words(&self, count: usize) -> String {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<_> = (0..count).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
        // Two lines of the same words would be hard to tell apart.
        format!("{}-{}", words.join(" "), random.u16(100..1000))
    }
}

/// A running server.
pub struct Server {
    terminal: Person,
    address: SocketAddr,
    record: Record,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has printed the line.
    ///
    /// # Errors
    /// When it does not come.
    pub fn prints(&self, line: &str) -> Check {
        self.terminal.sees(line)
    }

    /// The terminal on which it runs.
    pub fn terminal(&self) -> &Person {
        &self.terminal
    }

    /// Connects a scripted peer.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn peer(&self, name: &str) -> Check<Peer> {
        Peer::connect(name, self.terminal.name(), self.address, &self.record)
    }

    /// Connects a scripted peer that reads nothing, ever.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn deaf_peer(&self, name: &str) -> Check<Peer> {
        Peer::connect_deaf(name, self.terminal.name(), self.address, &self.record)
    }

    /// Nobody talks, so the server must be at rest soon.
    ///
    /// # Errors
    /// When it goes on using the processor.
    pub fn rests(&self) -> Check {
        self.terminal.rests()
    }
}

/// How many long lines it takes until the system, which takes some 4 MB for a peer that does not read, has
/// room for no more.
pub const FLOOD_LINES: usize = 120;

/// A line almost as long as one may be.
pub fn long_line(number: usize) -> String {
    format!("{number} {}", "x".repeat(60_000))
}

const WORDS: [&str; 48] = [
    "amber", "anchor", "apple", "arrow", "basil", "beacon", "birch", "bottle", "candle", "canyon",
    "cedar", "cherry", "cloud", "comet", "copper", "coral", "cradle", "daisy", "ember", "falcon",
    "feather", "fiddle", "forest", "garden", "ginger", "harbor", "hazel", "island", "ivory",
    "jasmine", "kettle", "kite", "ladder", "lantern", "lemon", "maple", "marble", "meadow",
    "mirror", "nutmeg", "olive", "orchard", "pebble", "pepper", "raven", "saddle", "seven",
    "velvet",
];
