//! Unusual: there is no room thread. A lock protects the list of members, and each member has a channel and a writer
//! thread.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::{Endpoint, Messages, drain, log, refuse};

/// The maximum number of bytes waiting to be sent to a member.
const MAX_WAITING: usize = 1 << 20;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
    #[arg(long, default_value_t = 2)]
    seats: usize,
}

struct Member {
    id: usize,
    stream: Arc<TcpStream>,
    lines: Sender<Arc<str>>,
    waiting: Arc<AtomicUsize>,
}

impl Member {
    fn gets(&self, line: &Arc<str>) {
        let waiting = self.waiting.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        if waiting > MAX_WAITING {
            // The member's reader sees the end of the stream and removes the member from the list.
            let _ = self.stream.shutdown(Shutdown::Both);
        } else {
            let _ = self.lines.send(Arc::clone(line));
        }
    }
}

#[derive(Clone, Default)]
struct Room(Arc<Mutex<Vec<Member>>>);

impl Room {
    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    common::exit_on_ctrl_c()?;
    let listener = options.endpoint.listen()?;
    log(&format!("listening on {}", listener.local_addr()?));
    let room = Room::default();
    for (id, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream.map(Arc::new) else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let mut members = room.members();
        if members.len() >= options.seats {
            refuse(stream, b"The chatroom is full\n");
            continue;
        }
        let (lines, to_write) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (writer, counter) = (Arc::clone(&stream), Arc::clone(&waiting));
        let (reader, its_room) = (Arc::clone(&stream), room.clone());
        let started = thread::Builder::new()
            .spawn(move || write_lines(&writer, &to_write, &counter))
            .and_then(|_| thread::Builder::new().spawn(move || talk(id, &reader, &its_room)));
        if started.is_ok() {
            let member = Member { id, stream, lines, waiting };
            member.gets(&"Welcome to this chatroom!\n".into());
            members.push(member);
        }
    }
    Ok(())
}

/// Writes lines until the member has been removed from the list and its last line has been written.
fn write_lines(mut stream: &TcpStream, lines: &Receiver<Arc<str>>, waiting: &AtomicUsize) {
    let _ = stream.set_nodelay(true);
    for line in lines {
        if stream.write_all(line.as_bytes()).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        waiting.fetch_sub(line.len(), Ordering::Relaxed);
    }
    let _ = stream.shutdown(Shutdown::Write);
}

fn talk(id: usize, stream: &TcpStream, room: &Room) {
    let ip = stream.peer_addr().map_or_else(|_| "?".into(), |peer| peer.ip().to_string());
    log(&format!("{ip} connected"));
    let mut messages = Messages::new(stream, &());
    let why = loop {
        match messages.receive() {
            Ok(Some(message)) if message != "quit" => {
                log(&format!("<{ip}> {message}"));
                let line: Arc<str> = format!("<{ip}> {message}\n").into();
                let members = room.members();
                members.iter().filter(|other| other.id != id).for_each(|other| other.gets(&line));
            }
            Ok(_) => break None,
            Err(error) => break Some(error),
        }
    };
    let mut members = room.members();
    if let Some(at) = members.iter().position(|member| member.id == id) {
        let member = members.swap_remove(at);
        if let Some(why) = why {
            member.gets(&format!("{why}; goodbye\n").into());
        }
    }
    drop(members);
    log(&format!("{ip} closed"));
    drain(stream);
}
