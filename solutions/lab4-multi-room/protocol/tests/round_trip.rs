//! A message that can be read is the same after it was written and read again, for any bytes, wherever they are cut.

use std::fmt::{Debug, Display};
use std::io::{self, BufRead, BufReader, Read};

use solution4_protocol::{Lines, Problem, read_reply, read_request};

/// Random numbers, the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % end
    }

    fn of<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices[self.below(choices.len())]
    }
}

/// A stream that returns a random number of bytes at a time.
struct Cut<'a>(&'a [u8], &'a mut Random);

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.0.len().min(buffer.len()).min(1 + self.1.below(9));
        self.0.read(&mut buffer[..most])
    }
}

/// The lines of each kind of message, in their order.
const MESSAGES: [&[&[u8]]; 10] = [
    &[b"HELO there"],
    &[b"KILL_SERVICE"],
    &[b"JOIN_CHATROOM", b"CLIENT_IP", b"PORT", b"CLIENT_NAME"],
    &[b"LEAVE_CHATROOM", b"JOIN_ID", b"CLIENT_NAME"],
    &[b"CHAT", b"JOIN_ID", b"CLIENT_NAME", b"MESSAGE", b""],
    &[b"DISCONNECT", b"PORT", b"CLIENT_NAME"],
    &[b"HELO there", b"IP", b"Port", b"StudentID"],
    &[b"JOINED_CHATROOM", b"SERVER_IP", b"PORT", b"ROOM_REF", b"JOIN_ID"],
    &[b"CHAT", b"CLIENT_NAME", b"MESSAGE", b""],
    &[b"ERROR_CODE", b"ERROR_DESCRIPTION"],
];

const PIECES: [&[u8]; 14] = [
    b" ",
    b"\r",
    b"1",
    b"-7",
    b"alice",
    b"a b",
    b":",
    b"\t",
    b"\xe9",
    b"\xc3\xa9",
    b"\0",
    b"::1",
    b"340282366920938463463374607431768211455",
    b"HELO",
];

/// The bytes of some messages, valid and invalid ones.
fn some_messages(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(4) {
        for name in MESSAGES[random.below(MESSAGES.len())] {
            bytes.extend(*name);
            if !name.is_empty() && !name.starts_with(b"HELO") && random.below(20) > 0 {
                bytes.push(b':');
            }
            for _ in 0..random.below(4) {
                bytes.extend(random.of(&PIECES));
            }
            if *name == b"MESSAGE" {
                for _ in 0..random.below(3) {
                    bytes.extend(random.of(&[b"\n", b"\r\n", b"\nline", b"\n two\r", b"\n\r\r"]));
                }
            }
            bytes.extend(random.of(&[b"\n", b"\n", b"\r\n", b"\r\r\n"]));
        }
    }
    bytes
}

/// A message with a line whose length is close to the limit.
fn a_long_message(random: &mut Random) -> Vec<u8> {
    let length = 64 * 1024 - 20 + random.below(100);
    let filling = random.of(&[b"x", b"1"]).repeat(length);
    let before: &[u8] = random.of(&[
        b"HELO ",
        b"CHAT:",
        b"CHAT:1\nJOIN_ID:1\nCLIENT_NAME:",
        b"LEAVE_CHATROOM: ",
        b"CHAT:1\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:",
        b"CHAT:1\nCLIENT_NAME:a\nMESSAGE:",
        b"CHAT:1\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:b\n",
    ]);
    [before, &filling, b"\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:\n\n"].concat()
}

type ReadOne<M, R> = fn(&mut Lines<R>) -> Result<Option<M>, Problem>;

/// All messages that can be read; invalid ones are skipped.
fn messages<M, R: BufRead>(mut lines: Lines<R>, read: ReadOne<M, R>) -> Vec<M> {
    let mut messages = Vec::new();
    loop {
        match read(&mut lines) {
            Ok(Some(message)) => messages.push(message),
            Err(Problem::Message(_)) => {}
            Ok(None) | Err(_) => return messages,
        }
    }
}

fn assert_unchanged<M: Display + Debug + PartialEq>(
    bytes: &[u8],
    read: Vec<M>,
    mut read_again: impl FnMut(&[u8]) -> Vec<M>,
) {
    for message in read {
        let written = message.to_string();
        let again = read_again(written.as_bytes());
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
        assert_eq!(again, [message], "of {shown:?}");
    }
}

#[test]
fn a_message_is_unchanged_after_writing_and_reading_it_again() {
    let mut random = Random(4711);
    let mut count = 0;
    for round in 0..20_000 {
        let bytes =
            if round % 200 == 0 { a_long_message(&mut random) } else { some_messages(&mut random) };
        let cut = BufReader::new(Cut(&bytes, &mut random));
        let requests = messages(Lines::new(cut, |_| {}), read_request);
        let whole = messages(Lines::new(&bytes[..], |_| {}), read_request);
        assert_eq!(requests, whole, "wherever it is cut");
        count += requests.len();
        assert_unchanged(&bytes, requests, |bytes| {
            let cut = BufReader::new(Cut(bytes, &mut random));
            messages(Lines::new(cut, |_| {}), read_request)
        });

        let cut = BufReader::new(Cut(&bytes, &mut random));
        let replies = messages(Lines::from_server(cut), read_reply);
        let whole = messages(Lines::from_server(&bytes[..]), read_reply);
        assert_eq!(replies, whole, "wherever it is cut");
        count += replies.len();
        assert_unchanged(&bytes, replies, |bytes| {
            let cut = BufReader::new(Cut(bytes, &mut random));
            messages(Lines::from_server(cut), read_reply)
        });
    }
    assert!(count > 20_000, "only {count} messages");
}
