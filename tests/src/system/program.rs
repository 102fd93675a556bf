//! Starting programs on a terminal of their own, and never leaving one behind.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use rexpect::process::PtyProcess;

use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::Inbox;
use crate::journal::terminal::{ROWS, Terminal};
use crate::system::confinement::Folder;
use crate::system::orphans;
use crate::system::process::Process;

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

/// Where a program finds itself, and in which folders it may write (see [`crate::system::confinement`]).
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

/// A running program, on a terminal of its own. It is gone when this is dropped.
pub struct Program {
    process: Arc<Process>,
    keyboard: File,
    /// What it has written to its terminal.
    pub output: Arc<Inbox>,
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
        terminal: Terminal,
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
        let term = if terminal == Terminal::Dumb { "dumb" } else { "xterm" };
        command.envs([("TERM", term), ("LANG", "C.UTF-8"), ("RUST_BACKTRACE", "0")]);
        // rexpect keeps the child's number to itself, so the child tells it.
        let (mut pid_reader, mut pid_writer) = io::pipe()?;
        let columns = terminal.columns();
        // SAFETY: only system calls between fork and exec, nothing that allocates.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                prepare_child(columns, terminal != Terminal::Dumb, rules.as_ref())?;
                pid_writer.write_all(&process::id().to_ne_bytes())
            });
        }
        let grader = process::id();
        let starting = orphans::starting();
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

        let output = Inbox::new();
        let (inbox, source) = (Arc::clone(&output), Arc::clone(&process));
        thread::Builder::new().spawn(move || {
            let mut bytes = [0; 16 * 1024];
            loop {
                match screen.read(&mut bytes) {
                    Ok(read @ 1..) => {
                        note(&bytes[..read]);
                        if !inbox.push(&bytes[..read]) {
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
                        return inbox.end(why);
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
        orphans::end_orphans();
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
