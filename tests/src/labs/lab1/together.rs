//! Lab 1: stages that run clients in terminals and test them together with the server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::bad_networks::{Group, NAMES, networks};
use crate::labs::lab1::wire::{FULL, WAYS_OUT, WELCOME, enters, enters_when_free, from, joins};

/// Stage 12: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "3"])?;
    harness.step(&["show_messages", "welcome"], "alice, bob, and carol join");
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    let people = [&alice, &bob, &carol];
    let said = people.map(|_| harness.words(3));
    for (at, (speaker, line)) in people.iter().zip(&said).enumerate() {
        let step = format!("{} types a line; the others should see it", speaker.name());
        harness.step(&["relay", "show_messages", "type_messages"], &step);
        speaker.types(line)?;
        for (_, listener) in people.iter().enumerate().filter(|(other, _)| *other != at) {
            listener.sees(&from(line))?;
        }
    }
    harness.step(
        &["show_messages"],
        "bob and carol speak while alice is typing; her line should stay intact",
    );
    let (begin, end) = ("half of a ", "sentence");
    alice.begins_to_type(begin)?;
    for speaker in [&bob, &carol] {
        let line = harness.words(2);
        speaker.types(&line)?;
        alice.sees(&from(&line))?;
    }
    alice.has_typed(begin)?;
    harness.step(&["type_messages", "show_messages"], "alice finishes the line she is typing");
    alice.types(end)?;
    bob.sees(&from("half of a sentence"))?;
    let functions = &["relay", "type_messages", "show_messages"];
    harness.step(functions, "all spoke; each should have seen the others' lines once");
    for (at, line) in said.iter().enumerate() {
        for (other, person) in people.iter().enumerate() {
            person.has_seen(usize::from(other != at), &from(line))?;
        }
    }
    Ok(())
}

/// Stage 13: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["show_messages", "accept_clients"], "alice joins");
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    for (what, way) in WAYS_OUT {
        let functions = &["accept_clients", "receive_messages", "relay"];
        harness.step(functions, &format!("guest joins and talks before it {what}"));
        let guest = enters_when_free(harness, &server, "guest")?;
        let (line, answer) = (harness.words(2), harness.words(2));
        guest.types(&line)?;
        alice.sees(&from(&line))?;
        alice.types(&answer)?;
        guest.sees(&from(&answer))?;
        harness.step(&["type_messages"], &format!("guest {what}"));
        way(&guest)?;
        guest.exits(0)?;
    }
    let functions = &["accept_clients", "receive_messages"];
    harness.step(functions, "a client is killed; bob should get that client's seat");
    enters_when_free(harness, &server, "killed")?.is_killed();
    let bob = enters_when_free(harness, &server, "bob")?;
    harness.step(&["show_messages", "turn_away"], "`late` connects when no seat is free");
    let late = harness.client("late", address)?;
    late.sees(FULL)?;
    late.fails_saying("server")?;
    harness.step(&["accept_clients"], "Ctrl-C is pressed in the server's terminal");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    harness.step(&["show_messages"], "the server is gone; alice and bob should be told so");
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 14: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
    harness.step(&["show_messages", "welcome"], "alice, bob, carol, and mallory join");
    let address = server.address();
    let people = [
        harness.client_at("alice", address, Terminal::Xterm)?,
        harness.client("bob", address)?,
        harness.client("carol", address)?,
    ];
    for person in &people {
        person.sees(WELCOME)?;
    }
    let mallory = joins(&server, "mallory")?;
    let line = harness.words(2);
    let functions = &["show_messages", "relay"];
    harness.step(functions, "mallory sends escape sequences; no client should obey them");
    mallory.says(&format!("\x1b[2J\x1b]0;owned\x07{line}"))?;
    for person in &people {
        person.sees_somewhere(&line)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    harness.step(&["relay"], "the server shows mallory's message; it should be harmless there too");
    server.terminal().sees_somewhere(&line)?;
    server.terminal().never_got(b"\x1b[2J")
}

/// Stage 16: The network is unreliable.
pub fn network_is_bad(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "3"])?;
    let functions = &["show_messages", "receive_messages", "relay", "type_messages"];
    harness.step(functions, "alice, bob, and carol join over good networks");
    let networks = networks(harness, &server)?;
    let enter = |at: usize, terminal| enters(harness, networks[at].address(), NAMES[at], terminal);
    let (alice, bob, carol) =
        (enter(0, Terminal::Xterm)?, enter(1, Terminal::Dumb)?, enter(2, Terminal::Dumb)?);
    // A pause may split a client's first message, so the first messages are sent over good networks.
    for person in [&alice, &bob, &carol] {
        let text = harness.words(2);
        person.types(&text)?;
        let others = [&alice, &bob, &carol].into_iter();
        let mut others = others.filter(|other| other.name() != person.name());
        others.try_for_each(|other| other.sees(&from(&text)))?;
    }
    let group = Group {
        harness,
        functions,
        people: [&alice, &bob, &carol],
        networks: &networks,
        shown: |_, text| from(text),
        speaker_sees: false,
        half: 16,
    };
    group.talks(None)
}
