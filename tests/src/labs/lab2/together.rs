//! Lab 2: stages that test clients at terminals, with their server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::lab2::wire::{WAYS_OUT, enters, joins};

/// Stage 13: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server()?;
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
        let words = harness.words(3);
        speaker.types(&words)?;
        said.push(format!("{name}: {words}"));
        people.iter().try_for_each(|(_, listener)| listener.sees(&said[said.len() - 1]))?;
    }
    harness.step(&[], "the line that alice is typing stays intact while bob and carol speak");
    alice.begins_to_type("half of a ")?;
    for (name, speaker) in [("bob", &bob), ("carol", &carol)] {
        let words = harness.words(2);
        speaker.types(&words)?;
        alice.sees(&format!("{name}: {words}"))?;
    }
    alice.has_typed("half of a ")?;
    alice.types("sentence")?;
    harness.step(&[], "everyone has seen each line once");
    for (_, person) in people {
        person.sees("alice: half of a sentence")?;
        said.iter().try_for_each(|line| person.has_seen(1, line))?;
    }
    Ok(())
}

/// Stage 14: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("guest {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        alice.sees("guest joined!")?;
        way(&guest)?;
        alice.sees("guest left!")?;
        bob.sees("guest left!")?;
        guest.exits(0)?;
    }
    harness.step(&[], "guest is killed");
    let killed = enters(harness, address, "guest", Terminal::Dumb)?;
    killed.is_killed();
    alice.sees("guest left!")?;
    harness.step(&[], "late asks for a nickname that is taken");
    let late = harness.client("late", address)?;
    late.is_asked_for("nickname")?;
    late.types("Alice")?;
    late.sees_somewhere("Nickname refused: ")?;
    late.exits(1)?;
    harness.step(&[], "Ctrl-C ends the server");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 15: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let people = [
        enters(harness, address, "alice", Terminal::Xterm)?,
        enters(harness, address, "bob", Terminal::Dumb)?,
        enters(harness, address, "carol", Terminal::Dumb)?,
    ];
    let mallory = joins(&server, "mallory")?;
    let words = harness.words(2);
    harness.step(
        &[],
        "mallory sends escape sequences that clear the screen, set a title and ring the bell",
    );
    mallory.says(&format!("mallory: \x1b[2J\x1b]0;owned\x07{words}"))?;
    for person in &people {
        person.sees_somewhere(&words)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    harness.step(&[], "eve has an escape sequence in her nickname");
    let eve = server.peer("eve")?;
    eve.gets("NICK")?;
    eve.sends("\x1b[2Jeve")?;
    eve.hears_until_closed()?;
    // Everything that the server has printed about eve comes before this line.
    let zoe = format!("zoe-{}", harness.words(0).trim_start_matches('-'));
    joins(&server, &zoe)?;
    server.prints(&format!("Nickname is {zoe}"))?;
    server.terminal().never_got(b"\x1b[2J")
}
