//! Connects people and waits until all have joined and no bytes are still on their way.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::wire::{Joined, Joining, Wire};

/// The timeout of every wait for something that must arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time after which the probe is sent again, because a receiver may have joined after the last probe.
const PROBE_AGAIN: Duration = Duration::from_millis(50);

/// A connected client.
pub struct Person {
    /// The name. All names have the same length.
    pub name: String,
    /// The connection.
    pub stream: TcpStream,
    /// The values that the server assigned to this member.
    pub joined: Joined,
    /// The received bytes that have not been processed yet.
    unread: Vec<u8>,
}

/// Connects people and waits until everyone receives messages from the first `senders` of them.
///
/// A successful connect does not show whether the client has joined, and the notices about other joins must not be
/// mistaken for messages. So the first client sends messages until each of the other clients has received a message.
/// Then every sender sends one last message. When these last messages have arrived, no other messages are still on
/// their way.
///
/// # Errors
/// Returns an error if a client cannot join or does not receive a sender's messages.
pub fn gather(
    address: SocketAddr,
    wire: Wire,
    names: impl Iterator<Item = String>,
    senders: usize,
) -> Result<Vec<Person>> {
    let mut people =
        names.map(|name| Person::connect(address, name)).collect::<Result<Vec<_>>>()?;
    // All clients send their requests before any of them waits, so that the server can announce many joins together.
    for person in &mut people {
        person.ask_to_join(wire)?;
    }
    for person in &mut people {
        person.finish_joining(wire)?;
    }
    probe(&mut people, wire)?;
    // At least two senders are needed, because a single sender would receive no message in a wire format without echo.
    let last_messages = 0..senders.max(2);
    let fences =
        last_messages.clone().map(|number| people[number].heard(wire).around(number, "fence"));
    let fences: Vec<_> = fences.collect();
    for number in last_messages {
        people[number].say(wire, number, "fence")?;
    }
    for (number, person) in people.iter_mut().enumerate() {
        let is_heard = |sender: usize| sender != number || wire.echoes();
        let all = fences.iter().enumerate().filter(|(sender, _)| is_heard(*sender));
        let last = |bytes: &[u8]| {
            all.clone().try_fold(0, |last, (_, fence)| Some(end_of(bytes, fence)?.max(last)))
        };
        let heard = person.wait_for(PATIENCE, last)?;
        ensure!(heard.is_some(), "{} received nothing from some sender", person.name);
        ensure!(person.unread.is_empty(), "{} received more than was sent", person.name);
    }
    Ok(people)
}

/// Makes the first client send messages until each of the other clients has received a message.
fn probe(people: &mut [Person], wire: Wire) -> Result<()> {
    let Some((first, others)) = people.split_first_mut() else { return Ok(()) };
    let probe = first.heard(wire).around(0, "probe");
    first.say(wire, 0, "probe")?;
    let begin = Instant::now();
    for other in others {
        while other.wait_for(PROBE_AGAIN, |bytes| end_of(bytes, &probe))?.is_none() {
            ensure!(
                begin.elapsed() < PATIENCE,
                "{} received nothing from the first sender",
                other.name
            );
            first.say(wire, 0, "probe")?;
        }
    }
    Ok(())
}

impl Person {
    fn connect(address: SocketAddr, name: String) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("{name} cannot connect"))?;
        stream.set_nodelay(true)?;
        Ok(Self { name, stream, joined: Joined::default(), unread: Vec::new() })
    }

    /// Sends the client's name or its request to join.
    fn ask_to_join(&mut self, wire: Wire) -> Result<()> {
        match wire.joining() {
            Joining::Connect => {}
            Joining::Nickname { prompt, .. } => {
                let asked = self.wait_for(PATIENCE, |bytes| end_of(bytes, prompt))?;
                ensure!(asked.is_some(), "{} was not asked for a nickname", self.name);
                self.stream.write_all(self.name.as_bytes())?;
            }
            Joining::Request { .. } => {
                self.stream.write_all(Wire::request(&self.name).as_bytes())?;
            }
        }
        Ok(())
    }

    /// Waits until the server confirms that this client has joined.
    fn finish_joining(&mut self, wire: Wire) -> Result<()> {
        let reply = match wire.joining() {
            Joining::Connect => return Ok(()),
            Joining::Nickname { welcome, .. } => {
                self.wait_for(PATIENCE, |bytes| end_of(bytes, welcome))?
            }
            Joining::Request { last_field } => self.wait_for(PATIENCE, |bytes| {
                let field = end_of(bytes, last_field)?;
                Some(field + end_of(&bytes[field..], b"\n")?)
            })?,
        };
        let reply = reply.with_context(|| format!("{} could not join", self.name))?;
        if matches!(wire.joining(), Joining::Request { .. }) {
            self.joined = Joined::from_reply(&reply)?;
        }
        Ok(())
    }

    /// Returns the frame in which others receive this client's messages.
    fn heard(&self, wire: Wire) -> crate::wire::Frame {
        wire.heard(&self.name, &self.joined)
    }

    fn say(&mut self, wire: Wire, number: usize, word: &str) -> Result<()> {
        let message = wire.spoken(&self.name, &self.joined).around(number, word);
        Ok(self.stream.write_all(&message)?)
    }

    /// Reads until `end` finds the end of the expected bytes and returns all bytes up to that point. Returns `None` if
    /// the end does not arrive in time.
    fn wait_for(
        &mut self,
        patience: Duration,
        end: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(end) = end(&self.unread) {
                return Ok(Some(self.unread.drain(..end).collect()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("{} was disconnected before the start", self.name),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns whether the server has closed the connection of this client, which has not read for a while.
    ///
    /// # Errors
    /// Returns any connection error, except the end of the connection.
    pub fn was_disconnected(mut self) -> Result<bool> {
        /// More bytes than the buffers of two sockets can hold in total.
        const MOST: usize = 64 * 1024 * 1024;
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut chunk = vec![0; 256 * 1024];
        let mut read = 0;
        while read < MOST {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(true),
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

/// Returns the position after the first occurrence of `part` in `bytes`.
fn end_of(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let begin = bytes.windows(part.len()).position(|window| window == part)?;
    Some(begin + part.len())
}
