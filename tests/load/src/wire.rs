//! The parts of the four wire formats that the load generator needs: how to join, what to send, and what others
//! receive.

use anyhow::{Context, Result};

/// The length of a message's text, in bytes.
pub const TEXT: usize = 64;

/// The number of digits in the sender's number at the beginning of each text.
pub const SENDER_DIGITS: usize = 4;

/// The length, in bytes, of the word after the sender's number. The word is either the message's number or a
/// label, such as `probe`.
pub const WORD: usize = 12;

/// The lab 4 room in which people talk.
pub const ROOM: &str = "bench";

/// The wire format of a lab, or the relay's version of this format. The relay does not parse messages, so only their
/// length matters.
#[derive(Clone, Copy)]
pub struct Wire {
    /// The lab's number.
    pub number: u32,
    /// Whether the lab's rules are ignored, so that the other people receive exactly what is sent.
    pub is_relayed: bool,
}

/// The bytes before and after a message's text.
#[derive(Clone)]
pub struct Frame {
    /// The bytes before the text.
    pub before: Vec<u8>,
    /// The bytes after the text.
    pub after: Vec<u8>,
}

/// How a client joins.
pub enum Joining {
    /// The client joins by connecting and sends no request.
    Connect,
    /// The client receives this prompt, sends its name, and receives this welcome.
    Nickname {
        /// The server's first message.
        prompt: &'static [u8],
        /// The server's message after the client has joined.
        welcome: &'static [u8],
    },
    /// The client sends a request and receives the reply.
    Request {
        /// The last field of the reply.
        last_field: &'static [u8],
    },
}

/// The values that a client receives in the reply to its request and that its messages must contain.
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
    /// Parses the reply to a request to join a room in lab 4.
    ///
    /// # Errors
    /// Returns an error if a field is missing.
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
    /// Returns the wire format that the relay uses instead of `self`. In both formats, the messages that clients
    /// receive have the same length.
    #[must_use]
    pub fn relayed(self) -> Self {
        Self { is_relayed: true, ..self }
    }

    /// Returns whether a sender receives its own messages.
    pub fn echoes(self) -> bool {
        matches!(self.number, 2 | 4)
    }

    /// Returns what a client must do to join: only connect, send a nickname, or send a request.
    pub fn joining(self) -> Joining {
        match self.number {
            2 if !self.is_relayed => {
                Joining::Nickname { prompt: b"NICK", welcome: b"Connected to server!\n" }
            }
            4 if !self.is_relayed => Joining::Request { last_field: b"JOIN_ID:" },
            _ => Joining::Connect,
        }
    }

    /// Returns the request to join a room in lab 4.
    pub fn request(name: &str, room: &str) -> String {
        format!("JOIN_CHATROOM: {room}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n")
    }

    /// Returns the frame that a sender puts around its text.
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

    /// Returns the frame in which others receive the text.
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

    /// Returns the message that all members receive when a member has joined. Returns an empty message if the wire
    /// format has no such message.
    pub fn greeting(self, name: &str, joined: &Joined) -> Vec<u8> {
        self.notice(name, joined, "joined!", "has joined this chatroom.")
    }

    /// Returns the message that the other members receive when a member is disconnected. Returns an empty message if
    /// the wire format has no such message.
    pub fn farewell(self, name: &str, joined: &Joined) -> Vec<u8> {
        self.notice(name, joined, "left!", "has left this chatroom.")
    }

    fn notice(self, name: &str, joined: &Joined, in_lab_2: &str, in_lab_4: &str) -> Vec<u8> {
        match self.number {
            _ if self.is_relayed => Vec::new(),
            2 => format!("{name} {in_lab_2}\n").into_bytes(),
            4 => {
                let Frame { mut before, after } = self.heard(name, joined);
                before.extend_from_slice(format!("{name} {in_lab_4}").as_bytes());
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

    /// Returns a complete message from a sender, with `word` padded to [`WORD`] bytes.
    pub fn around(&self, sender: usize, word: &str) -> Vec<u8> {
        let head = format!("{sender:0SENDER_DIGITS$} {word:0>WORD$} ");
        let filling = b"the quick brown fox jumps over the lazy dog and runs away";
        let mut message = self.before.clone();
        message.extend_from_slice(head.as_bytes());
        message.extend_from_slice(&filling[..TEXT - head.len()]);
        message.extend_from_slice(&self.after);
        message
    }

    /// Returns the length of a message, in bytes.
    pub fn message_len(&self) -> usize {
        self.before.len() + TEXT + self.after.len()
    }
}
