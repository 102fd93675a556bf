//! The messages that were sent and the receivers that are still waiting for them. Every byte that arrives is compared
//! with the expected byte.
//!
//! All messages in one wire format have the same length. So a ring holds the messages in flight in the form in which
//! other people must receive them, and each check is a single memory comparison.

use anyhow::{Result, bail};

use crate::wire::{Frame, SENDER_DIGITS, WORD};

/// The maximum number of messages in flight from one sender. If the slowest receiver lags behind the sender by this
/// number of messages, the sender waits.
pub const WINDOW: u64 = 64;

/// The number of messages that are kept for each sender. This number is higher than the maximum in flight, so that an
/// old message is not mistaken for a new one.
const RING: usize = 128;

/// Replaces the number of the next message if a receiver must not receive the sender's messages.
const NEVER: u64 = u64::MAX;

/// The messages of all senders.
pub struct Ledger {
    message_len: usize,
    sender_at: usize,
    /// [`RING`] messages of each sender, as others receive them.
    heard: Vec<u8>,
    /// The number of receivers that are still waiting for each message in `heard`.
    unheard: Vec<u32>,
    senders: Vec<Sender>,
    /// The notices that say that a peer has been disconnected because it does not read. Each notice may arrive once,
    /// between messages.
    farewells: Vec<Vec<u8>>,
    listeners: u32,
    deliveries: u64,
}

struct Sender {
    /// The last message, as it was sent, with its number.
    spoken: Vec<u8>,
    word_at: usize,
    said: u64,
    heard_by_all: u64,
}

/// The state of one receiver.
pub struct Ear {
    number: usize,
    /// The number of the next message from each sender.
    next: Vec<u64>,
    farewells: Vec<bool>,
}

impl Ledger {
    /// Creates a ledger for senders whose messages are framed as `spoken`. Each message is received by `listeners`
    /// people, framed as `heard`.
    pub fn new(
        spoken: &[Frame],
        heard: &[Frame],
        listeners: usize,
        farewells: Vec<Vec<u8>>,
    ) -> Result<Self> {
        let message_len = heard[0].message_len();
        let mut ring = Vec::with_capacity(heard.len() * RING * message_len);
        for (number, frame) in heard.iter().enumerate() {
            // The initial content has no number, so it is not equal to any message.
            ring.extend(frame.around(number, "nothing").repeat(RING));
        }
        let senders = spoken.iter().enumerate().map(|(number, frame)| Sender {
            spoken: frame.around(number, ""),
            word_at: frame.before.len() + SENDER_DIGITS + 1,
            said: 0,
            heard_by_all: 0,
        });
        Ok(Self {
            message_len,
            sender_at: heard[0].before.len(),
            heard: ring,
            unheard: vec![0; heard.len() * RING],
            senders: senders.collect(),
            farewells,
            listeners: listeners.try_into()?,
            deliveries: 0,
        })
    }

    /// Returns the initial state of receiver `number`. A receiver does not receive its own messages unless the wire
    /// format `echoes`.
    pub fn ear(&self, number: usize, echoes: bool) -> Ear {
        let mut next = vec![0; self.senders.len()];
        if number < next.len() && !echoes {
            next[number] = NEVER;
        }
        Ear { number, next, farewells: vec![false; self.farewells.len()] }
    }

    /// Returns the total number of deliveries to all receivers so far.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Returns whether every receiver has received every message.
    pub fn is_settled(&self) -> bool {
        self.senders.iter().all(|sender| sender.said == sender.heard_by_all)
    }

    /// Appends to `out` all messages that a sender may send now.
    pub fn say(&mut self, number: usize, out: &mut Vec<u8>) {
        let sender = &mut self.senders[number];
        while sender.said < sender.heard_by_all + WINDOW {
            let slot = number * RING + ring_place(sender.said);
            let word = &mut sender.spoken[sender.word_at..][..WORD];
            write_number(word, sender.said);
            let heard = &mut self.heard[slot * self.message_len..][..self.message_len];
            heard[self.sender_at + SENDER_DIGITS + 1..][..WORD].copy_from_slice(word);
            self.unheard[slot] = self.listeners;
            sender.said += 1;
            out.extend_from_slice(&sender.spoken);
        }
    }

    /// Checks the bytes that have arrived at a receiver. Returns how many bytes belonged to complete messages.
    ///
    /// # Errors
    /// Returns an error if a message differs from the expected message.
    pub fn hear(&mut self, ear: &mut Ear, bytes: &[u8]) -> Result<usize> {
        let mut used = 0;
        while let Some(message) = bytes[used..].get(..self.message_len) {
            if self.is_next(ear, message) {
                used += self.message_len;
            } else {
                match self.farewell(ear, &bytes[used..]) {
                    Some(len) => used += len,
                    None => bail!(self.fault(ear, message)),
                }
            }
        }
        while let Some(len) = self.farewell(ear, &bytes[used..]) {
            used += len;
        }
        Ok(used)
    }

    /// Returns whether the message is the next one from its sender. If so, counts the message as delivered.
    fn is_next(&mut self, ear: &mut Ear, message: &[u8]) -> bool {
        let digits = &message[self.sender_at..][..SENDER_DIGITS];
        let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit & 15));
        let Some(next) = ear.next.get_mut(number).filter(|next| **next != NEVER) else {
            return false;
        };
        let slot = number * RING + ring_place(*next);
        let expected = &self.heard[slot * self.message_len..][..self.message_len];
        if message != expected {
            return false;
        }
        *next += 1;
        self.deliveries += 1;
        self.unheard[slot] -= 1;
        // Every receiver gets a sender's messages in order, so no receiver is still waiting for an earlier message.
        self.senders[number].heard_by_all += u64::from(self.unheard[slot] == 0);
        true
    }

    /// Returns the length of the farewell at the beginning of `bytes`, if there is one.
    fn farewell(&self, ear: &mut Ear, bytes: &[u8]) -> Option<usize> {
        let is_new = |&at: &usize| !ear.farewells[at] && bytes.starts_with(&self.farewells[at]);
        let at = (0..self.farewells.len()).find(is_new)?;
        ear.farewells[at] = true;
        Some(self.farewells[at].len())
    }

    fn fault(&self, ear: &Ear, got: &[u8]) -> String {
        let next = self.waits_for(ear);
        format!("receiver {} {next}, but received {:?}", ear.number, String::from_utf8_lossy(got))
    }

    /// Describes the messages for which a receiver is still waiting.
    pub fn waits_for(&self, ear: &Ear) -> String {
        let next = ear.next.iter().zip(&self.senders).enumerate();
        let waits = next.filter(|(_, (next, sender))| **next < sender.said);
        let waits: Vec<_> =
            waits.map(|(number, (next, _))| format!("{next} of {number}")).collect();
        format!("waits for the messages [{}]", waits.join(", "))
    }

    /// Returns whether a receiver has received every message.
    pub fn has_heard_all(&self, ear: &Ear) -> bool {
        ear.next.iter().zip(&self.senders).all(|(next, sender)| *next >= sender.said)
    }
}

/// Returns the position of a message in the ring of its sender.
fn ring_place(message: u64) -> usize {
    usize::try_from(message % RING as u64).unwrap_or_default()
}

fn write_number(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}
