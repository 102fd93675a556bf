//! Tests that a user can always leave. No matter what the server and the client are doing, the client exits within two
//! seconds, with status 0, and restores the terminal. With the arguments `-- leaving --nocapture`, the test prints a
//! table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use grader::system::orphans;
use grader::system::orphans::reap;
use grader::system::ports::ClosedPort;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::LIMIT;
use crate::chats::executable;

/// The maximum time that a client may take to exit.
const PROMISED: Duration = Duration::from_secs(2);

/// The number of clients that run at the same time. Most of the time, the clients only wait.
const AT_ONCE: usize = 48;

/// How many times a failed case is tried again, with no other client running, because the machine may have been busy.
const CHANCES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Situation {
    /// The client asks for a name.
    AtTheQuestion,
    /// The server does not accept the connection, so the client is still connecting.
    Connecting,
    /// The server sends nothing.
    Silent,
    /// The server has sent half a message.
    Half,
    /// The server has asked for the nickname, has received it, and sends nothing more (lab 2).
    BeforeTheFirstMessage,
    /// The server welcomes the client and then does nothing: it does not even close the connection.
    Chatting,
    /// The server keeps sending messages.
    Flooding,
    /// The server is not reading, and the user has pasted a lot of text.
    Deaf,
    /// The server does not reply to a `/join`, and text is waiting for the reply (lab 4).
    Joining,
    /// The user has already tried to leave once, and the server does not close the connection.
    Leaving,
    /// The server closes the connection. In this and all following situations, the client exits with status 1 and
    /// does not wait for a key press.
    Closed,
    /// The server resets the connection.
    Reset,
    /// The server sends ten megabytes without a newline.
    LongLine,
    /// There is no server.
    NotThere,
}

use Situation::{
    AtTheQuestion, BeforeTheFirstMessage, Chatting, Closed, Connecting, Deaf, Flooding, Half,
    Joining, Leaving, LongLine, NotThere, Reset, Silent,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Word,
    CtrlD,
    CtrlC,
    /// The window is closed (SIGHUP).
    Window,
    /// SIGTERM.
    Terminated,
    /// The user does nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Xterm,
    Dumb,
    Pipe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    lab: usize,
    situation: Situation,
    place: Place,
    way: Way,
}

/// How the client exited and how long that took.
#[derive(Debug)]
struct Outcome {
    status: Option<i32>,
    after: Duration,
    is_terminal_as_found: bool,
    /// A message that the client should have shown but did not.
    unsaid: Option<&'static str>,
    shown: String,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for lab in 1..=4 {
        for situation in [
            AtTheQuestion,
            Connecting,
            Silent,
            Half,
            BeforeTheFirstMessage,
            Chatting,
            Flooding,
            Deaf,
            Joining,
            Leaving,
            Closed,
            Reset,
            LongLine,
            NotThere,
        ] {
            let is_there = match situation {
                AtTheQuestion => lab != 1,
                BeforeTheFirstMessage => lab == 2,
                Joining => lab == 4,
                // Labs 3 and 4 have no welcome message.
                Silent => lab <= 2,
                _ => true,
            };
            let ends_by_itself = situation >= Closed;
            for place in [Place::Xterm, Place::Dumb, Place::Pipe] {
                let ways: &[Way] = match place {
                    _ if !is_there => &[],
                    _ if ends_by_itself => &[Way::Nothing],
                    Place::Pipe => &[Way::Word, Way::CtrlD, Way::Terminated],
                    _ => &[Way::Word, Way::CtrlD, Way::CtrlC, Way::Window],
                };
                cases.extend(ways.iter().map(|&way| Case { lab, situation, place, way }));
            }
        }
    }
    cases
}

/// A client and its user.
struct Client {
    pid: Pid,
    keyboard: Option<File>,
    screen: Arc<Screen>,
    /// The terminal and its initial mode.
    terminal: Option<(File, Termios)>,
}

/// The text that the client has shown recently.
#[derive(Default)]
struct Screen {
    shown: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Screen {
    fn watch(self: &Arc<Self>, mut source: impl Read + Send + 'static) {
        let screen = Arc::clone(self);
        thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            // On Linux, the end of a terminal's output is reported as an error.
            while let Ok(read @ 1..) = source.read(&mut bytes) {
                let mut shown = screen.shown.lock().unwrap();
                shown.0.push_str(&String::from_utf8_lossy(&bytes[..read]));
                // If there is a lot of output, keep only its last part.
                if shown.0.len() > 200_000 {
                    let half = shown.0.floor_char_boundary(100_000);
                    shown.0.drain(..half);
                }
                screen.changed.notify_all();
            }
            screen.shown.lock().unwrap().1 = true;
            screen.changed.notify_all();
        });
    }

    /// Waits until the client shows the text. Returns false if the text does not appear.
    fn shows(&self, text: &str) -> bool {
        let shown = self.shown.lock().unwrap();
        let is_waiting =
            |(shown, has_ended): &mut (String, bool)| !*has_ended && !shown.contains(text);
        let shown = self.changed.wait_timeout_while(shown, LIMIT, is_waiting).unwrap().0;
        shown.0.contains(text)
    }
}

/// Starts a client. The other tests must not mistake the client for one of their own orphaned processes.
fn start(command: &mut Command) -> (Pid, Child) {
    let starting = orphans::starting();
    let process = command.spawn().unwrap();
    let pid = Pid::from_raw(process.id().try_into().unwrap());
    starting.has_started(pid);
    (pid, process)
}

impl Client {
    fn start(lab: usize, address: SocketAddr, place: Place) -> Self {
        let program = executable(&format!("solution{lab}-client"));
        let screen = Arc::<Screen>::default();
        if place == Place::Pipe {
            let mut command = Command::new(program);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let (pid, mut process) = start(command.arg(address.port().to_string()));
            let keyboard = std::os::fd::OwnedFd::from(process.stdin.take().unwrap()).into();
            screen.watch(process.stdout.take().unwrap());
            screen.watch(process.stderr.take().unwrap());
            return Self { pid, keyboard: Some(keyboard), screen, terminal: None };
        }
        let pty = openpty(None, None).unwrap();
        let terminal = File::from(pty.master);
        let mode = tcgetattr(&terminal).unwrap();
        let copy = || Stdio::from(pty.slave.try_clone().unwrap());
        // The client needs its own session with this terminal, as it would have in a terminal window, so that pressing
        // Ctrl-C and closing the window send signals. `setsid` executes the client without a fork, so the process ID
        // stays the same.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).arg(address.port().to_string());
        command.env("TERM", if place == Place::Dumb { "dumb" } else { "xterm" });
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let (pid, _) = start(&mut command);
        screen.watch(terminal.try_clone().unwrap());
        let keyboard = Some(terminal.try_clone().unwrap());
        Self { pid, keyboard, screen, terminal: Some((terminal, mode)) }
    }

    fn types(&self, text: &str) {
        let end = if self.terminal.is_some() { "\r" } else { "\n" };
        self.presses(format!("{text}{end}").into_bytes());
    }

    /// Presses keys, but waits only for a limited time, because the client may not read them.
    fn presses(&self, keys: Vec<u8>) {
        let mut keyboard = self.keyboard.as_ref().unwrap().try_clone().unwrap();
        let (taken, wait) = mpsc::channel();
        thread::spawn(move || {
            // The client may have exited.
            let _ = keyboard.write_all(&keys);
            let _ = taken.send(());
        });
        let _ = wait.recv_timeout(LIMIT / 4);
    }

    fn signal(&self, signal: Signal) {
        // The client has not been reaped, so the process ID is still the client's.
        kill(self.pid, signal).unwrap();
    }

    fn leaves(&mut self, way: Way, word: &str) {
        let is_terminal = self.terminal.is_some();
        match way {
            Way::Nothing => {}
            Way::Word => self.types(word),
            Way::CtrlD if is_terminal => self.presses(vec![4]),
            Way::CtrlD => drop(self.keyboard.take()),
            Way::CtrlC => self.presses(vec![3]),
            // When a terminal's window is closed, the system sends SIGHUP to the programs in the terminal. In this
            // test, a thread keeps the terminal open to read its output, so the test sends SIGHUP itself.
            Way::Window => self.signal(Signal::SIGHUP),
            Way::Terminated => self.signal(Signal::SIGTERM),
        }
    }

    fn ends(self, since: Instant) -> Outcome {
        let status = loop {
            match reap(self.pid).unwrap() {
                WaitStatus::Exited(_, status) => break Some(status),
                WaitStatus::StillAlive if since.elapsed() > LIMIT / 2 => break None,
                WaitStatus::StillAlive => thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        let after = since.elapsed();
        let is_terminal_as_found = self.terminal.as_ref().is_none_or(|(terminal, before)| {
            let after = tcgetattr(terminal).unwrap();
            let flags = |mode: &Termios| {
                (mode.input_flags, mode.output_flags, mode.control_flags, mode.local_flags)
            };
            flags(before) == flags(&after)
        });
        if matches!(reap(self.pid), Ok(WaitStatus::StillAlive)) {
            self.signal(Signal::SIGKILL);
            while matches!(reap(self.pid), Ok(WaitStatus::StillAlive)) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let shown = self.screen.shown.lock().unwrap().0.clone();
        Outcome { status, after, is_terminal_as_found, unsaid: None, shown }
    }
}

/// A server that misbehaves. The connections are closed when the server is dropped.
struct Server {
    address: SocketAddr,
    listener: Option<TcpListener>,
    _held: Vec<TcpStream>,
    _closed: Option<ClosedPort>,
}

impl Server {
    fn new(situation: Situation) -> Self {
        if situation == NotThere {
            let closed = ClosedPort::new().unwrap();
            let address = closed.address();
            return Self { address, listener: None, _held: Vec::new(), _closed: Some(closed) };
        }
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if situation == Deaf {
            // An accepted socket inherits this buffer size. With small segments, the kernel also gives the client a
            // smaller send buffer.
            socket.set_recv_buffer_size(4096).unwrap();
            socket.set_tcp_mss(536).unwrap();
        }
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(if situation == Connecting { 0 } else { 16 }).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut held = Vec::new();
        if situation == Connecting {
            // Fill the backlog: while it is full, the system ignores further attempts to connect.
            while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200))
            {
                held.push(stream);
            }
        }
        Self { address, listener: Some(listener), _held: held, _closed: None }
    }

    fn accept(&self) -> TcpStream {
        self.listener.as_ref().unwrap().accept().unwrap().0
    }
}

const WELCOME: &[u8] = b"Welcome to this chatroom!\n";

/// Acts as the server until the chat begins (in lab 2, also reads the nickname), and waits until the client shows that
/// the chat has begun.
fn welcome(lab: usize, stream: &mut TcpStream, client: &mut Client) {
    match lab {
        1 => {
            stream.write_all(WELCOME).unwrap();
            assert!(client.screen.shows("Welcome to this chatroom!"));
        }
        2 => {
            stream.write_all(b"NICK").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.write_all(b"alice joined!\nConnected to server!\n").unwrap();
            assert!(client.screen.shows("Connected to server!"));
        }
        3 => {
            stream.write_all(message(3, "[bob] : welcome").as_bytes()).unwrap();
            assert!(client.screen.shows("welcome"));
        }
        _ => {
            client.types("/join one");
            stream.read_exact(&mut [0; 20]).unwrap();
            let joined =
                "JOINED_CHATROOM: one\nSERVER_IP: 1.1.1.1\nPORT: 1\nROOM_REF: 1\nJOIN_ID: 1\n";
            stream.write_all(joined.as_bytes()).unwrap();
            assert!(client.screen.shows("You are in one"));
        }
    }
}

fn message(lab: usize, text: &str) -> String {
    match lab {
        1 | 2 => format!("{text}\n"),
        3 => format!("{:<64}{text}", text.len()),
        _ => format!("CHAT: 1\nCLIENT_NAME: bob\nMESSAGE: {text}\n\n"),
    }
}

/// Plays one case.
fn play(case: Case) -> Outcome {
    let Case { lab, situation, place, way } = case;
    let word = ["quit", "/quit", "!DISCONNECT", "/quit"][lab - 1];
    let server = Server::new(situation);
    let since = Instant::now();
    let mut client = Client::start(lab, server.address, place);
    if lab != 1 {
        assert!(client.screen.shows(": "), "{case:?} should have asked for a name");
    }
    if situation == AtTheQuestion {
        let since = Instant::now();
        client.leaves(way, word);
        return client.ends(since);
    }
    if lab != 1 {
        client.types("alice");
    }
    // These variables keep the connection open until the client has exited.
    let mut stream = None;
    let mut flood = None;
    let mut said = None;
    if situation > Connecting && situation != NotThere {
        stream = Some(server.accept());
    }
    match (situation, stream.as_mut()) {
        (Connecting, _) => said = Some("to accept the connection"),
        (Silent, _) => {
            said = Some(if lab == 1 { "to welcome you" } else { "to let you in" });
        }
        (Half, Some(stream)) => {
            let half = ["Welcome to", "NI", "12      ", "JOINED_CHATROOM: x\nSERVER"][lab - 1];
            stream.write_all(half.as_bytes()).unwrap();
        }
        (BeforeTheFirstMessage, Some(stream)) => {
            stream.write_all(b"NICK").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            client.types("too early");
            said = Some("waiting for the server to let you in");
        }
        (Chatting | Leaving | Closed | Reset, Some(stream)) => welcome(lab, stream, &mut client),
        (Flooding, Some(stream)) => {
            welcome(lab, stream, &mut client);
            let mut stream = stream.try_clone().unwrap();
            let lines = message(lab, "more and more").repeat(50);
            flood =
                Some(thread::spawn(move || while stream.write_all(lines.as_bytes()).is_ok() {}));
            assert!(client.screen.shows("more and more"));
        }
        (Deaf, Some(stream)) => {
            welcome(lab, stream, &mut client);
            let (lines, length) = if place == Place::Pipe { (10, 30_000) } else { (300, 1000) };
            client.types(&vec!["x".repeat(length); lines].join("\n"));
        }
        (Joining, _) => {
            client.types("/join attic");
            client.types("for nobody else");
            said = Some("waiting for the answer to /join attic");
        }
        (LongLine, Some(stream)) => {
            if lab != 3 {
                welcome(lab, stream, &mut client);
            }
            // The client need not read the whole line.
            let _ = stream.write_all(&vec![b'x'; 10_000_000]);
        }
        _ => {}
    }
    let unsaid = said.filter(|said| !client.screen.shows(said));
    if situation == Leaving {
        client.types(word);
    }
    match situation {
        Closed => drop(stream.take()),
        Reset => {
            let socket = Socket::from(stream.take().unwrap());
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
        _ => {}
    }
    let since = if way == Way::Nothing && situation == NotThere { since } else { Instant::now() };
    client.leaves(way, word);
    let outcome = Outcome { unsaid, ..client.ends(since) };
    drop(stream);
    flood.map(thread::JoinHandle::join);
    outcome
}

impl Outcome {
    /// Returns a description of what is wrong with the outcome.
    fn is_wrong(&self, case: Case) -> Option<String> {
        let status = i32::from(case.situation >= Closed);
        if self.status != Some(status) {
            return Some(format!("status {:?}", self.status));
        }
        if self.after > PROMISED {
            return Some("too late".into());
        }
        if !self.is_terminal_as_found {
            return Some("the terminal".into());
        }
        self.unsaid.map(|said| format!("silent: {said}"))
    }
}

#[test]
fn a_user_can_always_leave_within_two_seconds() {
    let waiting = Mutex::new(cases());
    let outcomes = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().unwrap().pop() else { return };
                    let outcome = play(case);
                    outcomes.lock().unwrap().insert(case, outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    for (case, outcome) in &mut outcomes {
        for _ in 0..CHANCES {
            if outcome.is_wrong(*case).is_some() {
                *outcome = play(*case);
            }
        }
    }
    let (mut table, mut wrong) = (String::new(), String::new());
    for (Case { lab, situation, place, way }, outcome) in &outcomes {
        let problem =
            outcome.is_wrong(Case { lab: *lab, situation: *situation, place: *place, way: *way });
        let status = outcome.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let after = outcome.after.as_secs_f64();
        let mut row = format!(
            "lab {lab}  {situation:<22?} {place:<6?} {way:<11?} {status:>4} {after:>6.2} s"
        );
        if let Some(problem) = problem {
            let _ = write!(row, "  {problem}");
            let shown: String = outcome.shown.chars().rev().take(500).collect();
            let shown: String = shown.chars().rev().collect();
            let _ = writeln!(wrong, "{row}\n{shown:?}");
        }
        let _ = writeln!(table, "{row}");
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong}");
}
