//! Wire format 3: a 64-byte header that contains the payload's length in bytes, then the payload.

use std::net::SocketAddr;
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

/// The length of a header, in bytes.
pub const HEADER: usize = 64;

/// Returns a frame with `payload`.
pub fn frame(payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = format!("{:<HEADER$}", payload.len()).into_bytes();
    frame.extend_from_slice(payload);
    frame
}

impl Peer {
    /// Sends a frame.
    pub fn frames(&self, payload: impl AsRef<[u8]>) -> Check {
        self.sends(frame(payload))
    }

    /// Waits for the next frame, which must have this payload.
    pub fn gets_frame(&self, payload: impl AsRef<[u8]>) -> Check {
        self.gets(frame(payload))
    }
}

/// Connects scripted peers and waits until each has joined.
pub fn all_join(server: &Server, names: &[&str]) -> Check<Vec<Peer>> {
    let peers = names.iter().map(|name| server.peer(name)).collect::<Check<Vec<_>>>()?;
    settle(&peers.iter().collect::<Vec<_>>())?;
    Ok(peers)
}

/// Waits until each peer has joined.
///
/// This wire format has no welcome: a peer knows that it has joined only when it receives another peer's message. So
/// for each newcomer, another peer repeats a message until the newcomer receives it. Once all peers have joined, every
/// peer skips the repeated messages that it has received.
pub fn settle(peers: &[&Peer]) -> Check {
    let calls_a_second = Duration::from_millis(20);
    let begin = peers.first().map(|peer| peer.now());
    for (at, newcomer) in peers.iter().enumerate() {
        let caller = peers[(at + 1) % peers.len()];
        let call = format!("[{}] : {}?", caller.name(), newcomer.name());
        let deadline = Instant::now() + TIMEOUT;
        loop {
            caller.frames(&call)?;
            if newcomer.has_got_anything(calls_a_second) {
                break;
            }
            if Instant::now() > deadline {
                let who = format!("{} should have heard", newcomer.name());
                return Err(Failure::wrong(who, call, "nothing"));
            }
        }
    }
    let last = |peer: &Peer| format!("[{}] : ready", peer.name());
    peers.iter().try_for_each(|peer| peer.frames(last(peer)))?;
    for (at, listener) in peers.iter().enumerate() {
        let others = peers.iter().enumerate().filter(|(other, _)| *other != at);
        let calls: Vec<_> = others.map(|(_, peer)| frame(last(peer))).collect();
        listener.skips_past(&calls)?;
    }
    for (peer, begin) in peers.first().into_iter().zip(begin) {
        peer.has_joined_with_all(begin);
    }
    Ok(())
}

/// Message texts with fewer characters than bytes.
pub const SHORT_BUT_LONG: [&str; 4] = ["café ok", "naïve ☕", "日本語", "🦀 and 👩‍🚀"];

/// Makes one peer send a random message, which the other peers must receive.
pub fn talk(harness: &Harness, speaker: &Peer, others: &[&Peer]) -> Check {
    let payload = format!("[{}] : {}", speaker.name(), harness.words(3));
    speaker.frames(&payload)?;
    others.iter().try_for_each(|listener| listener.gets_frame(&payload))
}

/// Like [`enters`], but with a scripted server.
pub fn client(harness: &Harness, listener: &Listener, name: &str) -> Check<(Person, Peer)> {
    let person = enters(harness, listener.address()?, name, Terminal::Dumb)?;
    Ok((person, listener.accepts("server")?))
}

/// Starts a client and answers its prompt for a name. The client may not have joined yet: see [`gather`].
pub fn enters(
    harness: &Harness,
    server: SocketAddr,
    name: &str,
    terminal: Terminal,
) -> Check<Person> {
    enters_with_name(harness, server, name, terminal, "name")
}

/// Waits until everyone has joined: for each newcomer, every other person repeats a message until the newcomer sees it.
pub fn gather(people: &[(&str, &Person)]) -> Check {
    let begin = people.first().map(|(_, person)| person.now());
    for (name, newcomer) in people {
        for (caller, other) in people.iter().filter(|(caller, _)| caller != name) {
            let call = format!("{name}?");
            newcomer.sees_when(&format!("[{caller}] : {call}"), || other.types(&call))?;
        }
    }
    for ((_, person), begin) in people.first().into_iter().zip(begin) {
        person.has_joined_with_all(begin);
    }
    Ok(())
}

/// Returns the line that the server prints to show how many clients are connected.
pub fn active(count: usize) -> String {
    format!("[SERVER] active connections = {count}")
}

/// The ways in which a person can leave lab 3's chat.
pub const WAYS_OUT: [WayOut; 3] =
    ways_out(("types !DISCONNECT", |person| person.types("!DISCONNECT")));
