//! The messages that were sent, and the receivers that are still waiting for them. Every byte that arrives is compared
//! with the expected byte.
//!
//! All messages in one wire format have the same length. So a ring buffer can hold the messages in flight exactly as
//! other people must receive them, and each check is a single memory comparison.

use anyhow::Result;

use crate::mistake::{Found, Mistake};
use crate::wire::{Frame, SENDER_DIGITS, WORD};

/// In [`Ear::next`], marks a sender whose messages the receiver must not receive.
const NEVER: u64 = u64::MAX;

/// The maximum number of missing messages that an error lists.
const MOST_NAMED: usize = 3;

/// The messages from all senders.
pub struct Ledger {
    message_len: usize,
    sender_at: usize,
    /// The maximum number of messages in flight from one sender.
    window: u64,
    /// The number of messages that are kept for each sender. This number is higher than `window` so that an old message
    /// is not mistaken for a new one.
    ring: usize,
    /// The last `ring` messages from each sender, as other people receive them.
    heard: Vec<u8>,
    /// The number of receivers that are still waiting for each message in `heard`.
    unheard: Vec<u32>,
    senders: Vec<Sender>,
    /// The notices that say that people have joined, or that people who did not read were disconnected. Each notice may
    /// arrive once, between messages.
    notices: Vec<Vec<u8>>,
    listeners: u32,
    deliveries: u64,
}

struct Sender {
    /// The sender's last message as it was sent, including its number.
    spoken: Vec<u8>,
    word_at: usize,
    said: u64,
    heard_by_all: u64,
}

/// The state of one receiver.
pub struct Ear {
    /// The number of the next message expected from each sender.
    pub(crate) next: Vec<u64>,
    notices: Vec<bool>,
}

impl Ledger {
    /// Creates a ledger. For each sender, `spoken` contains the bytes around each text that the sender sends, and
    /// `heard` contains the bytes around the same text when other people receive it. Each message has `listeners`
    /// receivers. At most `window` messages from a sender are in flight.
    ///
    /// # Errors
    /// Returns an error if there are too many listeners or messages.
    pub fn new(
        spoken: &[Frame],
        heard: &[Frame],
        listeners: usize,
        window: u64,
        notices: Vec<Vec<u8>>,
    ) -> Result<Self> {
        let message_len = heard[0].message_len();
        let ring = 2 * usize::try_from(window)?;
        let mut kept = Vec::with_capacity(heard.len() * ring * message_len);
        for (number, frame) in heard.iter().enumerate() {
            // The initial content has no number, so it is not equal to any message.
            kept.extend(frame.around(number, "nothing").repeat(ring));
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
            window,
            ring,
            heard: kept,
            unheard: vec![0; heard.len() * ring],
            senders: senders.collect(),
            notices,
            listeners: listeners.try_into()?,
            deliveries: 0,
        })
    }

    /// Returns the initial state of receiver `number`. A receiver receives its own messages only if `echoes` is true.
    pub fn ear(&self, number: usize, echoes: bool) -> Ear {
        let mut next = vec![0; self.senders.len()];
        if number < next.len() && !echoes {
            next[number] = NEVER;
        }
        Ear { next, notices: vec![false; self.notices.len()] }
    }

    /// Returns the number of bytes that were sent to each receiver.
    pub fn sent(&self) -> u64 {
        self.senders.iter().map(|sender| sender.said).sum::<u64>() * self.message_len as u64
    }

    /// Returns the total number of deliveries to all receivers so far.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Returns whether every receiver has received every message.
    pub fn is_settled(&self) -> bool {
        self.senders.iter().all(|sender| sender.said == sender.heard_by_all)
    }

    /// Appends a sender's next message to `out`, unless too many of its messages are in flight. Returns whether the
    /// message was appended.
    pub fn say(&mut self, number: usize, out: &mut Vec<u8>) -> bool {
        let sender = &mut self.senders[number];
        if sender.said >= sender.heard_by_all + self.window {
            return false;
        }
        let slot = number * self.ring + place(sender.said, self.ring);
        let word = &mut sender.spoken[sender.word_at..][..WORD];
        write_number(word, sender.said);
        let heard = &mut self.heard[slot * self.message_len..][..self.message_len];
        heard[self.sender_at + SENDER_DIGITS + 1..][..WORD].copy_from_slice(word);
        self.unheard[slot] = self.listeners;
        sender.said += 1;
        out.extend_from_slice(&sender.spoken);
        true
    }

    /// Checks the bytes that have arrived at a receiver. Returns how many bytes belonged to complete messages, and
    /// whether the message after these bytes differs from the expected message.
    pub fn hear(&mut self, ear: &mut Ear, bytes: &[u8]) -> (usize, bool) {
        let mut used = 0;
        while let Some(message) = bytes[used..].get(..self.message_len) {
            if self.is_next(ear, message) {
                used += self.message_len;
            } else {
                match self.notice(ear, &bytes[used..]) {
                    Some(len) => used += len,
                    None => return (used, true),
                }
            }
        }
        while used < bytes.len() {
            let Some(len) = self.notice(ear, &bytes[used..]) else { break };
            used += len;
        }
        (used, false)
    }

    /// Returns whether the message is the next one from its sender. If so, counts the message as delivered.
    fn is_next(&mut self, ear: &mut Ear, message: &[u8]) -> bool {
        let digits = &message[self.sender_at..][..SENDER_DIGITS];
        let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit & 15));
        let Some(next) = ear.next.get_mut(number).filter(|next| **next != NEVER) else {
            return false;
        };
        let slot = number * self.ring + place(*next, self.ring);
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

    /// Returns the length of the notice at the beginning of `bytes`, if there is one.
    fn notice(&self, ear: &mut Ear, bytes: &[u8]) -> Option<usize> {
        let is_new = |&at: &usize| !ear.notices[at] && bytes.starts_with(&self.notices[at]);
        let at = (0..self.notices.len()).find(is_new)?;
        ear.notices[at] = true;
        Some(self.notices[at].len())
    }

    /// Returns the mistake that the message at the beginning of `bytes` reveals. `bytes` also contains what has arrived
    /// since, so that a late message can be distinguished from a lost one.
    pub fn mistake(&self, ear: &Ear, name: &str, bytes: &[u8]) -> Found {
        let got = &bytes[..bytes.len().min(self.message_len)];
        let found = |mistake, sentence| Found { mistake, sentence };
        let Some((sender, word)) = self.parse(got) else {
            let (waits, got) = (self.waits_for(ear), String::from_utf8_lossy(got));
            return found(Mistake::Changed, format!("{name} {waits}, but received {got:?}"));
        };
        let next = ear.next[sender];
        let Ok(number) = word.parse::<u64>() else {
            let word = word.trim_start_matches('0');
            let what = format!("{name} received the message \"{word}\" from p{sender:04} again");
            return found(Mistake::Twice, what);
        };
        if next == NEVER {
            let what = format!("{name} received its own message {number}");
            return found(Mistake::Own, what);
        }
        if number < next {
            let what = format!("{name} received message {number} from p{sender:04} again");
            return found(Mistake::Twice, what);
        }
        if number == next {
            let what =
                format!("{name} received message {number} from p{sender:04} with different bytes");
            return found(Mistake::Changed, what);
        }
        let mut expected = vec![b'0'; WORD];
        write_number(&mut expected, next);
        let expected = [format!("{sender:0SENDER_DIGITS$} ").as_bytes(), &expected].concat();
        let is_late = bytes.windows(expected.len()).any(|window| window == expected);
        let mistake = if is_late { Mistake::OutOfOrder } else { Mistake::Lost };
        let instead = if is_late { "before" } else { "instead of" };
        let what =
            format!("{name} received message {number} from p{sender:04} {instead} message {next}");
        found(mistake, what)
    }

    /// Returns the sender's number and the word in a message, or `None` if the other bytes of the message are not
    /// those of this sender's frame.
    fn parse<'a>(&self, message: &'a [u8]) -> Option<(usize, &'a str)> {
        let text = std::str::from_utf8(message.get(self.sender_at..)?).ok()?;
        let sender: usize = text.get(..SENDER_DIGITS)?.parse().ok()?;
        let word_at = self.sender_at + SENDER_DIGITS + 1;
        let kept = self.heard.get(sender * self.ring * self.message_len..)?;
        let is_framed = message.len() == self.message_len
            && kept.len() >= self.message_len
            && kept[..word_at] == message[..word_at]
            && kept[word_at + WORD..self.message_len] == message[word_at + WORD..];
        is_framed.then_some((sender, text.get(SENDER_DIGITS + 1..)?.get(..WORD)?))
    }

    /// Describes the messages that a receiver is still waiting for.
    pub fn waits_for(&self, ear: &Ear) -> String {
        let next = ear.next.iter().zip(&self.senders).enumerate();
        let waits = next.filter(|(_, (next, sender))| **next < sender.said);
        let waits: Vec<_> =
            waits.map(|(number, (next, _))| format!("{next} from p{number:04}")).collect();
        let more = waits.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = &waits[..waits.len().min(MOST_NAMED)];
        format!("waits for message {}{more}", named.join(", "))
    }

    /// Returns whether a receiver has received every message.
    pub fn has_heard_all(&self, ear: &Ear) -> bool {
        ear.next.iter().zip(&self.senders).all(|(next, sender)| *next >= sender.said)
    }
}

/// Returns a message's position in its sender's ring buffer.
fn place(message: u64, ring: usize) -> usize {
    usize::try_from(message % ring as u64).unwrap_or_default()
}

fn write_number(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}
