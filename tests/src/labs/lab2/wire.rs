//! Wire 2: the server asks `NICK`, and the client answers with its nickname.

use crate::harness::listener::Listener;
use crate::harness::peer::Peer;
use crate::harness::server::Server;
use crate::journal::failure::Check;

impl Server {
    /// Connects a scripted peer that answers `NICK` and is let in.
    ///
    /// # Errors
    /// When the server does not ask, or does not say that the newcomer is in.
    pub fn joins(&self, nickname: &str) -> Check<Peer> {
        let peer = self.peer(nickname)?;
        peer.gets("NICK")?;
        peer.sends(nickname)?;
        peer.hears(&format!("{nickname} joined!"))?;
        peer.hears("Connected to server!")?;
        Ok(peer)
    }

    /// Lets one after the other in; each hears of those who come later.
    ///
    /// # Errors
    /// As [`Server::joins`].
    pub fn group_joins(&self, nicknames: &[&str]) -> Check<Vec<Peer>> {
        let mut group: Vec<Peer> = Vec::new();
        for nickname in nicknames {
            let newcomer = self.joins(nickname)?;
            for member in &group {
                member.hears(&format!("{nickname} joined!"))?;
            }
            group.push(newcomer);
        }
        Ok(group)
    }
}

impl Listener {
    /// Plays the server's part until the client is in: asks, waits for `nickname`, and announces it.
    ///
    /// # Errors
    /// When the client does not connect or answer.
    pub fn lets_in(&self, nickname: &str) -> Check<Peer> {
        let peer = self.accepts("server")?;
        peer.sends("NICK")?;
        peer.gets(nickname)?;
        peer.says(&format!("{nickname} joined!"))?;
        peer.says("Connected to server!")?;
        Ok(peer)
    }
}
