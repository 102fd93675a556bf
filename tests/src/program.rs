//! Building programs, starting them on a terminal of their own, and never leaving one behind.

use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, killpg, signal};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use rexpect::process::PtyProcess;
use serde_json::Value;

use crate::confine::Folder;
use crate::descendants;
use crate::feed::{Feed, PATIENCE};
use crate::stage::{Check, Failure};

/// How long one build may take, unless somebody says otherwise. A first one takes half a minute on a slow machine.
pub const BUILD_LIMIT: Duration = Duration::from_mins(15);

/// How much of what a build prints is read, in bytes. A `build.rs` may print without end.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// The executables of packages, or what the compiler said.
pub type Built = HashMap<String, Result<PathBuf, String>>;

/// Builds packages of the kit in the folder `kit`, within `limit`. One that does not compile, or not in time, hurts no
/// other.
///
/// # Errors
/// When cargo itself fails, because of a broken `Cargo.toml` for example.
pub fn build(kit: &Path, packages: &[String], limit: Duration) -> Result<Built, String> {
    let (mut built, end) = run_cargo(kit, packages, limit)?;
    let missing: Vec<_> = packages.iter().filter(|name| !built.contains_key(*name)).collect();
    for package in &missing {
        let mut result = Err(end.why(package));
        // Whoever is at fault may have kept others from being built, so each gets its share of the time.
        if matches!(end, BuildEnd::Stopped(_)) && missing.len() > 1 {
            let share = limit / u32::try_from(missing.len()).unwrap_or(u32::MAX);
            let (mut alone, end) = run_cargo(kit, &[(*package).clone()], share)?;
            result = alone.remove(*package).unwrap_or_else(|| Err(end.why(package)));
        }
        built.insert((*package).clone(), result);
    }
    Ok(built)
}

/// How a build ended, and what is told of it.
enum BuildEnd {
    ByItself(String),
    Stopped(String),
}

impl BuildEnd {
    /// Why the package was not built.
    fn why(&self, package: &str) -> String {
        let (Self::ByItself(said) | Self::Stopped(said)) = self;
        // (of others it tells as well)
        let mark = format!("`{package} ");
        let own: Vec<_> = said.split("\nerror: ").filter(|part| part.contains(&mark)).collect();
        if own.is_empty() { said.clone() } else { own.join("\nerror: ") }
    }
}

/// Runs `cargo build`, and ends what it leaves behind.
fn run_cargo(
    kit: &Path,
    packages: &[String],
    limit: Duration,
) -> Result<(Built, BuildEnd), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--keep-going", "--message-format=json"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    cargo.current_dir(kit);
    // What cargo told us about ourselves would make it build everything again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST", "CARGO_BIN_EXE"].iter().any(|own| text.starts_with(own))
        {
            cargo.env_remove(name);
        }
    }
    let starting = descendants::starting();
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    starting.has_started(pid);

    let output = read_all(child.stdout.take());
    let errors = read_all(child.stderr.take());
    let begin = Instant::now();
    let status = loop {
        match descendants::reap(pid) {
            Ok(WaitStatus::StillAlive) if begin.elapsed() <= limit => {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(WaitStatus::StillAlive) => {
                let _ = killpg(pid, Signal::SIGKILL);
                thread::sleep(Duration::from_millis(1));
            }
            status => break status,
        }
    };
    // What a build.rs has started may live on, and hold the pipes open. (No other group has this number while one of this
    // group lives.)
    let _ = killpg(pid, Signal::SIGKILL);
    descendants::end_orphans();
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());

    let messages: Vec<Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let built = programs(&messages);
    let end = match status {
        Ok(WaitStatus::Exited(_, 0)) => BuildEnd::ByItself("cargo made no program of it".into()),
        // (it has looked at nothing yet: the workspace is broken)
        Ok(WaitStatus::Exited(..)) if messages.is_empty() => return Err(errors),
        Ok(WaitStatus::Exited(..)) => BuildEnd::ByItself(what_failed(packages, &built, &errors)),
        _ if begin.elapsed() > limit => {
            let seconds = limit.as_secs();
            let limit = if seconds < 120 {
                format!("{seconds} s")
            } else {
                format!("{} minutes", seconds / 60)
            };
            BuildEnd::Stopped(format!("it was still being built after {limit}, and was stopped"))
        }
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            BuildEnd::Stopped(format!("{signal} has ended cargo while it was being built"))
        }
        status => return Err(format!("nobody knows how cargo ended: {status:?}")),
    };
    Ok((built, end))
}

/// The programs that cargo has told of, and the errors.
fn programs(messages: &[Value]) -> Built {
    let mut built = Built::new();
    for message in messages {
        let package = package_name(message);
        if let Some(executable) = message["executable"].as_str() {
            // A package may have several programs; the one with its own name is meant.
            let is_meant = message["target"]["name"] == package;
            let program = built.entry(package).or_insert_with(|| Ok(executable.into()));
            if is_meant && program.is_ok() {
                *program = Ok(executable.into());
            }
        } else if message["message"]["level"] == "error" {
            let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
            match built.entry(package).or_insert_with(|| Err(String::new())) {
                Err(said) => said.push_str(rendered),
                program => *program = Err(rendered.to_owned()),
            }
        }
    }
    built
}

/// Reads to the end, in a thread of its own.
fn read_all(source: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(source) = source {
            let _ = source.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Why packages were not built: the errors of those that they need, or what cargo says of their `build.rs`.
fn what_failed(packages: &[String], built: &Built, errors: &str) -> String {
    let needed = built.iter().filter(|(name, _)| !packages.contains(name));
    let needed: String = needed.filter_map(|(_, result)| result.as_ref().err().cloned()).collect();
    if needed.is_empty() { errors[errors.find("error").unwrap_or(0)..].to_owned() } else { needed }
}

/// `solution1-server` of `path+file:///…/server#solution1-server@0.1.0`.
fn package_name(message: &Value) -> String {
    let id = message["package_id"].as_str().unwrap_or_default();
    let name = id.rsplit('#').next().unwrap_or_default();
    name.split('@').next().unwrap_or_default().to_owned()
}

/// How a program under test is started.
#[derive(Clone, Debug)]
pub enum Runnable {
    /// An executable that cargo has built. The port is its first argument.
    Executable(PathBuf),
    /// A command line for a program in any language, in which `{host}` and `{port}` stand.
    Command(String),
    /// There is none, and why.
    Missing(Failure),
}

impl Runnable {
    /// How to start it: the port, and the options of the stage (`--seats 3`) behind it.
    ///
    /// # Errors
    /// When there is no program.
    pub fn launch(&self, port: u16, options: &[&str]) -> Check<Launch> {
        let options = options.iter().map(ToString::to_string);
        match self {
            Self::Executable(program) => {
                let arguments = [port.to_string()].into_iter().chain(options).collect();
                Ok(Launch { program: program.clone(), arguments, place: Place::OwnFolder })
            }
            Self::Command(command) => {
                let filled =
                    command.replace("{host}", "127.0.0.1").replace("{port}", &port.to_string());
                // `exec`, so that the process is the program, and not a shell that waits for it.
                let words: Vec<_> =
                    ["exec".to_owned(), filled].into_iter().chain(options).collect();
                let arguments = vec!["-c".into(), words.join(" ")];
                Ok(Launch { program: "/bin/sh".into(), arguments, place: Place::Here })
            }
            Self::Missing(why) => Err(why.clone()),
        }
    }
}

/// A program to start, its arguments, and where.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Behind its name.
    pub arguments: Vec<String>,
    /// Where it finds itself.
    pub place: Place,
}

/// Where a program finds itself, and in which folders it may write (see [`crate::confine`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder of its own, in which alone it may write.
    OwnFolder,
    /// Where the grader was started, so that somebody's command line finds its files, and its interpreter the libraries in
    /// the home of that person. It may write in a folder of its own only, `TMPDIR`.
    Here,
    /// Where the grader was started; it may write everywhere. For programs of ours.
    Free,
}

/// The terminal that a program finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalKind {
    /// `TERM=dumb`: lines, one after the other, and nothing of what is typed.
    Dumb,
    /// `TERM=xterm`: what people have; it echoes.
    Xterm,
    /// The same in a window of so many columns.
    Window(NonZero<u16>),
}

impl TerminalKind {
    /// Its width, in characters.
    pub fn columns(self) -> NonZero<u16> {
        if let Self::Window(columns) = self { columns } else { COLUMNS }
    }
}

/// The width of the terminal, in characters.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
/// Its height: many rows, so that nothing scrolls away that a script still wants to see.
pub const ROWS: NonZero<u16> = NonZero::new(60).unwrap();

/// A running program, on a terminal of its own. It is gone when this is dropped.
pub struct Program {
    process: Arc<Process>,
    keyboard: File,
    /// What it has written to its terminal.
    pub output: Arc<Feed>,
    // Dropped last: it only closes the terminal then, since the process is gone; and nobody writes into the folder.
    _terminal: PtyProcess,
    _folder: Option<Folder>,
}

impl Program {
    /// Starts a program for `name`. Everything it writes goes to its output and to `note`.
    ///
    /// # Errors
    /// When the system gives no process or terminal, or there is no such program.
    pub fn start(
        name: &str,
        launch: &Launch,
        terminal: TerminalKind,
        note: impl Fn(&[u8]) + Send + 'static,
    ) -> Check<Self> {
        let Launch { program, arguments, place } = launch;
        // rexpect tells nobody when there is nothing to start.
        if !program.is_file() {
            return Err(Failure::Grader(format!("there is no program {}", program.display())));
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "SYSTEMROOT"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        let folder = if *place == Place::Free { None } else { Some(Folder::new()?) };
        if let Some(folder) = &folder {
            command.env("TMPDIR", folder.path());
            if *place == Place::OwnFolder {
                command.env("HOME", folder.path()).current_dir(folder.path());
            }
        }
        let rules = folder.as_ref().map(Folder::rules).transpose()?.flatten();
        let term = if terminal == TerminalKind::Dumb { "dumb" } else { "xterm" };
        command.envs([("TERM", term), ("LANG", "C.UTF-8"), ("RUST_BACKTRACE", "0")]);
        // rexpect keeps the child's number to itself, so the child tells it.
        let (mut pid_reader, mut pid_writer) = io::pipe()?;
        let columns = terminal.columns();
        // SAFETY: only system calls between fork and exec, nothing that allocates.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                prepare_child(columns, terminal != TerminalKind::Dumb, rules.as_ref())?;
                pid_writer.write_all(&process::id().to_ne_bytes())
            });
        }
        let grader = process::id();
        let starting = descendants::starting();
        let pty = PtyProcess::new(command);
        if process::id() != grader {
            // A child whose exec failed comes back from `new` as a second grader.
            // SAFETY: ends the process, without running what belongs to the parent.
            #[allow(unsafe_code)]
            unsafe {
                libc::_exit(127)
            }
        }
        let pty = pty.map_err(|error| Failure::Grader(format!("no terminal: {error}")))?;
        let mut pid = [0; 4];
        pid_reader.read_exact(&mut pid)?;
        let pid = Pid::from_raw(i32::from_ne_bytes(pid));
        starting.has_started(pid);
        let process = Arc::new(Process::new(name, pid));
        let handle =
            || pty.get_file_handle().map_err(|error| Failure::Grader(format!("terminal: {error}")));
        let (keyboard, mut screen) = (handle()?, handle()?);

        let output = Feed::new();
        let (feed, source) = (Arc::clone(&output), Arc::clone(&process));
        thread::Builder::new().spawn(move || {
            let mut bytes = [0; 16 * 1024];
            loop {
                match screen.read(&mut bytes) {
                    Ok(read @ 1..) => {
                        note(&bytes[..read]);
                        if !feed.push(&bytes[..read]) {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // A terminal that nobody holds any more answers EIO.
                    Ok(0) | Err(_) => {
                        source.wait_for(LAST_WORDS);
                        let why = if source.ended().is_some() {
                            "the program has ended"
                        } else {
                            "the program has closed its terminal"
                        };
                        return feed.end(why);
                    }
                }
            }
        })?;
        Ok(Self { process, keyboard, output, _terminal: pty, _folder: folder })
    }

    /// The process, to ask how it is.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Waits until the program shows by itself what is typed, as a line editor does while it reads a line: keys that
    /// are pressed before that would be shown twice. A program without an editor is not waited for long.
    pub fn wait_for_editor(&self) {
        let deadline = Instant::now() + EDITOR;
        let echoes = |mode: Termios| mode.local_flags.contains(LocalFlags::ECHO);
        while tcgetattr(&self.keyboard).is_ok_and(echoes) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Presses keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&self, keys: &[u8]) -> io::Result<()> {
        (&self.keyboard).write_all(keys)
    }
}

/// How long a line editor may take to begin.
const EDITOR: Duration = Duration::from_secs(1);

/// How long the last words of a program may take through its terminal, once it is gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill();
        descendants::end_orphans();
        // They may say why it failed: that a stage is not written yet, for example.
        self.output.wait_for(LAST_WORDS, |_| None::<()>);
    }
}

/// Runs in the child, after its terminal was set up and before the program begins.
fn prepare_child(columns: NonZero<u16>, echoes: bool, rules: Option<&OwnedFd>) -> io::Result<()> {
    if echoes {
        // (rexpect has turned it off; a line editor that finds it so shows nothing of what is typed)
        let mut mode = tcgetattr(io::stdin())?;
        mode.local_flags |= LocalFlags::ECHO;
        tcsetattr(io::stdin(), SetArg::TCSANOW, &mode)?;
    }
    let window =
        libc::winsize { ws_row: ROWS.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: plain system calls with valid arguments.
    #[allow(unsafe_code)]
    unsafe {
        libc::ioctl(0, libc::TIOCSWINSZ, &raw const window);
        // A grader started in the background, or by Python, hands these down as ignored.
        for ignored in
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGXFSZ]
        {
            signal(ignored, SigHandler::SigDfl)?;
        }
        #[cfg(target_os = "linux")]
        {
            // The program ends with the thread that runs the stage, should the grader be killed.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // The terminals and sockets of others are none of its business.
            libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
        }
    }
    let megabyte = 1024 * 1024;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_CPU, 60, 60)?;
    setrlimit(Resource::RLIMIT_FSIZE, 64 * megabyte, 64 * megabyte)?;
    #[cfg(target_os = "linux")]
    setrlimit(Resource::RLIMIT_AS, 2048 * megabyte, 2048 * megabyte)?;
    rules.map_or(Ok(()), restrict)
}

/// From here on the rules hold for this process, and for all that it starts.
#[cfg(target_os = "linux")]
fn restrict(rules: &OwnedFd) -> io::Result<()> {
    // SAFETY: plain system calls with valid arguments.
    #[allow(unsafe_code)]
    let result = unsafe {
        // (the kernel asks for it: a program of another user must not be fooled by the rules)
        let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, unused, unused, unused);
        libc::syscall(libc::SYS_landlock_restrict_self, std::os::fd::AsRawFd::as_raw_fd(rules), 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn restrict(_rules: &OwnedFd) -> io::Result<()> {
    Ok(())
}

/// A process that the grader started, and nobody else: after it was waited for, its number may belong to
/// another one, so it is signalled and waited for under one lock.
pub struct Process {
    name: String,
    pid: Pid,
    started: Instant,
    ended: Mutex<Option<Ended>>,
}

/// How a process ended, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How; unless the grader ended it.
    pub status: Option<WaitStatus>,
    /// How long it had lived.
    pub after: Duration,
    /// How much processor time it had used when the grader ended it.
    pub cpu_time: Duration,
    /// How long it had been busy then; see [`Process::busy_time`].
    pub busy_time: Duration,
    /// How much memory it held then, in bytes; 0 where the system does not tell.
    pub memory: u64,
}

impl Ended {
    /// What was so at a time: who ended after it was still running.
    #[must_use]
    pub fn as_of(self, started: Instant, time: Instant) -> Self {
        let was_running = started + self.after > time;
        Self { status: self.status.filter(|_| !was_running), ..self }
    }
}

impl Process {
    fn new(name: &str, pid: Pid) -> Self {
        Self { name: name.to_owned(), pid, started: Instant::now(), ended: Mutex::new(None) }
    }

    /// Whose program it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let status = match descendants::reap(self.pid) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) => status,
                Err(_) => WaitStatus::Exited(self.pid, -1),
            };
            let (after, none) = (self.started.elapsed(), Duration::ZERO);
            let status = Some(status);
            *ended = Some(Ended { status, after, cpu_time: none, busy_time: none, memory: 0 });
        }
        *ended
    }

    /// How it ended by itself, if it has.
    pub fn status(&self) -> Option<WaitStatus> {
        self.ended()?.status
    }

    /// Waits until it ends, for at most [`PATIENCE`].
    pub fn wait(&self) -> Option<WaitStatus> {
        self.wait_for(PATIENCE)
    }

    fn wait_for(&self, limit: Duration) -> Option<WaitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.ended();
            if ended.is_some() || Instant::now() > deadline {
                return ended?.status;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it and the processes of its group, without asking.
    pub fn kill(&self) {
        if self.ended().is_some() {
            return;
        }
        let (cpu_time, memory) = (self.cpu_time().unwrap_or_default(), self.memory());
        let busy_time = self.busy_time().unwrap_or_default();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let _ = killpg(self.pid, Signal::SIGKILL);
            // (it may have been about to end by itself)
            let status = loop {
                match descendants::reap(self.pid) {
                    Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_micros(100)),
                    status => break status.ok(),
                }
            };
            let status = status
                .filter(|status| !matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
            let after = self.started.elapsed();
            *ended = Some(Ended { status, after, cpu_time, busy_time, memory });
        }
    }

    /// The memory it holds, in bytes: `VmRSS` in `proc_pid_status(5)`.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    /// The processor time it has used so far, all threads together.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        self.scheduled(1)
    }

    /// How long its threads have run so far, or would have, had a processor been free: on a busy machine, one that
    /// runs in circles gets little time, but it waits for it.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn busy_time(&self) -> io::Result<Duration> {
        self.scheduled(2)
    }

    /// The sum of the first fields of `/proc/PID/task/TID/schedstat`, over all threads: the time spent on a processor, and
    /// the time spent waiting for one, in nanoseconds.
    fn scheduled(&self, fields: usize) -> io::Result<Duration> {
        let pid = self.pid.as_raw();
        if cfg!(target_os = "linux") {
            let mut nanoseconds = 0;
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                // A thread that ends meanwhile uses no more time.
                let schedstat = fs::read_to_string(task?.path().join("schedstat"));
                let text = schedstat.unwrap_or_default();
                let times =
                    text.split(' ').take(fields).filter_map(|field| field.parse::<u64>().ok());
                nanoseconds += times.sum::<u64>();
            }
            return Ok(Duration::from_nanos(nanoseconds));
        }
        // Elsewhere: `0:01.23`, minutes and seconds.
        let ps = Command::new("ps").args(["-o", "time=", "-p", &pid.to_string()]).output()?;
        let text = String::from_utf8_lossy(&ps.stdout);
        let seconds = text
            .trim()
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(0.0));
        Ok(Duration::from_secs_f64(seconds))
    }
}
