//! Finds a client's nickname in its messages.

use crate::network::messages;
use crate::network::way::Way;

/// How many bytes at the beginning of a client's stream are searched for the nickname.
const MOST: usize = 512;

/// Finds the nickname in the bytes from a client.
pub struct Names {
    lab: u32,
    begun: Vec<u8>,
    is_settled: bool,
}

impl Names {
    /// Creates the initial state for a client in this lab.
    pub fn new(lab: u32) -> Self {
        // Wire format 1 has no nicknames.
        Self { lab, begun: Vec::new(), is_settled: lab == 1 }
    }

    /// Reads more bytes. Returns the nickname as soon as it is found, but only once.
    pub fn read(&mut self, way: Way, bytes: &[u8]) -> Option<String> {
        if self.is_settled {
            return None;
        }
        if way == Way::ToServer {
            let room = MOST.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let text = String::from_utf8_lossy(&self.begun);
        let name = match self.lab {
            // Some clients send the nickname without a newline. In that case, only the server's reply shows that the
            // nickname is complete.
            2 => match text.split_once('\n') {
                Some((name, _)) => Some(name),
                None => (way == Way::ToClient).then_some(&*text),
            },
            3 => {
                let payload = messages::frame(&self.begun).map(|frame| frame.after);
                let text = payload.and_then(|payload| str::from_utf8(payload).ok());
                text.and_then(|text| Some(text.strip_prefix('[')?.split_once("] :")?.0))
            }
            _ => {
                let after = text.split_once("CLIENT_NAME:").map(|(_, after)| after);
                after.and_then(|after| Some(after.split_once('\n')?.0))
            }
        };
        let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        self.is_settled = name.is_some() || self.begun.len() >= MOST;
        name
    }
}

#[cfg(test)]
mod tests {
    use super::Names;
    use crate::network::way::Way::{ToClient, ToServer};

    #[test]
    fn each_wire_shows_nicknames_in_its_own_way() {
        let join = b"JOIN_CHATROOM: r\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: ann\n";
        let frame = format!("{:<64}[ann] : hi", 10);
        for (lab, sent) in [(2, &b"ann\n"[..]), (3, frame.as_bytes()), (4, join)] {
            let mut names = Names::new(lab);
            let found: Vec<_> =
                sent.chunks(1).filter_map(|byte| names.read(ToServer, byte)).collect();
            assert_eq!(found, ["ann"], "{lab}");
            assert_eq!(names.read(ToServer, sent), None);
        }
        let mut names = Names::new(2);
        assert_eq!(names.read(ToClient, b"NICK"), None);
        assert_eq!(names.read(ToServer, b"ann"), None);
        assert_eq!(names.read(ToClient, b"ann joined!\n"), Some("ann".to_owned()));
        let mut names = Names::new(3);
        assert_eq!(names.read(ToServer, &[b'['; 10_000]), None);
        assert!(names.is_settled && names.begun.len() == super::MOST);
    }
}
