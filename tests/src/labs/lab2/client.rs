//! Lab 2: stages that test the client, at terminals, against a scripted server.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::person::Person;
use crate::journal::failure::Check;
use crate::labs::lab2::wire::WAYS_OUT;
use crate::labs::messages::long_text;

/// Stage 3: The client replies with its nickname.
pub fn answers_nick(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let alice = harness.client("alice", listener.address()?)?;
    alice.is_asked_for("nickname")?;
    alice.types("alice")?;
    let server = listener.lets_in("alice")?;
    alice.sees("alice joined!")?;
    alice.sees("Connected to server!")?;
    let line = format!("bob: {}", harness.words(3));
    server.says(&line)?;
    alice.sees(&line)?;
    alice.has_seen(0, "NICK")?;
    alice.has_seen(1, "alice joined!")?;
    // When the client is gone, everything that it sent has arrived. Alice has typed nothing more.
    alice.is_killed();
    server.got_nothing_more("nothing after the nickname, not even a newline")?;
    harness.step(&[], "bob gives an empty answer, and is asked again");
    let bob = harness.client("bob", listener.address()?)?;
    bob.is_asked_for("nickname")?;
    bob.types("")?;
    bob.is_asked_for("nickname")?;
    harness.step(&[], "an original server, which sends no newline after its messages");
    bob.types("bob")?;
    let original = listener.accepts("original")?;
    original.sends("NICK")?;
    original.gets("bob")?;
    original.sends("bob joined!Connected to server!")?;
    bob.sees_somewhere("Connected to server!")?;
    original.sends(&line)?;
    bob.sees(&line)?;
    bob.is_killed();
    original.got_nothing_more("nothing after the nickname, not even a newline")
}

/// Stage 6: The client sends typed lines and shows messages.
pub fn talks(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let alice = harness.client("alice", listener.address()?)?;
    alice.is_asked_for("nickname")?;
    alice.types("alice")?;
    let server = listener.accepts("server")?;
    server.sends("NICK")?;
    server.gets("alice")?;
    harness.step(
        &[],
        "alice types before the server has spoken: her line waits for the server's first message",
    );
    let early = harness.words(2);
    alice.types(&early)?;
    alice.rests()?;
    server.has_got_nothing("nothing between the nickname and the first message")?;
    server.says("alice joined!")?;
    server.says("Connected to server!")?;
    server.gets(format!("alice: {early}\n"))?;
    alice.sees("Connected to server!")?;
    for _ in 0..3 {
        let line = harness.words(3);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        server.gets(format!("alice: {line}\n"))?;
        server.says(&format!("alice: {line}"))?;
        alice.sees(&format!("alice: {line}"))?;
    }
    let (begin, end) = (harness.words(1), harness.words(1));
    alice.begins_to_type(&begin)?;
    let (first, second) = (harness.words(2), harness.words(2));
    server.sends(format!("bob: {first}\ncarol: {second}\n"))?;
    alice.sees(&format!("bob: {first}"))?;
    alice.sees(&format!("carol: {second}"))?;
    alice.types(&end)?;
    server.gets(format!("alice: {begin}{end}\n"))?;
    harness
        .step(&[], "one and a half lines; the rest follows when the first line is on the screen");
    let (first, second) = (harness.words(2), harness.words(2));
    server.sends(format!("bob: {first}\ncar"))?;
    alice.sees(&format!("bob: {first}"))?;
    server.sends(format!("ol: {second}\n"))?;
    alice.sees(&format!("carol: {second}"))?;
    alice.rests()?;
    harness.step(&[], "a message of 2,000 characters, which alice sees to its end");
    let long = format!("bob: {}{}", long_text(), harness.words(2));
    server.says(&long)?;
    alice.sees_wrapped(&long)?;
    harness.step(&[], "the server gets a line immediately, and alice sees it immediately");
    harness.promptly("the server and alice should have received her line", || {
        let line = format!("alice: {}", harness.words(3));
        let types = Instant::now();
        alice.types(line.trim_start_matches("alice: "))?;
        server.gets(format!("{line}\n"))?;
        server.says(&line)?;
        alice.sees(&line)?;
        Ok(types)
    })
}

/// Stage 11: The client ends cleanly.
pub fn ends_cleanly(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let starts = || -> Check<Person> {
        let alice = harness.client("alice", listener.address()?)?;
        alice.is_asked_for("nickname")?;
        alice.types("alice")?;
        Ok(alice)
    };
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("alice {what}"));
        let alice = starts()?;
        let server = listener.lets_in("alice")?;
        alice.sees("Connected to server!")?;
        way(&alice)?;
        server.is_closed()?;
        server.closes();
        alice.exits(0)?;
    }
    harness.step(&[], "the nickname is refused");
    let alice = starts()?;
    let server = listener.accepts("server")?;
    server.sends("NICK")?;
    server.gets("alice")?;
    let refusal = format!("Nickname refused: {}", harness.words(2));
    server.says(&refusal)?;
    server.closes();
    alice.sees(&refusal)?;
    alice.exits(1)?;

    harness.step(&[], "alice is refused before she is asked, as if the server were full");
    let alice = starts()?;
    let server = listener.accepts("server")?;
    let refusal = format!("Nickname refused: {}", harness.words(2));
    server.says(&refusal)?;
    server.closes();
    alice.sees(&refusal)?;
    alice.exits(1)?;

    harness.step(&[], "the server closes the connection, and alice presses no key");
    let alice = starts()?;
    let server = listener.lets_in("alice")?;
    alice.sees("Connected to server!")?;
    server.closes();
    alice.fails_saying("server")
}
