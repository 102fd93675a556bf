//! People in a conversation: they send, receive, and check every byte that arrives.
//!
//! The load generator has only one thread so that it uses at most one processor and leaves the others to the server.
//! During a session, this thread never sleeps. Otherwise, a send that has to wake it would take the server half as long
//! again, and luck would decide how many sends have to. On a network, a server never wakes its clients.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::SockRef;

use crate::ledger::{Ear, Ledger};
use crate::mistake::{Found, Mistake};
use crate::people::{Person, gather};
use crate::wire::Wire;

/// If nothing arrives for this long, something was lost.
const STALLED: Duration = Duration::from_secs(5);

/// The maximum time between the sending of the last message and the arrival of all messages.
const SETTLES: Duration = Duration::from_secs(20);

/// How long a receiver continues to read after it has received a wrong message. If the expected message arrives within
/// this time, it was not lost.
const LATE: Duration = Duration::from_millis(300);

/// The maximum number of bytes per read. This is more than is ever in flight to one receiver.
const READ: usize = 256 * 1024;

/// The maximum number of events per wake-up.
const EVENTS: usize = 1024;

/// How many people of each kind take part in a session.
#[derive(Clone, Copy, Debug)]
pub struct People {
    /// The number of people who send messages.
    pub senders: usize,
    /// The number of people who read messages, including the senders.
    pub receivers: usize,
    /// The number of additional people who join but do not read messages.
    pub deaf: usize,
}

/// People who have joined, and the messages in flight between them.
pub struct Session {
    /// The messages that were sent, and who has received them.
    pub ledger: Ledger,
    epoll: Epoll,
    receivers: Vec<Receiver>,
    deaf: Vec<Person>,
    /// For each sender, the bytes that its socket has not accepted yet.
    unsent: Vec<Vec<u8>>,
    events: Vec<EpollEvent>,
    bytes: Vec<u8>,
    /// The number of deliveries at the end of the last call of [`Session::turn`], and the time at which such a call
    /// last ended with more deliveries than before or with no messages in flight.
    progress: (u64, Instant),
    stopped: Option<Instant>,
}

struct Receiver {
    person: Person,
    ear: Ear,
    /// The beginning of an incomplete message.
    begun: Vec<u8>,
}

impl Session {
    /// Connects the people and waits until all of them have joined. At most `window` messages from a sender will be in
    /// flight.
    ///
    /// # Errors
    /// Returns an error if a client cannot join.
    pub fn begin(address: SocketAddr, wire: Wire, people: People, window: u64) -> Result<Self> {
        let People { senders, receivers, deaf } = people;
        let names = (0..receivers).map(|number| format!("p{number:04}"));
        let deaf_names = (0..deaf).map(|number| format!("d{number:04}"));
        let mut people = gather(address, wire, names.chain(deaf_names), senders)?;
        let deaf = people.split_off(receivers);
        let ledger = ledger_of(wire, senders, window, &people, &deaf)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut receivers = Vec::with_capacity(people.len());
        for (number, mut person) in people.into_iter().enumerate() {
            person.stream.set_nonblocking(true)?;
            // On an interactive connection, Linux acknowledges later and then on the server's processor. A client that
            // has replied to a prompt is interactive, but the relay has no prompt. This call makes all connections
            // equal (TCP_QUICKACK in tcp(7)).
            SockRef::from(&person.stream).set_tcp_quickack(true)?;
            epoll.add(&person.stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            let begun = std::mem::take(&mut person.unread);
            receivers.push(Receiver { person, ear: ledger.ear(number, wire.echoes()), begun });
        }
        Ok(Self {
            ledger,
            epoll,
            receivers,
            deaf,
            unsent: vec![Vec::new(); senders],
            events: vec![EpollEvent::empty(); EVENTS],
            bytes: vec![0; READ],
            progress: (0, Instant::now()),
            stopped: None,
        })
    }

    /// Queues a sender's next message, unless too many of its messages are in flight. Returns whether the message was
    /// queued.
    pub fn say(&mut self, sender: usize) -> bool {
        self.ledger.say(sender, &mut self.unsent[sender])
    }

    /// For each sender, queues all messages that it may send now.
    pub fn say_all(&mut self) {
        for sender in 0..self.unsent.len() {
            while self.say(sender) {}
        }
    }

    /// Notes that no more messages will be queued, so the messages in flight must arrive soon.
    pub fn stop(&mut self) {
        self.stopped.get_or_insert_with(Instant::now);
    }

    /// Sends as many bytes as the sockets accept now.
    ///
    /// # Errors
    /// Returns an error if a sender was disconnected.
    pub fn send(&mut self) -> Result<()> {
        for (receiver, unsent) in self.receivers.iter_mut().zip(&mut self.unsent) {
            if unsent.is_empty() {
                continue;
            }
            match receiver.person.stream.write(unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{} cannot send", receiver.person.name));
                }
            }
        }
        Ok(())
    }

    /// Checks everything that has arrived, without waiting. Calls `heard` with the numbers of the messages that a
    /// receiver has received from the first sender. Returns whether something has arrived.
    ///
    /// # Errors
    /// Returns [`Found`] if a receiver receives a wrong message, or if nothing has arrived for a long time. Returns
    /// another error if a receiver was disconnected.
    pub fn turn(&mut self, heard: &mut impl FnMut(Range<u64>)) -> Result<bool> {
        let count = match self.epoll.wait(&mut self.events, EpollTimeout::ZERO) {
            // After Ctrl-Z and `fg`, the system interrupts the call.
            Err(Errno::EINTR) => 0,
            count => count?,
        };
        if count == 0 {
            // On a machine with one processor, the server needs it now.
            thread::yield_now();
        }
        for at in 0..count {
            let receiver = &mut self.receivers[usize::try_from(self.events[at].data())?];
            let before = receiver.ear.next[0];
            receiver.receive(&mut self.ledger, &mut self.bytes)?;
            if receiver.ear.next[0] > before {
                heard(before..receiver.ear.next[0]);
            }
        }
        let (now, deliveries) = (Instant::now(), self.ledger.deliveries());
        if self.progress.0 != deliveries || self.ledger.is_settled() {
            self.progress = (deliveries, now);
        }
        let late = self.stopped.is_some_and(|since| now - since > SETTLES);
        if late || now - self.progress.1 > STALLED {
            let slow =
                self.receivers.iter().find(|receiver| !self.ledger.has_heard_all(&receiver.ear));
            let slow = slow.map_or_else(String::new, |slow| {
                format!(": {} {}", slow.person.name, self.ledger.waits_for(&slow.ear))
            });
            let sentence = if late {
                format!("messages are missing after {} s{slow}", SETTLES.as_secs())
            } else {
                format!("nothing has arrived for {} s{slow}", STALLED.as_secs())
            };
            bail!(Found { mistake: Mistake::Stalled, sentence });
        }
        Ok(count > 0)
    }

    /// Checks that no receiver has received more than was sent. Returns the people who have read nothing since they
    /// joined.
    ///
    /// # Errors
    /// Returns an error if a receiver has received more than was sent.
    pub fn end(self) -> Result<Vec<Person>> {
        for receiver in &self.receivers {
            let more = String::from_utf8_lossy(&receiver.begun);
            ensure!(
                more.is_empty(),
                Found {
                    mistake: Mistake::Changed,
                    sentence: format!(
                        "{} received more than was sent: {more:?}",
                        receiver.person.name
                    ),
                }
            );
        }
        Ok(self.deaf)
    }
}

impl Receiver {
    /// Reads and checks the bytes that have arrived.
    fn receive(&mut self, ledger: &mut Ledger, bytes: &mut [u8]) -> Result<()> {
        let Self { person, ear, begun } = self;
        let kept = begun.len();
        bytes[..kept].copy_from_slice(begun);
        let count = match person.stream.read(&mut bytes[kept..]) {
            Ok(0) => bail!("{} was disconnected", person.name),
            Ok(count) => kept + count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot read", person.name));
            }
        };
        let (used, is_wrong) = ledger.hear(ear, &bytes[..count]);
        begun.clear();
        begun.extend_from_slice(&bytes[used..count]);
        if is_wrong {
            person.read_for(LATE, begun)?;
            bail!(ledger.mistake(ear, &person.name, begun));
        }
        Ok(())
    }
}

fn ledger_of(
    wire: Wire,
    senders: usize,
    window: u64,
    people: &[Person],
    deaf: &[Person],
) -> Result<Ledger> {
    let talkers = &people[..senders];
    let spoken: Vec<_> = talkers.iter().map(|one| wire.spoken(&one.name, &one.joined)).collect();
    let heard: Vec<_> = talkers.iter().map(|one| wire.heard(&one.name, &one.joined)).collect();
    let all = people.iter().chain(deaf);
    let greetings = all.map(|one| wire.greeting(&one.name, &one.joined));
    let farewells = deaf.iter().map(|one| wire.farewell(&one.name, &one.joined));
    let notices = greetings.chain(farewells).filter(|notice| !notice.is_empty()).collect();
    let listeners = if wire.echoes() { people.len() } else { people.len() - 1 };
    Ledger::new(&spoken, &heard, listeners, window, notices)
}
