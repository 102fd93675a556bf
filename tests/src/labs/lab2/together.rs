//! Lab 2: stages that run clients in terminals and test them together with the server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::bad_networks::{Group, NAMES, networks};
use crate::labs::lab2::wire::{WAYS_OUT, enters, joins};

/// Stage 13: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["join", "show_messages"], "alice, bob, and carol join");
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    alice.sees("bob joined!")?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    alice.sees("carol joined!")?;
    bob.sees("carol joined!")?;
    let people = [("alice", &alice), ("bob", &bob), ("carol", &carol)];
    let mut said = Vec::new();
    for (name, speaker) in people {
        let step = format!("{name} types a line; all three should see it");
        harness.step(&["line", "show_messages", "type_messages"], &step);
        let words = harness.words(3);
        speaker.types(&words)?;
        said.push(format!("{name}: {words}"));
        people.iter().try_for_each(|(_, listener)| listener.sees(&said[said.len() - 1]))?;
    }
    harness.step(
        &["show_messages"],
        "bob and carol speak while alice is typing; her line should stay intact",
    );
    alice.begins_to_type("half of a ")?;
    for (name, speaker) in [("bob", &bob), ("carol", &carol)] {
        let words = harness.words(2);
        speaker.types(&words)?;
        alice.sees(&format!("{name}: {words}"))?;
    }
    alice.has_typed("half of a ")?;
    harness.step(&["type_messages", "show_messages"], "alice finishes the line she is typing");
    alice.types("sentence")?;
    people.iter().try_for_each(|(_, person)| person.sees("alice: half of a sentence"))?;
    let functions = &["type_messages", "line", "show_messages"];
    harness.step(functions, "everyone has spoken and should have seen each line once");
    for (_, person) in people {
        said.iter().try_for_each(|line| person.has_seen(1, line))?;
    }
    Ok(())
}

/// Stage 14: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "show_messages"], "alice and bob join");
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    for (what, way) in WAYS_OUT {
        harness.step(&["join", "leave"], &format!("guest joins before it {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        alice.sees("guest joined!")?;
        let step = format!("guest {what}; alice and bob should see `guest left!`");
        harness.step(&["type_messages", "leave"], &step);
        way(&guest)?;
        alice.sees("guest left!")?;
        bob.sees("guest left!")?;
        guest.exits(0)?;
    }
    harness.step(&["join", "leave"], "guest joins before it is killed");
    let killed = enters(harness, address, "guest", Terminal::Dumb)?;
    harness.step(&["leave", "receive_messages"], "guest is killed");
    killed.is_killed();
    alice.sees("guest left!")?;
    harness.step(&["answer_nick", "join"], "`late` replies with a nickname that is taken");
    let late = harness.client("late", address)?;
    late.is_asked_for("nickname")?;
    late.types("Alice")?;
    late.sees_somewhere("Nickname refused: ")?;
    late.exits(1)?;
    harness.step(&["run_room"], "Ctrl-C is pressed in the server's terminal");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    harness.step(&["show_messages"], "the server is gone; alice and bob should be told so");
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 15: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["show_messages", "join"], "alice, bob, carol, and mallory join");
    let address = server.address();
    let people = [
        enters(harness, address, "alice", Terminal::Xterm)?,
        enters(harness, address, "bob", Terminal::Dumb)?,
        enters(harness, address, "carol", Terminal::Dumb)?,
    ];
    let mallory = joins(&server, "mallory")?;
    let words = harness.words(2);
    let functions = &["show_messages", "line"];
    harness.step(functions, "mallory sends escape sequences; no client should obey them");
    mallory.says(&format!("mallory: \x1b[2J\x1b]0;owned\x07{words}"))?;
    for person in &people {
        person.sees_somewhere(&words)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    harness.step(&["join"], "eve replies with a nickname that contains an escape sequence");
    let eve = server.peer("eve")?;
    eve.gets("NICK")?;
    eve.sends("\x1b[2Jeve")?;
    eve.hears_until_closed()?;
    // The server prints zoe's nickname after everything that it prints about eve.
    harness.step(&["join"], "the server shows eve's nickname; it should be harmless there");
    let zoe = format!("zoe-{}", harness.words(0).trim_start_matches('-'));
    joins(&server, &zoe)?;
    server.prints(&format!("Nickname is {zoe}"))?;
    server.terminal().never_got(b"\x1b[2J")
}

/// Stage 17: The network is unreliable.
pub fn network_is_bad(harness: &Harness) -> Check {
    let server = harness.server()?;
    let functions = &["show_messages", "receive_messages", "line", "leave"];
    harness.step(functions, "alice, bob, and carol join over good networks");
    let networks = networks(harness, &server)?;
    let enter = |at: usize, terminal| enters(harness, networks[at].address(), NAMES[at], terminal);
    let (alice, bob, carol) =
        (enter(0, Terminal::Xterm)?, enter(1, Terminal::Dumb)?, enter(2, Terminal::Dumb)?);
    // A pause may split a client's first message, so the first messages are sent over good networks.
    for person in [&alice, &bob, &carol] {
        let text = harness.words(2);
        person.types(&text)?;
        let line = format!("{}: {text}", person.name());
        [&alice, &bob, &carol].iter().try_for_each(|listener| listener.sees(&line))?;
    }
    let group = Group {
        harness,
        functions,
        people: [&alice, &bob, &carol],
        networks: &networks,
        shown: |name, text| format!("{name}: {text}"),
        speaker_sees: true,
        half: 16,
    };
    group.talks(Some("bob left!"))
}
