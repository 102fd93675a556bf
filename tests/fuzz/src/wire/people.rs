//! Two people who talk with each other on a server and notice when anything is wrong with what they hear.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use grader::crowd::wire::{Heard, enter, hear, say};

use crate::wire::shared::Shared;

/// The maximum time for a message to arrive.
pub const LIMIT: Duration = Duration::from_secs(10);

/// The room in which the two people talk. No hostile peer's script contains the name of this room.
const ROOM: &str = "a quiet place";

/// The text with which all messages of the two people begin. No hostile peer's script contains this text.
const MARK: &str = "between us: ";

/// One of the two people.
pub struct Person {
    lab: u32,
    name: &'static str,
    stream: TcpStream,
    heard: Arc<Shared<State>>,
    /// The number of messages that this person has sent.
    said: u64,
}

#[derive(Default)]
struct State {
    /// The room's reference, in wire format 4.
    reference: Option<String>,
    has_joined: bool,
    /// The numbers of the other person's messages that have arrived and that `hears` has not taken yet.
    messages: VecDeque<u64>,
    wrong: Option<String>,
}

impl Person {
    /// Joins the chat.
    ///
    /// # Errors
    /// Returns an error if the person cannot join.
    pub fn join(
        lab: u32,
        name: &'static str,
        other: &'static str,
        server: SocketAddr,
    ) -> Result<Self, String> {
        let io = |error: std::io::Error| format!("{name} cannot join: {error}");
        let mut stream = TcpStream::connect(server).map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        stream.set_write_timeout(Some(LIMIT)).map_err(io)?;
        if lab == 4 {
            stream.write_all(&enter(name, ROOM)).map_err(io)?;
        }
        let heard = Arc::new(Shared::default());
        let (reader, hearing) = (stream.try_clone().map_err(io)?, Arc::clone(&heard));
        let ear = Ear { lab, name, other, asked: false, next: 1 };
        thread::spawn(move || listen(&hearing, ear, reader));
        let person = Self { lab, name, stream, heard, said: 0 };
        person
            .wait(|state| (lab == 3 || state.has_joined).then_some(()))
            .map_err(|why| format!("{name}: {why}"))?;
        Ok(person)
    }

    /// Says something.
    ///
    /// # Errors
    /// Returns an error if the person is no longer connected.
    pub fn speak(&mut self) -> Result<(), String> {
        self.said += 1;
        let reference = self.heard.lock().reference.clone();
        let text = format!("{MARK}{} says {}", self.name, self.said);
        let bytes = say(self.lab, self.name, &reference.unwrap_or_default(), &text);
        self.stream
            .write_all(&bytes)
            .map_err(|error| format!("{} cannot speak: {error}", self.name))
    }

    /// Waits until this person has received the other person's last message and all messages before it.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub fn hears(&self, other: &Self) -> Result<(), String> {
        let is_last = |state: &mut State| {
            while let Some(number) = state.messages.pop_front() {
                if number == other.said {
                    return Some(());
                }
            }
            None
        };
        self.wait(is_last).map_err(|why| format!("{}: {why}", self.name))
    }

    fn wait<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> Result<T, String> {
        let ready = |state: &mut State| match &state.wrong {
            Some(wrong) => Some(Err(wrong.clone())),
            None => ready(state).map(Ok),
        };
        self.heard
            .wait(Instant::now() + LIMIT, ready)
            .unwrap_or_else(|| Err(format!("the expected message did not arrive within {LIMIT:?}")))
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // The listening thread also holds the stream.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

fn listen(heard: &Shared<State>, mut ear: Ear, mut stream: TcpStream) {
    let (mut arrived, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let count = stream.read(&mut bytes).unwrap_or(0);
        arrived.extend_from_slice(&bytes[..count]);
        let mut used = 0;
        let is_over = heard.change(|state| {
            while let Some((heard, length)) = hear(ear.lab, &arrived[used..], ear.asked) {
                let message = &arrived[used..used + length];
                if heard == Heard::Nick {
                    let _ = stream.write_all(ear.name.as_bytes());
                }
                if let Err(why) = ear.take(heard, message, state) {
                    let shown: String =
                        String::from_utf8_lossy(message).chars().take(200).collect();
                    state.wrong.get_or_insert(format!("{why}: {shown:?}"));
                }
                used += length;
            }
            if count == 0 {
                state.wrong.get_or_insert("the server has ended the connection".to_owned());
            }
            state.wrong.is_some()
        });
        if is_over {
            return;
        }
        arrived.drain(..used);
    }
}

/// Interprets and checks the messages that a person hears.
struct Ear {
    lab: u32,
    name: &'static str,
    other: &'static str,
    asked: bool,
    /// The number of the other person's next message.
    next: u64,
}

impl Ear {
    fn take(&mut self, heard: Heard, message: &[u8], state: &mut State) -> Result<(), String> {
        self.asked = true;
        let text = str::from_utf8(message).map_err(|_| "this is not UTF-8".to_owned())?;
        match heard {
            Heard::Welcome | Heard::Connected => state.has_joined = true,
            Heard::Entered { reference, .. } => {
                state.reference = Some(reference);
                state.has_joined = true;
            }
            Heard::Nick if text == "NICK" => {}
            Heard::Joined { .. } if self.lab != 3 => {}
            Heard::Left { name, .. }
                if self.lab == 2 && name != self.name && name != self.other => {}
            // In wire format 3, anyone can say anything under any name.
            Heard::Left { .. } if self.lab == 3 => {}
            Heard::Said { name, text, .. } => return self.said(name.as_deref(), &text, state),
            Heard::Other => return self.other(text),
            Heard::Nick
            | Heard::Refused
            | Heard::Exited { .. }
            | Heard::Error
            | Heard::Joined { .. }
            | Heard::Left { .. } => {
                return Err("this should not have arrived".to_owned());
            }
        }
        Ok(())
    }

    fn said(&mut self, name: Option<&str>, text: &str, state: &mut State) -> Result<(), String> {
        let Some(words) = text.strip_prefix(MARK) else {
            // In wire format 2, nobody else can use the two people's names; in wire format 4, nobody else is in
            // their room.
            let is_theirs = self.lab == 4
                || self.lab == 2 && (name == Some(self.name) || name == Some(self.other));
            return if is_theirs {
                Err("neither of the two has sent this".to_owned())
            } else {
                Ok(())
            };
        };
        let Some((speaker, number)) = words.split_once(" says ") else {
            return Err("this message has changed".to_owned());
        };
        if name.is_some_and(|name| name != speaker) {
            return Err("this message has the wrong name".to_owned());
        }
        if speaker == self.name && matches!(self.lab, 2 | 4) {
            return Ok(());
        }
        if speaker != self.other || number != self.next.to_string() {
            return Err(format!(
                "the next message of {} should be number {}",
                self.other, self.next
            ));
        }
        state.messages.push_back(self.next);
        self.next += 1;
        Ok(())
    }

    /// Checks a message that [`hear`] does not recognize.
    fn other(&self, text: &str) -> Result<(), String> {
        let line = text.trim_end_matches('\n');
        let is_right = match self.lab {
            2 => [" joined!", " left!"].iter().any(|end| line.ends_with(end)),
            3 => {
                let (header, payload) = text.split_at_checked(64).unwrap_or_default();
                header == format!("{:<64}", payload.len())
            }
            _ => false,
        };
        if is_right { Ok(()) } else { Err("this is not a message of this wire format".to_owned()) }
    }
}
