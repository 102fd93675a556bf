//! Random sessions with whole programs: hostile clients connect to a server while two people talk, and a hostile server
//! serves a client. Everything happens on the loopback interface.
//!
//! | module      | idea                                                                                            |
//! |-------------|-------------------------------------------------------------------------------------------------|
//! | [`script`]  | what a hostile peer does: an ordinary session, mutated, split, and ended in one of several ways |
//! | [`program`] | a running program: what it prints, and its memory, threads, and descriptors                     |
//! | [`people`]  | two people who talk and notice when anything is wrong with what they hear                       |
//! | `shared`    | a value that one thread changes while another thread waits for it                               |
//! | [`servers`] | sessions with a server                                                                          |
//! | [`clients`] | sessions with a client                                                                          |

pub mod clients;
pub mod people;
pub mod program;
pub mod script;
pub mod servers;
mod shared;

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use grader::system::cargo::{BUILD_LIMIT, build};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::finding::Finding;
use crate::wire::clients::Host;
use crate::wire::servers::Hall;

/// After this many sessions, a server is stopped, and the next one is started. If a mistake occurs only after several
/// sessions, at most this many sessions must be repeated to reproduce it.
const SESSIONS: u64 = 100;

/// The number of clients that are served at the same time. A client may wait a second before it exits.
const CLIENTS: u64 = 12;

/// Whether a program is a server or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server that hostile clients connect to.
    Server,
    /// A client that is served by a hostile server.
    Client,
}

impl Kind {
    /// Returns the kind's name as it is used in package names, for example `server` in `lab1-server`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Runs random sessions with one program.
pub struct Playing {
    name: String,
    kind: Kind,
    lab: u32,
    program: PathBuf,
    seed: u64,
    /// The number of the next session. Together with the seed, this number determines what the peers do.
    next: u64,
    /// The number of the first session of the running server.
    first: u64,
    hall: Option<Hall>,
}

impl Playing {
    /// Prepares sessions, beginning with session number `from`. Builds the finished program unless another is given.
    ///
    /// # Errors
    /// Returns an error if the program cannot be built.
    pub fn new(kind: Kind, lab: u32, seed: u64, from: u64, program: Option<&Path>) -> Result<Self> {
        let name = format!("{}{lab}", kind.name());
        let program = match program {
            Some(program) => program.to_owned(),
            None => finished(&format!("solution{lab}-{}", kind.name()))?,
        };
        Ok(Self { name, kind, lab, program, seed, next: from, first: from, hall: None })
    }

    /// Returns the name, for example `server2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs sessions until `end`, but at most `count`. Returns the number of sessions.
    ///
    /// # Errors
    /// Returns the first mistake.
    pub fn turn(&mut self, end: Instant, count: u64) -> Result<u64, Finding> {
        let mut played = 0;
        while played < count && Instant::now() < end {
            if self.kind == Kind::Client {
                let clients = (count - played).min(CLIENTS);
                self.serve(clients)?;
                played += clients;
                continue;
            }
            let result = self.visit();
            result.map_err(|why| self.finding(self.next, why))?;
            self.next += 1;
            played += 1;
        }
        Ok(played)
    }

    /// Stops a running server.
    ///
    /// # Errors
    /// Returns an error if the server does not exit cleanly or its output is wrong.
    pub fn finish(&mut self) -> Result<(), Finding> {
        let result = self.hall.take().map_or(Ok(()), Hall::ends);
        result.map_err(|why| self.finding(self.next, why))
    }

    /// Serves the next `count` clients, all at the same time.
    fn serve(&mut self, count: u64) -> Result<(), Finding> {
        let this = &*self;
        let serve = |number| {
            let mut choices = this.choices(number);
            let host = Host::new(this.lab, &this.program, &mut choices);
            let result = host.and_then(|host| host.session(&mut choices));
            result.map_err(|why| this.finding(number, why))
        };
        let results = thread::scope(|scope| {
            let numbers = self.next..self.next + count;
            let threads: Vec<_> =
                numbers.map(|number| scope.spawn(move || serve(number))).collect();
            let results = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            results.collect::<Vec<_>>()
        });
        self.next += count;
        results.into_iter().collect()
    }

    /// Runs the next session with the server. If no server is running, this function starts one first.
    fn visit(&mut self) -> Result<(), String> {
        if self.next - self.first >= SESSIONS
            && let Some(hall) = self.hall.take()
        {
            hall.ends()?;
        }
        if self.hall.is_none() {
            self.first = self.next;
            self.hall = Some(Hall::open(self.lab, &self.program)?);
        }
        let mut choices = self.choices(self.next);
        let hall = self.hall.as_mut().ok_or("there is no server")?;
        hall.session(&mut choices)
    }

    /// Returns the source of all random choices of a session.
    fn choices(&self, number: u64) -> StdRng {
        let seed = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        StdRng::seed_from_u64(seed ^ u64::from(self.lab) << 56)
    }

    fn finding(&self, number: u64, why: String) -> Finding {
        let first = if self.kind == Kind::Server { self.first } else { number };
        let again =
            format!("--seed {} --from {first} --executions {}", self.seed, number - first + 1);
        Finding { target: self.name.clone(), why, again, input: Vec::new() }
    }
}

/// Builds a finished program and returns its path.
fn finished(package: &str) -> Result<PathBuf> {
    let packages = [package.to_owned()];
    let mut built =
        build(&grader::kit::root(), &packages, BUILD_LIMIT).map_err(|error| anyhow!("{error}"))?;
    let program = built.remove(package).ok_or_else(|| anyhow!("there is no {package}"))?;
    program.map_err(|errors| anyhow!("{package} does not compile:\n{errors}"))
}

/// Returns a seed that is derived from the current time.
pub fn seed() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    time.as_secs() * 1_000_000 + u64::from(time.subsec_micros())
}
