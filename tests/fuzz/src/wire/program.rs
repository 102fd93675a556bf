//! A running program: what it prints, and what the system reports about it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use grader::journal::screen::pieces::{Cutter, Piece};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, OutputFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use crate::wire::shared::Shared;

/// The maximum number of printed bytes that are kept. Older bytes have been checked and are dropped.
const MAX_KEPT: usize = 1024 * 1024;

/// The maximum number of bytes that are quoted from a program's output.
const QUOTED: usize = 1500;

/// What a program reads from and prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Pipes.
    Pipes,
    /// A terminal that understands no escape sequences.
    Dumb,
    /// A terminal that understands escape sequences, so the program lets the person edit lines.
    Xterm,
}

/// A running program, which is killed when this value is dropped.
pub struct Program {
    child: Child,
    input: Option<File>,
    printed: Arc<Shared<Printed>>,
}

/// What a program has printed so far, to both standard output and standard error.
#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    total: usize,
    /// The number of output streams that are still open.
    open: usize,
    /// What is wrong with the output.
    wrong: Option<String>,
}

impl Program {
    /// Starts a program. Its panics are printed, but without a backtrace.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started.
    pub fn start(program: &Path, arguments: &[&str], screen: Screen) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).env("RUST_BACKTRACE", "0").env_remove("NO_COLOR");
        command.env("TERM", if screen == Screen::Xterm { "xterm" } else { "dumb" });
        let io = |error: io::Error| format!("it does not start: {error}");
        let master = if screen == Screen::Pipes {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        } else {
            let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
            let OpenptyResult { master, slave } =
                openpty(Some(&size), None).map_err(|error| io(error.into()))?;
            is_quiet(&slave).map_err(|error| io(error.into()))?;
            command.stdin(slave.try_clone().map_err(io)?).stdout(slave.try_clone().map_err(io)?);
            command.stderr(slave);
            Some(File::from(master))
        };
        let mut child = command.spawn().map_err(io)?;
        // The program must be the only one that holds the terminal's other end.
        drop(command);
        let (mut outputs, mut input): (Vec<OwnedFd>, _) = (Vec::new(), None);
        outputs.extend(child.stdout.take().map(Into::into));
        outputs.extend(child.stderr.take().map(Into::into));
        if let Some(master) = master {
            outputs.push(master.try_clone().map_err(io)?.into());
            input = Some(master);
        } else if let Some(pipe) = child.stdin.take() {
            input = Some(File::from(OwnedFd::from(pipe)));
        }
        let printed = Printed { open: outputs.len(), ..Printed::default() };
        let printed = Arc::new(Shared::new(printed));
        for output in outputs {
            let printed = Arc::clone(&printed);
            thread::spawn(move || collect(&printed, File::from(output), screen));
        }
        Ok(Self { child, input, printed })
    }

    /// Takes the program's input: the write end of a pipe, or the terminal.
    pub fn take_input(&mut self) -> Option<File> {
        self.input.take()
    }

    /// Waits until the program prints `text`, and returns the rest of that line.
    ///
    /// # Errors
    /// Returns an error if the program does not print `text` in time.
    pub fn prints(&self, text: &str, limit: Duration) -> Result<String, String> {
        let found = self.printed.wait(Instant::now() + limit, |printed| {
            let shown = String::from_utf8_lossy(&printed.bytes);
            let after = shown.split_once(text).and_then(|(_, after)| after.split_once('\n'));
            let found = after.map(|(rest, _)| rest.to_owned());
            (found.is_some() || printed.open == 0).then_some(found)
        });
        let shown = || String::from_utf8_lossy(&self.printed.lock().bytes).into_owned();
        found.flatten().ok_or_else(|| format!("it does not print {text:?}, only {:?}", shown()))
    }

    /// Checks that the program has printed neither a panic nor a character that could control a terminal.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub fn printed_well(&self) -> Result<(), String> {
        self.printed.lock().wrong.clone().map_or(Ok(()), Err)
    }

    /// Returns the number of printed bytes.
    pub fn printed_bytes(&self) -> usize {
        self.printed.lock().total
    }

    /// Returns the last part of the program's output.
    pub fn last_words(&self) -> String {
        let state = self.printed.lock();
        let from = state.bytes.len().saturating_sub(QUOTED);
        String::from_utf8_lossy(&state.bytes[from..])
            .escape_debug()
            .to_string()
            .replace("\\n", "\n  ")
    }

    /// Returns the exit status if the program has exited.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for the program to exit and for its output streams to end.
    pub fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        while self.ended().is_none() && Instant::now() < end {
            thread::sleep(Duration::from_micros(300));
        }
        let status = self.ended()?;
        self.printed.wait(end, |printed| (printed.open == 0).then_some(()));
        Some(status)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(self.pid(), signal);
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Returns how many threads and open descriptors the program has.
    pub fn counts(&self) -> Counts {
        let folder = format!("/proc/{}", self.child.id());
        let count =
            |what: &str| fs::read_dir(format!("{folder}/{what}")).map_or(0, Iterator::count);
        Counts { threads: count("task"), descriptors: count("fd") }
    }

    /// Returns the program's current resident memory and its maximum so far, in KiB.
    pub fn memory(&self) -> (usize, usize) {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
        };
        (field("VmRSS"), field("VmHWM"))
    }

    /// Checks that the program uses almost no processor time while nothing is happening.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub fn rests(&self) -> Result<(), String> {
        const LOOK: Duration = Duration::from_millis(100);
        for _ in 0..20 {
            let before = self.ticks();
            thread::sleep(LOOK);
            // A tick lasts 10 ms.
            if self.ticks() - before <= 2 {
                return Ok(());
            }
        }
        Err("it uses processor time although nothing is happening".to_owned())
    }

    fn ticks(&self) -> u64 {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The counts that must return to their earlier values after all hostile clients have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The number of threads.
    pub threads: usize,
    /// The number of open descriptors.
    pub descriptors: usize,
}

fn collect(printed: &Shared<Printed>, mut output: File, screen: Screen) {
    let mut bytes = vec![0; 16 * 1024];
    // The beginning of a line that is not complete yet. It may end within a character.
    let mut begun = Vec::new();
    loop {
        let count = match output.read(&mut bytes) {
            // A terminal's input and output share one open file description, which is in nonblocking mode.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_micros(500));
                continue;
            }
            count => count.unwrap_or(0),
        };
        begun.extend_from_slice(&bytes[..count]);
        let end = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = if count == 0 { begun.len() } else { end };
        printed.change(|printed| {
            if printed.wrong.is_none() {
                printed.wrong = wrong(&begun[..whole], screen);
            }
            printed.bytes.extend_from_slice(&bytes[..count]);
            printed.total += count;
            if printed.bytes.len() > MAX_KEPT {
                printed.bytes.drain(..MAX_KEPT / 2);
            }
            printed.open -= usize::from(count == 0);
        });
        if count == 0 {
            return;
        }
        begun.drain(..whole);
    }
}

/// Turns off the terminal's echo and its conversion of line endings.
fn is_quiet(terminal: &OwnedFd) -> nix::Result<()> {
    let mut mode = tcgetattr(terminal)?;
    mode.local_flags.remove(LocalFlags::ECHO);
    mode.output_flags.remove(OutputFlags::OPOST);
    tcsetattr(terminal, SetArg::TCSANOW, &mode)
}

/// Returns a description of what is wrong with the printed lines, if anything.
fn wrong(lines: &[u8], screen: Screen) -> Option<String> {
    let text = match str::from_utf8(lines) {
        Ok(text) => text,
        // A program that is stopped while it prints may end its output within a character.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&lines[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => {
            let lines = String::from_utf8_lossy(lines);
            return Some(format!("it printed bytes that are not UTF-8: {}", short(&lines)));
        }
    };
    if let Some(at) = text.find("panicked at") {
        return Some(format!("it panicked: {}", short(&text[at..])));
    }
    let pieces = Cutter::default().cut(text.as_bytes());
    let wrong = pieces.into_iter().find(|piece| match piece {
        Piece::Text(text) => text.contains(steers),
        Piece::Control(control) => {
            *control != b'\n' && (*control != b'\r' || screen == Screen::Pipes)
        }
        _ if screen != Screen::Xterm => true,
        // The editor moves the cursor within its line, erases what follows the cursor, and tells the terminal when an
        // update begins and ends (mode 2026); the prompt may be green.
        Piece::Sequence(marks, numbers, 'h' | 'l') => (&marks[..], &numbers[..]) != (b"?", &[2026]),
        Piece::Sequence(marks, numbers, last) => {
            let is_editors = match last {
                'A'..='D' => numbers.len() <= 1,
                'K' | 'J' => matches!(numbers[..], [] | [0]),
                'm' => matches!(numbers[..], [32 | 0]),
                _ => false,
            };
            !is_editors || !marks.is_empty()
        }
        Piece::Escape(..) | Piece::Command(_) | Piece::Device(_) => true,
    });
    wrong.map(|piece| {
        format!("it printed a raw control character, in {}", short(&format!("{piece:?}")))
    })
}

/// Returns whether a character controls a terminal or the direction of other text.
pub fn steers(char: char) -> bool {
    char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn short(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}
