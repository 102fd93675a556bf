//! Lab 1: stages that test the client, at terminals, against a scripted server.

use std::time::Instant;

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::lab1::wire::{WAYS_OUT, WELCOME, from};
use crate::labs::messages::long_text;
use crate::system::ports::ClosedPort;

/// Stage 3: The client connects and shows messages.
pub fn shows_messages(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    let (first, second, third) = (harness.words(2), harness.words(2), harness.words(2));
    server.says(&from(&first))?;
    alice.sees(&from(&first))?;
    harness.step(&[], "two messages in one segment");
    server.sends(format!("{}\n{}\n", from(&second), from("café")))?;
    alice.sees(&from(&second))?;
    alice.sees(&from("café"))?;
    harness
        .step(&[], "one and a half lines; the rest follows when the first line is on the screen");
    let fourth = harness.words(2);
    let (begin, end) = third.split_at(3);
    server.sends(format!("{}\n{}", from(&fourth), from(begin)))?;
    alice.sees(&from(&fourth))?;
    server.sends(format!("{end}\n"))?;
    alice.sees(&from(&third))?;
    harness.step(&[], "an original server, which sends no newline after its messages");
    let bob = harness.client("bob", listener.address()?)?;
    let original = listener.accepts("original")?;
    original.sends(WELCOME)?;
    bob.sees(WELCOME)?;
    original.sends(from(&first))?;
    bob.sees(&from(&first))?;
    harness.step(&[], "a message of 2,000 characters, which alice sees to its end");
    let words = harness.words(2);
    let long = from(&format!("{}{words}", long_text()));
    server.says(&long)?;
    alice.sees_wrapped(&long)?;
    harness.step(&[], "alice sees a message immediately");
    harness.promptly("alice should have seen the message", || {
        let line = from(&harness.words(2));
        let says = Instant::now();
        server.says(&line)?;
        alice.sees(&line)?;
        Ok(says)
    })
}

/// Stage 5: The client sends typed lines and shows messages.
pub fn talks(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    let (first, second) = (harness.words(3), harness.words(3));
    alice.types(&first)?;
    server.gets(format!("{first}\n"))?;
    harness.step(&[], "the server sends a message while alice is typing");
    let (begin, end) = second.split_at(4);
    alice.begins_to_type(begin)?;
    let answer = from(&harness.words(3));
    server.says(&answer)?;
    alice.sees(&answer)?;
    alice.types(end)?;
    server.gets(format!("{second}\n"))?;
    for _ in 0..3 {
        let line = harness.words(2);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        server.gets(format!("{line}\n"))?;
    }
    alice.rests()?;
    harness.step(&[], "the server gets a line immediately");
    harness.promptly("the server should have received alice's line", || {
        let line = harness.words(2);
        let types = Instant::now();
        alice.types(&line)?;
        server.gets(format!("{line}\n"))?;
        Ok(types)
    })
}

/// Stage 7: The client says quit when its user leaves.
pub fn says_quit_on_leaving(harness: &Harness) -> Check {
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("alice {what}"));
        let listener = harness.listener()?;
        let alice = harness.client("alice", listener.address()?)?;
        let server = listener.accepts("server")?;
        server.says(WELCOME)?;
        alice.sees(WELCOME)?;
        let line = harness.words(2);
        alice.types(&line)?;
        server.gets(format!("{line}\n"))?;
        let answer = from(&harness.words(2));
        server.says(&answer)?;
        alice.sees(&answer)?;
        way(&alice)?;
        server.gets_last("quit")?;
        server.closes();
        alice.exits(0)?;
    }
    Ok(())
}

/// Stage 10: The client ends when the server is gone.
pub fn ends_with_its_server(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    let line = from(&harness.words(2));
    server.says(&line)?;
    alice.sees(&line)?;
    server.closes();
    harness.step(&[], "the server closes the connection, and alice presses no key");
    alice.fails_saying("server")?;

    let bob = harness.client("bob", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    bob.sees(WELCOME)?;
    harness.step(&[], "the connection breaks");
    server.crashes();
    bob.fails_saying("server")?;

    harness.step(&[], "there is no server");
    let nobody = ClosedPort::new()?;
    let carol = harness.client("carol", nobody.address())?;
    carol.fails_saying(&nobody.address().port().to_string())
}
