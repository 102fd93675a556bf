//! Tests `cargo lab trace` through its command line and its sockets: the test acts as the clients and as the server.

mod ends;
mod packets;
mod people;
mod sessions;
mod trouble;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The maximum time to wait for an event, even on a busy machine and even if a server must be built first.
const LIMIT: Duration = Duration::from_mins(2);

/// The process of a running `cargo lab trace`, which is killed when its test ends.
struct Trace {
    child: Child,
    port: u16,
    /// The ladder's lines.
    ladder: Receiver<String>,
    /// The lines that are not part of the ladder.
    words: Receiver<String>,
    drawn: Vec<String>,
}

/// Returns a stream's lines as they arrive.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let lines = BufReader::new(stream).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

impl Trace {
    /// Starts a trace on a free port and waits until clients can connect.
    fn start(lab: u32, arguments: &[&str]) -> Self {
        let mut trace = Self::start_at(lab, 0, arguments);
        let line = trace.says("Clients connect to 127.0.0.1:");
        let rest = line.split_once("127.0.0.1:").unwrap().1;
        trace.port = rest.split_once('.').unwrap().0.parse().unwrap();
        trace
    }

    fn start_at(lab: u32, port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(["trace", &lab.to_string(), "--port", &port.to_string()]).args(arguments);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let ladder = lines(child.stdout.take().unwrap());
        let words = lines(child.stderr.take().unwrap());
        Self { child, port, ladder, words, drawn: Vec::new() }
    }

    /// Starts a trace between the clients and the test's own server.
    fn before(lab: u32, server: &TcpListener, arguments: &[&str]) -> Self {
        let to = server.local_addr().unwrap().to_string();
        Self::start(lab, &[&["--to", &to], arguments].concat())
    }

    /// Connects a client.
    fn connect(&self) -> TcpStream {
        ready(TcpStream::connect(("127.0.0.1", self.port)).unwrap())
    }

    /// Connects a client and returns the client's end and the server's end.
    fn pair(&self, server: &TcpListener) -> (TcpStream, TcpStream) {
        let client = self.connect();
        let mut waits = [PollFd::new(server.as_fd(), PollFlags::POLLIN)];
        let connected = poll(&mut waits, PollTimeout::try_from(LIMIT).unwrap()).unwrap();
        assert_eq!(connected, 1, "the relay did not connect to the server");
        (client, ready(server.accept().unwrap().0))
    }

    /// Waits for a line of the ladder that contains this text.
    fn draws(&mut self, text: &str) -> String {
        loop {
            let line = self.ladder.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|error| {
                panic!("no {text:?} ({error}) in:\n{}", self.drawn.join("\n"))
            });
            self.drawn.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for a line that contains this text and is not part of the ladder.
    fn says(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        loop {
            match self.words.recv_timeout(LIMIT) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => all.push(line),
                Err(error) => panic!("no {text:?} ({error}) in:\n{}", all.join("\n")),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits until the trace ends. Returns its exit status, the ladder, and the rest of its output.
    fn ends(&mut self) -> (ExitStatus, Vec<String>, String) {
        // Both streams end when the process ends.
        let words: Vec<_> = iter(&self.words).collect();
        self.drawn.extend(iter(&self.ladder));
        (self.child.wait().unwrap(), std::mem::take(&mut self.drawn), words.join("\n"))
    }

    /// Ends the trace with Ctrl-C and returns the lines of the ladder diagram.
    fn stops(mut self) -> Vec<String> {
        self.signal(Signal::SIGINT);
        let (status, ladder, words) = self.ends();
        assert!(status.success(), "{status}: {words}");
        ladder
    }
}

/// Returns the lines up to the end of the stream.
fn iter(lines: &Receiver<String>) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || match lines.recv_timeout(LIMIT) {
        Ok(line) => Some(line),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the trace did not end"),
    })
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn ready(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn send(mut stream: &TcpStream, bytes: impl AsRef<[u8]>) {
    stream.write_all(bytes.as_ref()).unwrap();
}

/// Reads `len` bytes and returns the pieces in which they arrived.
fn pieces(mut stream: &TcpStream, len: usize) -> Vec<String> {
    let (mut pieces, mut read, mut bytes) = (Vec::new(), 0, [0; 4096]);
    while read < len {
        let count = stream.read(&mut bytes[..(len - read).min(4096)]).unwrap();
        assert_ne!(count, 0, "the stream has ended after {pieces:?}");
        pieces.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        read += count;
    }
    pieces
}

/// Asserts that the next bytes are this text.
fn reads(stream: &TcpStream, text: &str) {
    assert_eq!(pieces(stream, text.len()).concat(), text);
}

/// Returns the messages in a ladder diagram, without times or lanes.
fn texts(ladder: &[String]) -> Vec<&str> {
    let rows = ladder.iter().filter(|line| line.contains('│') || line.contains('●'));
    rows.map(|row| row.rsplit(['│', '├', '┤', '▶', '◀', '●']).next().unwrap().trim_start())
        .collect()
}

/// Runs `cargo lab trace --show` on a file. Returns the exit status, standard output, and standard error.
fn show(file: &Path, arguments: &[&str]) -> (ExitStatus, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = command.args(["trace", "--show"]).arg(file).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}
