//! Unusual: one thread, nonblocking sockets, and poll(2). Messages are assembled line by line.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The maximum length, in bytes, of a line and of a message's text.
const MAX_LINE: usize = 64 * 1024;
/// The maximum length of a name, in bytes, and the maximum number of rooms that a client may be in.
const MAX_NAME: usize = 256;
const MAX_ROOMS: usize = 100;
/// The maximum number of bytes waiting to be sent to a client.
const MAX_WAITING: usize = 1 << 20;

struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    server: SocketAddr,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// The kind of the current message and the values that have arrived so far.
    begun: Option<(Kind, Vec<String>)>,
    is_lost: bool,
    name: String,
    rooms: Vec<i64>,
    /// If the client is leaving: the time until which it can still receive its last messages.
    leaves: Option<Instant>,
    is_gone: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Join,
    Leave,
    Chat,
    Disconnect,
}

impl Kind {
    fn of(line: &str) -> Option<(Self, &str)> {
        let kinds = [
            ("JOIN_CHATROOM", Self::Join),
            ("LEAVE_CHATROOM", Self::Leave),
            ("CHAT", Self::Chat),
            ("DISCONNECT", Self::Disconnect),
        ];
        kinds.into_iter().find_map(|(name, kind)| Some((kind, value(line, name)?)))
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Join => &["CLIENT_IP", "PORT", "CLIENT_NAME"],
            Self::Leave => &["JOIN_ID", "CLIENT_NAME"],
            Self::Chat => &["JOIN_ID", "CLIENT_NAME", "MESSAGE"],
            Self::Disconnect => &["PORT", "CLIENT_NAME"],
        }
    }
}

fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start_matches(' '))
}

impl Client {
    fn new(stream: TcpStream, peer: SocketAddr) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let server = stream.local_addr()?;
        let (input, output, begun, is_lost) = (Vec::new(), VecDeque::new(), None, false);
        let (name, rooms, leaves, is_gone) = (String::new(), Vec::new(), None, false);
        Ok(Self {
            stream,
            peer,
            server,
            input,
            output,
            begun,
            is_lost,
            name,
            rooms,
            leaves,
            is_gone,
        })
    }

    fn complain(&mut self, code: u32, why: &str) {
        self.output.extend(format!("ERROR_CODE: {code}\nERROR_DESCRIPTION: {why}\n").bytes());
    }

    fn read(&mut self) {
        let mut bytes = [0; 1 << 16];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.is_gone = true,
            Ok(read) if self.leaves.is_none() => self.input.extend_from_slice(&bytes[..read]),
            Ok(_) => {}
            Err(error) => self.is_gone |= !may_try_again(&error),
        }
    }

    fn write(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(self.output.as_slices().0) {
                Ok(0) => return,
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) => {
                    self.is_gone |= !may_try_again(&error) || self.output.len() > MAX_WAITING;
                    return;
                }
            }
        }
        if self.leaves.is_some() {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn line(&mut self) -> Option<String> {
        let end = self.input.iter().position(|&byte| byte == b'\n');
        if end.unwrap_or(self.input.len()) > MAX_LINE {
            self.is_too_long();
            return None;
        }
        let line: Vec<u8> = self.input.drain(..=end?).collect();
        Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    fn is_too_long(&mut self) {
        self.complain(5, "more than 64 KiB");
        self.last_words();
    }

    fn last_words(&mut self) {
        self.input.clear();
        self.leaves = Some(Instant::now() + Duration::from_secs(1));
    }

    /// Returns the message that this line completes, if there is one.
    fn message(&mut self, line: &str) -> Option<(Kind, Vec<String>)> {
        if let Some((kind, mut values)) = self.begun.take() {
            let fields = kind.fields();
            let field = fields.get(values.len() - 1);
            if field.is_none() && !line.is_empty() {
                // This line continues a message's text.
                if let Some(text) = values.last_mut() {
                    *text = format!("{text}\n{line}");
                    if text.len() > MAX_LINE {
                        self.is_too_long();
                        return None;
                    }
                }
            } else if let Some(value) = field.and_then(|field| value(line, field)) {
                values.push(value.to_owned());
            } else if let Some(field) = field {
                self.complain(4, &format!("{field} is missing"));
                self.is_lost = true;
                return self.message(line);
            }
            let is_last = values.len() > fields.len() && (kind != Kind::Chat || line.is_empty());
            // A chat message ends after its text, which may be empty.
            if is_last && (kind != Kind::Chat || field.is_none()) {
                return Some((kind, values));
            }
            self.begun = Some((kind, values));
        } else if let Some((kind, value)) = Kind::of(line) {
            self.is_lost = false;
            self.begun = Some((kind, vec![value.to_owned()]));
        } else if line == "HELO" || line.starts_with("HELO ") {
            self.is_lost = false;
            let (ip, port) = (self.server.ip(), self.server.port());
            self.output.extend(format!("{line}\nIP:{ip}\nPort:{port}\nStudentID:0\n").bytes());
        } else if !line.is_empty() && !self.is_lost {
            self.is_lost = true;
            self.complain(1, "this does not begin a message");
        }
        None
    }
}

fn may_try_again(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[derive(Default)]
struct Chat {
    clients: BTreeMap<i64, Client>,
    /// The name and the members of each room, by room reference.
    rooms: BTreeMap<i64, (String, Vec<i64>)>,
    last_client: i64,
    last_room: i64,
    is_open: bool,
}

impl Chat {
    fn say(&mut self, id: i64, room_ref: i64, text: &str) {
        let name = &self.clients[&id].name;
        let chat = format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n");
        for member in self.rooms.get(&room_ref).iter().flat_map(|(_, members)| members) {
            if let Some(client) = self.clients.get_mut(member) {
                client.output.extend(chat.bytes());
            }
        }
    }

    fn leave(&mut self, id: i64, room_ref: i64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(at) = client.rooms.iter().position(|joined| *joined == room_ref) else { return };
        client.rooms.remove(at);
        let news = format!("{} has left this chatroom.", client.name);
        self.say(id, room_ref, &news);
        if let Some((_, members)) = self.rooms.get_mut(&room_ref) {
            members.retain(|member| *member != id);
        }
        self.rooms.retain(|_, (_, members)| !members.is_empty());
    }

    fn leave_all(&mut self, id: i64) {
        let rooms = self.clients.get(&id).map(|client| client.rooms.clone());
        rooms.into_iter().flatten().for_each(|room_ref| self.leave(id, room_ref));
    }

    fn join(&mut self, id: i64, room: &str, name: &str) {
        let known = self.rooms.iter().find(|(_, (known, _))| known == room);
        if let Some(client) = self.clients.get_mut(&id)
            && client.rooms.len() >= MAX_ROOMS
            && known.is_none_or(|(room_ref, _)| !client.rooms.contains(room_ref))
        {
            return client.complain(6, "too many rooms");
        }
        let room_ref = known.map_or(self.last_room + 1, |(room_ref, _)| *room_ref);
        self.last_room = self.last_room.max(room_ref);
        let members = &mut self.rooms.entry(room_ref).or_insert((room.to_owned(), Vec::new())).1;
        let is_new = !members.contains(&id);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (ip, port) = (client.server.ip(), client.server.port());
        let place = format!("JOINED_CHATROOM: {room}\nSERVER_IP: {ip}\nPORT: {port}");
        client.output.extend(format!("{place}\nROOM_REF: {room_ref}\nJOIN_ID: {id}\n").bytes());
        if is_new {
            members.push(id);
            client.rooms.push(room_ref);
            if client.name.is_empty() {
                name.clone_into(&mut client.name);
            }
            let news = format!("{} has joined this chatroom.", client.name);
            self.say(id, room_ref, &news);
        }
    }

    /// Processes the requests in the client's lines, up to the last complete line.
    fn answer(&mut self, id: i64) {
        while let Some(client) = self.clients.get_mut(&id) {
            if client.leaves.is_some() {
                return;
            }
            let Some(line) = client.line() else { return };
            if client.begun.is_none() && line == "KILL_SERVICE" {
                if self.is_open || client.peer.ip().to_canonical().is_loopback() {
                    self.clients.values_mut().for_each(Client::write);
                    process::exit(0);
                }
                client.complain(6, "only for clients on the same computer");
            } else if let Some((kind, values)) = client.message(&line) {
                self.does(id, kind, &values);
            }
        }
    }

    fn does(&mut self, id: i64, kind: Kind, values: &[String]) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let number = |value: &String| value.trim_end().parse::<i64>().ok();
        match (kind, values, number(&values[0]), number(&values[1])) {
            (Kind::Join, [room, _, _, name], _, _)
                if [room, name].iter().all(|n| !n.trim().is_empty() && n.len() <= MAX_NAME) =>
            {
                self.join(id, room, name);
            }
            (Kind::Leave, _, Some(room_ref), Some(join_id)) => {
                let left = format!("LEFT_CHATROOM: {room_ref}\nJOIN_ID: {join_id}\n");
                client.output.extend(left.bytes());
                self.leave(id, room_ref);
            }
            (Kind::Chat, [.., text], Some(room_ref), Some(_)) => match self.rooms.get(&room_ref) {
                Some((_, members)) if members.contains(&id) => self.say(id, room_ref, text),
                Some(_) => client.complain(3, &format!("you are not in room {room_ref}")),
                None => client.complain(2, &format!("no room {room_ref}")),
            },
            (Kind::Disconnect, ..) => {
                self.leave_all(id);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.last_words();
                }
            }
            _ => {
                client.is_lost = true;
                client.complain(4, "a field is empty, or is not a number");
            }
        }
    }

    /// Waits until a socket is ready and handles it.
    fn turn(&mut self, listener: &TcpListener) {
        let mut waits = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        waits.extend(self.clients.values().map(|client| {
            let writes = !client.output.is_empty();
            let flags =
                if writes { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
            PollFd::new(client.stream.as_fd(), flags)
        }));
        let until = self.clients.values().filter_map(|client| client.leaves).min();
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)
        });
        match poll(&mut waits, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
        let is_ready: Vec<_> = waits.iter().map(|wait| wait.any().unwrap_or(true)).collect();
        let ids: Vec<_> = self.clients.keys().copied().collect();
        for (&id, _) in ids.iter().zip(&is_ready[1..]).filter(|(_, is_ready)| **is_ready) {
            self.clients.get_mut(&id).into_iter().for_each(Client::read);
            self.answer(id);
        }
        if is_ready[0]
            && let Ok((stream, peer)) = listener.accept()
        {
            println!("{peer} connected");
            self.last_client += 1;
            self.clients
                .extend(Client::new(stream, peer).ok().map(|client| (self.last_client, client)));
        }
        // When a client has disconnected, the other clients are notified, and sending a notification may reveal that
        // another client has also disconnected.
        loop {
            let now = Instant::now();
            self.clients.values_mut().for_each(Client::write);
            let is_over =
                |client: &Client| client.is_gone || client.leaves.is_some_and(|end| end < now);
            let found = self.clients.iter().find(|(_, client)| is_over(client));
            let Some((&id, _)) = found else { return };
            self.leave_all(id);
            self.clients.remove(&id);
        }
    }
}

fn main() {
    let (mut port, mut host, mut chat) =
        ("8080".to_owned(), "127.0.0.1".to_owned(), Chat::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--host" => host = arguments.next().unwrap_or(host),
            "--kill-from-anywhere" => chat.is_open = true,
            _ => port = argument,
        }
    }
    ctrlc::set_handler(|| process::exit(0)).expect("the first handler");
    let listener = TcpListener::bind(format!("{host}:{port}")).unwrap_or_else(|error| {
        eprintln!("cannot listen on port {port}: {error}");
        process::exit(1)
    });
    listener.set_nonblocking(true).expect("a new socket");
    println!("listening on {}", listener.local_addr().expect("it listens"));
    loop {
        chat.turn(&listener);
    }
}
