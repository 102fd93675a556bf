//! The four wires, as far as a load needs to know them: how to join, what a speaker sends, what others get.

use anyhow::{Context, Result};

/// How long the text of a message is, in bytes.
pub const TEXT: usize = 64;

/// How many digits tell the sender, at the beginning of a text.
pub const SENDER_DIGITS: usize = 4;

/// How long the word after the sender is, in bytes: a number, or what the message is for.
pub const WORD: usize = 12;

/// The room that everybody joins on wire 4.
const ROOM: &str = "bench";

/// A wire of the labs, or the same amount of bytes without any rules, as the relay passes them on.
#[derive(Clone, Copy)]
pub struct Wire {
    /// The lab's number.
    pub number: u32,
    /// Without the lab's rules: what is sent is what others get.
    pub is_relayed: bool,
}

/// What is around a text.
#[derive(Clone)]
pub struct Frame {
    /// The bytes before it.
    pub before: Vec<u8>,
    /// The bytes after it.
    pub after: Vec<u8>,
}

/// How a client gets in.
pub enum Joining {
    /// By connecting.
    Connect,
    /// This prompt comes, the name goes, and this welcome comes.
    Nickname {
        /// What the server says first.
        prompt: &'static [u8],
        /// What it says to a newcomer who is in.
        welcome: &'static [u8],
    },
    /// A request goes, and its reply comes.
    Request {
        /// The last field of the reply.
        last_field: &'static [u8],
    },
}

/// What the reply to a request told; messages must name it again.
#[derive(Clone)]
pub struct Joined {
    room_ref: String,
    join_id: String,
}

impl Default for Joined {
    fn default() -> Self {
        Self { room_ref: "1".to_owned(), join_id: "1".to_owned() }
    }
}

impl Joined {
    /// Reads the reply to a request of wire 4.
    ///
    /// # Errors
    /// When a field is missing.
    pub fn from_reply(reply: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(reply);
        let field = |name: &str| {
            let value = text.lines().rev().find_map(|line| line.strip_prefix(name));
            value
                .map(|value| value.trim().to_owned())
                .with_context(|| format!("no {name} in {text}"))
        };
        Ok(Self { room_ref: field("ROOM_REF:")?, join_id: field("JOIN_ID:")? })
    }
}

impl Wire {
    /// The load for the relay that is as many bytes to as many people.
    pub fn relayed(self) -> Self {
        Self { is_relayed: true, ..self }
    }

    /// Whether the speaker gets its own messages.
    pub fn echoes(self) -> bool {
        matches!(self.number, 2 | 4)
    }

    /// How a client gets in.
    pub fn joining(self) -> Joining {
        match self.number {
            2 if !self.is_relayed => {
                Joining::Nickname { prompt: b"NICK", welcome: b"Connected to server!\n" }
            }
            4 if !self.is_relayed => Joining::Request { last_field: b"JOIN_ID:" },
            _ => Joining::Connect,
        }
    }

    /// The request to join, on wire 4.
    pub fn request(name: &str) -> String {
        format!("JOIN_CHATROOM: {ROOM}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n")
    }

    /// What a speaker sends around its text.
    pub fn spoken(self, name: &str, joined: &Joined) -> Frame {
        let Joined { room_ref, join_id } = joined;
        match self.number {
            _ if self.is_relayed => self.heard(name, joined),
            1 => Frame::new("", "\n"),
            4 => Frame::new(
                &format!("CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}\nMESSAGE: "),
                "\n\n",
            ),
            _ => self.heard(name, joined),
        }
    }

    /// What others get around it.
    pub fn heard(self, name: &str, joined: &Joined) -> Frame {
        match self.number {
            1 => Frame::new("<127.0.0.1> ", "\n"),
            2 => Frame::new(&format!("{name}: "), "\n"),
            3 => {
                let prefix = format!("[{name}] : ");
                Frame::new(&format!("{:<64}{prefix}", prefix.len() + TEXT), "")
            }
            _ => Frame::new(
                &format!("CHAT: {}\nCLIENT_NAME: {name}\nMESSAGE: ", joined.room_ref),
                "\n\n",
            ),
        }
    }

    /// What others get when somebody is disconnected; nothing on some wires.
    pub fn farewell(self, name: &str, joined: &Joined) -> Vec<u8> {
        match self.number {
            _ if self.is_relayed => Vec::new(),
            2 => format!("{name} left!\n").into_bytes(),
            4 => {
                let Frame { mut before, after } = self.heard(name, joined);
                before.extend_from_slice(format!("{name} has left this chatroom.").as_bytes());
                before.extend_from_slice(&after);
                before
            }
            _ => Vec::new(),
        }
    }
}

impl Frame {
    fn new(before: &str, after: &str) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// A whole message of a sender with a word of [`WORD`] bytes.
    pub fn around(&self, sender: usize, word: &str) -> Vec<u8> {
        let head = format!("{sender:0SENDER_DIGITS$} {word:0>WORD$} ");
        let filling = b"the quick brown fox jumps over the lazy dog and runs away";
        let mut message = self.before.clone();
        message.extend_from_slice(head.as_bytes());
        message.extend_from_slice(&filling[..TEXT - head.len()]);
        message.extend_from_slice(&self.after);
        message
    }

    /// How long a message is, in bytes.
    pub fn message_len(&self) -> usize {
        self.before.len() + TEXT + self.after.len()
    }
}
