//! Unusual: asynchronous, with tokio. Each client has two tasks instead of two threads, and all tasks share one
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{Lines, Trouble, number, value};
use tokio::io::{AsyncWriteExt, BufReader, copy_buf, sink};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The maximum number of bytes waiting to be sent to a client.
const MAX_WAITING: usize = 1 << 20;

/// The maximum length of a name, in bytes, and the maximum number of rooms that a client may be in.
const MAX_NAME: usize = 256;
const MAX_ROOMS: usize = 100;

struct Client {
    name: String,
    rooms: Vec<i64>,
    texts: UnboundedSender<Arc<str>>,
    waiting: Arc<AtomicUsize>,
    /// The task that writes to the client and the task that reads from it.
    tasks: Vec<AbortHandle>,
}

struct Room {
    name: String,
    members: BTreeSet<i64>,
}

#[derive(Default)]
struct Hall {
    clients: BTreeMap<i64, Client>,
    rooms: BTreeMap<i64, Room>,
    last_room: i64,
}

impl Hall {
    fn tell(&self, id: i64, text: &Arc<str>) {
        let Some(client) = self.clients.get(&id) else { return };
        if client.waiting.fetch_add(text.len(), Ordering::Relaxed) > MAX_WAITING {
            client.tasks.iter().for_each(AbortHandle::abort);
        } else {
            let _ = client.texts.send(Arc::clone(text));
        }
    }

    fn say(&self, id: i64, room_ref: i64, text: &str) {
        let name = self.clients.get(&id).map_or("", |client| &client.name);
        let chat = format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n").into();
        let room = self.rooms.get(&room_ref);
        room.iter().flat_map(|room| &room.members).for_each(|member| self.tell(*member, &chat));
    }

    fn join(&mut self, id: i64, server: SocketAddr, room: &str, name: String) {
        let known = self.rooms.iter().find(|(_, known)| known.name == room);
        let is_in = known.is_some_and(|(_, room)| room.members.contains(&id));
        if !is_in && self.clients.get(&id).is_some_and(|client| client.rooms.len() >= MAX_ROOMS) {
            let why = "ERROR_CODE: 6\nERROR_DESCRIPTION: too many rooms\n";
            return self.tell(id, &why.into());
        }
        let room_ref = known.map_or(self.last_room + 1, |(room_ref, _)| *room_ref);
        self.last_room = self.last_room.max(room_ref);
        let new = || Room { name: room.to_owned(), members: BTreeSet::new() };
        let is_new = self.rooms.entry(room_ref).or_insert_with(new).members.insert(id);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (ip, port) = (server.ip(), server.port());
        let joined = format!(
            "JOINED_CHATROOM: {room}\nSERVER_IP: {ip}\nPORT: {port}\nROOM_REF: {room_ref}\nJOIN_ID: {id}\n"
        );
        if is_new {
            client.rooms.push(room_ref);
            if client.name.is_empty() {
                client.name = name;
            }
        }
        self.tell(id, &joined.into());
        if is_new {
            let name = self.clients[&id].name.clone();
            self.say(id, room_ref, &format!("{name} has joined this chatroom."));
        }
    }

    fn leave(&mut self, id: i64, room_ref: i64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(at) = client.rooms.iter().position(|joined| *joined == room_ref) else { return };
        client.rooms.remove(at);
        let name = client.name.clone();
        self.say(id, room_ref, &format!("{name} has left this chatroom."));
        if let Some(room) = self.rooms.get_mut(&room_ref) {
            room.members.remove(&id);
        }
        self.rooms.retain(|_, room| !room.members.is_empty());
    }

    fn disconnect(&mut self, id: i64) {
        let rooms = self.clients.get(&id).map(|client| client.rooms.clone());
        rooms.into_iter().flatten().for_each(|room_ref| self.leave(id, room_ref));
        self.clients.remove(&id);
    }
}

#[derive(Clone, Default)]
struct SharedHall(Arc<Mutex<Hall>>);

impl SharedHall {
    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() {
    let (mut port, mut host, mut is_open) = ("8080".to_owned(), "127.0.0.1".to_owned(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--host" => host = arguments.next().unwrap_or(host),
            "--kill-from-anywhere" => is_open = true,
            _ => port = argument,
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result =
        runtime.and_then(|runtime| runtime.block_on(serve(&format!("{host}:{port}"), is_open)));
    if let Err(error) = result {
        eprintln!("cannot listen on {host}, port {port}: {error}");
        process::exit(1);
    }
}

async fn serve(address: &str, is_open: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    tokio::spawn(async {
        let _ = tokio::signal::ctrl_c().await;
        process::exit(0)
    });
    let hall = SharedHall::default();
    for id in 1.. {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let may_kill = is_open || peer.ip().to_canonical().is_loopback();
                println!("{peer} connected");
                tokio::spawn(attend(id, stream, may_kill, hall.clone()));
            }
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
    Ok(())
}

async fn attend(id: i64, stream: TcpStream, may_kill: bool, hall: SharedHall) {
    let Ok(server) = stream.local_addr() else { return };
    let (reader, writer) = stream.into_split();
    let (texts, to_write) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let writes = tokio::spawn(write(writer, to_write, Arc::clone(&waiting)));
    let mut talker = Talker { id, server, may_kill, hall: hall.clone() };
    let lines = Lines::new(BufReader::new(reader), 0);
    // No other task runs before the next `await`, so the client is in the map before its task starts.
    let reads = tokio::spawn(async move { talker.talk(lines).await });
    let tasks = vec![writes.abort_handle(), reads.abort_handle()];
    let client = Client { name: String::new(), rooms: Vec::new(), texts, waiting, tasks };
    hall.lock().clients.insert(id, client);

    let lines = reads.await;
    hall.lock().disconnect(id);
    if let Ok(lines) = lines {
        let _ = writes.await;
        let mut rest = lines.into_reader();
        let _ = timeout(Duration::from_secs(1), copy_buf(&mut rest, &mut sink())).await;
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut texts: UnboundedReceiver<Arc<str>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(text) = texts.recv().await {
        if writer.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        waiting.fetch_sub(text.len(), Ordering::Relaxed);
    }
    let _ = writer.shutdown().await;
}

/// The lines from one client.
type Reading = Lines<BufReader<OwnedReadHalf>>;

struct Talker {
    id: i64,
    server: SocketAddr,
    may_kill: bool,
    hall: SharedHall,
}

impl Talker {
    fn tell(&self, text: String) {
        self.hall.lock().tell(self.id, &text.into());
    }

    fn complain(&self, code: u32, why: &str) {
        self.tell(format!("ERROR_CODE: {code}\nERROR_DESCRIPTION: {why}\n"));
    }

    async fn talk(&mut self, mut lines: Reading) -> Reading {
        let mut is_lost = false;
        loop {
            match self.answer(&mut lines).await {
                Ok(()) => is_lost = false,
                Err(Trouble::Error(1, _)) if is_lost => {}
                Err(Trouble::Error(code, why)) => {
                    self.complain(code, &why);
                    // After these errors, the next line begins another request.
                    is_lost = ![2, 3, 6].contains(&code);
                }
                Err(Trouble::TooLong) => {
                    self.complain(5, "more than 64 KiB");
                    return lines;
                }
                Err(Trouble::Gone(_)) => return lines,
            }
        }
    }

    async fn answer(&mut self, lines: &mut Reading) -> Result<(), Trouble> {
        let mut line = String::new();
        while line.is_empty() {
            line = lines.line().await?;
        }
        let id = self.id;
        if line == "HELO" || line.starts_with("HELO ") {
            let (ip, port) = (self.server.ip(), self.server.port());
            self.tell(format!("{line}\nIP:{ip}\nPort:{port}\nStudentID:0\n"));
        } else if line == "KILL_SERVICE" && self.may_kill {
            // Earlier requests still get their replies.
            sleep(Duration::from_millis(50)).await;
            process::exit(0);
        } else if line == "KILL_SERVICE" {
            return Err(Trouble::Error(6, "only for clients on the same computer".into()));
        } else if let Some(room) = value(&line, "JOIN_CHATROOM") {
            lines.field("CLIENT_IP").await?;
            lines.field("PORT").await?;
            let name = lines.field("CLIENT_NAME").await?;
            if [room, &name].iter().any(|name| name.trim().is_empty() || name.len() > MAX_NAME) {
                return Err(Trouble::Error(4, "a name is empty or too long".into()));
            }
            self.hall.lock().join(id, self.server, room, name);
        } else if let Some(room_ref) = value(&line, "CHAT") {
            lines.field("JOIN_ID").await?;
            lines.field("CLIENT_NAME").await?;
            let text = lines.text("MESSAGE").await?;
            let room_ref = number(room_ref, "CHAT")?;
            let hall = self.hall.lock();
            match hall.rooms.get(&room_ref) {
                Some(room) if room.members.contains(&id) => hall.say(id, room_ref, &text),
                Some(_) => return Err(Trouble::Error(3, format!("you are not in {room_ref}"))),
                None => return Err(Trouble::Error(2, format!("no room {room_ref}"))),
            }
        } else if let Some(room_ref) = value(&line, "LEAVE_CHATROOM") {
            let join_id = lines.number("JOIN_ID").await?;
            lines.field("CLIENT_NAME").await?;
            let room_ref = number(room_ref, "LEAVE_CHATROOM")?;
            self.tell(format!("LEFT_CHATROOM: {room_ref}\nJOIN_ID: {join_id}\n"));
            self.hall.lock().leave(id, room_ref);
        } else if value(&line, "DISCONNECT").is_some() {
            lines.field("PORT").await?;
            lines.field("CLIENT_NAME").await?;
            return Err(Trouble::Gone(Ok(())));
        } else {
            return Err(Trouble::Error(1, "what is that?".into()));
        }
        Ok(())
    }
}
