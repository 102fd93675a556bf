//! Flawed on purpose: one client that does not read stops everybody. A lock protects the list of members, and the
//! speaker's thread writes to each member while it holds the lock. The rest is as it should be.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::{Endpoint, Messages, drain, log, refuse};

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
}

impl Member {
    fn gets(&self, line: &str) {
        // The mistake: if the member does not read, this write waits until the member is gone.
        let _ = (&*self.stream).write_all(line.as_bytes());
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
        let _ = stream.set_nodelay(true);
        let mut members = room.members();
        if members.len() >= options.seats {
            refuse(stream, b"The chatroom is full\n");
            continue;
        }
        let (reader, its_room) = (Arc::clone(&stream), room.clone());
        if thread::Builder::new().spawn(move || talk(id, &reader, &its_room)).is_ok() {
            let member = Member { id, stream };
            member.gets("Welcome to this chatroom!\n");
            members.push(member);
        }
    }
    Ok(())
}

fn talk(id: usize, stream: &TcpStream, room: &Room) {
    let ip = stream.peer_addr().map_or_else(|_| "?".into(), |peer| peer.ip().to_string());
    log(&format!("{ip} connected"));
    let mut messages = Messages::new(stream, &());
    let why = loop {
        match messages.receive() {
            Ok(Some(message)) if message != "quit" => {
                log(&format!("<{ip}> {message}"));
                let line = format!("<{ip}> {message}\n");
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
            member.gets(&format!("{why}; goodbye\n"));
        }
        let _ = member.stream.shutdown(Shutdown::Write);
    }
    drop(members);
    log(&format!("{ip} closed"));
    drain(stream);
}
