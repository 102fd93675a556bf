//! Builds, starts, measures, and stops the programs under load.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use grader::system::ports;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;

use crate::relay;
use crate::wire::{Joined, Wire};

/// The maximum time until a program listens.
const START: Duration = Duration::from_secs(10);

/// The number of file descriptors that a program needs in addition to one per connection.
const OTHER_FILES: u64 = 64;

/// A listening program. It is stopped when this value is dropped.
pub struct Server {
    child: Child,
    /// The address on which the program listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a lab's server with seats for this number of people.
    ///
    /// The server's output is discarded, because reading it would take processor time from the server. So the port is
    /// chosen here instead of being read from the output.
    ///
    /// # Errors
    /// Returns an error if the program does not start listening.
    pub fn start(program: &Path, lab: u32, people: usize) -> Result<Self> {
        let port = ports::unused();
        let mut command = Command::new(env::current_exe()?);
        command.arg("become").arg(program).arg(port.to_string());
        if lab == 1 {
            command.args(["--seats", &people.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, port).into() };
        let begin = Instant::now();
        while !ports::is_listening(port) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} did not start: {status}", program.display());
            }
            ensure!(begin.elapsed() < START, "{} does not listen", program.display());
            thread::sleep(Duration::from_millis(1));
        }
        Ok(server)
    }

    /// Starts this program as the relay, for messages of the same length as those of `wire`.
    ///
    /// # Errors
    /// Returns an error if the program does not start listening.
    pub fn start_relay(wire: Wire, mistake: Option<relay::Mistake>) -> Result<Self> {
        let frame = wire.heard("p0000", &Joined::default());
        let mut command = Command::new(env::current_exe()?);
        command.args(["relay", "--message-len", &frame.message_len().to_string()]);
        if wire.echoes() {
            command.arg("--echo");
        }
        if let Some(mistake) = mistake {
            let mistake =
                clap::ValueEnum::to_possible_value(&mistake).context("no such mistake")?;
            command.args(["--mistake", mistake.get_name()]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let stdout = server.child.stdout.take().context("the relay has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on ").context("the relay did not start")?;
        server.address = address.parse()?;
        Ok(server)
    }

    /// Returns the processor time that all threads of the program have used so far, including threads that have
    /// ended.
    ///
    /// # Errors
    /// Returns an error if the program has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        Ok(clock_gettime(clock_getcpuclockid(pid)?)?.into())
    }

    /// Returns the maximum memory that the program has used, in bytes (`VmHWM`, see `proc_pid_status(5)`).
    ///
    /// # Errors
    /// Returns an error if the program has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kilobytes.context("the server has ended")? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the system kill this process when its parent ends, even if the parent is killed.
pub fn end_with_parent() -> Result<()> {
    Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Replaces this process with a program that the system kills when the parent process ends. Setting this up between
/// `fork` and `exec` would need unsafe code.
///
/// # Errors
/// Returns an error if the program cannot be started.
pub fn become_program(command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no program")?;
    end_with_parent()?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// Builds the servers of these labs with optimization.
///
/// # Errors
/// Returns an error if a server does not compile.
pub fn build(labs: &[u32]) -> Result<Vec<PathBuf>> {
    let packages: Vec<_> = labs.iter().map(|lab| format!("solution{lab}-server")).collect();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    // The environment variables that cargo has set for this process would make cargo build everything again.
    let is_ours = |name: &OsStr| name.to_string_lossy().starts_with("CARGO_PKG_");
    for (name, _) in env::vars_os().filter(|(name, _)| is_ours(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.current_dir(grader::kit::root()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cargo could not build {}", packages.join(", "));
    let text = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let program = |package: &String| {
        let mut own = messages.iter().filter(|message| message["target"]["name"] == **package);
        let path = own.find_map(|message| message["executable"].as_str());
        path.map(PathBuf::from).with_context(|| format!("cargo built no program from {package}"))
    };
    packages.iter().map(program).collect()
}

/// Allows this process and each program that it starts to have this number of connections.
///
/// # Errors
/// Returns an error if the system does not allow so many connections.
pub fn allow_connections(people: usize) -> Result<()> {
    let needed = people as u64 + OTHER_FILES;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(needed <= hard, "{people} connections are more than `ulimit -Hn` allows: {hard}");
    if needed > soft {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard)?;
    }
    Ok(())
}
