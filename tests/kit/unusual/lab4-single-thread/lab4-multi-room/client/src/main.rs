//! Unusual: one thread, which waits for the keyboard and the network with poll(2). Keys arrive one by one.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

struct Terminal {
    found: Option<Termios>,
    is_dumb: bool,
    prompt: &'static str,
    typed: String,
    bytes: Vec<u8>,
}

enum Key {
    Line(String),
    Leave,
}

impl Terminal {
    fn open() -> Self {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let found = tcgetattr(io::stdin()).ok();
        if let Some(mut mode) = found.clone() {
            // On a dumb terminal, the kernel echoes the typed text; otherwise, this program shows it.
            let mut off = LocalFlags::ICANON | LocalFlags::ISIG;
            off.set(LocalFlags::ECHO, !is_dumb);
            mode.local_flags &= !off;
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &mode);
        }
        Self { found, is_dumb, prompt: "", typed: String::new(), bytes: Vec::new() }
    }

    fn write(text: &str) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    fn show(&self, text: &str) {
        let text: String =
            text.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
        if self.is_dumb {
            Self::write(&format!("{text}\n"));
        } else {
            Self::write(&format!("\r\x1b[K{text}\n{}{}", self.prompt, self.typed));
        }
    }

    fn ask(&mut self, prompt: &'static str) {
        self.prompt = prompt;
        Self::write(if self.is_dumb { "" } else { "\r\x1b[K" });
        Self::write(prompt);
    }

    /// Returns the text that was typed up to the first Enter.
    fn keys(&mut self) -> Option<Key> {
        while !self.bytes.is_empty() {
            match self.bytes.remove(0) {
                3 => return Some(Key::Leave),
                4 if self.typed.is_empty() => return Some(Key::Leave),
                b'\n' => {
                    if !self.is_dumb {
                        Self::write(&format!("\n{}", self.prompt));
                    }
                    return Some(Key::Line(std::mem::take(&mut self.typed)));
                }
                8 | 127 => {
                    self.typed.pop();
                    Self::write(&format!("\r\x1b[K{}{}", self.prompt, self.typed));
                }
                first @ (b' '..=0x7e | 0xc0..) => {
                    let length = 1 + first.leading_ones().saturating_sub(1) as usize;
                    let rest: Vec<_> =
                        self.bytes.drain(..self.bytes.len().min(length - 1)).collect();
                    let char = [&[first], &rest[..]].concat();
                    let char = String::from_utf8_lossy(&char);
                    self.typed += &char;
                    if !self.is_dumb {
                        Self::write(&char);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn exit(&self, code: i32, why: &str) -> ! {
        if let Some(found) = &self.found {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, found);
        }
        if !why.is_empty() {
            eprintln!("\n{why}");
        }
        process::exit(code)
    }
}

#[derive(Default)]
struct Rooms {
    names: BTreeMap<String, String>,
    /// The joined rooms; the last is the current one.
    joined: Vec<String>,
    join_id: String,
    /// The number of join requests that are still waiting for a reply.
    asked: usize,
}

impl Rooms {
    fn find(&self, name: &str) -> Option<String> {
        let is_meant = |room_ref: &&String| name.is_empty() || self.names[*room_ref] == name;
        self.joined.iter().rev().find(is_meant).cloned()
    }
}

/// Removes the lines of the first complete message from the input and returns them.
fn message(input: &mut Vec<u8>) -> Option<Vec<String>> {
    loop {
        let text = String::from_utf8_lossy(input).into_owned();
        let (first, rest) = text.split_once('\n')?;
        let count = match first.split(':').next().unwrap_or_default() {
            "JOINED_CHATROOM" => 5,
            "LEFT_CHATROOM" | "ERROR_CODE" => 2,
            "CHAT" => {
                let text = rest.split_once("\nMESSAGE:")?.1.split_once("\n\n")?.0;
                4 + text.matches('\n').count()
            }
            first if first.starts_with("HELO") => 4,
            _ => 1,
        };
        let mut ends = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let (end, _) = ends.nth(count - 1)?;
        let whole: Vec<u8> = input.drain(..=end).collect();
        if count > 1 {
            let whole = String::from_utf8_lossy(&whole).into_owned();
            return Some(whole.lines().map(str::to_owned).collect());
        }
    }
}

fn value(line: &str) -> &str {
    line.split_once(':').map_or("", |(_, value)| value.trim_start_matches(' '))
}

fn shows(lines: &[String], rooms: &mut Rooms, terminal: &Terminal) {
    let number = |line: &str| value(line).trim().to_owned();
    let name_of = |rooms: &Rooms, room_ref: String| rooms.names.get(&room_ref).cloned().unwrap_or_default();
    match lines {
        [joined, _, _, room_ref, join_id] if joined.starts_with("JOINED") => {
            let room_ref = number(room_ref);
            rooms.names.insert(room_ref.clone(), value(joined).to_owned());
            rooms.joined.retain(|joined| *joined != room_ref);
            rooms.joined.push(room_ref);
            rooms.join_id = number(join_id);
            rooms.asked = rooms.asked.saturating_sub(1);
        }
        [code, why] if code.starts_with("ERROR_CODE") => {
            terminal.show(&format!("That did not work: {}", value(why)));
            rooms.asked = rooms.asked.saturating_sub(1);
        }
        [left, _] => terminal.show(&format!("Out of {}", name_of(rooms, number(left)))),
        [chat, name, first, rest @ ..] if chat.starts_with("CHAT") => {
            let room = name_of(rooms, number(chat));
            terminal.show(&format!("[{room}] {}: {}", value(name), value(first)));
            let rest = rest.iter().filter(|line| !line.is_empty());
            rest.for_each(|line| terminal.show(&format!("      {line}")));
        }
        _ => terminal.show(&lines.join(" ")),
    }
}

/// Returns the bytes to send for a typed line.
fn request(line: &str, name: &str, rooms: &mut Rooms, terminal: &Terminal) -> String {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let found = rooms.find(if command.starts_with('/') { rest } else { "" });
    let join_id = rooms.join_id.clone();
    match (command, found) {
        ("", _) if rest.is_empty() => return String::new(),
        ("/join", _) => {
            rooms.asked += 1;
            return format!("JOIN_CHATROOM: {rest}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n");
        }
        ("/helo", _) => return format!("HELO {rest}\n"),
        ("/kill", _) => return "KILL_SERVICE\n".to_owned(),
        ("/leave", Some(room_ref)) => {
            rooms.joined.retain(|joined| *joined != room_ref);
            return format!(
                "LEAVE_CHATROOM: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}\n"
            );
        }
        ("/room", Some(room_ref)) => {
            rooms.joined.retain(|joined| *joined != room_ref);
            rooms.joined.push(room_ref);
        }
        ("/rooms", _) => {
            let names: Vec<_> = rooms.joined.iter().map(|room| &rooms.names[room][..]).collect();
            terminal.show(&format!("rooms: {}", names.join(" | ")));
        }
        (command, Some(room_ref)) if !command.starts_with('/') => {
            let ids = format!("CHAT: {room_ref}\nJOIN_ID: {join_id}");
            return format!("{ids}\nCLIENT_NAME: {name}\nMESSAGE: {line}\n\n");
        }
        _ => terminal.show("There is no such room, or no such command"),
    }
    String::new()
}

fn main() {
    let port = std::env::args().nth(1).unwrap_or("8080".into());
    let mut terminal = Terminal::open();
    terminal.ask("Your name: ");
    let (mut name, mut rooms, mut input) = (String::new(), Rooms::default(), Vec::new());
    let mut stream: Option<TcpStream> = None;
    let mut early = Vec::new();
    let mut leaves_until = None;
    loop {
        let stdin = io::stdin();
        let mut waits = vec![PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        waits.extend(stream.iter().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)));
        if leaves_until.is_some() {
            waits.remove(0);
        }
        let left = leaves_until.map(|end: Instant| end.saturating_duration_since(Instant::now()));
        let timeout =
            left.map_or(PollTimeout::NONE, |left| left.try_into().unwrap_or(PollTimeout::ZERO));
        match poll(&mut waits, timeout) {
            Ok(0) if left.is_some() => terminal.exit(0, ""),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => terminal.exit(1, &format!("poll: {error}")),
        }
        let ready: Vec<_> = waits.iter().map(|wait| wait.any().unwrap_or(true)).collect();
        let (keys, network) = if left.is_some() {
            (false, ready[0])
        } else {
            (ready[0], ready.len() > 1 && ready[1])
        };
        let mut buffer = [0; 1 << 16];
        if network && let Some(stream) = &mut stream {
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => input.extend_from_slice(&buffer[..read]),
                _ if left.is_some() => terminal.exit(0, ""),
                Ok(_) => terminal.exit(1, "the server has closed the connection"),
                Err(error) => terminal.exit(1, &format!("the connection to the server was lost: {error}")),
            }
            while let Some(lines) = message(&mut input) {
                shows(&lines, &mut rooms, &terminal);
            }
        }
        let mut leaves = false;
        if keys {
            match io::stdin().read(&mut buffer) {
                Ok(read @ 1..) => terminal.bytes.extend_from_slice(&buffer[..read]),
                _ => leaves = true,
            }
        }
        while let Some(key) = terminal.keys() {
            match (key, &stream) {
                (Key::Line(line), Some(_)) if line != "/quit" => early.push(line),
                (Key::Line(line), None) if line.trim().is_empty() => {
                    Terminal::write(terminal.prompt)
                }
                (Key::Line(line), None) => {
                    name = line;
                    match TcpStream::connect(format!("127.0.0.1:{port}")) {
                        Ok(connected) => stream = Some(connected),
                        Err(error) => {
                            terminal.exit(1, &format!("no server at port {port}: {error}"))
                        }
                    }
                    terminal.ask("$ ");
                }
                _ => leaves = true,
            }
        }
        let Some(writer) = &mut stream else {
            if leaves {
                terminal.exit(0, "");
            }
            continue;
        };
        // Text is not sent until the replies to all join requests have arrived.
        while !early.is_empty() && (rooms.asked == 0 || early[0].starts_with('/')) {
            let request = request(&early.remove(0), &name, &mut rooms, &terminal);
            let _ = writer.write_all(request.as_bytes());
        }
        if leaves && left.is_none() {
            let goodbye = format!("DISCONNECT: 0\nPORT: 0\nCLIENT_NAME: {name}\n");
            let _ = writer.write_all(goodbye.as_bytes());
            let _ = writer.shutdown(Shutdown::Write);
            leaves_until = Some(Instant::now() + Duration::from_secs(1));
        }
    }
}
