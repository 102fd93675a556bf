//! Connects people and waits until all of them have joined.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;

use crate::wire::{Frame, Joined, Joining, ROOM, Wire};

/// A person who is waiting for something gives up if nothing arrives for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time limit for everyone to connect and join, in addition to [`FOR_EACH`].
const ALL_IN: Duration = Duration::from_mins(1);

/// The additional time for each person. When ten thousand people join in lab 2, the server sends fifty million
/// messages.
const FOR_EACH: Duration = Duration::from_millis(20);

/// The time after which the probe is sent again, because a receiver may have joined after the last probe.
const PROBE_AGAIN: Duration = Duration::from_millis(50);

/// The maximum number of people in a lab 4 room when nobody talks.
const ROOM_FOR: usize = 100;

/// The maximum number of people. With more people, their names would not all have the same length.
pub const MOST_PEOPLE: usize = 10_000;

/// A connected client.
pub struct Person {
    /// The name. All names have the same length.
    pub name: String,
    /// The connection.
    pub stream: TcpStream,
    /// The values that the server assigned to this member.
    pub joined: Joined,
    /// The received bytes that have not been processed yet.
    pub(crate) unread: Vec<u8>,
    room: String,
    /// The time at which this person stops waiting for anything.
    deadline: Instant,
}

/// Connects people and waits until all of them have joined. In lab 4, people join rooms of 100 people each.
///
/// # Errors
/// Returns an error if a client cannot join.
pub fn arrive(address: SocketAddr, wire: Wire, count: usize) -> Result<Vec<Person>> {
    ensure!(count <= MOST_PEOPLE, "at most {MOST_PEOPLE} people can arrive");
    let names =
        (0..count).map(|number| (format!("p{number:04}"), format!("{ROOM}{}", number / ROOM_FOR)));
    let mut people = join(address, wire, names.collect())?;
    // In labs 1 and 3, the server does not confirm that a client has joined.
    if matches!(wire.joining(), Joining::Connect) {
        probe(&mut people, wire)?;
    }
    Ok(people)
}

/// Connects people and waits until everyone receives messages from each of the first `senders` people.
///
/// A successful connection does not show whether the client has joined, and the notices about other joins must not be
/// mistaken for messages. So the first client sends messages until each of the other clients has received a message.
/// Then every sender sends one last message. When these last messages have arrived, no messages other than notices are
/// still in flight.
///
/// # Errors
/// Returns an error if a client cannot join or does not receive a sender's messages.
pub fn gather(
    address: SocketAddr,
    wire: Wire,
    names: impl Iterator<Item = String>,
    senders: usize,
) -> Result<Vec<Person>> {
    let names = names.map(|name| (name, ROOM.to_owned()));
    let mut people = join(address, wire, names.collect())?;
    probe(&mut people, wire)?;
    // At least two senders are needed, because in a wire format without echo, a single sender would receive no messages.
    let last_messages = 0..senders.max(2).min(people.len());
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
        if heard.is_none() {
            let missing = all.clone().find(|(_, fence)| end_of(&person.unread, fence).is_none());
            let sender = missing.map_or(0, |(sender, _)| sender);
            bail!("{} did not receive a message from p{sender:04}", person.name);
        }
    }
    Ok(people)
}

/// Connects people, each with a name and a room, and waits until the server has confirmed that they have joined.
fn join(address: SocketAddr, wire: Wire, names: Vec<(String, String)>) -> Result<Vec<Person>> {
    let time = ALL_IN + FOR_EACH * u32::try_from(names.len())?;
    let deadline = Instant::now() + time;
    let in_time = || {
        ensure!(Instant::now() < deadline, "connecting took more than {} s", time.as_secs());
        Ok(())
    };
    let mut people = Vec::new();
    for (name, room) in names {
        people.push(Person::connect(address, name, room, deadline)?);
        in_time()?;
    }
    // All clients send their requests before any of them waits, so that the server can announce many joins together.
    for person in &mut people {
        person.ask_to_join(wire)?;
        in_time()?;
    }
    for person in &mut people {
        person.finish_joining(wire)?;
    }
    Ok(people)
}

/// Makes the first client send messages until each of the other clients has received a message.
fn probe(people: &mut [Person], wire: Wire) -> Result<()> {
    let Some((first, others)) = people.split_first_mut() else { return Ok(()) };
    let probe = first.heard(wire).around(0, "probe");
    first.say(wire, 0, "probe")?;
    for other in others {
        let deadline = other.deadline.min(Instant::now() + PATIENCE);
        while other.wait_for(PROBE_AGAIN, |bytes| end_of(bytes, &probe))?.is_none() {
            let is_late = Instant::now() >= deadline;
            ensure!(!is_late, "{} received nothing from {}", other.name, first.name);
            first.say(wire, 0, "probe")?;
        }
    }
    Ok(())
}

impl Person {
    fn connect(address: SocketAddr, name: String, room: String, deadline: Instant) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("{name} cannot connect"))?;
        stream.set_nodelay(true)?;
        let (joined, unread) = (Joined::default(), Vec::new());
        Ok(Self { name, stream, joined, unread, room, deadline })
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
                self.stream.write_all(Wire::request(&self.name, &self.room).as_bytes())?;
            }
        }
        Ok(())
    }

    /// Waits until the server confirms that this client has joined. The client receives nothing until its turn comes.
    fn finish_joining(&mut self, wire: Wire) -> Result<()> {
        let reply = match wire.joining() {
            Joining::Connect => return Ok(()),
            Joining::Nickname { welcome, .. } => {
                self.wait_for(ALL_IN, |bytes| end_of(bytes, welcome))?
            }
            Joining::Request { last_field } => self.wait_for(ALL_IN, |bytes| {
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
    fn heard(&self, wire: Wire) -> Frame {
        wire.heard(&self.name, &self.joined)
    }

    fn say(&mut self, wire: Wire, number: usize, word: &str) -> Result<()> {
        let message = wire.spoken(&self.name, &self.joined).around(number, word);
        Ok(self.stream.write_all(&message)?)
    }

    /// Reads until `end` finds the end of the expected bytes, and returns all bytes up to that point. Returns `None` if
    /// nothing arrives for `patience`, or if the end does not arrive before this person's deadline.
    fn wait_for(
        &mut self,
        patience: Duration,
        end: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Option<Vec<u8>>> {
        let mut give_up = self.deadline.min(Instant::now() + patience);
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(end) = end(&self.unread) {
                return Ok(Some(self.unread.drain(..end).collect()));
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("{} was disconnected before the start", self.name),
                Ok(count) => {
                    self.unread.extend_from_slice(&chunk[..count]);
                    give_up = self.deadline.min(Instant::now() + patience);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context(format!("{} cannot read", self.name)),
            }
        }
    }

    /// Appends to `bytes` everything that arrives within `time`, up to a limit.
    ///
    /// # Errors
    /// Returns an error if the connection cannot be read.
    pub(crate) fn read_for(&mut self, time: Duration, bytes: &mut Vec<u8>) -> Result<()> {
        const MOST: usize = 1024 * 1024;
        let deadline = Instant::now() + time;
        self.stream.set_nonblocking(false)?;
        let mut chunk = [0; 16 * 1024];
        while bytes.len() < MOST {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
                _ => break,
            }
        }
        Ok(())
    }

    /// Discards everything that has arrived. Returns whether this call read any bytes from the connection.
    ///
    /// # Errors
    /// Returns an error if the server has closed the connection.
    pub fn discard(&mut self) -> Result<bool> {
        self.unread.clear();
        self.stream.set_nonblocking(true)?;
        let mut chunk = [0; 16 * 1024];
        let mut has_read = false;
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("{} was disconnected", self.name),
                Ok(_) => has_read = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(has_read),
                Err(error) => return Err(error).context(format!("{} cannot read", self.name)),
            }
        }
    }
}

/// Returns whether the server has closed the connection of a client that has read nothing for a while.
///
/// # Errors
/// Returns any connection error except a connection reset.
pub fn was_disconnected(mut person: Person) -> Result<bool> {
    /// More bytes than the buffers of two sockets can hold in total.
    const MOST: usize = 64 * 1024 * 1024;
    person.stream.set_nonblocking(false)?;
    person.stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut chunk = vec![0; 256 * 1024];
    let mut read = 0;
    while read < MOST {
        match person.stream.read(&mut chunk) {
            Ok(0) => return Ok(true),
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Returns the position after the first occurrence of `part` in `bytes`.
fn end_of(bytes: &[u8], part: &[u8]) -> Option<usize> {
    Some(memmem::find(bytes, part)? + part.len())
}
