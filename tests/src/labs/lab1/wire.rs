//! Wire 1, and what people do on it.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::TIMEOUT;
use crate::labs::checks::{WayOut, ways_out};

pub const WELCOME: &str = "Welcome to this chatroom!";
pub const FULL: &str = "The chatroom is full";

/// Longer than the 2048 bytes that the original reads at once.
pub const LONG: usize = 5000;

/// Longer than any message may be, in bytes.
pub const TOO_LONG: usize = 70_000;

pub fn from(text: &str) -> String {
    format!("<127.0.0.1> {text}")
}

pub fn enters(server: &Server, name: &str) -> Check<Peer> {
    let peer = server.peer(name)?;
    peer.hears(WELCOME)?;
    Ok(peer)
}

/// What one says, the other hears.
pub fn talk(harness: &Harness, speaker: &Peer, listener: &Peer) -> Check {
    let line = harness.words(3);
    speaker.says(&line)?;
    listener.hears(&from(&line))
}

/// The ways in which a person leaves.
pub const WAYS_OUT: [WayOut; 3] = ways_out(("types quit", |person| person.types("quit")));

/// Three lines.
pub fn lines(harness: &Harness) -> Vec<String> {
    (0..3).map(|_| harness.words(2)).collect()
}

/// A seat is free as soon as its owner is gone, which the server learns a moment later than we do: tries again until
/// then. `tries` answers whether there was a seat.
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

pub fn enters_when_free(server: &Server, name: &str) -> Check<Peer> {
    when_free(|| {
        let peer = server.peer(name)?;
        let is_in = peer.hears_one_of(&[WELCOME, FULL])? == 0;
        Ok((peer, is_in))
    })
}

/// As [`enters_when_free`], for somebody at a terminal.
pub fn starts_when_free(harness: &Harness, server: &Server, name: &str) -> Check<Person> {
    when_free(|| {
        let person = harness.client(name, server.address())?;
        let is_in = person.sees_one_of(&[WELCOME, FULL])? == 0;
        Ok((person, is_in))
    })
}
