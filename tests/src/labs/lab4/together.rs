//! Lab 4: stages that test clients at terminals, with their server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::lab4::wire::{WAYS_OUT, enters, joins_room};

/// Stage 12: Three people talk in two rooms.
pub fn three_people_in_two_rooms(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    joins_room(&carol, "carol", "red", &[&alice, &bob, &carol])?;
    joins_room(&bob, "bob", "blue", &[&bob])?;
    joins_room(&carol, "carol", "blue", &[&bob, &carol])?;
    harness.step(&[], "bob and carol talk in blue, and alice hears none of it");
    let secret = harness.words(2);
    bob.types(&secret)?;
    carol.sees(&format!("[blue] bob: {secret}"))?;
    bob.sees(&format!("[blue] bob: {secret}"))?;
    carol.types("/room red")?;
    alice.begins_to_type("half of a ")?;
    let line = harness.words(3);
    carol.types(&line)?;
    for person in [&alice, &bob, &carol] {
        person.sees(&format!("[red] carol: {line}"))?;
    }
    alice.has_typed("half of a ")?;
    alice.types("sentence")?;
    harness.step(&[], "everyone has seen each line the right number of times");
    for person in [&alice, &bob, &carol] {
        person.sees("[red] alice: half of a sentence")?;
        person.has_seen(1, &format!("[red] carol: {line}"))?;
    }
    alice.has_seen(0, &format!("[blue] bob: {secret}"))
}

/// Stage 13: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    let left = "[red] guest: guest has left this chatroom.";
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("guest {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        joins_room(&guest, "guest", "red", &[&alice, &bob, &guest])?;
        way(&guest)?;
        alice.sees(left)?;
        bob.sees(left)?;
        guest.exits(0)?;
    }
    harness.step(&[], "guest is killed");
    let killed = enters(harness, address, "guest", Terminal::Dumb)?;
    joins_room(&killed, "guest", "red", &[&alice, &bob, &killed])?;
    killed.is_killed();
    alice.sees(left)?;
    bob.sees(left)?;
    harness.step(&[], "bob types /kill");
    bob.types("/kill")?;
    server.terminal().exits(0)?;
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 14: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    joins_room(&carol, "carol", "red", &[&alice, &bob, &carol])?;
    let mallory = server.peer("mallory")?;
    mallory.asks_to_join("red", "\x1b]0;owned\x07")?;
    let room = mallory.is_in("red", address)?;
    let words = harness.words(2);
    mallory.chats(room, &format!("\x1b[2J{words}\n\x1b[2J"))?;
    for person in [&alice, &bob, &carol] {
        person.sees_somewhere(&words)?;
    }
    let fence = harness.words(2);
    bob.types(&fence)?;
    for person in [&alice, &bob, &carol] {
        person.sees(&format!("[red] bob: {fence}"))?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    server.terminal().never_got(b"\x1b]0;")?;
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    [&alice, &bob, &carol].iter().try_for_each(|person| person.fails_saying("server"))
}
