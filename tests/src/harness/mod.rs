//! The tools that a stage's script uses: people, peers, random words, and one author's programs.

pub mod bad_network;
mod decoration;
mod foreign;
pub mod idle;
pub mod leftovers;
pub mod listener;
pub mod peer;
pub mod person;
mod promptly;
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
use crate::journal::terminal::Terminal;
use crate::journal::timeout::START_TIMEOUT;
use crate::journal::{Event, EventKind, Journal, Step};
use crate::journal::{SERVER, is_server};
use crate::system::ports;
use crate::system::process::Process;
use crate::system::program::{Launch, Runnable};

/// Sets up one run of a stage. Dropping the harness stops everything that it has started.
pub struct Harness {
    server: Runnable,
    client: Runnable,
    journal: Journal,
    words: Words,
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
    /// The addresses and names of the servers in this run.
    servers: Mutex<Vec<(SocketAddr, String)>>,
    taps: Mutex<Vec<Tap>>,
}

/// A run of a harness: its events and its programs.
#[derive(Clone)]
pub struct Run {
    journal: Journal,
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
}

impl Harness {
    /// Creates a harness for one author's programs. The same seed always produces the same words.
    pub fn new(server: Runnable, client: Runnable, seed: u64) -> Self {
        let words = Words::new(seed);
        let (journal, processes) = (Journal::default(), Arc::<Mutex<Vec<Arc<Process>>>>::default());
        let looked_at = Arc::clone(&processes);
        journal.when_wrong(move || {
            let processes = looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            processes.iter().for_each(|process| process.look());
        });
        let (servers, taps) = (Mutex::default(), Mutex::default());
        Self { server, client, journal, words, processes, servers, taps }
    }

    /// The journal of this run.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The seed of the random words.
    pub fn seed(&self) -> u64 {
        self.words.seed()
    }

    /// Returns the processes that have been started so far, so that the caller can stop them.
    pub fn processes(&self) -> Arc<Mutex<Vec<Arc<Process>>>> {
        Arc::clone(&self.processes)
    }

    /// Returns a new harness for further runs of the same server. It has the same seed as this harness, so its random
    /// words are the same.
    #[must_use]
    pub fn again(&self) -> Self {
        let client = Runnable::Missing(Failure::Grader("this run does not use a client".into()));
        Self::new(self.server.clone(), client, self.seed())
    }

    /// Returns what the report needs to know about this run, which may not have ended yet.
    pub fn run(&self) -> Run {
        Run { journal: self.journal.clone(), processes: self.processes() }
    }

    /// Makes the report describe a run and its programs, and also show the additional events in `more`.
    pub fn reports(&self, run: &Run, more: impl IntoIterator<Item = Event>) {
        self.journal.retell(&run.journal, more);
        if !Arc::ptr_eq(&self.processes, &run.processes) {
            let of_run = run.processes.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.processes.lock().unwrap_or_else(PoisonError::into_inner) = of_run;
        }
    }

    /// Begins a step: one case that the stage tests. If the stage fails at this step, its report names the step and
    /// points the student to `functions`, if there are any.
    pub fn step(&self, functions: &'static [&'static str], what: &str) {
        self.journal.note("", EventKind::Step(Step { name: what.to_owned(), functions }));
    }

    /// Starts the server on a free port and waits until the server is listening.
    pub fn server(&self) -> Check<Server> {
        self.server_with(&[])
    }

    /// Like [`Harness::server`], but with options such as `--seats 3`.
    pub fn server_with(&self, options: &[&str]) -> Check<Server> {
        self.listening(options, None)
    }

    /// Like [`Harness::server`], but for a server that prints a line before it starts listening.
    pub fn server_printing(&self, line: &str) -> Check<Server> {
        self.listening(&[], Some(line))
    }

    fn listening(&self, options: &[&str], line: Option<&str>) -> Check<Server> {
        let prints_address = !matches!(self.server, Runnable::Command(_));
        let port = if prints_address { 0 } else { ports::unused() };
        let terminal = self.start_server(self.server.launch(port, options)?)?;
        if let Some(line) = line {
            terminal.sees_somewhere(line)?;
        }
        let address = if prints_address {
            let line = terminal.sees_somewhere("listening on ")?;
            let address = line.rsplit("listening on ").next();
            address.and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
                Failure::wrong("the server should have printed where it listens", "IP:PORT", line)
            })?
        } else {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            self.wait_until_listening(address, terminal.process())?;
            address
        };
        let server = Server::new(terminal, address, &self.journal);
        let known = (server.address(), server.terminal().name().to_owned());
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push(known);
        Ok(server)
    }

    /// Waits until the program is listening, whether or not it prints its address. No event shows that a program has
    /// started listening, so this function polls.
    fn wait_until_listening(&self, address: SocketAddr, process: &Process) -> Check {
        let deadline = Instant::now() + START_TIMEOUT;
        while !ports::is_listening(address.port()) {
            let has_ended = process.status().is_some();
            if has_ended || Instant::now() > deadline {
                let came = if has_ended { "it has ended" } else { "it is still not listening" };
                let who = "the server should have listened on";
                return Err(Failure::wrong(who, address.to_string(), came));
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.journal.note(process.name(), EventKind::Note(format!("listens on {address}")));
        Ok(())
    }

    /// Starts the server on a port that is in use.
    pub fn server_on_taken(&self, port: u16) -> Check<Person> {
        self.start_server(Launch { elsewhere: true, ..self.server.launch(port, &[])? })
    }

    /// Starts a server without waiting until it is listening.
    fn start_server(&self, launch: Launch) -> Check<Person> {
        let processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = processes.iter().filter(|process| is_server(process.name())).count();
        drop(processes);
        let name = if before == 0 { SERVER.to_owned() } else { format!("{SERVER} {}", before + 1) };
        self.start(&name, launch, Terminal::Dumb)
    }

    /// Starts the client for the person called `name`.
    pub fn client(&self, name: &str, server: SocketAddr) -> Check<Person> {
        self.client_at(name, server, Terminal::Dumb)
    }

    /// Like [`Harness::client`], but in the given kind of terminal.
    pub fn client_at(&self, name: &str, server: SocketAddr, terminal: Terminal) -> Check<Person> {
        let mut server = server;
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, server_name)) = servers.iter().find(|(address, _)| *address == server) {
            // Both ends of the connection are programs, so a tap records what they send.
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

    /// Starts a scripted server to which a client can connect.
    pub fn listener(&self) -> Check<Listener> {
        Ok(Listener::new(&self.journal)?)
    }

    /// Returns random words that no program can know in advance.
    pub fn words(&self, count: usize) -> String {
        self.words.next(count)
    }
}
