//! Wire format 1, and the steps shared by the peers and people who use it.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::terminal::Terminal;
use crate::journal::timeout::TIMEOUT;
use crate::labs::checks::{WayOut, ways_out};

/// The message that the server sends to every client that gets a seat.
pub const WELCOME: &str = "Welcome to this chatroom!";
/// The message that the server sends to a client when no seat is free.
pub const FULL: &str = "The chatroom is full";

/// The length of a long message: more than the 2048 bytes that the original server reads in one call.
pub const LONG: usize = 5000;

/// Returns the message that the server relays when a client sends `text`.
pub fn from(text: &str) -> String {
    format!("<127.0.0.1> {text}")
}

/// Connects a scripted peer and waits until it has joined.
pub fn joins(server: &Server, name: &str) -> Check<Peer> {
    let peer = server.peer(name)?;
    peer.hears(WELCOME)?;
    Ok(peer)
}

/// Starts a client and waits until it has joined.
pub fn enters(
    harness: &Harness,
    server: SocketAddr,
    name: &str,
    terminal: Terminal,
) -> Check<Person> {
    let person = harness.client_at(name, server, terminal)?;
    person.sees(WELCOME)?;
    Ok(person)
}

/// Makes one peer send a random message, which the other peer must receive.
pub fn talk(harness: &Harness, speaker: &Peer, listener: &Peer) -> Check {
    let line = harness.words(3);
    speaker.says(&line)?;
    listener.hears(&from(&line))
}

/// The ways in which a person can leave lab 1's chat.
pub const WAYS_OUT: [WayOut; 3] = ways_out(("types quit", |person| person.types("quit")));

/// Returns three lines.
pub fn lines(harness: &Harness) -> Vec<String> {
    (0..3).map(|_| harness.words(2)).collect()
}

/// Repeats `tries` until a seat is free, because the server may not notice immediately that a client is gone. `tries`
/// also returns whether there was a free seat.
pub fn when_free<T>(tries: impl Fn() -> Check<(T, bool)>) -> Check<T> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let (newcomer, is_in) = tries()?;
        if is_in {
            return Ok(newcomer);
        }
        if Instant::now() > deadline {
            return Err(Failure::wrong("there should have been", "a free seat", FULL));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Like [`joins`], but first waits for a free seat.
pub fn joins_when_free(server: &Server, name: &str) -> Check<Peer> {
    when_free(|| {
        let peer = server.peer(name)?;
        let is_in = peer.hears_one_of(&[WELCOME, FULL])? == 0;
        Ok((peer, is_in))
    })
}

/// Like [`enters`], but first waits for a free seat.
pub fn enters_when_free(harness: &Harness, server: &Server, name: &str) -> Check<Person> {
    when_free(|| {
        let person = harness.client(name, server.address())?;
        let is_in = person.sees_one_of(&[WELCOME, FULL])? == 0;
        Ok((person, is_in))
    })
}
