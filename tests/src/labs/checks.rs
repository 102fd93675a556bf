//! The checks that several labs share.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::harness::Harness;
use crate::harness::person::{Key, Person};
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};
use crate::journal::terminal::Terminal;

/// A way to leave the chat: its description and its action.
pub type WayOut = (&'static str, fn(&Person) -> Check);

/// Returns all the ways to leave: typing the lab's own command (`typed`) or pressing one of the two keys that work in
/// every lab.
pub const fn ways_out(typed: WayOut) -> [WayOut; 3] {
    [
        typed,
        ("presses Ctrl-D", |person| person.presses(Key::CtrlD)),
        ("presses Ctrl-C", |person| person.presses(Key::CtrlC)),
    ]
}

/// Starts three servers and returns the first. Each server must listen on the address that it was given, not on a fixed
/// port.
pub fn server_where_told(harness: &Harness) -> Check<Server> {
    let first = harness.server()?;
    first.is_for_this_computer()?;
    // With port 0, a server may get the port of an earlier server that has exited, but three servers should not all get
    // the same port.
    let mut addresses = BTreeSet::from([first.address()]);
    for _ in 0..2 {
        let other = harness.server()?;
        addresses.insert(other.address());
    }
    if addresses.len() == 1 {
        let who =
            "each of three servers, started with port 0 (any free port), should have listened on";
        let came = format!("all of them listened on {}", first.address());
        return Err(Failure::wrong(who, "its own port", came));
    }
    Ok(first)
}

/// Starts a client that asks for a name before it connects. Then answers the client's prompt, which ends with `word`.
pub fn enters_with_name(
    harness: &Harness,
    server: SocketAddr,
    name: &str,
    terminal: Terminal,
    word: &str,
) -> Check<Person> {
    let person = harness.client_at(name, server, terminal)?;
    person.is_asked_for(word)?;
    person.types(name)?;
    Ok(person)
}
