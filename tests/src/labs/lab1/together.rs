//! Lab 1: stages that test clients at terminals, with their server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::lab1::wire::{FULL, WAYS_OUT, WELCOME, enters, enters_when_free, from, joins};

/// Stage 12: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "3"])?;
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let carol = enters(harness, address, "carol", Terminal::Dumb)?;
    let people = [&alice, &bob, &carol];
    let said = people.map(|_| harness.words(3));
    for (at, (speaker, line)) in people.iter().zip(&said).enumerate() {
        speaker.types(line)?;
        for (_, listener) in people.iter().enumerate().filter(|(other, _)| *other != at) {
            listener.sees(&from(line))?;
        }
    }
    harness.step(&[], "the line that alice is typing stays intact while bob and carol speak");
    let (begin, end) = ("half of a ", "sentence");
    alice.begins_to_type(begin)?;
    for speaker in [&bob, &carol] {
        let line = harness.words(2);
        speaker.types(&line)?;
        alice.sees(&from(&line))?;
    }
    alice.has_typed(begin)?;
    alice.types(end)?;
    bob.sees(&from("half of a sentence"))?;
    harness.step(&[], "everyone has seen each line the right number of times");
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
    let address = server.address();
    let alice = enters(harness, address, "alice", Terminal::Dumb)?;
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("guest {what}"));
        let guest = enters_when_free(harness, &server, "guest")?;
        let (line, answer) = (harness.words(2), harness.words(2));
        guest.types(&line)?;
        alice.sees(&from(&line))?;
        alice.types(&answer)?;
        guest.sees(&from(&answer))?;
        way(&guest)?;
        guest.exits(0)?;
    }
    harness.step(&[], "a client is killed, and its seat is free again");
    enters_when_free(harness, &server, "killed")?.is_killed();
    let bob = enters_when_free(harness, &server, "bob")?;
    harness.step(&[], "late finds the room full");
    let late = harness.client("late", address)?;
    late.sees(FULL)?;
    late.fails_saying("server")?;
    harness.step(&[], "Ctrl-C ends the server");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 14: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
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
    harness.step(
        &[],
        "mallory sends escape sequences that clear the screen, set a title and ring the bell",
    );
    mallory.says(&format!("\x1b[2J\x1b]0;owned\x07{line}"))?;
    for person in &people {
        person.sees_somewhere(&line)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    server.terminal().sees_somewhere(&line)?;
    server.terminal().never_got(b"\x1b[2J")
}
