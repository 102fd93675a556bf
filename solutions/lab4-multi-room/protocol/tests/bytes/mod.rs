//! Generates bytes that could arrive in lab 4: valid and invalid messages.

use std::io::BufRead;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use solution4_protocol::{Lines, MAX_LINE, Problem};

/// The lines of each kind of message, in order.
const MESSAGES: [&[&str]; 11] = [
    &["HELO there"],
    &["KILL_SERVICE"],
    &["JOIN_CHATROOM", "CLIENT_IP", "PORT", "CLIENT_NAME"],
    &["LEAVE_CHATROOM", "JOIN_ID", "CLIENT_NAME"],
    &["CHAT", "JOIN_ID", "CLIENT_NAME", "MESSAGE", ""],
    &["DISCONNECT", "PORT", "CLIENT_NAME"],
    &["HELO there", "IP", "Port", "StudentID"],
    &["JOINED_CHATROOM", "SERVER_IP", "PORT", "ROOM_REF", "JOIN_ID"],
    &["LEFT_CHATROOM", "JOIN_ID"],
    &["CHAT", "CLIENT_NAME", "MESSAGE", ""],
    &["ERROR_CODE", "ERROR_DESCRIPTION"],
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

const FURTHER_LINES: [&[u8]; 5] = [b"\n", b"\r\n", b"\nline", b"\n two\r", b"\n\r\r"];

const ENDS: [&[u8]; 4] = [b"\n", b"\n", b"\r\n", b"\r\r\n"];

fn line(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let has_colon = if name.is_empty() || name.starts_with("HELO") { 0.0 } else { 0.95 };
    let further = if name == "MESSAGE" { 2 } else { 0 };
    let (pieces, further) = (vec(select(&PIECES), 0..4), vec(select(&FURTHER_LINES), 0..=further));
    let parts = (prop::bool::weighted(has_colon), pieces, further, select(&ENDS));
    parts.prop_map(move |(has_colon, pieces, further, end)| {
        let colon = if has_colon { ":" } else { "" };
        [name.as_bytes(), colon.as_bytes(), &pieces.concat(), &further.concat(), end].concat()
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let lines = |names: &[&'static str]| names.iter().map(|name| line(name)).collect::<Vec<_>>();
    select(&MESSAGES).prop_flat_map(lines).prop_map(|lines| lines.concat())
}

/// Generates a message with a line or message text whose length is close to a server's or a client's limit.
fn long_message() -> impl Strategy<Value = Vec<u8>> {
    let around = select(&[
        ("HELO ", "\n"),
        ("CHAT:", "\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:\n\n"),
        ("CHAT:1\nJOIN_ID:1\nCLIENT_NAME:", "\nMESSAGE:\n\n"),
        ("LEAVE_CHATROOM: ", "\nJOIN_ID:1\nCLIENT_NAME:a\n"),
        ("LEFT_CHATROOM:", "\nJOIN_ID:1\n"),
        ("CHAT:1\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:", "\n\n"),
        ("CHAT:1\nCLIENT_NAME:a\nMESSAGE:", "\n\n"),
        ("CHAT:1\nJOIN_ID:1\nCLIENT_NAME:a\nMESSAGE:b\n", "\n\n"),
    ]);
    let length = prop_oneof![MAX_LINE - 3..MAX_LINE + 3, MAX_LINE + 61..MAX_LINE + 67];
    (around, select(&["x", "1"]), length).prop_map(|((before, after), filling, length)| {
        let begun = before.rsplit('\n').next().unwrap_or_default();
        let filling = filling.repeat(length - begun.len());
        format!("{before}{filling}{after}").into_bytes()
    })
}

/// Generates the bytes of several messages.
pub fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let messages = vec(message(), 1..5).prop_map(|messages| messages.concat());
    prop_oneof![4 => messages, 1 => long_message()]
}

/// Returns every message and every problem that `read` finds, in order.
pub fn read_all<M, R: BufRead>(
    mut lines: Lines<R>,
    read: fn(&mut Lines<R>) -> Result<Option<M>, Problem>,
) -> Vec<Result<M, String>> {
    let mut all = Vec::new();
    loop {
        match read(&mut lines) {
            Ok(Some(message)) => all.push(Ok(message)),
            Ok(None) => return all,
            Err(problem) => {
                all.push(Err(problem.to_string()));
                if !matches!(problem, Problem::Message(_)) {
                    return all;
                }
            }
        }
    }
}
