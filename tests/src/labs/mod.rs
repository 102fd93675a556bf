//! What each stage of each lab asks.
//!
//! The mistakes of the original programs, and the stage that catches each (`wires.md` of the design):
//!
//! | lab | mistake of the original                                          | stage |
//! |-----|------------------------------------------------------------------|-------|
//! | 1   | after a client is gone its handler runs in circles               | 1.9   |
//! | 1   | `quit` stuck to the message before it is missed                  | 1.6   |
//! | 1   | over 2048 bytes become two messages                              | 1.11  |
//! | 1   | bad UTF-8 loses the message                                      | 1.11  |
//! | 1   | the client sends one line only                                   | 1.5   |
//! | 1   | the client prints empty lines for ever when the server dies      | 1.10  |
//! | 1   | the client survives Ctrl-C                                       | 1.7   |
//! | 1   | no limit of seats                                                | 1.8   |
//! | 2   | the nickname is read in the accept loop                          | 2.9   |
//! | 2   | a clean close is not noticed, `left!` comes late, a core at 99 % | 2.7   |
//! | 2   | a failing send to one throws out another; a blocking one stops all | 2.9 |
//! | 2   | a nickname that is not ASCII kills the accept thread             | 2.8   |
//! | 2   | duplicate and empty nicknames                                    | 2.8   |
//! | 2   | anybody speaks in anybody's name                                 | 2.10  |
//! | 2   | `joined!` and `Connected to server!` stick together              | 2.4   |
//! | 2   | the client has no way out                                        | 2.11  |
//! | 3   | the client counts characters, not bytes                          | 3.1   |
//! | 3   | the server counts characters, not bytes                          | 3.8   |
//! | 3   | `recv(64)` and `recv(n)` are taken to return everything          | 3.2, 3.3 |
//! | 3   | a bad header leaves a zombie that still receives                 | 3.9   |
//! | 3   | the end of the stream runs in circles                            | 3.10  |
//! | 3   | the next broadcast fails on a dead client, and ends the speaker  | 3.9   |
//! | 3   | who ends a sentence with `!DISCONNECT` is thrown out             | 3.6   |
//! | 4   | an unknown room crashes the server, or it never answers again    | 4.7   |
//! | 4   | joining twice doubles every message                              | 4.5   |
//! | 4   | two requests in one segment, or one in two                       | 4.8   |
//! | 4   | takes long to die, or never does                                 | 4.9   |

pub mod lab1;
pub mod lab2;
pub mod lab3;
pub mod lab4;

use std::collections::BTreeSet;
use std::fs;

use crate::lab::{FLOOD_LINES, Lab, Server, long_line};
use crate::stage::{Check, Failure, Plan};
use crate::terminal::{Key, Person};

/// All labs, in their order.
pub fn all() -> Vec<Plan> {
    vec![lab1::plan(), lab2::plan(), lab3::plan(), lab4::plan()]
}

/// A way in which a person leaves: in words, and how.
type WayOut = (&'static str, fn(&Person) -> Check);

/// What a person types to leave, and the keys that do the same in every lab.
const fn ways_out(typed: WayOut) -> [WayOut; 3] {
    [
        typed,
        ("presses Ctrl-D", |person| person.presses(Key::CtrlD)),
        ("presses Ctrl-C", |person| person.presses(Key::CtrlC)),
    ]
}

/// Long lines, more of them than the system keeps for somebody who does not read.
///
/// What it keeps for a new connection is the second of the three numbers of `tcp_wmem`, in bytes (tcp(7)); on most
/// machines it is small.
fn flood() -> impl Iterator<Item = String> {
    const LINES_THAT_A_PEER_CAN_KEEP: usize = 480;
    let settings = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    let kept = settings.split_whitespace().nth(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let lines = FLOOD_LINES + kept / long_line(0).len();
    (0..lines.min(LINES_THAT_A_PEER_CAN_KEEP)).map(long_line)
}

/// Starts servers, and answers the first: each must listen where it was told, and not on a port of its own choice.
fn server_where_told(lab: &Lab) -> Check<Server> {
    let first = lab.server()?;
    if !first.address().ip().is_loopback() {
        let came = first.address().ip().to_string();
        return Err(Failure::wrong(
            "the server should have listened on the host",
            "127.0.0.1",
            came,
        ));
    }
    // Any free port (0) may be the same as before, when that server has ended meanwhile; but not each time.
    let mut addresses = BTreeSet::from([first.address()]);
    for _ in 0..2 {
        let other = lab.server().map_err(|mut failure| {
            if let Failure::Wrong { who, .. } = &mut failure {
                "a second server beside it, on any free port (0), should have shown"
                    .clone_into(who);
            }
            failure
        })?;
        addresses.insert(other.address());
    }
    if addresses.len() == 1 {
        let who = "each of three servers, on any free port (0), should have listened on";
        let came = format!("all of them on {}", first.address());
        return Err(Failure::wrong(who, "a port of its own", came));
    }
    Ok(first)
}
