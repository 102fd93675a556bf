//! Unusual: with tokio. The terminal and the network send events to one task, which owns the rooms and needs no
//! lock.

use std::collections::BTreeMap;
use std::process;
use std::thread;
use std::time::Duration;

use common::{};
use terminal::{Screen, Terminal};
use protocol::{Lines, Trouble, value};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

enum Event {
    Typed(String),
    Leaves,
    Joined { name: String, room_ref: String, join_id: String },
    Said { room_ref: String, name: String, text: String },
    Told(String),
    Failed(String),
    Gone(std::io::Result<()>),
}

fn main() {
    let port = std::env::args().nth(1).unwrap_or("8080".into());
    let Ok(mut terminal) = Terminal::open("/quit") else { process::exit(1) };
    let name = loop {
        match terminal.ask("What is your name: ") {
            None => process::exit(0),
            Some(name) if name.trim().is_empty() => {}
            Some(name) => break name,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.and_then(|runtime| {
        let screen = terminal.screen();
        runtime.block_on(async {
            let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap_or(8080))).await?;
            stream.set_nodelay(true)?;
            let (tell, mut events) = mpsc::unbounded_channel();
            let types = tell.clone();
            thread::spawn(move || {
                while let Some(line) = terminal.read_line().filter(|line| line != "/quit") {
                    let _ = types.send(Event::Typed(line));
                }
                let _ = types.send(Event::Leaves);
            });
            let (reader, writer) = stream.into_split();
            tokio::spawn(async move {
                let mut lines = Lines::new(BufReader::new(reader), 100);
                loop {
                    let event = match reply(&mut lines).await {
                        Ok(event) => event,
                        Err(Trouble::Error(_, why)) => Event::Failed(why),
                        Err(Trouble::TooLong) => {
                            Event::Gone(Err(std::io::Error::other("too long")))
                        }
                        Err(Trouble::Gone(result)) => Event::Gone(result),
                    };
                    let is_end = matches!(event, Event::Gone(_));
                    if tell.send(event).is_err() || is_end {
                        return;
                    }
                }
            });
            let mut chat = Chat {
                name,
                writer,
                screen,
                rooms: Vec::new(),
                names: BTreeMap::new(),
                join_id: String::new(),
            };
            let mut early = Vec::new();
            let mut joins = 0;
            while let Some(event) = events.recv().await {
                match event {
                    // Text is not sent until the replies to all join requests have arrived.
                    Event::Typed(line) if joins > 0 && !line.starts_with('/') => early.push(line),
                    Event::Typed(line) => joins += usize::from(chat.typed(&line).await?),
                    Event::Leaves => return chat.leaves(events).await,
                    Event::Gone(result) => chat.screen.end(result),
                    Event::Said { room_ref, name, text } => chat.show(&room_ref, &name, &text),
                    Event::Told(text) => chat.screen.print(&text),
                    Event::Failed(why) => {
                        chat.screen.print(&format!("The server says: {why}"));
                        joins = joins.saturating_sub(1);
                    }
                    Event::Joined { name, room_ref, join_id } => {
                        chat.rooms.retain(|joined| *joined != room_ref);
                        chat.rooms.push(room_ref.clone());
                        chat.names.insert(room_ref, name);
                        chat.join_id = join_id;
                        joins = joins.saturating_sub(1);
                    }
                }
                if joins == 0 {
                    for line in early.drain(..) {
                        chat.typed(&line).await?;
                    }
                }
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        eprintln!("no server at port {port}, or connection lost: {error}");
        process::exit(1);
    }
}

async fn reply(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Result<Event, Trouble> {
    loop {
        let line = lines.line().await?;
        if line.starts_with("HELO") {
            let (ip, port) = (lines.field("IP").await?, lines.field("Port").await?);
            lines.field("StudentID").await?;
            return Ok(Event::Told(format!("{line}, from {ip}:{port}")));
        } else if let Some(name) = value(&line, "JOINED_CHATROOM") {
            lines.field("SERVER_IP").await?;
            lines.field("PORT").await?;
            let room_ref = lines.field("ROOM_REF").await?;
            let (name, join_id) = (name.to_owned(), lines.field("JOIN_ID").await?);
            return Ok(Event::Joined { name, room_ref, join_id });
        } else if value(&line, "LEFT_CHATROOM").is_some() {
            lines.field("JOIN_ID").await?;
        } else if let Some(room_ref) = value(&line, "CHAT") {
            let name = lines.field("CLIENT_NAME").await?;
            let text = lines.text("MESSAGE").await?;
            return Ok(Event::Said { room_ref: room_ref.to_owned(), name, text });
        } else if value(&line, "ERROR_CODE").is_some() {
            return Ok(Event::Failed(lines.field("ERROR_DESCRIPTION").await?));
        }
    }
}

struct Chat {
    name: String,
    writer: OwnedWriteHalf,
    screen: Screen,
    /// The joined rooms; the last is the current one.
    rooms: Vec<String>,
    names: BTreeMap<String, String>,
    join_id: String,
}

impl Chat {
    fn show(&self, room_ref: &str, name: &str, text: &str) {
        let room = self.names.get(room_ref).map_or("?", String::as_str);
        let mut lines = text.lines();
        self.screen.print(&format!("[{room}] {name}: {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| self.screen.print(&format!("    {line}")));
    }

    /// Handles a typed line. Returns true if the line was a `/join` command.
    async fn typed(&mut self, line: &str) -> std::io::Result<bool> {
        let (command, room) = line.split_once(' ').unwrap_or((line, ""));
        let (name, join_id) = (&self.name, &self.join_id);
        let is_meant = |joined: &&String| room.is_empty() || self.names[*joined] == room;
        let meant = self.rooms.iter().rev().find(is_meant).cloned();
        let request = match (command, meant) {
            ("/join", _) => {
                format!("JOIN_CHATROOM: {room}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n")
            }
            ("/leave", Some(room_ref)) => {
                self.rooms.retain(|joined| *joined != room_ref);
                format!("LEAVE_CHATROOM: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}\n")
            }
            ("/room", Some(room_ref)) => {
                self.rooms.retain(|joined| *joined != room_ref);
                self.rooms.push(room_ref);
                String::new()
            }
            ("/rooms", _) => {
                let names = self.rooms.iter().map(|room_ref| self.names[room_ref].as_str());
                self.screen.print(&format!("You are in: {}", names.collect::<Vec<_>>().join(" ")));
                String::new()
            }
            ("/helo", _) => format!("HELO {room}\n"),
            ("/kill", _) => "KILL_SERVICE\n".to_owned(),
            ("/leave" | "/room", None) => {
                self.screen.print("You are not in that room");
                String::new()
            }
            _ if command.starts_with('/') => {
                self.screen.print(&format!("What is {command}?"));
                String::new()
            }
            _ => match self.rooms.last() {
                _ if line.is_empty() => String::new(),
                None => {
                    self.screen.print("You are not in a room: use /join to enter one");
                    String::new()
                }
                Some(room_ref) => format!(
                    "CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}\nMESSAGE: {line}\n\n"
                ),
            },
        };
        // If this write fails, an end-of-stream event also arrives.
        let _ = self.writer.write_all(request.as_bytes()).await;
        Ok(command == "/join")
    }

    async fn leaves(mut self, mut events: mpsc::UnboundedReceiver<Event>) -> std::io::Result<()> {
        let goodbye = format!("DISCONNECT: 0\nPORT: 0\nCLIENT_NAME: {}\n", self.name);
        let _ = self.writer.write_all(goodbye.as_bytes()).await;
        let _ = self.writer.shutdown().await;
        let is_closed = async {
            while let Some(event) = events.recv().await {
                if let Event::Gone(_) = event {
                    return;
                }
            }
        };
        let _ = timeout(Duration::from_secs(1), is_closed).await;
        process::exit(0)
    }
}
