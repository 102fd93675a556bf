//! Checks the finished message reader of labs 1 and 2: it returns the same messages as a simple model, no matter how
//! the stream is split.
//!
//! The stream is a pair of connected sockets that preserve the boundaries between sends (`SOCK_SEQPACKET`), so each
//! `recv` returns one piece, although all pieces are sent before the first is read. No pause is ever needed.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};

use common::{MAX_MESSAGE, Messages};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};

use crate::memory::peak_of;
use crate::targets::cut::Cut;

/// The maximum memory for one message, in bytes: its bytes, its text (up to three times as long), the expected text
/// from [`Model`], and the spare capacity of growing strings.
const MOST: usize = 16 * MAX_MESSAGE;

/// A mistake is reported only if this many attempts in a row expose it. If the system pauses this program for 50 ms, a
/// message may end early.
const ATTEMPTS: u32 = 3;

/// The greeting of our server in wire format 2.
const GREETING: &str = "alice joined!";

/// Checks the message reader of the finished programs. The first byte determines the kind of peer.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let Some((first, bytes)) = bytes.split_first() else { return Ok(()) };
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        let (attempt, peak) = peak_of(|| attempt(first % 4, bytes));
        result = attempt;
        if peak > MOST + 2 * bytes.len() {
            return Err(format!("the reader held {peak} bytes"));
        }
        if result.is_ok() {
            break;
        }
    }
    result
}

fn attempt(kind: u8, bytes: &[u8]) -> Result<(), String> {
    let greeting = format!("{GREETING}\n");
    let bytes = if kind == 1 { [greeting.as_bytes(), bytes].concat() } else { bytes.to_vec() };
    let (stream, sent) = connected(&bytes).map_err(|error| format!("no connection: {error}"))?;
    let bytes = &bytes[..sent];
    match kind {
        0 => is_like_model(&mut Messages::new(&stream, &()), bytes, MAX_MESSAGE),
        1 => {
            let mut messages = Messages::from_server(&stream, GREETING, "Nickname refused: ");
            is_like_model(&mut messages, bytes, MAX_MESSAGE + 1024)
        }
        2 => nothing_is_lost(
            &mut Messages::from_server(&stream, GREETING, "Nickname refused: "),
            bytes,
        ),
        _ => {
            let mut messages = Messages::new(&stream, &());
            let name = messages.handshake(None).map_err(|error| error.kind());
            let mut model = Model { rest: bytes, limit: MAX_MESSAGE };
            let expected = model
                .line()
                .map(|line| line.map(|line| String::from_utf8_lossy(line).into_owned()));
            if name != expected {
                return Err(format!(
                    "the nickname is {name:.200?}, but should be {expected:.200?}"
                ));
            }
            if name.is_err() {
                Ok(())
            } else {
                is_like_model(&mut messages, model.rest, MAX_MESSAGE)
            }
        }
    }
}

/// Returns a stream that delivers the bytes in pieces, and the number of bytes that it delivers: as many as fit into
/// the socket's buffer.
fn connected(bytes: &[u8]) -> io::Result<(TcpStream, usize)> {
    let (near, far) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let (mut cut, mut sent) = (Cut::new(bytes), 0);
    while let Some(piece) = cut.piece() {
        match send(far.as_raw_fd(), piece, MsgFlags::MSG_DONTWAIT) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    drop::<OwnedFd>(far);
    Ok((near.into(), sent))
}

fn is_like_model(messages: &mut Messages, bytes: &[u8], limit: usize) -> Result<(), String> {
    let mut model = Model { rest: bytes, limit };
    loop {
        let (came, expected) = (messages.receive().map_err(|error| error.kind()), model.message());
        if came != expected {
            return Err(format!("received {came:?}, but should have received {expected:?}")
                .chars()
                .take(300)
                .collect());
        }
        if !matches!(came, Ok(Some(_))) {
            return Ok(());
        }
    }
}

/// An original server's messages may be divided anywhere, but no text may be lost or added.
fn nothing_is_lost(messages: &mut Messages, bytes: &[u8]) -> Result<(), String> {
    let mut all = Vec::new();
    loop {
        match messages.receive() {
            Ok(Some(message)) => all.extend(message.into_bytes()),
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
    let plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'\r' | b'\n');
    if all.iter().copied().filter(plain).eq(bytes.iter().copied().filter(plain)) {
        return Ok(());
    }
    Err("text was lost or added".to_owned())
}

/// The messages in these bytes, read in the simplest way.
struct Model<'a> {
    rest: &'a [u8],
    limit: usize,
}

impl<'a> Model<'a> {
    /// Returns the next line without its line ending.
    fn line(&mut self) -> Result<Option<&'a [u8]>, ErrorKind> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut parts = self.rest.splitn(2, |byte| *byte == b'\n');
        let (mut line, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.rest = rest;
        while let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        if line.len() > self.limit { Err(ErrorKind::InvalidData) } else { Ok(Some(line)) }
    }

    fn message(&mut self) -> Result<Option<String>, ErrorKind> {
        while let Some(line) = self.line()? {
            let text = String::from_utf8_lossy(line);
            if text.len() > self.limit {
                return Err(ErrorKind::InvalidData);
            }
            if !text.is_empty() {
                return Ok(Some(text.into_owned()));
            }
        }
        Ok(None)
    }
}
