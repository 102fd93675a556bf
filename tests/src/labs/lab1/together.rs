//! Lab 1: stages that test clients at terminals, with their server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::lab1::wire::{FULL, WAYS_OUT, WELCOME, enters, from, starts_when_free};

/// Stage 12: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "3"])?;
    let address = server.address();
    let alice = harness.client_at("alice", address, Terminal::Xterm)?;
    alice.sees(WELCOME)?;
    let bob = harness.client("bob", address)?;
    bob.sees(WELCOME)?;
    let carol = harness.client("carol", address)?;
    carol.sees(WELCOME)?;
    let people = [&alice, &bob, &carol];
    let said = people.map(|_| harness.words(3));
    for (at, (speaker, line)) in people.iter().zip(&said).enumerate() {
        speaker.types(line)?;
        for (_, listener) in people.iter().enumerate().filter(|(other, _)| *other != at) {
            listener.sees(&from(line))?;
        }
    }
    harness.step("what alice is typing stays whole while others speak");
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
    harness.step("everybody has seen each line as often as meant");
    for (at, line) in said.iter().enumerate() {
        for (other, person) in people.iter().enumerate() {
            person.has_seen(usize::from(other != at), &from(line))?;
        }
    }
    Ok(())
}

/// Stage 13: One leaves, another comes.
pub fn one_leaves_another_comes(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = harness.client("alice", address)?;
    alice.sees(WELCOME)?;
    for (what, way) in WAYS_OUT {
        harness.step(&format!("guest {what}"));
        let guest = starts_when_free(harness, &server, "guest")?;
        let (line, answer) = (harness.words(2), harness.words(2));
        guest.types(&line)?;
        alice.sees(&from(&line))?;
        alice.types(&answer)?;
        guest.sees(&from(&answer))?;
        way(&guest)?;
        guest.exits(0)?;
    }
    harness.step("a client is killed, and its seat is free again");
    starts_when_free(harness, &server, "killed")?.is_killed();
    let bob = starts_when_free(harness, &server, "bob")?;
    harness.step("late finds the room full");
    let late = harness.client("late", address)?;
    late.sees(FULL)?;
    late.fails_saying("server")?;
    harness.step("the server is ended with Ctrl-C");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    alice.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 14: Nobody's terminal can be steered.
pub fn no_terminal_can_be_steered(harness: &Harness) -> Check {
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
    let mallory = enters(&server, "mallory")?;
    let line = harness.words(2);
    harness.step("mallory says what clears a screen, sets a title, rings a bell");
    mallory.says(&format!("\x1b[2J\x1b]0;owned\x07{line}"))?;
    for person in &people {
        person.sees_somewhere(&line)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    server.terminal().sees_somewhere(&line)?;
    server.terminal().never_got(b"\x1b[2J")
}
