//! Sessions with a client: a hostile server serves it while a person types.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use socket2::SockRef;

use crate::wire::Kind;
use crate::wire::program::{Program, Screen, steers};
use crate::wire::script::{End, Script, text};

/// The maximum time for a client to exit after its connection or its input has ended.
const LIMIT: Duration = Duration::from_secs(15);

/// How long a person who has pressed Ctrl-D waits before pressing it again.
const AGAIN: Duration = Duration::from_secs(1);

/// The maximum memory of a client, in KiB.
const MAX_MEMORY: usize = 64 * 1024;

/// The maximum number of bytes that a client prints besides what it receives.
const MAX_PRINTED: usize = 64 * 1024;

/// A hostile server with one client.
pub struct Host {
    lab: u32,
    listener: TcpListener,
    client: Program,
    screen: Screen,
}

impl Host {
    /// Starts a client.
    ///
    /// # Errors
    /// Returns an error if the listener or the client cannot be started.
    pub fn new(lab: u32, program: &Path, rng: &mut StdRng) -> Result<Self, String> {
        let io = |error: std::io::Error| error.to_string();
        let listener = TcpListener::bind("127.0.0.1:0").map_err(io)?;
        let port = listener.local_addr().map_err(io)?.port().to_string();
        listener.set_nonblocking(true).map_err(io)?;
        let screens = [Screen::Pipes, Screen::Pipes, Screen::Dumb, Screen::Xterm];
        let screen = screens.choose(rng).copied().unwrap_or(Screen::Pipes);
        let client = Program::start(program, &[&port], screen)?;
        Ok(Self { lab, listener, client, screen })
    }

    /// Runs the client's only session.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub fn session(mut self, rng: &mut StdRng) -> Result<(), String> {
        let script = Script::new(rng, Kind::Client, self.lab);
        let is_terminal = self.screen != Screen::Pipes;
        let mut input =
            self.client.take_input().map(|file| Input { file, is_terminal, has_left: false });
        if let Some(input) = &mut input {
            // A client reads no more lines while it cannot send.
            fcntl(&input.file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                .map_err(|error| error.to_string())?;
            input.write("alice\n");
        }
        let Some(stream) = self.accepts()? else {
            return Err("the client does not connect".to_owned());
        };
        let (mut sent, mut typed) = (0, false);
        for (until, pause) in &script.pieces {
            sent += send(&stream, &script.bytes[sent..*until], script.reads);
            thread::sleep(*pause);
            if let Some(input) = &mut input
                && rng.random_ratio(1, 3)
            {
                input.type_lines(rng, self.lab);
                typed = true;
            }
        }
        // A person may leave before the server ends the connection.
        let mut leaves = false;
        if rng.random_ratio(1, 2) && (typed || rng.random()) {
            leaves = true;
            input = leave(input);
        }
        let (_, memory) = self.client.memory();
        match script.end {
            End::Close => drop(stream),
            End::HalfClose => {
                let _ = stream.shutdown(Shutdown::Write);
                // The stream stays open until the client has exited.
                return self.ends(input, Some(stream), memory, sent);
            }
            End::Reset => {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                drop(stream);
            }
            End::Stall => {
                if !leaves && self.client.ended().is_none() {
                    self.client.rests()?;
                }
                input = leave(input);
                return self.ends(input, Some(stream), memory, sent);
            }
        }
        self.ends(input, None, memory, sent)
    }

    fn accepts(&mut self) -> Result<Option<TcpStream>, String> {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end && self.client.ended().is_none() {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let set = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
                    return set.map(|()| Some(stream)).map_err(|error| error.to_string());
                }
                Err(_) => thread::sleep(Duration::from_micros(200)),
            }
        }
        Ok(None)
    }

    fn ends(
        mut self,
        mut input: Option<Input>,
        stream: Option<TcpStream>,
        memory: usize,
        sent: usize,
    ) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        let mut pressed = Instant::now();
        let status = loop {
            // Ctrl-D may get lost while the program is changing the terminal's mode, so the person presses it again.
            if pressed.elapsed() > AGAIN && input.as_ref().is_some_and(|input| input.has_left) {
                input = leave(input);
                pressed = Instant::now();
            }
            // A client that is still sending must not have to wait.
            if let Some(mut stream) = stream.as_ref() {
                while stream.read(&mut [0; 16 * 1024]).is_ok_and(|count| count > 0) {}
            }
            if let Some(status) = self.client.ended() {
                break status;
            }
            if Instant::now() > end {
                return Err(format!("the client is still running\n  {}", self.client.last_words()));
            }
            thread::sleep(Duration::from_micros(300));
        };
        drop((input, stream));
        self.client.ends_within(LIMIT);
        self.client.printed_well()?;
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("the client has exited: {status}\n  {}", self.client.last_words()));
        }
        if memory > MAX_MEMORY {
            return Err(format!("the client used {memory} KiB"));
        }
        // In wire format 4, the server chooses the rooms' names, and the client prints the room's name before each
        // message.
        let printed = self.client.printed_bytes();
        if self.lab != 4 && printed > MAX_PRINTED + 3 * sent {
            return Err(format!("the client received {sent} bytes and printed {printed}"));
        }
        Ok(())
    }
}

/// Sends as much as the client accepts and returns the number of bytes.
fn send(mut stream: &TcpStream, bytes: &[u8], reads: bool) -> usize {
    let mut sent = 0;
    let end = Instant::now() + Duration::from_millis(200);
    while sent < bytes.len() && Instant::now() < end {
        if reads {
            while stream.read(&mut [0; 16 * 1024]).is_ok_and(|count| count > 0) {}
        }
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_micros(200));
            }
            Err(_) => break,
        }
    }
    sent
}

/// The client's input: the write end of a pipe, or a terminal.
struct Input {
    file: File,
    is_terminal: bool,
    /// Whether the person has pressed Ctrl-D.
    has_left: bool,
}

impl Input {
    /// Writes as much as fits, or nothing if the client has exited.
    fn write(&mut self, text: &str) {
        let _ = self.file.write_all(text.as_bytes());
    }

    fn type_lines(&mut self, rng: &mut StdRng, lab: u32) {
        const COMMANDS: [&str; 7] =
            ["/join r", "/leave", "/rooms", "/room r", "/helo x", "/nothing", "/join \x1b[2J"];
        for _ in 0..rng.random_range(1..4_u32) {
            let command = COMMANDS.choose(rng).copied().unwrap_or_default();
            let mut line = if lab == 4 && rng.random() { command.to_owned() } else { text(rng) };
            if self.is_terminal {
                // A terminal obeys control characters and limits the length of a line, and the client's line editor
                // shows typed characters unchanged.
                line = line.chars().filter(|char| !steers(*char)).take(80).collect();
            }
            self.write(&(line + "\n"));
        }
    }
}

/// Ends the client's input: presses Ctrl-D on a terminal or closes a pipe.
fn leave(mut input: Option<Input>) -> Option<Input> {
    if let Some(input) = input.as_mut().filter(|input| input.is_terminal) {
        input.write("\x04");
        input.has_left = true;
    }
    input.filter(|input| input.is_terminal)
}
