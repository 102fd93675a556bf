//! Wire format 2: the server sends `NICK`, and the client replies with its nickname.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::listener::Listener;
use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::terminal::Terminal;
use crate::journal::timeout::TIMEOUT;
use crate::labs::checks::{WayOut, enters_with_name, ways_out};

/// Connects a scripted peer and waits until it has joined.
pub fn joins(server: &Server, nickname: &str) -> Check<Peer> {
    let peer = server.peer(nickname)?;
    peer.gets("NICK")?;
    peer.sends(nickname)?;
    peer.hears(&format!("{nickname} joined!"))?;
    peer.hears("Connected to server!")?;
    Ok(peer)
}

/// Connects scripted peers, one after another. Each peer is notified of the peers that join later.
pub fn all_join(server: &Server, nicknames: &[&str]) -> Check<Vec<Peer>> {
    let mut group: Vec<Peer> = Vec::new();
    for nickname in nicknames {
        let newcomer = joins(server, nickname)?;
        for member in &group {
            member.hears(&format!("{nickname} joined!"))?;
        }
        group.push(newcomer);
    }
    Ok(group)
}

impl Listener {
    /// Acts as the server until the client has joined: asks for a nickname, waits for `nickname`, and announces the
    /// client.
    pub fn lets_in(&self, nickname: &str) -> Check<Peer> {
        let peer = self.accepts("server")?;
        peer.sends("NICK")?;
        peer.gets(nickname)?;
        peer.says(&format!("{nickname} joined!"))?;
        peer.says("Connected to server!")?;
        Ok(peer)
    }
}

/// Makes one peer send a random message, which the whole group, including the speaker, must receive.
pub fn talk<'a>(
    harness: &Harness,
    speaker: &Peer,
    group: impl IntoIterator<Item = &'a Peer>,
) -> Check {
    let line = format!("{}: {}", speaker.name(), harness.words(3));
    speaker.says(&line)?;
    group.into_iter().try_for_each(|member| member.hears(&line))
}

/// Starts a client, answers its prompt for a nickname, and waits until it has joined.
pub fn enters(
    harness: &Harness,
    server: SocketAddr,
    nickname: &str,
    terminal: Terminal,
) -> Check<Person> {
    let person = enters_with_name(harness, server, nickname, terminal, "nickname")?;
    person.sees("Connected to server!")?;
    Ok(person)
}

/// Like [`joins`], but first waits until the nickname is free, because the server may not notice immediately that the
/// nickname's owner is gone.
pub fn joins_when_free(server: &Server, nickname: &str) -> Check<Peer> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let peer = server.peer(nickname)?;
        peer.gets("NICK")?;
        peer.sends(nickname)?;
        if peer.hears_one_of(&[&format!("{nickname} joined!"), "Nickname refused: "])? == 0 {
            peer.hears("Connected to server!")?;
            return Ok(peer);
        }
        if Instant::now() > deadline {
            let came = "it is still refused";
            return Err(Failure::wrong(format!("{nickname} should have been"), "free again", came));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The ways in which a person can leave lab 2's chat.
pub const WAYS_OUT: [WayOut; 3] = ways_out(("types /quit", |person| person.types("/quit")));
