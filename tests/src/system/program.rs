//! Starts programs, each on its own terminal, and makes sure that they exit.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;
use rexpect::process::PtyProcess;

use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::Inbox;
use crate::journal::screen::Screen;
use crate::journal::terminal::{ROWS, Terminal};
use crate::journal::timeout::TIMEOUT;
use crate::journal::{EventKind, Journal};
use crate::system::confinement::{self, Access, Folder};
use crate::system::limits::{prepare_child, set_size};
use crate::system::memory::{self, Bounds};
use crate::system::orphans;
use crate::system::patience::{self, Patience};
use crate::system::process::Process;
use crate::system::reads;

/// How a program under test is started.
#[derive(Clone, Debug)]
pub enum Runnable {
    /// An executable that cargo built. The port is its first argument.
    Executable(PathBuf),
    /// A command line that starts a program in any language. The command line contains `{port}` and may contain
    /// `{host}`.
    Command(String),
    /// There is no program to start. The value contains the reason.
    Missing(Failure),
}

impl Runnable {
    /// Returns the program and its arguments: the port and the stage's options, such as `--seats 3`.
    ///
    /// # Errors
    /// Returns an error if there is no program.
    pub fn launch(&self, port: u16, options: &[&str]) -> Check<Launch> {
        let options = options.iter().map(ToString::to_string);
        match self {
            Self::Executable(program) => {
                let arguments = [port.to_string()].into_iter().chain(options).collect();
                let (program, place) = (program.clone(), Place::OwnFolder { port });
                Ok(Launch { program, arguments, place, elsewhere: false })
            }
            Self::Command(command) => {
                let filled =
                    command.replace("{host}", "127.0.0.1").replace("{port}", &port.to_string());
                // `exec` replaces the shell with the program, so the process is the program itself.
                let words: Vec<_> =
                    ["exec".to_owned(), filled].into_iter().chain(options).collect();
                let arguments = vec!["-c".into(), words.join(" ")];
                let reads = reads::of_command(&words[1]);
                let place = Place::Here { port, reads };
                Ok(Launch { program: "/bin/sh".into(), arguments, place, elsewhere: false })
            }
            Self::Missing(why) => Err(why.clone()),
        }
    }
}

/// A program to start, its arguments, and the place where it runs.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// The arguments after the program's name.
    pub arguments: Vec<String>,
    /// Where the program runs.
    pub place: Place,
    /// Whether the program may also listen on a port that the system chooses. One stage checks what a program does if
    /// its own port is taken, so the confinement must not affect that result.
    pub elsewhere: bool,
}

/// A program's current directory and the folders that it is allowed to write to; see [`crate::system::confinement`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The program's own folder, which is the only folder that it is allowed to write to. The program may use only the
    /// port that is passed to it.
    OwnFolder {
        /// The port that is passed to the program.
        port: u16,
    },
    /// The grader's current directory and the user's home, so that commands can find their files and interpreters can
    /// find their libraries. The program is allowed to write only to its own folder, `TMPDIR`.
    Here {
        /// The port that is passed to the program, which is the only port that it may use.
        port: u16,
        /// The files and folders that the program may read outside its own folder.
        reads: Vec<PathBuf>,
    },
    /// The grader's current directory, for the kit's own programs. The program is allowed to write anywhere.
    Free,
}

/// A running program on its own terminal. The program is killed when this value is dropped.
pub struct Program {
    process: Arc<Process>,
    keyboard: File,
    is_dumb: bool,
    /// Whether the grader has noticed that the program uses a line editor.
    has_edited: AtomicBool,
    /// Whether the grader has waited in vain for the program to edit a line.
    has_no_editor: AtomicBool,
    /// The program's output on the terminal.
    pub output: Arc<Inbox<Screen>>,
    // The terminal and the folder are dropped last. After the process has exited, dropping the terminal only closes the
    // terminal, and no process writes to the folder.
    _terminal: PtyProcess,
    _folder: Option<Folder>,
    _proc: Option<File>,
}

impl Program {
    /// Starts a program that represents the person or server `name`. Everything that the program writes to its terminal
    /// is passed to `output` and to the journal.
    ///
    /// # Errors
    /// Returns an error if the program does not exist or the system cannot provide a process or a terminal.
    pub fn start(
        name: &str,
        launch: &Launch,
        terminal: Terminal,
        journal: &Journal,
    ) -> Check<Self> {
        let started = Instant::now();
        let Launch { program, arguments, place, elsewhere } = launch;
        // rexpect does not report a missing program.
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
            if matches!(place, Place::OwnFolder { .. }) {
                command.env("HOME", folder.path()).current_dir(folder.path());
            }
        }
        let (reads, port) = match place {
            Place::OwnFolder { port } => (vec![program.clone()], *port),
            Place::Here { port, reads } => (reads.clone(), *port),
            Place::Free => (Vec::new(), 0),
        };
        let rules = folder.as_ref().map(|folder| {
            let writes = vec![folder.path().to_owned()];
            let (port, elsewhere) = (Some(port), *elsewhere);
            confinement::rules(Access { reads, writes, port, elsewhere, ..Access::default() })
        });
        let rules = rules.transpose()?;
        // The kit's line editor does not edit lines on a dumb terminal, so the kit's programs are graded both with and
        // without line editing. Programs in other languages do not get a dumb terminal, because many libraries, such as
        // ncurses, cannot position text on one.
        let is_dumb = terminal == Terminal::Dumb && !matches!(place, Place::Here { .. });
        let term = if is_dumb { "dumb" } else { "xterm" };
        command.envs([("TERM", term), ("LANG", "C.UTF-8"), ("RUST_BACKTRACE", "0")]);
        // rexpect does not expose the child's process id, so the child sends it through a pipe.
        let (mut pid_reader, mut pid_writer) = io::pipe()?;
        let columns = terminal.columns();
        // SAFETY: between fork and exec, the child makes only system calls and allocates nothing.
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
            // If exec fails, `new` also returns in the child, which must not become a second grader.
            // SAFETY: exits the process without running any code that belongs to the parent.
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
        // While this file is open, the kernel keeps the `/proc` folder that the program's rules refer to.
        let own = File::open(format!("/proc/{pid}")).ok();
        let process = Arc::new(Process::new(name, pid, started));
        memory::watch(&process, Bounds::PROGRAM);
        let handle =
            || pty.get_file_handle().map_err(|error| Failure::Grader(format!("terminal: {error}")));
        let (keyboard, screen) = (handle()?, handle()?);
        // A program that does not read what is typed must not block the grader.
        let change = |what| fcntl(&keyboard, what).map_err(io::Error::from);
        let flags = OFlag::from_bits_retain(change(FcntlArg::F_GETFL)?);
        change(FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;

        let output = Inbox::new(Screen::new(columns, ROWS));
        let (inbox, source) = (Arc::clone(&output), Arc::clone(&process));
        let (noted, name) = (journal.clone(), name.to_owned());
        journal.spawn("reading a terminal", move || {
            read_terminal(&screen, &name, &noted, &inbox, &source);
        })?;
        Ok(Self {
            process,
            keyboard,
            is_dumb,
            has_edited: AtomicBool::new(false),
            has_no_editor: AtomicBool::new(false),
            output,
            _terminal: pty,
            _folder: folder,
            _proc: own,
        })
    }

    /// Returns the program's process.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Waits until the program is idle and the terminal's echo is off. A line editor turns the echo off while it reads
    /// a line, and echoes the typed keys itself. Keys pressed while the echo is on could be lost or shown twice,
    /// because some editors briefly release the terminal whenever they show a message. A program without a line editor
    /// never turns the echo off, so this function waits only for a limited time. With `TERM=dumb`, few programs use a
    /// line editor.
    pub fn wait_for_editor(&self) {
        let begin = Instant::now();
        let mut patience = Patience::new(&self.process);
        // If an earlier wait ended without a line editor, the program probably never starts one, so this wait has a
        // shorter limit.
        let limit = if self.has_no_editor.load(Relaxed) { patience::EDITOR } else { TIMEOUT };
        while !patience.is_over() && begin.elapsed() < limit {
            match tcgetattr(&self.keyboard).map(|mode| mode.local_flags) {
                Ok(flags) if flags.contains(LocalFlags::ECHO) => {
                    if self.is_dumb && !self.has_edited.load(Relaxed) {
                        return;
                    }
                }
                Ok(_) => {
                    self.has_edited.store(true, Relaxed);
                    if !matches!(self.process.is_running(), Ok(true)) {
                        return;
                    }
                }
                Err(_) => return,
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.has_no_editor.store(true, Relaxed);
    }

    /// Returns whether the terminal passes only complete lines to the program, which means that no line editor is
    /// active.
    pub fn reads_lines(&self) -> bool {
        let waits = |mode: Termios| mode.local_flags.contains(LocalFlags::ICANON);
        tcgetattr(&self.keyboard).is_ok_and(waits)
    }

    /// Begins a new line just before Enter is pressed, unless the terminal or the program does so. A terminal that
    /// passes on only complete lines begins a new line itself. A program that reads single keys begins a new line when
    /// it reads Enter, unless it assumes that a terminal with `TERM=dumb` shows everything that is typed.
    pub fn begin_line(&self) {
        let may_miss = self.is_dumb && !self.reads_lines();
        if may_miss && self.output.look(|screen| screen.is_plain()) {
            self.output.push(b"\r\n");
        }
    }

    /// Presses keys.
    pub fn press(&self, mut keys: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        while !keys.is_empty() {
            match (&self.keyboard).write(keys) {
                Ok(written) => keys = &keys[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::Error::other("the program does not read what is typed"));
                    }
                    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                    wait_for(&self.keyboard, PollFlags::POLLOUT, left)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Changes the terminal's size. The system tells the program that the size has changed.
    pub fn resize(&self, columns: NonZero<u16>, rows: NonZero<u16>) -> io::Result<()> {
        self.output.look(|screen| screen.resize(columns, rows));
        set_size(self.keyboard.as_fd(), columns, rows)
    }
}

/// Passes a program's terminal output to the inbox and the journal until no more output can arrive.
fn read_terminal(
    mut screen: &File,
    name: &str,
    journal: &Journal,
    inbox: &Arc<Inbox<Screen>>,
    source: &Process,
) {
    let _end = inbox.ends_with_reader();
    let mut bytes = vec![0; 16 * 1024];
    loop {
        match screen.read(&mut bytes) {
            Ok(read @ 1..) => {
                journal.note(name, EventKind::Showed(bytes[..read].to_vec()));
                // Replies to the program's queries arrive before the text that a person types next. A program that
                // sends queries but never reads the replies eventually gets no more replies.
                let reply = |shown: &mut Screen| {
                    let _ = (&*screen).write(&shown.take_replies());
                };
                if !inbox.push_and(&bytes[..read], reply) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = wait_for(screen, PollFlags::POLLIN, PollTimeout::NONE);
            }
            // When no process has the terminal open any longer, a read fails with EIO.
            Ok(0) | Err(_) => {
                source.wait_for(LAST_WORDS);
                let why = if source.ended().is_some() {
                    "the program has exited"
                } else {
                    "the program has closed its terminal"
                };
                return inbox.end(why);
            }
        }
    }
}

fn wait_for(terminal: &File, event: PollFlags, limit: PollTimeout) -> io::Result<()> {
    poll(&mut [PollFd::new(terminal.as_fd(), event)], limit)?;
    Ok(())
}

/// The maximum time to wait for a program's last output after the program has exited.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill();
        orphans::end_orphans();
        // Waits for the last output, because it may say why the program failed.
        self.output.wait_for(LAST_WORDS, |_| None::<()>);
    }
}
