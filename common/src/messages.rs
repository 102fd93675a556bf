//! Wires 1 and 2 have no frames: where does one message end?
//!
//! Our programs end each message with a newline. The original programs end it with nothing and hope that
//! one `send` arrives as one `recv`. So a message of ours ends at a newline and nowhere else, and that of an
//! original also where the bytes of one `recv` end, as it does in the originals themselves. The page of the
//! wires has the whole rule; most of this file finds out which of the two the peer is.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::timed::wait_readable;

/// The longest message, in bytes without its newline. A peer that sends more is not served any longer.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Room for what a server puts in front of a message, in bytes.
const PREFIX: usize = 1024;

/// How many bytes one `recv` may bring.
const BUFFER: usize = 16 * 1024;

/// How long to wait for the rest of something that may be complete.
const SILENCE: Duration = Duration::from_millis(50);

/// How long the first message of a client may take that does not end it with a newline.
const FIRST_MESSAGE: Duration = Duration::from_secs(1);

/// From this length on, in bytes, an original's message may have been sent in several segments.
const LONG: usize = 1024;

/// Reads a connection message by message.
///
/// ```
/// # use std::io::Write;
/// # use std::net::{Shutdown, TcpListener, TcpStream};
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// client.write_all(b"one\ntwo\nthr")?; // one send, three messages
/// client.write_all(b"ee")?;
/// client.shutdown(Shutdown::Write)?;
///
/// let mut messages = common::Messages::new(&stream);
/// let mut all = Vec::new();
/// while let Some(message) = messages.receive()? {
///     all.push(message);
/// }
/// assert_eq!(all, ["one", "two", "three"]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Messages<'a> {
    reader: BufReader<&'a TcpStream>,
    /// The message that has begun to arrive.
    begun: Vec<u8>,
    /// The last `recv` filled the buffer, so more may belong to what it brought.
    is_full: bool,
    limit: usize,
    peer: Peer,
}

enum Peer {
    /// A client that has not sent its first message yet.
    NewClient,
    /// A server that has not sent its first line yet.
    NewServer(Greeting),
    /// It ends messages with a newline. Silence means nothing.
    Ours,
    OriginalClient,
    OriginalServer,
}

/// What our server says first, by which a client knows it.
struct Greeting {
    line: Vec<u8>,
    /// The beginning of what it says instead when it does not let somebody in.
    refusal: Vec<u8>,
    /// The line was shown when its newline had not come yet.
    is_shown: bool,
}

/// When the message that has begun is over although no newline has come.
enum Over {
    Now,
    At(Instant),
    Never,
}

impl<'a> Messages<'a> {
    /// For a server: reads what the client at the other end of `stream` says. Nobody else may read from it.
    ///
    /// The client's first message shows whether it is one of ours: then it ends with a newline.
    pub fn new(stream: &'a TcpStream) -> Self {
        Self::with_limit(stream, MAX_MESSAGE, Peer::NewClient)
    }

    /// For a client: what a server passes on is a little longer than what it got.
    ///
    /// A server of ours says first the line `greeting`, or a line that begins with `refusal`; both are given
    /// without a newline. An original server does not end its first message with one.
    pub fn from_server(stream: &'a TcpStream, greeting: &str, refusal: &str) -> Self {
        let greeting = Greeting { line: greeting.into(), refusal: refusal.into(), is_shown: false };
        Self::with_limit(stream, MAX_MESSAGE + PREFIX, Peer::NewServer(greeting))
    }

    fn with_limit(stream: &'a TcpStream, limit: usize, peer: Peer) -> Self {
        let reader = BufReader::with_capacity(BUFFER, stream);
        Self { reader, begun: Vec::new(), is_full: false, limit, peer }
    }

    /// Waits for the next message that is not empty; `None` when the peer has closed.
    ///
    /// Every `\r` before the newline is dropped; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] for a message over [`MAX_MESSAGE`], as it came or as U+FFFD has made it
    /// longer; what the connection reports.
    pub fn receive(&mut self) -> io::Result<Option<String>> {
        loop {
            let Some(message) = self.read_one()? else { return Ok(None) };
            if message.len() > self.limit {
                return Err(too_long());
            }
            if !message.is_empty() {
                return Ok(Some(message));
            }
        }
    }

    /// Waits for a part of the handshake, which ends with a newline or 50 ms of silence, no matter whose program the
    /// peer is: the bare `NICK`, or a nickname, which may be empty. `None` when the peer has closed.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when it has not come within `limit`; as [`Messages::receive`].
    pub fn handshake(&mut self, limit: Option<Duration>) -> io::Result<Option<String>> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let silence = (!self.begun.is_empty()).then(|| Instant::now() + SILENCE);
            let over = silence.into_iter().chain(deadline).min();
            match self.take_line(over)? {
                Step::Line => return Ok(Some(self.take_message())),
                Step::End => return Ok((!self.begun.is_empty()).then(|| self.take_message())),
                Step::More => {}
                Step::TimeIsUp if over == silence => return Ok(Some(self.take_message())),
                Step::TimeIsUp => return Err(ErrorKind::TimedOut.into()),
            }
        }
    }

    fn read_one(&mut self) -> io::Result<Option<String>> {
        let mut over = Over::Never;
        let mut began = None;
        loop {
            let deadline = match over {
                Over::Now => return Ok(Some(self.take_message())),
                Over::At(instant) => Some(instant),
                Over::Never => None,
            };
            let step = self.take_line(deadline)?;
            self.recognize(&step);
            match step {
                Step::Line => return Ok(Some(self.take_message())),
                Step::End => return Ok((!self.begun.is_empty()).then(|| self.take_message())),
                Step::TimeIsUp => {
                    if let Peer::NewServer(greeting) = &mut self.peer {
                        greeting.is_shown = true;
                    }
                    over = Over::Now;
                }
                Step::More => {
                    let began = *began.get_or_insert_with(Instant::now);
                    over = self.over(began);
                }
            }
        }
    }

    /// When a message is over that began to arrive at `began`, and of which more has arrived just now.
    fn over(&self, began: Instant) -> Over {
        match &self.peer {
            Peer::Ours => Over::Never,
            Peer::NewClient => Over::At((Instant::now() + SILENCE).min(began + FIRST_MESSAGE)),
            Peer::NewServer(greeting) if self.begun == greeting.line => {
                Over::At(Instant::now() + SILENCE)
            }
            Peer::NewServer(_) => Over::Never,
            Peer::OriginalClient | Peer::OriginalServer => {
                let may_go_on = self.is_full
                    || self.begun.len() >= LONG
                    || ends_inside_a_character(&self.begun);
                if may_go_on { Over::At(began + SILENCE) } else { Over::Now }
            }
        }
    }

    /// Finds out which kind of program the peer is, by what has come.
    fn recognize(&mut self, step: &Step) {
        let has_newline = matches!(step, Step::Line);
        let known = match &self.peer {
            Peer::NewClient if has_newline => Peer::Ours,
            Peer::NewClient if matches!(step, Step::TimeIsUp) => Peer::OriginalClient,
            // An original client cannot send a newline.
            Peer::OriginalClient if has_newline => Peer::Ours,
            Peer::NewServer(greeting) => match greeting.is_ours(&self.begun, has_newline) {
                Some(true) => Peer::Ours,
                Some(false) => Peer::OriginalServer,
                None => return,
            },
            _ => return,
        };
        self.peer = known;
    }

    /// Takes what has arrived, up to a newline, into `begun`; waits for it until `deadline`.
    fn take_line(&mut self, deadline: Option<Instant>) -> io::Result<Step> {
        let is_new = self.reader.buffer().is_empty();
        if is_new && !wait_readable(self.reader.get_ref(), deadline)? {
            return Ok(Step::TimeIsUp);
        }
        let arrived = loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if arrived.is_empty() {
            return Ok(Step::End);
        }
        if is_new {
            self.is_full = arrived.len() == BUFFER;
        }
        let newline = arrived.iter().position(|&byte| byte == b'\n');
        self.begun.extend_from_slice(&arrived[..newline.unwrap_or(arrived.len())]);
        let used = newline.map_or(arrived.len(), |at| at + 1);
        self.reader.consume(used);
        if without_returns(&self.begun).len() > self.limit {
            return Err(too_long());
        }
        Ok(if newline.is_some() { Step::Line } else { Step::More })
    }

    fn take_message(&mut self) -> String {
        let message = String::from_utf8_lossy(without_returns(&self.begun)).into_owned();
        self.begun.clear();
        message
    }
}

/// What [`Messages::take_line`] has found.
enum Step {
    /// The newline that ends a message.
    Line,
    /// Bytes, and no newline among them.
    More,
    End,
    TimeIsUp,
}

impl Greeting {
    /// Whether a server is one of ours that has sent `begun`, and then maybe a newline; `None` when nobody knows yet.
    fn is_ours(&self, begun: &[u8], has_newline: bool) -> Option<bool> {
        if self.is_shown {
            // The byte after the greeting decides.
            return if begun.is_empty() && !has_newline {
                None
            } else {
                Some(begun.is_empty() && has_newline)
            };
        }
        let is_whole = begun == self.line || begun.starts_with(&self.refusal);
        let may_become = self.line.starts_with(begun) || self.refusal.starts_with(begun);
        if has_newline {
            Some(is_whole)
        } else if is_whole || may_become {
            None
        } else {
            Some(false)
        }
    }
}

fn without_returns(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// Whether the last bytes are the beginning of a character of UTF-8, and not all of it.
fn ends_inside_a_character(bytes: &[u8]) -> bool {
    let is_beginning = |tail: &[u8]| {
        std::str::from_utf8(tail)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).any(|length| is_beginning(&bytes[bytes.len() - length..]))
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a message longer than 64 KiB")
}
