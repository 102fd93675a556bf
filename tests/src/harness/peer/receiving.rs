//! The steps in which a peer waits for bytes.

use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::SockRef;

use super::Peer;
use crate::journal::failure::{Check, Evidence, Failure};
use crate::journal::inbox::Arrived;
use crate::journal::is_server;
use crate::journal::timeout::TIMEOUT;
use crate::journal::visible::visible;

impl Peer {
    /// Waits for the next bytes, which must be `expected`.
    pub fn gets(&self, expected: impl AsRef<[u8]>) -> Check {
        self.gets_as("should have received", expected.as_ref())
    }

    /// Like [`Peer::gets`], but for the beginning of a message whose other parts are checked afterward.
    pub fn gets_beginning(&self, expected: impl AsRef<[u8]>) -> Check {
        self.gets_as("should have received a message that begins with", expected.as_ref())
    }

    fn gets_as(&self, what: &str, expected: &[u8]) -> Check {
        let has_come = self.takes(|rest| {
            let common = rest.len().min(expected.len());
            if rest[..common] != expected[..common] {
                return Next::Wrong;
            }
            if common == expected.len() { Next::Right(common) } else { Next::NotYet }
        });
        if has_come { Ok(()) } else { Err(self.wrong(what, expected)) }
    }

    /// Waits for messages from several speakers. The messages may be interleaved, but each speaker's messages must
    /// arrive in order.
    pub fn gets_interleaved(&self, said: &[Vec<Vec<u8>>]) -> Check {
        let mut left: Vec<&[Vec<u8>]> = said.iter().map(Vec::as_slice).collect();
        while left.iter().any(|messages| !messages.is_empty()) {
            let found = self.wait(|arrived| {
                let late = late_end(arrived.rest());
                let rest = &arrived.rest()[late..];
                let is_next = |messages: &&[Vec<u8>]| {
                    messages.first().is_some_and(|message| rest.starts_with(message))
                };
                let speaker = left.iter().position(is_next)?;
                arrived.taken += late + left[speaker][0].len();
                Some(speaker)
            });
            let Some(speaker) = found else {
                let next: Vec<_> = left.iter().filter_map(|messages| messages.first()).collect();
                let expected = next.into_iter().map(Vec::as_slice).collect::<Vec<_>>();
                let expected = expected.join(&b" or "[..]);
                return Err(self.wrong_message("should have received next", &expected));
            };
            left[speaker] = &left[speaker][1..];
        }
        Ok(())
    }

    /// Waits until the peer has received at least `count` bytes that the script has not accepted yet. This wait keeps a
    /// speaker from getting too far ahead of its receivers.
    pub fn has_got_at_least(&self, count: usize) -> Check {
        let found = self.wait(|arrived| (arrived.rest().len() >= count).then_some(()));
        found.ok_or_else(|| self.wrong(&format!("should have received {count} bytes"), b"..."))
    }

    /// Waits for all of these messages, in any order, and skips everything up to the end of the last one.
    pub fn skips_past(&self, all: &[Vec<u8>]) -> Check {
        let found = self.wait(|arrived| {
            let rest = arrived.rest();
            let ends = all.iter().map(|one| {
                rest.windows(one.len()).position(|window| window == one).map(|at| at + one.len())
            });
            let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max()?;
            arrived.taken += last;
            Some(())
        });
        found.ok_or_else(|| {
            let mut failure =
                self.wrong("should have received at some point", &all.join(&b" and "[..]));
            // None of the bytes that arrived is wrong.
            if let Failure::Wrong { evidence: Some(evidence), .. } = &mut failure {
                evidence.before.append(&mut evidence.rest);
            }
            failure
        })
    }

    /// Waits until the program closes the connection. If more data arrives before the end of the stream, the check
    /// fails.
    pub fn is_closed(&self) -> Check {
        let closed = self.inbox.wait(|arrived| {
            // A ⏎ may belong to the previous message, whose end the script does not check.
            if arrived.rest().iter().any(|&byte| byte != b'\n') {
                return Some(false);
            }
            arrived.end.map(|_| true)
        });
        if closed == Some(true) {
            return Ok(());
        }
        let rest = self.inbox.look(|arrived| arrived.rest()[late_end(arrived.rest())..].to_vec());
        if rest.is_empty() {
            return Err(self.still_open());
        }
        let who = format!("{} should have received", self.name);
        Err(self.journal.wrong(who, "only the end of the stream", visible(&rest)))
    }

    /// Waits until these bytes arrive, followed by the end of the stream.
    pub fn gets_last(&self, expected: impl AsRef<[u8]>) -> Check {
        self.gets(&expected)?;
        match self.hears_until_closed()?.as_slice() {
            [] => Ok(()),
            more => {
                let who = format!("{} should have received last", self.name);
                Err(Failure::wrong_bytes(
                    who,
                    expected.as_ref(),
                    &[expected.as_ref(), more].concat(),
                ))
            }
        }
    }

    /// Checks that the script has accepted everything that has arrived. Call this function only when a
    /// program that sends too early would certainly have sent something already.
    pub fn has_got_nothing(&self, when: &str) -> Check {
        self.inbox.look(|arrived| self.is_nothing(arrived.rest(), when))
    }

    /// Waits for the end of the stream and checks that no other bytes arrived before the end, not even a ⏎. Call this
    /// function for a program that has just been killed: when its stream ends, all its data has arrived.
    pub fn got_nothing_more(&self, when: &str) -> Check {
        self.is_nothing(&self.hears_until_closed()?, when)
    }

    /// Like [`Peer::got_nothing_more`], but checks only that the remaining bytes do not begin with a ⏎.
    pub fn got_no_newline(&self, when: &str) -> Check {
        let rest = self.hears_until_closed()?;
        self.is_nothing(&rest[..late_end(&rest)], when)
    }

    fn is_nothing(&self, came: &[u8], when: &str) -> Check {
        if came.is_empty() {
            return Ok(());
        }
        Err(self.journal.wrong(
            format!("{} should have received {when}", self.name),
            "nothing",
            visible(came),
        ))
    }

    /// Checks that the program has not closed the connection.
    pub fn is_connected(&self) -> Check {
        // The end of the stream may have arrived even if the reading thread has not read it yet.
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let next =
            SockRef::from(&*self.stream).recv_with_flags(&mut [MaybeUninit::uninit()], flags);
        let is_at_end = matches!(next, Ok(0));
        if !is_at_end && self.inbox.look(|arrived| arrived.end).is_none() {
            return Ok(());
        }
        let who = format!("{} should still be", self.name);
        Err(self.journal.wrong(who, "connected", "the connection was closed"))
    }

    /// Like [`Peer::is_closed`], but the connection must not end with a reset, which can discard the last bytes sent.
    pub fn is_closed_without_reset(&self) -> Check {
        self.is_closed()?;
        let end = self.inbox.look(|arrived| arrived.end);
        if end == Some("the connection was closed") {
            return Ok(());
        }
        Err(self.journal.wrong(self.should_be_closed(), "the end of the stream", end.unwrap_or("")))
    }

    /// Waits until the program has sent a reason and closed the connection.
    pub fn is_told_and_closed(&self) -> Check {
        let said = self.hears_until_closed()?;
        if said.iter().any(|&byte| byte != b'\n') {
            return Ok(());
        }
        let who = format!("{} should have been told", self.name);
        Err(self.journal.wrong(
            who,
            "why the connection is closed",
            "it was closed without a reason",
        ))
    }

    /// Waits until the connection is closed or reset. Returns the bytes that the script has not accepted yet.
    pub fn hears_until_closed(&self) -> Check<Vec<u8>> {
        let rest = self.inbox.wait(|arrived| {
            arrived.end?;
            let rest = arrived.rest().to_vec();
            arrived.taken = arrived.bytes.len();
            Some(rest)
        });
        rest.ok_or_else(|| self.still_open())
    }

    /// Calls `look` with the bytes that the script has not accepted yet, until `look` accepts the first of them or
    /// rejects them. Returns whether `look` accepted any bytes.
    pub(crate) fn takes(&self, look: impl Fn(&[u8]) -> Next) -> bool {
        let right = self.inbox.wait(|arrived| match look(arrived.rest()) {
            Next::NotYet => None,
            Next::Wrong => Some(false),
            Next::Right(length) => {
                arrived.taken += length;
                Some(true)
            }
        });
        right == Some(true)
    }

    fn still_open(&self) -> Failure {
        let came = format!("it is still open after {} s", TIMEOUT.as_secs());
        self.journal.wrong(self.should_be_closed(), "the end of the stream", came)
    }

    fn should_be_closed(&self) -> String {
        if is_server(&self.name) {
            // If the script plays the server, the client is the program under test.
            return format!("{} should have closed its connection", self.other);
        }
        format!("{}'s connection should have been closed", self.name)
    }

    pub(crate) fn wrong(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_after(0, what, expected)
    }

    /// Like [`Peer::wrong`], but ignores the ⏎ of the previous message.
    pub(crate) fn wrong_message(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_after(self.inbox.look(|arrived| late_end(arrived.rest())), what, expected)
    }

    fn wrong_after(&self, skipped: usize, what: &str, expected: &[u8]) -> Failure {
        self.journal.found_wrong();
        let (before, rest, end) = self.inbox.look(|arrived| {
            let (before, rest) = arrived.bytes.split_at(arrived.taken + skipped);
            (before.to_vec(), rest.to_vec(), arrived.end)
        });
        let mut failure = Failure::wrong_bytes(format!("{} {what}", self.name), expected, &rest);
        if let (Failure::Wrong { came, .. }, Some(end)) = (&mut failure, end) {
            let _ = write!(came, " ({end})");
        }
        let (name, expected) = (self.name.clone(), expected.to_vec());
        failure.with(Evidence { name, expected, before, rest, is_screen: false })
    }

    /// Returns whether bytes have arrived that the script has not accepted yet. Waits for these bytes at most `limit`.
    pub(crate) fn has_got_anything(&self, limit: Duration) -> bool {
        self.inbox.wait_for(limit, |arrived| (!arrived.rest().is_empty()).then_some(())).is_some()
    }

    /// Calls `look` with the bytes that have arrived, until `look` returns a value.
    pub(crate) fn wait<T>(&self, look: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        self.inbox.wait(look)
    }
}

/// Returns the number of bytes that may belong to the previous message, whose end the script does not check.
pub fn late_end(rest: &[u8]) -> usize {
    rest.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count()
}

/// The result of checking the next bytes.
pub enum Next {
    /// More bytes are needed.
    NotYet,
    /// The bytes differ from the expected bytes.
    Wrong,
    /// The expected bytes have arrived; the value is the number of bytes.
    Right(usize),
}
