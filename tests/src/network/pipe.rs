//! One direction of a connection: the bytes that have not been passed on yet and the time when the next piece is due. A
//! pipe uses neither sockets nor the clock, so its tests are deterministic.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;

use crate::network::trouble::{Kind, Trouble};
use crate::network::way::Way;

/// The number of waiting bytes at which reading stops. TCP then makes the sender wait.
const CAPACITY: usize = 64 * 1024;

/// The maximum time that a piece waits for the receiver to read the previous piece.
const UNREAD: Duration = Duration::from_millis(50);

/// The number of pieces per second if the rate is limited. At low rates, there are fewer pieces, and each piece is one
/// byte long.
const PIECES_A_SECOND: u64 = 10;

/// How a sender's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The stream was closed.
    Closed,
    /// The stream was reset.
    Reset,
}

/// The next action of the relay.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Pass on this many bytes from the beginning of [`Pipe::front`].
    Piece(usize),
    /// Do nothing before this time.
    Wait(Instant),
    /// Pass on this number of bytes as soon as the receiver has read the previous piece, but no later than this time.
    WaitUntilRead(usize, Instant),
    /// Pass on the end of the stream.
    End(End),
    /// Perform this action on the connection, for example because of `--reset-after`.
    Trouble(Kind),
    /// Do nothing until bytes arrive.
    Nothing,
}

/// Bytes that arrived together.
struct Arrival {
    bytes: VecDeque<u8>,
    at: Instant,
}

/// One direction of a connection.
pub struct Pipe {
    trouble: Rc<Trouble>,
    random: StdRng,
    /// Whether the network trouble applies to this direction.
    is_troubled: bool,
    waiting: VecDeque<Arrival>,
    size: usize,
    /// The number of entries in `waiting` that `--hold` no longer holds back.
    released: usize,
    held_until: Option<Instant>,
    /// The size of the next piece and the time when it is due.
    planned: Option<(usize, Instant)>,
    /// The time when the last piece was passed on, and its size.
    last: Option<(Instant, usize)>,
    /// The number of bytes that have been passed on.
    pub passed: u64,
    /// The action to perform on the connection, and the number of bytes after which to perform it.
    end: Option<(Kind, u64)>,
    /// The number of bytes after which nothing more is passed on until [`Pipe::change`] is called.
    pause: Option<u64>,
    ended: Option<End>,
    is_over: bool,
}

impl Pipe {
    /// Creates a pipe for one direction of a connection.
    pub fn new(trouble: &Rc<Trouble>, connection: u32, way: Way) -> Self {
        let random = trouble.random(connection, way);
        let mut pipe = Self {
            trouble: Rc::clone(trouble),
            random,
            is_troubled: false,
            waiting: VecDeque::new(),
            size: 0,
            released: 0,
            held_until: None,
            planned: None,
            last: None,
            passed: 0,
            end: None,
            pause: None,
            ended: None,
            is_over: false,
        };
        pipe.change(trouble, connection, way);
        pipe
    }

    /// Replaces the network trouble that the relay simulates. Limits such as `--close-after` count only the bytes that
    /// are passed on after this call.
    pub fn change(&mut self, trouble: &Rc<Trouble>, connection: u32, way: Way) {
        (self.trouble, self.random) = (Rc::clone(trouble), trouble.random(connection, way));
        (self.released, self.held_until, self.planned) = (0, None, None);
        let end = trouble.end().map(|(kind, after)| (kind, after.pick(&mut self.random)));
        self.end = end.map(|(kind, after)| (kind, self.passed + after));
        self.pause = trouble.pause_after.map(|after| self.passed + after);
    }

    /// Returns whether bytes are waiting.
    pub fn has_more(&self) -> bool {
        self.size > 0
    }

    /// Sets whether the network trouble applies to this direction from now on.
    pub fn set_troubled(&mut self, is_troubled: bool) {
        self.is_troubled = is_troubled;
    }

    /// Returns whether the relay should continue to read.
    pub fn accepts(&self) -> bool {
        !self.is_over && self.ended.is_none() && self.size < CAPACITY
    }

    /// Returns true if nothing more will be passed on.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Ends this direction.
    pub fn stop(&mut self) {
        self.is_over = true;
        self.waiting.clear();
    }

    /// Adds bytes that arrived together to the waiting bytes.
    pub fn arrive(&mut self, bytes: &[u8], at: Instant) {
        self.size += bytes.len();
        self.waiting.push_back(Arrival { bytes: bytes.to_vec().into(), at });
    }

    /// Records how the sender's stream ended. A reset discards all waiting bytes.
    pub fn end(&mut self, end: End) {
        if end == End::Reset {
            self.waiting.clear();
        }
        self.ended.get_or_insert(end);
    }

    /// Returns the next action.
    pub fn next(&mut self, now: Instant) -> Next {
        if self.is_over {
            return Next::Nothing;
        }
        if let Some((kind, after)) = self.end.filter(|_| self.is_troubled)
            && self.passed >= after
        {
            self.end = None;
            return Next::Trouble(kind);
        }
        if self.waiting.is_empty() {
            return self.ended.map_or(Next::Nothing, Next::End);
        }
        let pause = self.pause.filter(|_| self.is_troubled);
        if pause.is_some_and(|pause| self.passed >= pause) {
            return Next::Nothing;
        }
        if let Some(until) = self.holds(now) {
            return Next::Wait(until);
        }
        let (size, due) = *self.planned.get_or_insert_with(|| {
            // A piece is ready when the previous piece has been passed on and the bytes of this piece have arrived.
            let ready =
                self.last.map_or(self.waiting[0].at, |(last, _)| last.max(self.waiting[0].at));
            plan(&self.trouble, &mut self.random, self.is_troubled, ready, self.last)
        });
        let end = self.end.filter(|_| self.is_troubled).map(|(_, after)| after);
        let limit = end.into_iter().chain(pause).min().map(|after| after - self.passed);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let size = size.min(limit).min(self.waiting[0].bytes.len());
        if due > now {
            return Next::Wait(due);
        }
        match self.last {
            Some((last, _)) if self.is_troubled && !self.trouble.hurries && last + UNREAD > now => {
                Next::WaitUntilRead(size, last + UNREAD)
            }
            _ => Next::Piece(size),
        }
    }

    /// If all bytes are held back, returns the time until which they are held back.
    fn holds(&mut self, now: Instant) -> Option<Instant> {
        let hold = self.trouble.hold.filter(|_| self.is_troubled && self.released == 0)?;
        let (first, random) = (self.waiting[0].at, &mut self.random);
        let until = *self.held_until.get_or_insert_with(|| first + hold.pick(random));
        if until > now && self.ended.is_none() && self.size < CAPACITY {
            return Some(until);
        }
        self.held_until = None;
        if self.trouble.glue {
            let at = self.waiting.back().map_or(now, |last| last.at);
            let bytes = self.waiting.drain(..).flat_map(|arrival| arrival.bytes).collect();
            self.waiting.push_back(Arrival { bytes, at });
        }
        self.released = self.waiting.len();
        None
    }

    /// Returns the waiting bytes that arrived first.
    pub fn front(&mut self) -> &[u8] {
        self.waiting.front_mut().map_or(&[], |arrival| arrival.bytes.make_contiguous())
    }

    /// Removes bytes from the front after they have been passed on. Returns how long the relay held the bytes, or
    /// `None` if no option can delay them.
    pub fn pass(&mut self, size: usize, now: Instant) -> Option<Duration> {
        let front = self.waiting.front_mut()?;
        front.bytes.drain(..size.min(front.bytes.len()));
        let kept = now.saturating_duration_since(front.at);
        if front.bytes.is_empty() {
            self.waiting.pop_front();
            self.released = self.released.saturating_sub(1);
        }
        self.size = self.size.saturating_sub(size);
        self.passed += size as u64;
        self.planned = None;
        self.last = Some((now, size));
        (self.is_troubled && self.trouble.is_late()).then_some(kept)
    }
}

/// Returns the maximum size of the next piece and the time when it is due. `ready` is the time at which the piece is
/// ready.
fn plan(
    trouble: &Trouble,
    random: &mut StdRng,
    is_troubled: bool,
    ready: Instant,
    last: Option<(Instant, usize)>,
) -> (usize, Instant) {
    if !is_troubled {
        return (usize::MAX, ready);
    }
    let mut size = trouble.split.map_or(u64::MAX, |split| split.pick(random));
    let mut due = ready + trouble.delay.map_or(Duration::ZERO, |delay| delay.pick(random));
    if let Some(rate) = trouble.rate {
        size = size.min((rate / PIECES_A_SECOND).max(1));
        if let Some((at, size)) = last {
            #[allow(clippy::cast_precision_loss)] // a piece has at most 64 KiB
            let takes = Duration::try_from_secs_f64(size as f64 / rate as f64);
            due = due.max(at + takes.unwrap_or_default());
        }
    }
    (usize::try_from(size).unwrap_or(usize::MAX), due)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::network::trouble::Between;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        trouble: Trouble,
    }

    const MS: Duration = Duration::from_millis(1);

    fn pipe(line: &str) -> Pipe {
        let words = ["trace"].into_iter().chain(line.split_whitespace());
        let mut pipe = Pipe::new(&Rc::new(Line::parse_from(words).trouble), 1, Way::ToServer);
        pipe.set_troubled(true);
        pipe
    }

    /// Passes on everything as soon as possible, as if the receiver immediately read every piece. Returns the pieces
    /// and their times in milliseconds.
    fn pieces(pipe: &mut Pipe, begin: Instant) -> Vec<(String, u128)> {
        let (mut pieces, mut now) = (Vec::new(), begin);
        loop {
            match pipe.next(now) {
                Next::Piece(size) | Next::WaitUntilRead(size, _) => {
                    let bytes = pipe.front()[..size].to_vec();
                    pipe.pass(size, now);
                    pieces.push((String::from_utf8(bytes).unwrap(), (now - begin).as_millis()));
                }
                Next::Wait(until) => now = until,
                Next::End(_) => pipe.stop(),
                Next::Trouble(kind) => {
                    pieces.push((kind.words().to_owned(), (now - begin).as_millis()));
                    pipe.stop();
                }
                Next::Nothing => return pieces,
            }
        }
    }

    fn with(pieces: &[(&str, u128)]) -> Vec<(String, u128)> {
        pieces.iter().map(|(text, at)| ((*text).to_owned(), *at)).collect()
    }

    #[test]
    fn each_trouble_makes_its_pieces() {
        for (line, expected) in [
            ("", &[("abcde", 0), ("fg", 3)][..]),
            ("--split 2", &[("ab", 0), ("cd", 0), ("e", 0), ("fg", 3)]),
            ("--delay 20ms", &[("abcde", 20), ("fg", 40)]),
            ("--split 3 --delay 20ms", &[("abc", 20), ("de", 40), ("fg", 60)]),
            ("--hold 50ms", &[("abcde", 50), ("fg", 50)]),
            ("--hold 50ms --glue", &[("abcdefg", 50)]),
            ("--hold 50ms --glue --split 4", &[("abcd", 50), ("efg", 50)]),
            ("--rate 20/s", &[("ab", 0), ("cd", 100), ("e", 200), ("fg", 250)]),
            ("--stop-after 6", &[("abcde", 0), ("f", 3), ("stops forever", 3)]),
            ("--stop-after 0", &[("stops forever", 0)]),
            ("--reset-after 7", &[("abcde", 0), ("fg", 3), ("resets the connection", 3)]),
        ] {
            let (mut pipe, begin) = (pipe(line), Instant::now());
            pipe.arrive(b"abcde", begin);
            pipe.arrive(b"fg", begin + 3 * MS);
            pipe.end(End::Closed);
            // After the end of the stream, `--hold` has no effect, so the cases that test `--hold` keep the stream
            // open.
            if line.contains("--hold") {
                pipe.ended = None;
            }
            assert_eq!(pieces(&mut pipe, begin), with(expected), "{line}");
        }
    }

    #[test]
    fn a_pause_ends_when_the_trouble_changes() {
        let (mut pipe, begin) = (pipe(""), Instant::now());
        pipe.arrive(b"abcde", begin);
        let change = |pipe: &mut Pipe, trouble| pipe.change(&Rc::new(trouble), 1, Way::ToServer);
        change(&mut pipe, Trouble { pause_after: Some(2), ..Trouble::default() });
        assert_eq!(pieces(&mut pipe, begin), with(&[("ab", 0)]));
        assert!(pipe.has_more());
        let close_after = Some(Between::new(1, 1));
        change(&mut pipe, Trouble { close_after, ..Trouble::default() });
        let expected = with(&[("c", 0), ("closes the connection", 0)]);
        assert_eq!(pieces(&mut pipe, begin + UNREAD), expected);
    }

    #[test]
    fn bytes_that_nobody_takes_are_bounded() {
        let (mut pipe, now) = (pipe(""), Instant::now());
        while pipe.accepts() {
            pipe.arrive(&[0; 16 * 1024], now);
        }
        assert_eq!(pipe.size, CAPACITY);
        pipe.pass(1, now);
        assert!(pipe.accepts());
    }

    #[test]
    fn a_seed_repeats_random_sizes() {
        let run = |seed: u64| {
            let (mut pipe, begin) = (pipe(&format!("--split 1-7 --seed {seed}")), Instant::now());
            pipe.arrive(&[b'x'; 200], begin);
            pieces(&mut pipe, begin)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).iter().all(|(text, _)| (1..=7).contains(&text.len())));
    }
}
