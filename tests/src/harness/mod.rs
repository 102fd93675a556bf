//! What a stage's script has at hand: the programs of one maker, people, peers, random words.

pub mod idle;
pub mod listener;
pub mod peer;
pub mod person;
pub mod screen;
pub mod server;
pub mod stage;
pub mod tap;
mod words;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::listener::Listener;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::harness::tap::Tap;
use crate::harness::words::Words;
use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::TIMEOUT;
use crate::journal::terminal::Terminal;
use crate::journal::{EventKind, Journal};
use crate::journal::{SERVER, is_server};
use crate::system::ports;
use crate::system::process::Process;
use crate::system::program::{Launch, Runnable};

/// The stage of a script: everything that it starts is gone when this is dropped.
pub struct Harness {
    server: Runnable,
    client: Runnable,
    journal: Journal,
    words: Words,
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
    /// Where the servers of this lab listen, and what they are called.
    servers: Mutex<Vec<(SocketAddr, String)>>,
    taps: Mutex<Vec<Tap>>,
}

impl Harness {
    /// A lab with the programs of one maker. Equal seeds make equal words.
    pub fn new(server: Runnable, client: Runnable, seed: u64) -> Self {
        let words = Words::new(seed);
        let (journal, processes) = (Journal::default(), Arc::default());
        let (servers, taps) = (Mutex::default(), Mutex::default());
        Self { server, client, journal, words, processes, servers, taps }
    }

    /// What has happened so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// From which the words are made.
    pub fn seed(&self) -> u64 {
        self.words.seed()
    }

    /// The processes started so far, for somebody who has to end them.
    pub fn processes(&self) -> Arc<Mutex<Vec<Arc<Process>>>> {
        Arc::clone(&self.processes)
    }

    /// Says what comes now; a report names the step in which a stage failed.
    pub fn step(&self, what: &str) {
        self.journal.note("", EventKind::Step(what.to_owned()));
    }

    /// Starts the server on a free port, and waits until it listens.
    pub fn server(&self) -> Check<Server> {
        self.server_with(&[])
    }

    /// As [`Harness::server`], with options, `--seats 3` for example.
    pub fn server_with(&self, options: &[&str]) -> Check<Server> {
        self.listening(options, None)
    }

    /// As [`Harness::server`], for a server that prints a line before it listens.
    pub fn server_printing(&self, line: &str) -> Check<Server> {
        self.listening(&[], Some(line))
    }

    fn listening(&self, options: &[&str], line: Option<&str>) -> Check<Server> {
        let says_where = !matches!(self.server, Runnable::Command(_));
        let port = if says_where { 0 } else { ports::unused() };
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
        Ok(Server::new(terminal, address, &self.journal))
    }

    /// For a program that need not say where it listens. Nothing tells when it does, so this looks again and again.
    fn wait_until_listening(&self, address: SocketAddr, process: &Process) -> Check {
        let deadline = Instant::now() + TIMEOUT;
        while !ports::is_listening(address.port()) {
            let has_ended = process.status().is_some();
            if has_ended || Instant::now() > deadline {
                let came = if has_ended { "it has ended" } else { "it still does not" };
                let who = "the server should have listened on";
                return Err(Failure::wrong(who, address.to_string(), came));
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.journal.note(process.name(), EventKind::Note(format!("listens on {address}")));
        Ok(())
    }

    /// Starts the server on a port that it may not get, and waits for nothing.
    pub fn server_on(&self, port: u16, options: &[&str]) -> Check<Person> {
        let processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = processes.iter().filter(|process| is_server(process.name())).count();
        drop(processes);
        let name = if before == 0 { SERVER.to_owned() } else { format!("{SERVER} {}", before + 1) };
        self.start(&name, self.server.launch(port, options)?, Terminal::Dumb)
    }

    /// Starts the client for somebody.
    pub fn client(&self, name: &str, server: SocketAddr) -> Check<Person> {
        self.client_at(name, server, Terminal::Dumb)
    }

    /// Starts the client for somebody at this kind of terminal.
    pub fn client_at(&self, name: &str, server: SocketAddr, terminal: Terminal) -> Check<Person> {
        let mut server = server;
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, server_name)) = servers.iter().find(|(address, _)| *address == server) {
            // Two programs talk: a tap notes what they say.
            let tap = Tap::new(name, server_name, server, &self.journal)?;
            server = tap.address();
            self.taps.lock().unwrap_or_else(PoisonError::into_inner).push(tap);
        }
        self.start(name, self.client.launch(server.port(), &[])?, terminal)
    }

    fn start(&self, name: &str, launch: Launch, terminal: Terminal) -> Check<Person> {
        let person = Person::start(name, &launch, terminal, &self.journal)?;
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.push(Arc::clone(person.process()));
        Ok(person)
    }

    /// A scripted server, for a client to connect to.
    pub fn listener(&self) -> Check<Listener> {
        Ok(Listener::new(&self.journal)?)
    }

    /// Random words, so that nobody can know the answer beforehand.
    pub fn words(&self, count: usize) -> String {
        self.words.next(count)
    }
}
