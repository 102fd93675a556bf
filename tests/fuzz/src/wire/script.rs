//! What a hostile peer does: it sends an ordinary peer's session, but mutated, split into pieces, and ended in one of
//! several ways.

use std::time::Duration;

use grader::crowd::wire::{enter, exit, frame, leave, say};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::mutate::mutated;
use crate::targets;
use crate::wire::Kind;

/// How a peer ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closes the connection, which may hold unread bytes.
    Close,
    /// The peer shuts down only its sending direction and keeps the connection open.
    HalfClose,
    /// The peer resets the connection.
    Reset,
    /// The peer sends nothing more and keeps the connection open.
    Stall,
}

/// One connection of a hostile peer.
pub struct Script {
    /// Everything that the peer sends.
    pub bytes: Vec<u8>,
    /// For each piece, the position in `bytes` where it ends, and the pause after it.
    pub pieces: Vec<(usize, Duration)>,
    /// Whether the peer reads what it receives.
    pub reads: bool,
    /// The end of the connection.
    pub end: End,
}

impl Script {
    /// Chooses at random what a hostile peer does to a program of this kind.
    pub fn new(rng: &mut StdRng, against: Kind, lab: u32) -> Self {
        let messages = match against {
            Kind::Server => of_client(rng, lab),
            Kind::Client => of_server(rng, lab),
        };
        let bytes = changed(rng, messages, lab);
        let pieces = pieces(rng, bytes.len());
        let ends = [End::Close, End::Close, End::HalfClose, End::Reset, End::Stall];
        let end = ends.choose(rng).copied().unwrap_or(End::Close);
        Self { bytes, pieces, reads: rng.random_ratio(3, 4), end }
    }
}

/// Returns random text: something that a person might type, or something that nobody would type.
pub fn text(rng: &mut StdRng) -> String {
    const TEXTS: [&str; 16] = [
        "hello",
        "hi there",
        "quit",
        "/quit",
        "!DISCONNECT",
        "café 漢字 👩\u{200d}🚀",
        "\x1b[2J\x1b[H",
        "\x1b]0;title\x07",
        "a\tb\rc",
        "\u{9b}31m\u{202e}",
        "mallory: hi",
        "",
        " ",
        "NICK",
        "HELO x",
        "\0",
    ];
    let text = TEXTS.choose(rng).copied().unwrap_or_default();
    match rng.random_range(0..40_u32) {
        0 => text.repeat(rng.random_range(1000..5000)),
        1..9 => format!("{text} {}", rng.random::<u32>()),
        _ => text.to_owned(),
    }
}

fn name(rng: &mut StdRng) -> String {
    match rng.random_range(0..6_u32) {
        0 => text(rng),
        1 => ["alice", "bob", "ALICE", " bob", "b\u{200b}ob"]
            .choose(rng)
            .copied()
            .unwrap_or_default()
            .to_owned(),
        _ => format!("eve{}", rng.random_range(0..100_u32)),
    }
}

/// Returns the messages of an ordinary client.
fn of_client(rng: &mut StdRng, lab: u32) -> Vec<Vec<u8>> {
    let name = name(rng);
    let mut messages = match lab {
        2 => vec![name.clone().into_bytes()],
        4 => vec![enter(&name, &format!("r{}", rng.random_range(0..3_u32)))],
        _ => Vec::new(),
    };
    for _ in 0..rng.random_range(0..8_u32) {
        let reference = rng.random_range(0..5_u32).to_string();
        messages.push(match (lab, rng.random_range(0..6_u32)) {
            (4, 0) => enter(&name, &text(rng)),
            (4, 1) => exit(&name, &reference, "1"),
            (4, 2) => format!("HELO {}\n", text(rng)).into_bytes(),
            _ => say(lab, &name, &reference, &text(rng)),
        });
    }
    if rng.random() {
        messages.push(leave(lab, &name));
    }
    messages
}

/// Returns the messages of an ordinary server.
fn of_server(rng: &mut StdRng, lab: u32) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = match lab {
        1 => vec![b"Welcome to this chatroom!\n".to_vec()],
        2 => {
            vec![b"NICK".to_vec(), b"alice joined!\n".to_vec(), b"Connected to server!\n".to_vec()]
        }
        _ => Vec::new(),
    };
    for _ in 0..rng.random_range(0..10_u32) {
        let (name, text) = (name(rng), text(rng));
        let reference = rng.random_range(0..5_u32);
        messages.push(match (lab, rng.random_range(0..6_u32)) {
            (1, _) => format!("<127.0.0.1> {text}\n").into_bytes(),
            (2, _) => format!("{name}: {text}\n").into_bytes(),
            (3, _) => frame(&format!("[{name}] : {text}")),
            (_, 0) => format!(
                "JOINED_CHATROOM: {text}\nSERVER_IP: 1.2.3.4\nPORT: 8080\nROOM_REF: {reference}\nJOIN_ID: 7\n"
            )
            .into_bytes(),
            (_, 1) => format!("LEFT_CHATROOM: {reference}\nJOIN_ID: 7\n").into_bytes(),
            (_, 2) => format!("ERROR_CODE: {reference}\nERROR_DESCRIPTION: {text}\n").into_bytes(),
            (_, 3) => format!("HELO {text}\nIP:1.2.3.4\nPort:8080\nStudentID:0\n").into_bytes(),
            _ => format!("CHAT: {reference}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n").into_bytes(),
        });
    }
    messages
}

/// Swaps, repeats, and drops messages and then changes bytes.
fn changed(rng: &mut StdRng, mut messages: Vec<Vec<u8>>, lab: u32) -> Vec<u8> {
    for _ in 0..rng.random_range(0..3_u32) {
        if messages.is_empty() {
            break;
        }
        let at = rng.random_range(0..messages.len());
        match rng.random_range(0..3_u32) {
            0 => drop(messages.remove(at)),
            1 => messages.insert(at, messages[at].clone()),
            _ => messages.rotate_left(at),
        }
    }
    let bytes = messages.concat();
    if rng.random_ratio(1, 3) {
        return harmless(bytes);
    }
    let target =
        ["messages", "messages", "frames", "requests"][usize::try_from(lab - 1).unwrap_or(0) % 4];
    let words = targets::ALL.iter().find(|one| one.name == target).map_or(&[][..], |one| one.words);
    harmless(mutated(rng, &[bytes], words))
}

/// Disables `KILL_SERVICE`, the command that stops the lab 4 server. A server that obeys this command makes no mistake,
/// because any client on this computer may send it.
fn harmless(mut bytes: Vec<u8>) -> Vec<u8> {
    const KILL: &[u8] = b"KILL_SERVICE";
    while let Some(at) = bytes.windows(KILL.len()).position(|window| window == KILL) {
        bytes[at] = b'k';
    }
    bytes
}

fn pieces(rng: &mut StdRng, length: usize) -> Vec<(usize, Duration)> {
    let mut ends: Vec<_> =
        (0..rng.random_range(0..6_u32)).map(|_| rng.random_range(0..=length)).collect();
    ends.push(length);
    ends.sort_unstable();
    let mut pause = || match rng.random_range(0..24_u32) {
        0 => Duration::from_millis(60),
        1..4 => Duration::from_millis(2),
        _ => Duration::ZERO,
    };
    ends.into_iter().map(|end| (end, pause())).collect()
}
