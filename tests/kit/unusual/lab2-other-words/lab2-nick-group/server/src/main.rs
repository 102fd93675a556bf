//! Unusual: chatty, with its own wording and with colors on every terminal. The room is a map of outboxes, and a lock
//! protects the map.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Parser;
use common::printable;
use common::{Endpoint, Messages, Outbox, refuse};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<55555>,
    #[arg(long, default_value_t = 30)]
    handshake_timeout: u64,
}

type Members = BTreeMap<u64, (String, Outbox)>;

#[derive(Clone, Default)]
struct Room(Arc<Mutex<Members>>);

impl Room {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a line in a color.
fn say(colour: u32, line: &str) {
    common::print_line(&format!("\x1b[{colour}m{}\x1b[0m", printable(line)));
}

fn send_to_all(members: &mut Members, line: &str) {
    for (_, outbox) in members.values_mut() {
        outbox.push(format!("{line}\n"));
        outbox.flush();
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    common::exit_on_ctrl_c()?;
    let listener = options.endpoint.listen()?;
    say(35, "~~~ the talk of the town ~~~");
    say(32, "SERVER WORKING");
    let (room, patience) = (Room::default(), Duration::from_secs(options.handshake_timeout));
    common::serve(&listener, 1000, b"Nickname refused: no room\n", move |id, stream| {
        say(34, &format!("Connected with {}", stream.peer_addr()?));
        let mut messages = Messages::new(stream, &());
        (&**stream).write_all(b"NICK")?;
        let nickname = match messages.handshake(Some(patience)) {
            Ok(Some(nickname)) => nickname,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                refuse(Arc::clone(stream), b"Nickname refused: you are too slow for us\n");
                return Ok(());
            }
            Err(error) => {
                refuse(Arc::clone(stream), b"Nickname refused: something is wrong with it\n");
                return Err(error.into());
            }
        };
        let result = match enters(&room, id, &nickname, stream) {
            Ok(()) => talks(&room, &nickname, &mut messages),
            Err(reason) => {
                say(31, &format!("(someone wanted to be {nickname}: {reason})"));
                refuse(Arc::clone(stream), format!("Nickname refused: {reason}\n").as_bytes());
                return Ok(());
            }
        };
        let mut members = room.members();
        if let (Some((_, mut outbox)), Err(why)) = (members.remove(&id), &result) {
            outbox.push(format!("You have to go: {why}\n"));
        }
        send_to_all(&mut members, &format!("{nickname} left!"));
        say(34, &format!("(that was {nickname})"));
        result
    })
}

fn enters(room: &Room, id: u64, name: &str, stream: &Arc<TcpStream>) -> Result<(), &'static str> {
    let mut members = room.members();
    let is_taken = members.values().any(|(other, _)| other.to_lowercase() == name.to_lowercase());
    if name.is_empty() || name.chars().count() > 32 {
        return Err("1 to 32 characters, please");
    } else if name.contains(|char: char| char == ':' || char.is_control()) {
        return Err("what is that in the middle of it?");
    } else if is_taken {
        return Err("we have one of those already");
    }
    say(32, &format!("Nickname is {name}"));
    members.insert(id, (name.to_owned(), Outbox::new(Arc::clone(stream))));
    send_to_all(&mut members, &format!("{name} joined!"));
    if let Some((_, outbox)) = members.get_mut(&id) {
        outbox.push("Connected to server!\n");
        outbox.flush();
    }
    Ok(())
}

fn talks(room: &Room, name: &str, messages: &mut Messages) -> anyhow::Result<()> {
    while let Some(message) = messages.receive()? {
        let text = message.strip_prefix(&format!("{name}: ")).unwrap_or(&message);
        send_to_all(&mut room.members(), &format!("{name}: {text}"));
    }
    Ok(())
}
