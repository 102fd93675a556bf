//! Lab 4: stages that test the server together with clients in terminals.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::bad_networks::{Group, NAMES, networks};
use crate::labs::lab4::wire::{WAYS_OUT, enters, joins_room};

/// Stage 12: Three people talk in two rooms.
pub fn three_people_in_two_rooms(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(
        &["join", "show"],
        "alice, bob, and carol join the room `red`; bob and carol join `blue`",
    );
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    joins_room(&carol, "carol", "red", &[&alice, &bob, &carol])?;
    joins_room(&bob, "bob", "blue", &[&bob])?;
    joins_room(&carol, "carol", "blue", &[&bob, &carol])?;
    harness.step(&["say", "show", "type_requests"], "bob types text in blue; carol should see it");
    let secret = harness.words(2);
    bob.types(&secret)?;
    carol.sees(&format!("[blue] bob: {secret}"))?;
    bob.sees(&format!("[blue] bob: {secret}"))?;
    let functions = &["show", "show_replies"];
    harness
        .step(functions, "carol talks in `red` while alice types; alice's line should stay intact");
    carol.types("/room red")?;
    alice.begins_to_type("half of a ")?;
    let line = harness.words(3);
    carol.types(&line)?;
    for person in [&alice, &bob, &carol] {
        person.sees(&format!("[red] carol: {line}"))?;
    }
    alice.has_typed("half of a ")?;
    harness.step(&["type_requests", "show"], "alice finishes the line she is typing");
    alice.types("sentence")?;
    for person in [&alice, &bob, &carol] {
        person.sees("[red] alice: half of a sentence")?;
    }
    let functions = &["type_requests", "show", "say"];
    harness.step(functions, "everyone should have seen carol's line exactly once");
    for person in [&alice, &bob, &carol] {
        person.has_seen(1, &format!("[red] carol: {line}"))?;
    }
    harness.step(&["say"], "alice, who is not in blue, should not have seen bob's line");
    alice.has_seen(0, &format!("[blue] bob: {secret}"))
}

/// Stage 13: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "show"], "alice and bob join the room `red`");
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    let left = "[red] guest: guest has left this chatroom.";
    for (what, way) in WAYS_OUT {
        harness.step(&["join", "show"], &format!("guest joins the room `red` before it {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        joins_room(&guest, "guest", "red", &[&alice, &bob, &guest])?;
        let step = format!("guest {what}; alice and bob should see that guest has left");
        harness.step(&["type_requests", "disconnect"], &step);
        way(&guest)?;
        alice.sees(left)?;
        bob.sees(left)?;
        harness.step(&["type_requests"], &format!("guest {what} and should exit"));
        guest.exits(0)?;
    }
    harness.step(&["join", "show"], "guest joins the room `red` before it is killed");
    let killed = enters(harness, address, "guest", Terminal::Dumb)?;
    joins_room(&killed, "guest", "red", &[&alice, &bob, &killed])?;
    harness.step(&["disconnect"], "guest is killed; alice and bob should see that guest has left");
    killed.is_killed();
    alice.sees(left)?;
    bob.sees(left)?;
    harness.step(&["obey", "kill"], "bob types `/kill`; the server must exit with status 0");
    bob.types("/kill")?;
    server.terminal().exits(0)?;
    harness.step(&["show_replies", "obey"], "the server has exited; alice and bob should be told");
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 14: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "show"], "alice, bob, carol, and mallory join the room `red`");
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    joins_room(&carol, "carol", "red", &[&alice, &bob, &carol])?;
    let mallory = server.peer("mallory")?;
    mallory.asks_to_join("red", "\x1b]0;owned\x07")?;
    let room = mallory.is_in("red", address)?;
    let functions = &["show", "show_replies"];
    harness.step(functions, "mallory sends escape sequences; no client should obey them");
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
    harness
        .step(&["join"], "mallory's name has an escape sequence; the server should not print it");
    server.terminal().never_got(b"\x1b]0;")?;
    harness.step(&["kill"], "Ctrl-C is pressed in the server's terminal");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    harness.step(&["show_replies"], "the server has exited; all three should be told");
    [&alice, &bob, &carol].iter().try_for_each(|person| person.fails_saying("server"))
}

/// Stage 16: The network is unreliable.
pub fn network_is_bad(harness: &Harness) -> Check {
    let server = harness.server()?;
    let functions = &["show_replies", "show", "say", "disconnect"];
    harness.step(functions, "alice, bob, and carol join over good networks");
    let networks = networks(harness, &server)?;
    let enter = |at: usize, terminal| enters(harness, networks[at].address(), NAMES[at], terminal);
    let (alice, bob, carol) =
        (enter(0, Terminal::Xterm)?, enter(1, Terminal::Dumb)?, enter(2, Terminal::Dumb)?);
    joins_room(&alice, "alice", "red", &[&alice])?;
    joins_room(&bob, "bob", "red", &[&alice, &bob])?;
    joins_room(&carol, "carol", "red", &[&alice, &bob, &carol])?;
    let group = Group {
        harness,
        functions,
        people: [&alice, &bob, &carol],
        networks: &networks,
        shown: |name, text| format!("[red] {name}: {text}"),
        speaker_sees: true,
        half: 40,
    };
    group.talks(Some("[red] bob: bob has left this chatroom."))
}
