//! The parsers, each with a check that must succeed for every input.
//!
//! A target that a test also runs with a faulty parser takes the parser as a parameter.

pub mod archives;
pub mod cut;
pub mod files;
pub mod frames;
pub mod heard;
pub mod messages;
pub mod names;
pub mod requests;
pub mod screens;
pub mod sources;

use crate::engine::Target;

/// Typical lines of wire format 4 and pieces of such lines, from which inputs are made.
const LINES: &[&[u8]] = &[
    b"HELO ",
    b"JOIN_CHATROOM: ",
    b"CLIENT_IP: 0\n",
    b"PORT: 0\n",
    b"CLIENT_NAME: alice\n",
    b"LEAVE_CHATROOM: ",
    b"JOIN_ID: 1\n",
    b"CHAT: 1\n",
    b"MESSAGE: hi\n\n",
    b"DISCONNECT: 0\n",
    b"IP:127.0.0.1\n",
    b"Port:1\n",
    b"StudentID:0\n",
    b"JOINED_CHATROOM: r\n",
    b"SERVER_IP: ::1\n",
    b"ROOM_REF: 1\n",
    b"LEFT_CHATROOM: 1\n",
    b"ERROR_CODE: 1\n",
    b"ERROR_DESCRIPTION: no\n",
    b": ",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"KILL_SERVICE\n",
];

/// Escape sequences and characters that terminals treat in a special way.
const CONTROLS: &[&[u8]] = &[
    b"\x1b[",
    b"\x1b[2J",
    b"\x1b[H",
    b"\x1b[5;70H",
    b"\x1b[K",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[2;5r",
    b"\x1b[4h",
    b"\x1b[?7l",
    b"\x1b[?6h",
    b"\x1b[9L",
    b"\x1b[9M",
    b"\x1b[9@",
    b"\x1b[9P",
    b"\x1b[99S",
    b"\x1b[99T",
    b"\x1b7",
    b"\x1b8",
    b"\x1bD",
    b"\x1bM",
    b"\x1bc",
    b"\x1b(0",
    b"\x1bH",
    b"\x1b[3g",
    b"\x1b[I",
    b"\x1b[Z",
    b"\x1b[6n",
    b"\x1b[c",
    b"\x1b]0;t\x07",
    b"\x1bP$qm\x1b\\",
    b"\x1b[99999b",
    b"\t",
    b"\x08",
    b"\r\n",
    "\u{9b}".as_bytes(),
    "漢字".as_bytes(),
    "e\u{301}".as_bytes(),
    "\u{202e}".as_bytes(),
    "☺\u{fe0f}".as_bytes(),
    "\u{200d}".as_bytes(),
    "ß".as_bytes(),
    "\u{130}".as_bytes(),
    "ﷺ".as_bytes(),
    "\u{3a3}".as_bytes(),
    "\u{345}".as_bytes(),
    "\u{e0041}".as_bytes(),
    "🇫🇷".as_bytes(),
];

/// All targets.
pub const ALL: &[Target] = &[
    Target {
        name: "messages",
        check: messages::check,
        words: &[
            b"\n",
            b"\r\n",
            b"quit",
            b"NICK",
            b"alice joined!",
            b"alice joined!\n",
            b"Nickname refused: ",
            b"alice: hi\n",
            b"\xe2\x9b",
            b"\xff",
        ],
    },
    Target {
        name: "frames",
        check: frames::check,
        words: &[
            b"5                                                               hello",
            b"0                                                               ",
            b"65536                                                           ",
            b"                                                                ",
            b"                ",
            b"0000000000000000",
            b"1",
            b" ",
            b"+",
            b"\xff\xfe",
        ],
    },
    Target { name: "requests", check: requests::check_requests, words: LINES },
    Target { name: "replies", check: requests::check_replies, words: LINES },
    Target {
        name: "commands",
        check: requests::check_commands,
        words: &[
            b"/join ", b"/leave ", b"/room ", b"/rooms", b"/helo ", b"/kill", b"/quit", b"/help",
            b" ",
        ],
    },
    Target { name: "names", check: names::check, words: CONTROLS },
    Target {
        name: "heard",
        check: heard::check,
        words: &[
            b"\x00",
            b"\x01",
            b"\x02",
            b"\x03",
            b"Welcome to this chatroom!\n",
            b"<127.0.0.1> hi\n",
            b"NICKann joined!\n",
            b"Connected to server!\n",
            b"ann: hi\n",
            b"ann left!\n",
            b"12                                                              [ann] : hiho",
            b"JOINED_CHATROOM: r\nSERVER_IP: 0\nPORT: 0\nROOM_REF: 7\nJOIN_ID: 1\n",
            b"CHAT: 7\nCLIENT_NAME: ann\nMESSAGE: one\ntwo\n\n",
            b"LEFT_CHATROOM: 7\nJOIN_ID: 1\n",
            b"ERROR_CODE: 2\nERROR_DESCRIPTION: no\n",
            b" has joined this chatroom.",
            b"\r\n",
        ],
    },
    Target { name: "screens", check: screens::check, words: CONTROLS },
    Target { name: "sessions", check: files::check_session, words: files::SESSION },
    Target { name: "settings", check: files::check_settings, words: files::SETTINGS },
    Target { name: "zips", check: archives::check_zip, words: archives::WORDS },
    Target { name: "tars", check: archives::check_tar, words: archives::WORDS },
    Target { name: "manifests", check: archives::check_manifest, words: archives::MANIFEST },
    Target { name: "sources", check: sources::check, words: sources::WORDS },
];
