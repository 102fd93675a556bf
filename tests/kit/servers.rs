//! Tests what the finished servers guarantee beyond what the stages require: nothing blocks them, no client can deceive
//! another, and a panic stops no more than it must.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use grader::labs::lab3::wire::frame;
use grader::system::cargo::{BUILD_LIMIT, build};
use grader::system::ports;

use crate::LIMIT;
use crate::chats::executable;
use crate::export::{students_kit, write_bodies};

/// A server that is killed when its test ends.
struct Server {
    child: Child,
    port: u16,
    /// The server's output. Nothing reads this output unless the test does.
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut server = Self::start_with_output(program, "0", arguments, Stdio::piped());
        server.output = server.child.stdout.take().map(BufReader::new);
        let line = server.prints("listening on");
        server.port = line.trim_end().rsplit_once(':').unwrap().1.parse().unwrap();
        server
    }

    fn start_with_output(program: &Path, port: &str, arguments: &[&str], output: Stdio) -> Self {
        let mut command = Command::new(program);
        command.arg(port).args(arguments).stdin(Stdio::null()).stdout(output);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        Self { child, port: port.parse().unwrap(), output: None }
    }

    fn finished(lab: u32, arguments: &[&str]) -> Self {
        Self::start(&executable(&format!("solution{lab}-server")), arguments)
    }

    fn connect(&self) -> Peer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Peer { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// Connects a peer and waits until it has joined.
    fn joins(&self, lab: u32, name: &str) -> Peer {
        let mut peer = self.connect();
        match lab {
            1 => peer.hears("Welcome to this chatroom!\n"),
            2 => {
                peer.reads(b"NICK");
                peer.sends(name);
                peer.hears(&format!("{name} joined!\n"));
                peer.hears("Connected to server!\n");
            }
            3 => {}
            _ => {
                peer.sends(format!(
                    "JOIN_CHATROOM: r\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n"
                ));
                peer.hears("JOINED_CHATROOM: r\n");
                peer.skips_to("has joined this chatroom.\n");
                peer.hears("\n");
            }
        }
        peer
    }

    /// Reads the server's output up to a line that contains `text`.
    fn prints(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let output = self.output.as_mut().expect("it prints to a pipe");
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it does not print {text:?}");
        }
        line
    }

    fn ends(mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < LIMIT, "the server is still running");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Peer {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Peer {
    fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn says(&mut self, lab: u32, name: &str, text: &str) {
        let bytes = match lab {
            1 => format!("{text}\n").into_bytes(),
            2 => format!("{name}: {text}\n").into_bytes(),
            3 => frame(format!("[{name}] : {text}")),
            _ => format!("CHAT: 1\nJOIN_ID: 1\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n").into(),
        };
        self.sends(bytes);
    }

    fn reads(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.reader.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line
    }

    fn hears(&mut self, expected: &str) {
        assert_eq!(self.line(), expected);
    }

    /// Reads lines until one ends with `end` and returns that line.
    fn skips_to(&mut self, end: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the stream ended before {end:?}");
            if line.ends_with(end) {
                return line;
            }
        }
    }

    /// Reads until `text` has arrived, no matter what arrives before and after it.
    fn hears_somewhere(&mut self, text: &str) {
        let mut heard = String::new();
        while !heard.contains(text) {
            let mut bytes = [0; 1024];
            let count = self.reader.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the stream ended without {text:?}: {heard}");
            heard += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    /// Returns everything up to the end of the stream.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset also counts as the end of the stream.
        let _ = self.reader.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[test]
fn names_that_look_alike_are_refused() {
    let server = Server::finished(2, &[]);
    let _emile = server.joins(2, "Émile");
    let _street = server.joins(2, "Straße");
    let taken = ["émile", "ÉMILE", "E\u{301}mile", "STRASSE", "Ｓtrasse", " Émile", "Émile\u{a0}"];
    let invisible = [
        "Émile\u{200e}",
        "Émile\u{200b}",
        "\u{61c}Émile",
        "Ém\u{ad}ile",
        "Émile\u{2060}",
        "Émile\u{fe0f}",
        "\u{202e}elimÉ",
        "Émile\u{3164}",
        "Émile\u{e0041}",
    ];
    for name in taken.iter().chain(&invisible) {
        let mut peer = server.connect();
        peer.reads(b"NICK");
        peer.sends(name);
        let reply = peer.line();
        assert!(reply.starts_with("Nickname refused: "), "{name:?}: {reply:?}");
        assert_eq!(peer.rest(), "", "{name:?}");
    }
    // Names with different letters are different, even if the letters look alike. Messages keep their zero-width
    // joiners.
    let mut cyrillic = server.joins(2, "Emil\u{435}");
    cyrillic.says(2, "Emil\u{435}", "👩\u{200d}🚀");
    cyrillic.hears("Emil\u{435}: 👩\u{200d}🚀\n");
}

/// The number of messages that are sent while the log is not read. The total size of their log lines must
/// exceed the combined capacity of a pipe and the log's buffer.
const LINES: usize = 20_000;

#[test]
fn an_unread_log_holds_up_no_client_and_says_how_much_is_missing() {
    for lab in [1, 3] {
        let mut server = Server::finished(lab, &[]);
        let (mut alice, mut bob) = (server.joins(lab, "alice"), server.joins(lab, "bob"));
        if lab == 3 {
            server.prints("active connections = 2");
        }
        thread::spawn(move || {
            for number in 0..LINES {
                alice.says(lab, "alice", &format!("{number:0>90}"));
            }
            alice.stream.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = 0;
        let last = format!("{:0>90}", LINES - 1);
        loop {
            let mut text = vec![0; if lab == 1 { 12 + 91 } else { 64 + 10 + 90 }];
            bob.reader.read_exact(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(
                text.contains(&format!("{heard:0>90}")),
                "lab {lab}: {heard} is missing: {text}"
            );
            heard += 1;
            if text.contains(&last) {
                break;
            }
        }
        assert_eq!(heard, LINES);

        // Now read the log.
        let mut output = server.output.take().unwrap();
        let (mut printed, mut missing) = (0, 0);
        while printed + missing < LINES {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0);
            if line.contains(&"0".repeat(80)) {
                printed += 1;
            } else if let Some((count, _)) = line.split_once(" lines of this log") {
                missing += count.trim_start_matches('(').parse::<usize>().unwrap();
            }
        }
        assert!(missing > 0, "lab {lab}: the log has dropped no line, so this test must log more");
        assert_eq!(printed + missing, LINES, "lab {lab}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_holds_up_no_client() {
    for lab in 1..=4 {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let port = ports::unused();
        let program = executable(&format!("solution{lab}-server"));
        let server = Server::start_with_output(&program, &port.to_string(), &[], Stdio::from(full));
        let begin = Instant::now();
        while !ports::is_listening(port) {
            assert!(begin.elapsed() < LIMIT, "the lab {lab} server is not listening");
            thread::sleep(Duration::from_millis(5));
        }
        let (mut alice, mut bob) = (server.joins(lab, "alice"), server.joins(lab, "bob"));
        for number in 0..1000 {
            alice.says(lab, "alice", &format!("line {number}"));
        }
        bob.hears_somewhere("line 999");
    }
}

/// The server waits for its clients for at most 0.4 s. A client on a busy machine might not read everything in this
/// time, so the test makes several attempts. A server that exits without waiting for its clients fails every attempt.
#[test]
fn messages_before_kill_service_are_still_sent_even_from_a_backlog() {
    let mut attempts = Vec::new();
    for _ in 0..5 {
        let (heard, said) = heard_and_said_before_kill();
        if heard == said {
            return;
        }
        attempts.push((heard, said));
    }
    panic!("received and sent: {attempts:?}");
}

/// Returns how many messages a slow client received in total and how many were sent before the server was stopped.
fn heard_and_said_before_kill() -> (usize, usize) {
    let mut server = Server::finished(4, &[]);
    let mut bob = server.joins(4, "bob");
    let text = "x".repeat(10_000);
    // By the time bob receives his own message, the server has passed it to every member's socket.
    let mut talk = move |more: &mut dyn FnMut() -> bool| {
        while more() {
            bob.says(4, "bob", &text);
            bob.skips_to("xxx\n");
        }
    };
    // Find out how much the system buffers for a peer that does not read. The server disconnects the client `deaf` when
    // the messages for `deaf` exceed the system's buffers by 1 MiB.
    let deaf = server.joins(4, "deaf");
    let mut output = server.output.take().unwrap();
    let logged = thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 && !line.contains("1 MiB behind") {
            line.clear();
        }
    });
    let mut most = 0;
    talk(&mut || {
        most += 1;
        !logged.is_finished()
    });
    drop(deaf);
    let mut alice = server.joins(4, "alice");
    let count = most - 50;
    let mut left = count;
    talk(&mut || {
        left -= 1;
        left >= 0
    });
    server.connect().sends("KILL_SERVICE\n");
    // Alice must be slow; otherwise, she would read everything before the program exits.
    thread::sleep(Duration::from_millis(20));
    let heard = alice.rest().matches("MESSAGE: xxx").count();
    assert!(server.ends().success());
    (heard, usize::try_from(count).unwrap())
}

#[test]
fn a_newcomer_gets_no_earlier_message() {
    let server = Server::finished(4, &[]);
    let bob = server.joins(4, "bob");
    let Peer { mut stream, mut reader } = bob;
    let drained = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    let mut speaker = stream.try_clone().unwrap();
    // Send until the stream is shut down.
    let chat = "CHAT: 1\nJOIN_ID: 1\nCLIENT_NAME: bob\nMESSAGE: before\n\n".repeat(20);
    let talk = thread::spawn(move || while stream.write_all(chat.as_bytes()).is_ok() {});
    for _ in 0..300 {
        let mut newcomer = server.connect();
        newcomer.sends("JOIN_CHATROOM: r\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: alice\n");
        newcomer.hears("JOINED_CHATROOM: r\n");
    }
    let _ = speaker.flush().and_then(|()| speaker.shutdown(Shutdown::Both));
    talk.join().unwrap();
    let _ = drained.join().unwrap();
}

#[test]
fn a_frame_or_a_request_that_has_begun_must_end_in_time() {
    let half_frame = String::from_utf8(frame("hello")[..67].to_vec()).unwrap();
    for (lab, option, half) in [
        (3, "--frame-timeout", half_frame.as_str()),
        (3, "--frame-timeout", "5"),
        (4, "--request-timeout", "CHAT: 1\nJOIN_ID: 1\n"),
        (4, "--request-timeout", "no request\n\nHEL"),
    ] {
        let server = Server::finished(lab, &[option, "1"]);
        let mut listener = server.joins(lab, "listener");
        if lab == 4 {
            // Blank lines and lines that were not understood do not begin a request.
            listener.sends("\n\n");
        }
        let mut slow = server.joins(lab, "slow");
        slow.sends(half);
        slow.rest();
        // The client that only listens has been silent for even longer and is still connected.
        let mut speaker = server.joins(lab, "speaker");
        speaker.says(lab, "speaker", "still there?");
        listener.hears_somewhere("still there?");
    }
}

#[test]
fn all_backlogs_together_have_a_limit() {
    let mut server = Server::finished(1, &["--seats", "9", "--max-backlog", "1"]);
    let deaf: Vec<_> = (0..3).map(|_| server.joins(1, "deaf")).collect();
    let mut alice = server.joins(1, "alice");
    let mut output = server.output.take().unwrap();
    thread::spawn(move || {
        let line = "x".repeat(10_000);
        while alice.stream.write_all(format!("{line}\n").as_bytes()).is_ok() {}
    });
    let mut cut = 0;
    while cut < deaf.len() {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0);
        cut += usize::from(line.contains("the total backlog of all clients is too large"));
        assert!(!line.contains("1 MiB behind"), "{line}");
    }
}

/// The points at which panics are inserted into a student's servers: the message `PANIC` makes a connection's thread
/// panic, and the message `ROOM` makes the room's thread panic.
const PANICS: [(&str, &str, &str); 8] = [
    ("lab1-one-to-one/server/src/main.rs", "if message == \"quit\" {", "message != \"PANIC\""),
    ("lab1-one-to-one/server/src/main.rs", "log_all(&lines);", "messages[0] != \"ROOM\""),
    (
        "lab2-nick-group/server/src/main.rs",
        "room.send(Event::Said(",
        "!message.contains(\"PANIC\")",
    ),
    (
        "lab2-nick-group/server/src/main.rs",
        "let text = message.strip",
        "!message.contains(\"ROOM\")",
    ),
    ("lab3-length-header/server/src/main.rs", "reader.restart();", "!payload.contains(\"PANIC\")"),
    (
        "lab3-length-header/server/src/main.rs",
        "log_all(payloads);",
        "!payloads[0].contains(\"ROOM\")",
    ),
    (
        "lab4-multi-room/server/src/main.rs",
        "let is_last = ",
        "!request.to_string().contains(\"PANIC\")",
    ),
    ("lab4-multi-room/server/src/hall.rs", "self.said.0 = room_ref;", "message != \"ROOM\""),
];

#[test]
fn a_panic_ends_one_connection_or_the_server_and_leaves_no_ghost() {
    let kit = students_kit();
    write_bodies(kit.path(), |_, _| true);
    for (file, find, condition) in PANICS {
        let file = kit.path().join("labs").join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(find).count(), 1, "{find} in {}", file.display());
        fs::write(&file, text.replace(find, &format!("assert!({condition});\n{find}"))).unwrap();
    }
    let packages: Vec<_> = (1..=4).map(|lab| format!("lab{lab}-server")).collect();
    let built = build(kit.path(), &packages, BUILD_LIMIT).unwrap();
    for lab in 1..=4 {
        let program = built[&format!("lab{lab}-server")].clone().unwrap();
        let seats: &[&str] = if lab == 1 { &["--seats", "2"] } else { &[] };
        let server = Server::start(&program, seats);
        let mut alice = server.joins(lab, "alice");
        let mut carol = server.joins(lab, "carol");
        carol.says(lab, "carol", "PANIC");
        // Carol is told the reason and is disconnected, and the members are notified that she has left.
        carol.rest();
        match lab {
            2 => assert_eq!(alice.skips_to("left!\n"), "carol left!\n"),
            4 => drop(alice.skips_to("carol has left this chatroom.\n")),
            _ => {}
        }
        // Carol's seat and her name are free again.
        let begin = Instant::now();
        let mut again = loop {
            let mut again = server.connect();
            if lab != 1 || again.line().starts_with("Welcome") {
                drop(again);
                break (lab != 1).then(|| server.joins(lab, "carol"));
            }
            assert!(begin.elapsed() < LIMIT, "lab {lab}: the seat stays taken");
        };
        if let Some(again) = &mut again {
            again.says(lab, "carol", "ROOM");
        } else {
            alice.says(lab, "alice", "ROOM");
        }
        assert_eq!(server.ends().code(), Some(101), "lab {lab}");
    }
}
