//! Starts and stops the servers that are measured.

use std::env;
use std::io::{self, PipeReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use load::wire::{Joined, Wire};
use nix::unistd::Pid;

use crate::bench::results::RELAY;
use crate::journal::timeout::START_TIMEOUT;
use crate::system::companion::Companion;
use crate::system::program::{Launch, Place, Runnable};
use crate::system::{orphans, ports};

/// How many bytes at the beginning of a server's error output are kept.
const KEPT: usize = 4096;

/// How long to wait for the last output of a failing server.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The hidden subcommand of `cargo lab` that runs the relay.
pub const RELAY_COMMAND: &str = "bench-relay";

/// A program that takes part in a benchmark.
#[derive(Clone, Debug)]
pub enum Contender {
    /// The relay.
    Relay,
    /// A server.
    Server {
        /// The name in the results.
        name: String,
        /// The program.
        program: Runnable,
        /// Whether the program is the student's, which may be unfinished.
        is_students: bool,
    },
}

impl Contender {
    /// Returns the name under which the program appears in the results.
    pub fn name(&self) -> &str {
        match self {
            Self::Relay => RELAY,
            Self::Server { name, .. } => name,
        }
    }

    /// Returns the wire format of the program.
    pub fn wire(&self, lab: u32) -> Wire {
        Wire { number: lab, is_relayed: matches!(self, Self::Relay) }
    }

    fn launch(&self, lab: u32, people: usize, port: u16) -> Result<Launch> {
        let Self::Server { program, .. } = self else {
            let wire = self.wire(lab);
            let length = wire.heard("p0000", &Joined::default()).message_len().to_string();
            let mut arguments: Vec<_> =
                [RELAY_COMMAND, &port.to_string(), &length].map(String::from).into();
            arguments.extend(wire.echoes().then(|| "--echo".to_owned()));
            let program = env::current_exe().context("the path of this program is unknown")?;
            return Ok(Launch { program, arguments, place: Place::Free, elsewhere: false });
        };
        let seats = people.to_string();
        let options: &[&str] = if lab == 1 { &["--seats", &seats] } else { &[] };
        program.launch(port, options).map_err(|failure| anyhow!("{failure}"))
    }
}

/// A listening program that is stopped when this value is dropped.
pub struct Server {
    companion: Companion,
    errors: Arc<Mutex<Vec<u8>>>,
    /// The address on which the program listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program that can serve this number of people.
    ///
    /// The program's output on stdout is discarded, because reading it would take processor time away from the server.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started.
    pub fn start(contender: &Contender, lab: u32, people: usize) -> Result<Self> {
        let port = ports::unused();
        let launch = contender.launch(lab, people, port)?;
        let (reader, writer) = io::pipe()?;
        let companion = Companion::start_with(&launch, |command| {
            command.stdout(Stdio::null()).stderr(writer);
        })
        .with_context(|| format!("cannot start {}", launch.program.display()))?;
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&errors);
        thread::spawn(move || keep(reader, &kept));
        Ok(Self { companion, errors, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Waits until the program is listening.
    ///
    /// # Errors
    /// Returns an error if the program exits or does not start listening in time.
    pub fn listens(&mut self) -> Result<()> {
        let port = self.address.port();
        let begin = Instant::now();
        while !ports::is_listener(port, &orphans::family(self.pid())) {
            if self.companion.status()?.is_some() {
                bail!("the server did not listen on port {port}");
            }
            if begin.elapsed() > START_TIMEOUT {
                bail!(
                    "the server was told to listen on port {port}, but did not do so within {} s",
                    START_TIMEOUT.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Returns the process id of the program.
    pub fn pid(&self) -> Pid {
        self.companion.pid()
    }

    /// Waits briefly. Returns the program's exit status, if it has exited, and the beginning of its output on stderr.
    pub fn last_words(&mut self) -> (Option<String>, String) {
        thread::sleep(LAST_WORDS);
        let status = self.companion.status().ok().flatten().map(|status| status.to_string());
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        (status, String::from_utf8_lossy(&errors).into_owned())
    }
}

/// Reads all output, so that the program never blocks, but keeps only the beginning.
fn keep(mut reader: PipeReader, kept: &Mutex<Vec<u8>>) {
    let mut bytes = [0; KEPT];
    while let Ok(count) = reader.read(&mut bytes) {
        if count == 0 {
            return;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT - kept.len();
        kept.extend_from_slice(&bytes[..count.min(room)]);
    }
}
