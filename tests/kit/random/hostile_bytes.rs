//! Generates random bytes of the kinds that have broken reports or could break them.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Pieces of text. Random bytes consist mainly of such pieces, in any order, and may begin or end within a piece.
const PIECES: &[&str] = &[
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n\n",
    "\0",
    "\x03",
    "\x04",
    "\x07",
    "\x08",
    "\x7f",
    "\u{a0}",
    "\u{3000}",
    // Text that the stages send.
    "alice: ",
    "bob: hi\n",
    "Welcome to this chatroom!\n",
    "NICK",
    "alice joined!",
    "> ",
    "name: ",
    ": ",
    "<127.0.0.1> ",
    "CHAT: 1\nCLIENT_NAME: bob\nMESSAGE: hi\n\n",
    "12",
    "ALICE",
    "kite seven amber",
    "listening on 127.0.0.1:4000\n",
    // Text that programs print when they fail.
    "\nthread 'main' (7) panicked at src/main.rs:3:5:\n",
    "not yet implemented: stage 3: send\n",
    "not yet implemented: stage ",
    "note: run with `RUST_BACKTRACE=1` environment variable\n",
    "panicked at ",
    "thread '",
    "Error: \n",
    // Wide characters, combining marks, emoji, zero-width characters, and characters for another writing direction.
    "漢字かな",
    "한국어",
    "e\u{301}",
    "\u{301}",
    "👩‍👩‍👧",
    "🏳️‍🌈",
    "☺\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "🇫🇷",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{ad}",
    "\u{202e}abc",
    "\u{2066}",
    "العربية",
    "ﷺ",
    "⸻",
    "\u{2028}",
    "\u{e0041}",
    "\u{1100}\u{1161}\u{11a8}",
    "\u{10ffff}",
    "नमस्ते",
    // Text that the reports themselves use.
    "⏎",
    "…",
    "✗",
    "│",
    "┌",
    "──▶",
    "‹7 spaces›",
    "      ",
    "</pre>",
    "<script>",
    "&amp;",
    "]]>",
    "\"",
    "'",
    "again ",
    // Valid and broken escape sequences.
    "\x1b",
    "\x1b[",
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[2J",
    "\x1b[H",
    "\x1b[K",
    "\x1b[2K",
    "\x1b[999;999H",
    "\x1b[99999999999999999999D",
    "\x1b[0;0H",
    "\x1b[5A",
    "\x1b[300B",
    "\x1b[200C",
    "\x1b[7D",
    "\x1b[G",
    "\x1b[1000G",
    "\x1b[J",
    "\x1b[1J",
    "\x1b[3J",
    "\x1b[L",
    "\x1b[99L",
    "\x1b[M",
    "\x1b[99M",
    "\x1b[@",
    "\x1b[999@",
    "\x1b[P",
    "\x1b[999P",
    "\x1b[X",
    "\x1b[999X",
    "\x1b[S",
    "\x1b[99S",
    "\x1b[T",
    "\x1b[99T",
    "\x1b[2;3r",
    "\x1b[9;2r",
    "\x1b[r",
    "\x1b[?6h",
    "\x1b[?7l",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[4h",
    "\x1b[4l",
    "\x1b7",
    "\x1b8",
    "\x1b[s",
    "\x1b[u",
    "\x1bD",
    "\x1bM",
    "\x1bE",
    "\x1bc",
    "\x1b(0",
    "\x1b#8",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1bP1;2q",
    "\x1b[6n",
    "\x1b[c",
    "\x1b[38;5;999m",
    "\x1b[38;2;1;2m",
    "\u{9b}1m",
    "\x1b[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;m",
    "\x1b[8;1;1t",
];

/// Returns random bytes, in most cases only a few.
pub fn bytes(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.random_range(..6_u32) {
        match rng.random_range(..40_u32) {
            // A line that may be too long for any window.
            0 => bytes.extend(piece(rng).repeat(rng.random_range(..300))),
            1 => bytes.extend((0..rng.random_range(..20_u32)).map(|_| rng.random::<u8>())),
            2 => bytes.extend(frame(rng)),
            3 => bytes.extend(" ".repeat(rng.random_range(..90)).into_bytes()),
            _ => bytes.extend(piece(rng)),
        }
    }
    if rng.random_ratio(1, 1000) {
        bytes = bytes.repeat(rng.random_range(..200));
    }
    // A read may end anywhere, even within a character.
    if rng.random_ratio(1, 4) {
        bytes.truncate(rng.random_range(..=bytes.len()));
    }
    if rng.random_ratio(1, 4) {
        bytes.drain(..rng.random_range(..=bytes.len()));
    }
    bytes
}

/// Returns a random text.
pub fn text(rng: &mut StdRng) -> String {
    String::from_utf8_lossy(&bytes(rng)).into_owned()
}

fn piece(rng: &mut StdRng) -> Vec<u8> {
    PIECES.choose(rng).map(|piece| piece.as_bytes().to_vec()).unwrap_or_default()
}

/// Returns a lab 3 frame. The frame's header may be wrong.
pub fn frame(rng: &mut StdRng) -> Vec<u8> {
    let payload = piece(rng);
    let count = [
        payload.len(),
        String::from_utf8_lossy(&payload).chars().count(),
        rng.random_range(..usize::MAX),
    ];
    let mut frame = format!("{:<64}", count[rng.random_range(..count.len())]).into_bytes();
    frame.extend(payload);
    frame
}

/// Returns bytes that differ from the expected bytes in ways that the grader explains.
pub fn almost(rng: &mut StdRng, expected: &[u8]) -> Vec<u8> {
    let mut came = expected.to_vec();
    for _ in 0..rng.random_range(..3_u32) {
        match rng.random_range(..14_u32) {
            0 => came.truncate(rng.random_range(..=came.len())),
            1 => drop(came.drain(..rng.random_range(..=came.len()))),
            2 => came.make_ascii_uppercase(),
            3 => came.retain(|byte| *byte != b' '),
            4 => came = came.trim_ascii_end().to_vec(),
            5 => came.extend(b"\r\n"),
            6 => came.push(b'\n'),
            7 => drop(came.splice(..0, bytes(rng))),
            8 => came.extend(bytes(rng)),
            9 => came = came.repeat(2),
            10 => drop(came.splice(..0, *b"\n")),
            11 => drop(came.splice(..0, *b"   ")),
            12 => came = came.replace_newlines(),
            // The frame's header counts characters instead of bytes.
            _ if came.len() > 64 => {
                let count = String::from_utf8_lossy(&came[64..]).chars().count();
                drop(came.splice(..64, format!("{count:<64}").into_bytes()));
            }
            _ => {}
        }
    }
    came
}

trait ReplaceNewlines {
    /// Replaces each newline with `\r\n`, as a terminal does.
    fn replace_newlines(&self) -> Vec<u8>;
}

impl ReplaceNewlines for [u8] {
    fn replace_newlines(&self) -> Vec<u8> {
        let line = |byte: &u8| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] };
        self.iter().flat_map(line).collect()
    }
}
