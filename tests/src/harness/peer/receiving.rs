//! What a peer waits for.

use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::SockRef;

use super::Peer;
use crate::journal::failure::{Check, Evidence, Failure};
use crate::journal::inbox::{Arrived, TIMEOUT};
use crate::journal::is_server;
use crate::journal::visible::visible;

impl Peer {
    /// Waits until all the bytes in `expected` come next.
    pub fn gets(&self, expected: impl AsRef<[u8]>) -> Check {
        let expected = expected.as_ref();
        let has_come = self.takes(|rest| {
            let common = rest.len().min(expected.len());
            if rest[..common] != expected[..common] {
                return Next::Wrong;
            }
            if common == expected.len() { Next::Right(common) } else { Next::NotYet }
        });
        if has_come { Ok(()) } else { Err(self.wrong("should have got", expected)) }
    }

    /// Waits for what several speakers have said, which comes mixed, but each speaker's in its order.
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
                return Err(self.wrong_message("should have got next", &expected));
            };
            left[speaker] = &left[speaker][1..];
        }
        Ok(())
    }

    /// Waits until so many bytes have come that were not taken yet: for a speaker who must not be faster than
    /// those who listen.
    pub fn has_got_at_least(&self, count: usize) -> Check {
        let found = self.wait(|arrived| (arrived.rest().len() >= count).then_some(()));
        found.ok_or_else(|| self.wrong(&format!("should have got {count} bytes"), b"..."))
    }

    /// Passes over everything up to the last of these.
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
        found.ok_or_else(|| self.wrong("should have got sooner or later", &all.join(&b" and "[..])))
    }

    /// Waits until the program closes the connection; before that nothing more may come.
    pub fn is_closed(&self) -> Check {
        let closed = self.inbox.wait(|arrived| {
            // (a ⏎ that nobody asked for is the end of what was heard before)
            if arrived.rest().iter().any(|&byte| byte != b'\n') {
                return Some(false);
            }
            arrived.end.map(|_| true)
        });
        if closed == Some(true) {
            return Ok(());
        }
        let who = self.should_be_closed();
        let came = self.inbox.look(|arrived| match &arrived.rest()[late_end(arrived.rest())..] {
            [] => format!("it is still open after {} s", TIMEOUT.as_secs()),
            rest => visible(rest),
        });
        Err(self.journal.wrong(who, "the end of the stream", came))
    }

    /// Waits until these bytes come, and nothing but the end of the stream after them.
    pub fn gets_last(&self, expected: impl AsRef<[u8]>) -> Check {
        self.gets(&expected)?;
        match self.hears_until_closed()?.as_slice() {
            [] => Ok(()),
            more => {
                let who = format!("{} should have got as the last words", self.name);
                Err(Failure::wrong_bytes(
                    who,
                    expected.as_ref(),
                    &[expected.as_ref(), more].concat(),
                ))
            }
        }
    }

    /// Nothing has come that was not taken yet; for a time when a program that is too early has had time enough.
    pub fn has_got_nothing(&self, when: &str) -> Check {
        self.inbox.look(|arrived| self.is_nothing(arrived.rest(), when))
    }

    /// For a program that was just killed, so that all that it has sent is here when the stream ends: that was nothing
    /// more, not even a ⏎.
    pub fn got_nothing_more(&self, when: &str) -> Check {
        self.is_nothing(&self.hears_until_closed()?, when)
    }

    /// As [`Peer::got_nothing_more`], when it is only a ⏎ that must not have come next.
    pub fn got_no_newline(&self, when: &str) -> Check {
        let rest = self.hears_until_closed()?;
        self.is_nothing(&rest[..late_end(&rest)], when)
    }

    fn is_nothing(&self, came: &[u8], when: &str) -> Check {
        if came.is_empty() {
            return Ok(());
        }
        Err(self.journal.wrong(
            format!("{} should have got {when}", self.name),
            "nothing",
            visible(came),
        ))
    }

    /// The program has not closed the connection so far.
    pub fn is_connected(&self) -> Check {
        // (the end may have arrived without having been read yet)
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let next =
            SockRef::from(&*self.stream).recv_with_flags(&mut [MaybeUninit::uninit()], flags);
        let is_at_end = matches!(next, Ok(0));
        if !is_at_end && self.inbox.look(|arrived| arrived.end).is_none() {
            return Ok(());
        }
        let who = format!("{} should still have been", self.name);
        Err(self.journal.wrong(who, "connected", "the connection was closed"))
    }

    /// Waits until the program says why it closes the connection, and closes it.
    pub fn is_told_and_closed(&self) -> Check {
        let said = self.hears_until_closed()?;
        if said.iter().any(|&byte| byte != b'\n') {
            return Ok(());
        }
        let who = format!("{} should have been told", self.name);
        Err(self.journal.wrong(who, "why the connection is closed", "it was closed without a word"))
    }

    /// Waits for the end of the connection, whatever comes before; answers what came.
    pub fn hears_until_closed(&self) -> Check<Vec<u8>> {
        let rest = self.inbox.wait(|arrived| {
            arrived.end?;
            let rest = arrived.rest().to_vec();
            arrived.taken = arrived.bytes.len();
            Some(rest)
        });
        let who = self.should_be_closed();
        let came = format!("it is still open after {} s", TIMEOUT.as_secs());
        rest.ok_or_else(|| self.journal.wrong(who, "the end of the stream", came))
    }

    /// Waits for what `look` finds at the beginning of what was not taken yet; answers whether it came.
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

    fn should_be_closed(&self) -> String {
        if is_server(&self.name) {
            // (the client is the program that is tested)
            return format!("{} should have closed its connection", self.other);
        }
        format!("{}'s connection should have been closed", self.name)
    }

    pub(crate) fn wrong(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_behind(0, what, expected)
    }

    /// As [`Peer::wrong`], where the ⏎ of the message before this one is nothing.
    pub(crate) fn wrong_message(&self, what: &str, expected: &[u8]) -> Failure {
        self.wrong_behind(self.inbox.look(|arrived| late_end(arrived.rest())), what, expected)
    }

    fn wrong_behind(&self, skipped: usize, what: &str, expected: &[u8]) -> Failure {
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

    /// Whether anything has come within `limit` that was not taken yet.
    pub(crate) fn has_got_anything(&self, limit: Duration) -> bool {
        self.inbox.wait_for(limit, |arrived| (!arrived.rest().is_empty()).then_some(())).is_some()
    }

    /// Looks at what has arrived until `look` answers.
    pub(crate) fn wait<T>(&self, look: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        self.inbox.wait(look)
    }
}

/// How many bytes are the end of the message before, of which nobody asked whether it comes.
pub fn late_end(rest: &[u8]) -> usize {
    rest.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count()
}

/// What the next bytes are.
pub enum Next {
    /// More must come.
    NotYet,
    /// Something else.
    Wrong,
    /// So many bytes are right.
    Right(usize),
}
