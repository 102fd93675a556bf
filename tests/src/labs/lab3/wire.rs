//! Wire 3: a header of 64 bytes, and the payload whose length in bytes it tells.

use std::time::{Duration, Instant};

use crate::harness::peer::Peer;
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::TIMEOUT;

/// The length of a header, in bytes.
pub const HEADER: usize = 64;

/// A frame with `payload`.
pub fn frame(payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = format!("{:<HEADER$}", payload.len()).into_bytes();
    frame.extend_from_slice(payload);
    frame
}

impl Peer {
    /// Sends a frame.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn frames(&self, payload: impl AsRef<[u8]>) -> Check {
        self.sends(frame(payload))
    }

    /// Waits for a frame with this payload to come next.
    ///
    /// # Errors
    /// As soon as something else comes, or when it does not come.
    pub fn gets_frame(&self, payload: impl AsRef<[u8]>) -> Check {
        self.gets(frame(payload))
    }
}

impl Server {
    /// Connects scripted peers, and waits until each hears the others.
    ///
    /// # Errors
    /// As [`settle`].
    pub fn room_of(&self, names: &[&str]) -> Check<Vec<Peer>> {
        let peers = names.iter().map(|name| self.peer(name)).collect::<Check<Vec<_>>>()?;
        settle(&peers.iter().collect::<Vec<_>>())?;
        Ok(peers)
    }
}

/// Waits until each of the peers hears the others.
///
/// There is no welcome on this wire: that a peer is in shows only when it hears somebody. So the others
/// call it until it does, and in the end everybody passes over the calls.
///
/// # Errors
/// When one never hears anything.
pub fn settle(peers: &[&Peer]) -> Check {
    let calls_a_second = Duration::from_millis(20);
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
    Ok(())
}
