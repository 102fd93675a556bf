//! Lab 1: stages that run the client in a terminal and test it against a scripted server.

use std::time::Instant;

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::lab1::wire::{WAYS_OUT, WELCOME, from};
use crate::labs::messages::long_text;
use crate::system::ports::ClosedPort;

/// Stage 3: The client connects and shows messages.
pub fn shows_messages(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["connect"], "alice's client starts; it should connect to the server");
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    harness.step(&["show_messages"], "the server sends the welcome");
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    harness.step(&["show_messages"], "the server sends a message after the welcome");
    let (first, second, third) = (harness.words(2), harness.words(2), harness.words(2));
    server.says(&from(&first))?;
    alice.sees(&from(&first))?;
    harness.step(&["show_messages"], "the server sends two messages in one segment");
    server.sends(format!("{}\n{}\n", from(&second), from("café")))?;
    alice.sees(&from(&second))?;
    alice.sees(&from("café"))?;
    harness.step(&["show_messages"], "the server sends one and a half lines in one segment");
    let fourth = harness.words(2);
    let (begin, end) = third.split_at(3);
    server.sends(format!("{}\n{}", from(&fourth), from(begin)))?;
    alice.sees(&from(&fourth))?;
    harness.step(&["show_messages"], "the server sends the second half of the second line");
    server.sends(format!("{end}\n"))?;
    alice.sees(&from(&third))?;
    harness.step(&["show_messages"], "an original server sends the welcome without a newline");
    let bob = harness.client("bob", listener.address()?)?;
    let original = listener.accepts("original")?;
    original.sends(WELCOME)?;
    bob.sees(WELCOME)?;
    harness.step(&["show_messages"], "the original server sends a message without a newline");
    original.sends(from(&first))?;
    bob.sees(&from(&first))?;
    harness.step(&["show_messages"], "the server sends alice a message of about 2,000 characters");
    let words = harness.words(2);
    let long = from(&format!("{}{words}", long_text()));
    server.says(&long)?;
    alice.sees_wrapped(&long)?;
    harness.step(&["show_messages"], "the server sends a message; alice should see it immediately");
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
    harness.step(&["type_messages"], "alice joins and types a line");
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    let (first, second) = (harness.words(3), harness.words(3));
    alice.types(&first)?;
    server.gets(format!("{first}\n"))?;
    let functions = &["show_messages", "type_messages"];
    harness.step(functions, "the server sends a message while alice is typing a second line");
    let (begin, end) = second.split_at(4);
    alice.begins_to_type(begin)?;
    let answer = from(&harness.words(3));
    server.says(&answer)?;
    alice.sees(&answer)?;
    harness.step(&["type_messages"], "alice finishes that line");
    alice.types(end)?;
    server.gets(format!("{second}\n"))?;
    harness.step(&["type_messages"], "alice types an empty line, then a message, three times");
    for _ in 0..3 {
        let line = harness.words(2);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        server.gets(format!("{line}\n"))?;
    }
    let functions = &["type_messages", "show_messages"];
    harness.step(functions, "alice types nothing; her client should use no processor time");
    alice.rests()?;
    harness.step(&["type_messages"], "alice types a line; the server should get it immediately");
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
        let listener = harness.listener()?;
        harness.step(&["type_messages"], &format!("alice joins and talks before she {what}"));
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
        let step = format!("alice {what}; the server should get `quit`, without a newline");
        harness.step(&["type_messages"], &step);
        way(&alice)?;
        server.gets_last("quit")?;
        server.closes();
        alice.exits(0)?;
    }
    Ok(())
}

/// Stage 10: The client exits when the server is gone.
pub fn ends_with_its_server(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["show_messages"], "alice joins, and the server sends a message");
    let alice = harness.client("alice", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    alice.sees(WELCOME)?;
    let line = from(&harness.words(2));
    server.says(&line)?;
    alice.sees(&line)?;
    harness.step(&["show_messages"], "the server closes the connection; alice types nothing");
    server.closes();
    alice.fails_saying("server")?;

    harness.step(&["show_messages"], "bob joins");
    let bob = harness.client("bob", listener.address()?)?;
    let server = listener.accepts("server")?;
    server.says(WELCOME)?;
    bob.sees(WELCOME)?;
    harness.step(&["show_messages"], "the connection breaks; bob types nothing");
    server.crashes();
    bob.fails_saying("server")?;

    harness.step(&["connect"], "carol's client starts; nothing is listening on its port");
    let nobody = ClosedPort::new()?;
    let carol = harness.client("carol", nobody.address())?;
    carol.fails_saying(&nobody.address().port().to_string())
}
