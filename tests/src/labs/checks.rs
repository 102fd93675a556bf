//! What several labs ask in the same way.

use std::collections::BTreeSet;

use crate::harness::Harness;
use crate::harness::person::{Key, Person};
use crate::harness::server::Server;
use crate::journal::failure::{Check, Failure};

/// A way in which a person leaves: in words, and how.
pub type WayOut = (&'static str, fn(&Person) -> Check);

/// What a person types to leave, and the keys that do the same in every lab.
pub const fn ways_out(typed: WayOut) -> [WayOut; 3] {
    [
        typed,
        ("presses Ctrl-D", |person| person.presses(Key::CtrlD)),
        ("presses Ctrl-C", |person| person.presses(Key::CtrlC)),
    ]
}

/// Starts servers, and answers the first: each must listen where it was told, and not on a port of its own choice.
pub fn server_where_told(harness: &Harness) -> Check<Server> {
    let first = harness.server()?;
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
        let other = harness.server().map_err(|mut failure| {
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
