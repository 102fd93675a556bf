//! People who have joined and are ready: nothing is on its way to anybody any more.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::wire::{Joined, Joining, Wire};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time without an answer somebody may not have been in when it was said.
const PROBE_AGAIN: Duration = Duration::from_millis(50);

/// One who is connected.
pub struct Person {
    /// The name, of the same length for everybody.
    pub name: String,
    /// The connection.
    pub stream: TcpStream,
    /// What the server has said about this member.
    pub joined: Joined,
    /// What has come and was not looked at.
    unread: Vec<u8>,
}

/// Connects people, and waits until every one of them hears the first `senders` of them.
///
/// Connecting does not tell when one is in, and what is told of the joins of others must not be taken for a message. So
/// the first sends until everybody has heard it once; then every sender sends one last message, behind which nothing is
/// on its way.
///
/// # Errors
/// When somebody does not get in, or does not hear a sender.
pub fn gather(
    address: SocketAddr,
    wire: Wire,
    names: impl Iterator<Item = String>,
    senders: usize,
) -> Result<Vec<Person>> {
    let mut people =
        names.map(|name| Person::connect(address, name)).collect::<Result<Vec<_>>>()?;
    // All ask before one waits, so that the server can tell of many joins at once.
    for person in &mut people {
        person.ask_in(wire)?;
    }
    for person in &mut people {
        person.get_in(wire)?;
    }
    probe(&mut people, wire)?;
    // (two, or a single sender on a wire without echo would hear none)
    let last_words = 0..senders.max(2);
    let fences =
        last_words.clone().map(|number| people[number].heard(wire).around(number, "fence"));
    let fences: Vec<_> = fences.collect();
    for number in last_words {
        people[number].say(wire, number, "fence")?;
    }
    for (number, person) in people.iter_mut().enumerate() {
        let is_heard = |sender: usize| sender != number || wire.echoes();
        let all = fences.iter().enumerate().filter(|(sender, _)| is_heard(*sender));
        let last = |bytes: &[u8]| {
            all.clone().try_fold(0, |last, (_, fence)| Some(end_of(bytes, fence)?.max(last)))
        };
        let heard = person.wait_for(PATIENCE, last)?;
        ensure!(heard.is_some(), "{} does not hear every sender", person.name);
        ensure!(person.unread.is_empty(), "{} got more than was said", person.name);
    }
    Ok(people)
}

/// Lets the first speak until everybody else has heard it.
fn probe(people: &mut [Person], wire: Wire) -> Result<()> {
    let Some((first, others)) = people.split_first_mut() else { return Ok(()) };
    let probe = first.heard(wire).around(0, "probe");
    first.say(wire, 0, "probe")?;
    let begin = Instant::now();
    for other in others {
        while other.wait_for(PROBE_AGAIN, |bytes| end_of(bytes, &probe))?.is_none() {
            ensure!(begin.elapsed() < PATIENCE, "{} does not hear the first", other.name);
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

    /// Sends what a newcomer sends.
    fn ask_in(&mut self, wire: Wire) -> Result<()> {
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

    /// Waits until the server says that this one is in.
    fn get_in(&mut self, wire: Wire) -> Result<()> {
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
        let reply = reply.with_context(|| format!("{} did not get in", self.name))?;
        if matches!(wire.joining(), Joining::Request { .. }) {
            self.joined = Joined::from_reply(&reply)?;
        }
        Ok(())
    }

    /// What others get of this one's messages.
    fn heard(&self, wire: Wire) -> crate::wire::Frame {
        wire.heard(&self.name, &self.joined)
    }

    fn say(&mut self, wire: Wire, number: usize, word: &str) -> Result<()> {
        let message = wire.spoken(&self.name, &self.joined).around(number, word);
        Ok(self.stream.write_all(&message)?)
    }

    /// Reads until `end` finds the end of something, and takes all up to there; nothing when it does not come in time.
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

    /// Whether the other side has ended the connection of this one, who has not read for a while.
    ///
    /// # Errors
    /// What the connection reports, except its end.
    pub fn was_disconnected(mut self) -> Result<bool> {
        /// More than the buffers of two sockets hold, in bytes.
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

/// Where the first `part` in `bytes` ends.
fn end_of(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let begin = bytes.windows(part.len()).position(|window| window == part)?;
    Some(begin + part.len())
}
