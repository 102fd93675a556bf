//! Lab 2: stages that run the client in a terminal and test it against a scripted server.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::person::Person;
use crate::journal::failure::Check;
use crate::labs::lab2::wire::WAYS_OUT;
use crate::labs::messages::long_text;

/// Stage 3: The client replies with its nickname.
pub fn answers_nick(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["answer_nick"], "alice types her nickname, and the server lets her in");
    let alice = harness.client("alice", listener.address()?)?;
    alice.is_asked_for("nickname")?;
    alice.types("alice")?;
    let server = listener.lets_in("alice")?;
    alice.sees("alice joined!")?;
    harness.step(&["show_messages"], "alice's client receives `Connected to server!`");
    alice.sees("Connected to server!")?;
    harness.step(&["show_messages"], "the server sends a line from bob");
    let line = format!("bob: {}", harness.words(3));
    server.says(&line)?;
    alice.sees(&line)?;
    let functions = &["answer_nick", "show_messages"];
    harness.step(functions, "alice has joined; she should see `alice joined!` once and no `NICK`");
    alice.has_seen(0, "NICK")?;
    alice.has_seen(1, "alice joined!")?;
    // Once the stream from a killed client has ended, everything that the client sent has arrived. Alice has typed
    // nothing after her nickname.
    harness.step(&["answer_nick"], "alice's client is killed; it should have sent only `alice`");
    alice.is_killed();
    server.got_nothing_more("nothing after the nickname, not even a newline")?;
    harness.step(&["answer_nick"], "bob presses Enter without a nickname");
    let bob = harness.client("bob", listener.address()?)?;
    bob.is_asked_for("nickname")?;
    bob.types("")?;
    bob.is_asked_for("nickname")?;
    let functions = &["answer_nick", "show_messages"];
    harness.step(functions, "the original Python server lets bob in and sends no newline");
    bob.types("bob")?;
    let original = listener.accepts("original")?;
    original.sends("NICK")?;
    original.gets("bob")?;
    original.sends("bob joined!Connected to server!")?;
    bob.sees_somewhere("Connected to server!")?;
    harness.step(&["show_messages"], "the original server sends a line without a newline");
    original.sends(&line)?;
    bob.sees(&line)?;
    harness.step(&["answer_nick"], "bob's client is killed; it should have sent only `bob`");
    bob.is_killed();
    original.got_nothing_more("nothing after the nickname, not even a newline")
}

/// Stage 6: The client sends typed lines and shows messages.
pub fn talks(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["answer_nick"], "alice's client replies to `NICK`");
    let alice = harness.client("alice", listener.address()?)?;
    alice.is_asked_for("nickname")?;
    alice.types("alice")?;
    let server = listener.accepts("server")?;
    server.sends("NICK")?;
    server.gets("alice")?;
    harness.step(&["type_messages"], "alice types a line before the server's first message");
    let early = harness.words(2);
    alice.types(&early)?;
    alice.rests()?;
    server.has_got_nothing("nothing between the nickname and the first message")?;
    let functions = &["type_messages", "answer_nick"];
    harness.step(functions, "the server sends its first message; alice's line should follow");
    server.says("alice joined!")?;
    server.says("Connected to server!")?;
    server.gets(format!("alice: {early}\n"))?;
    alice.sees("Connected to server!")?;
    harness.step(&["type_messages"], "alice types an empty line, then a message, three times");
    for _ in 0..3 {
        let line = harness.words(3);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        server.gets(format!("alice: {line}\n"))?;
        server.says(&format!("alice: {line}"))?;
        alice.sees(&format!("alice: {line}"))?;
    }
    let functions = &["show_messages", "type_messages"];
    harness.step(functions, "the server sends two messages in one segment while alice is typing");
    let (begin, end) = (harness.words(1), harness.words(1));
    alice.begins_to_type(&begin)?;
    let (first, second) = (harness.words(2), harness.words(2));
    server.sends(format!("bob: {first}\ncarol: {second}\n"))?;
    alice.sees(&format!("bob: {first}"))?;
    alice.sees(&format!("carol: {second}"))?;
    harness.step(&["type_messages"], "alice finishes the line she is typing");
    alice.types(&end)?;
    server.gets(format!("alice: {begin}{end}\n"))?;
    harness.step(&["show_messages"], "the server sends one and a half lines in one segment");
    let (first, second) = (harness.words(2), harness.words(2));
    server.sends(format!("bob: {first}\ncar"))?;
    alice.sees(&format!("bob: {first}"))?;
    harness.step(&["show_messages"], "the server sends the second half of the second line");
    server.sends(format!("ol: {second}\n"))?;
    alice.sees(&format!("carol: {second}"))?;
    harness.step(functions, "alice types nothing; her client should use no processor time");
    alice.rests()?;
    harness.step(&["show_messages"], "the server sends alice a message of about 2,000 characters");
    let long = format!("bob: {}{}", long_text(), harness.words(2));
    server.says(&long)?;
    alice.sees_wrapped(&long)?;
    let functions = &["type_messages", "show_messages"];
    harness.step(functions, "alice types a line; it should be sent and shown immediately");
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

/// Stage 11: The client exits cleanly.
pub fn ends_cleanly(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let starts = || -> Check<Person> {
        let alice = harness.client("alice", listener.address()?)?;
        alice.is_asked_for("nickname")?;
        alice.types("alice")?;
        Ok(alice)
    };
    for (what, way) in WAYS_OUT {
        harness.step(&["answer_nick"], &format!("alice joins before she {what}"));
        let alice = starts()?;
        let server = listener.lets_in("alice")?;
        alice.sees("Connected to server!")?;
        let step = format!("alice {what}; her client should disconnect and exit");
        harness.step(&["type_messages"], &step);
        way(&alice)?;
        server.is_closed()?;
        server.closes();
        alice.exits(0)?;
    }
    let functions = &["answer_nick", "show_messages"];
    harness.step(functions, "the server refuses alice's nickname");
    let alice = starts()?;
    let server = listener.accepts("server")?;
    server.sends("NICK")?;
    server.gets("alice")?;
    let refusal = format!("Nickname refused: {}", harness.words(2));
    server.says(&refusal)?;
    server.closes();
    alice.sees(&refusal)?;
    alice.exits(1)?;

    harness.step(functions, "the server is full and refuses alice instead of sending `NICK`");
    let alice = starts()?;
    let server = listener.accepts("server")?;
    let refusal = format!("Nickname refused: {}", harness.words(2));
    server.says(&refusal)?;
    server.closes();
    alice.sees(&refusal)?;
    alice.exits(1)?;

    harness.step(&["answer_nick"], "alice joins and stays");
    let alice = starts()?;
    let server = listener.lets_in("alice")?;
    alice.sees("Connected to server!")?;
    harness.step(&["show_messages"], "the server closes the connection; alice types nothing");
    server.closes();
    alice.fails_saying("server")
}
