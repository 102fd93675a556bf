//! Lab 1: stages that test the server against scripted peers.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::leftovers::keeps_nothing;
use crate::harness::peer::Peer;
use crate::journal::failure::Check;
use crate::labs::checks::server_where_told;
use crate::labs::crowds;
use crate::labs::flood::{LAG, flood, long_line};
use crate::labs::lab1::wire::{FULL, LONG, WELCOME, from, joins, joins_when_free, lines, talk};
use crate::labs::messages::{LIMIT, TOO_LONG};

/// Stage 1: The server listens.
pub fn listens(harness: &Harness) -> Check {
    // No client connects, because the next stage tests whether the server accepts connections.
    harness.step(&["open_listener"], "three servers start, each on a free port on 127.0.0.1");
    server_where_told(harness)?;
    let other_program = harness.listener()?;
    let port = other_program.address()?.port();
    harness.step(&["open_listener"], "a server starts on a port that is taken");
    let second = harness.server_on_taken(port)?;
    second.fails_saying(&port.to_string())
}

/// Stage 2: The server welcomes every client.
pub fn welcomes(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "7"])?;
    let is_welcomed = |name: &str| -> Check<Peer> {
        let peer = server.peer(name)?;
        peer.hears_line(WELCOME)?;
        server.prints("127.0.0.1 connected")?;
        Ok(peer)
    };
    let functions = &["accept_clients", "welcome", "send"];
    harness.step(functions, "alice connects; the server should welcome her");
    let mut welcomed = vec![is_welcomed("alice")?];
    for name in ["bob", "carol", "dave"] {
        let step = format!("{name} connects too; the server should also welcome {name}");
        harness.step(&["accept_clients"], &step);
        welcomed.push(is_welcomed(name)?);
    }
    // A client must not lose its connection just because another client connects later. Once the server has welcomed
    // the last client, it has handled all earlier clients.
    harness.step(
        &["accept_clients"],
        "four clients have connected; the first three should stay connected",
    );
    welcomed[..3].iter().try_for_each(Peer::is_connected)?;
    harness.step(functions, "erin connects; the server should welcome her immediately");
    harness.promptly("erin should have been welcomed", || {
        let connects = Instant::now();
        server.peer("erin")?.hears(WELCOME)?;
        Ok(connects)
    })
}

// ANCHOR: lab1-stage4
/// Stage 4: The server relays messages to the other clients.
pub fn relays(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "3"])?;
    harness.step(&["relay", "receive_messages"], "alice and bob join; alice sends a line");
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    let line = harness.words(3);
    alice.says(&line)?;
    bob.hears_line(&from(&line))?;
    server.prints(&from(&line))?;
    harness.step(
        &["relay", "receive_messages"],
        "bob sends a line; alice should get only that line, immediately",
    );
    harness.promptly("alice should have heard bob's line", || {
        let says = Instant::now();
        talk(harness, &bob, &alice)?;
        Ok(says)
    })?;
    harness
        .step(&["relay", "receive_messages"], "alice and bob each send three lines simultaneously");
    let (hers, his) = (lines(harness), lines(harness));
    for (her_line, his_line) in hers.iter().zip(&his) {
        alice.says(her_line)?;
        bob.says(his_line)?;
    }
    for (her_line, his_line) in hers.iter().zip(&his) {
        bob.hears(&from(her_line))?;
        alice.hears(&from(his_line))?;
    }
    harness.step(&["relay"], "carol joins and sends a line; the others should get it");
    let carol = joins(&server, "carol")?;
    let line = harness.words(3);
    carol.says(&line)?;
    alice.hears(&from(&line))?;
    bob.hears(&from(&line))
}
// ANCHOR_END: lab1-stage4

/// Stage 6: A client that says quit is disconnected.
pub fn releases_a_client_that_quits(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "9"])?;
    harness.step(&["receive_messages"], "alice joins");
    let alice = joins(&server, "alice")?;
    let endings = [("quit", true), ("quit\n", false), ("quit\r\n", false)];
    for (quit, is_last) in endings {
        let step =
            format!("bob sends a line and {quit:?}; then erin sends a line; alice should get both");
        harness.step(&["receive_messages"], &step);
        let bob = joins(&server, "bob")?;
        talk(harness, &bob, &alice)?;
        bob.sends(quit)?;
        if is_last {
            bob.ends_sending();
        }
        bob.is_closed()?;
        server.prints("127.0.0.1 closed")?;
        // If the next line that alice receives is erin's, alice was not sent the `quit`.
        let erin = joins(&server, "erin")?;
        talk(harness, &erin, &alice)?;
        erin.sends("quit\n")?;
        erin.is_closed()?;
        server.prints("127.0.0.1 closed")?;
    }
    harness.step(&["receive_messages"], "carol sends a line and `quit` in one segment");
    let carol = joins(&server, "carol")?;
    let line = harness.words(2);
    carol.sends(format!("{line}\nquit"))?;
    carol.ends_sending();
    alice.hears(&from(&line))?;
    carol.is_closed()?;
    harness.step(&["receive_messages"], "dave sends a line that begins with `quit`");
    let dave = joins(&server, "dave")?;
    let line = format!("quit {}", harness.words(1));
    dave.says(&line)?;
    alice.hears(&from(&line))?;
    talk(harness, &alice, &dave)
}

/// Stage 8: The server has two seats and frees them again.
pub fn has_two_seats(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["accept_clients"], "alice and bob take the two seats");
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    let functions = &["accept_clients", "turn_away"];
    harness.step(functions, "carol speaks when no seat is free; she should be told so");
    // A server that closes the connection before it has read carol's message resets the connection.
    let carol = server.stopped(|| {
        let carol = server.peer("carol")?;
        carol.says("is anybody there?")?;
        Ok(carol)
    })?;
    carol.hears_line(FULL)?;
    carol.is_closed_without_reset()?;
    let functions = &["turn_away", "accept_clients"];
    harness.step(functions, "seven guests find no free seat; none should wait for another");
    let mut crowd = Vec::new();
    for number in 1..=7 {
        let guest = server.peer(&format!("guest{number}"))?;
        guest.says("is anybody there?")?;
        crowd.push(guest);
    }
    // The last guest is checked first, because this guest would have to wait if the server spent a second on each of
    // the other guests.
    for guest in crowd.iter().rev() {
        guest.hears_line(FULL)?;
        guest.is_closed_without_reset()?;
    }
    harness.step(
        &["turn_away"],
        "carol keeps sending; the server should close her connection completely",
    );
    carol.can_send_no_more()?;
    harness.step(&["turn_away", "accept_clients"], "alice sends a line; bob should still get it");
    talk(harness, &alice, &bob)?;
    harness.step(functions, "dave connects when no seat is free; he should be told immediately");
    harness.promptly("dave should have been told that no seat is free", || {
        let connects = Instant::now();
        server.peer("dave")?.hears(FULL)?;
        Ok(connects)
    })?;
    harness.step(&["accept_clients"], "bob sends `quit`; dave should get a seat");
    bob.sends("quit")?;
    bob.ends_sending();
    bob.is_closed()?;
    let dave = joins_when_free(&server, "dave")?;
    talk(harness, &alice, &dave)?;
    let functions = &["accept_clients", "receive_messages"];
    harness.step(functions, "dave's connection is reset; erin should get his seat");
    dave.crashes();
    let erin = joins_when_free(&server, "erin")?;
    talk(harness, &erin, &alice)?;
    drop((alice, erin));

    let server = harness.server_with(&["--seats", "3"])?;
    harness.step(&["accept_clients"], "three clients take a server's three seats");
    let three = ["alice", "bob", "carol"].map(|name| joins(&server, name));
    let [alice, bob, carol] = three;
    let (alice, bob, carol) = (alice?, bob?, carol?);
    harness.step(&["accept_clients"], "dave connects to the full server");
    server.peer("dave")?.hears(FULL)?;
    harness.step(&["accept_clients"], "alice sends a line; bob and carol should get it");
    let line = harness.words(2);
    alice.says(&line)?;
    bob.hears(&from(&line))?;
    carol.hears(&from(&line))
}

/// Stage 9: The server survives anything its clients do.
pub fn survives_its_clients(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "300"])?;
    harness.step(&["receive_messages"], "alice and bob join; bob sends a line");
    let alice = joins(&server, "alice")?;
    let bob = joins(&server, "bob")?;
    talk(harness, &bob, &alice)?;
    harness.step(&["receive_messages"], "bob's connection is reset");
    bob.crashes();
    server.prints("127.0.0.1 closed")?;
    harness.step(&["receive_messages"], "carol closes her connection in the middle of a message");
    let carol = joins(&server, "carol")?;
    let half = harness.words(2);
    talk(harness, &carol, &alice)?;
    carol.sends(&half)?;
    carol.closes();
    alice.hears(&from(&half))?;
    server.prints("127.0.0.1 closed")?;
    harness
        .step(&["receive_messages", "accept_clients"], "dave connects and leaves without a word");
    server.peer("dave")?.closes();
    harness.step(&["receive_messages", "accept_clients"], "erin joins and talks to alice");
    let erin = joins(&server, "erin")?;
    talk(harness, &alice, &erin)?;
    talk(harness, &erin, &alice)?;
    let functions = &["receive_messages", "accept_clients", "send"];
    harness.step(functions, "all are silent; the server should use no processor time");
    server.rests()?;
    harness.step(&["send"], "`slow` does not read while alice sends 600 KB; erin should get it");
    let slow = server.deaf_peer("slow")?;
    let line = harness.words(2);
    slow.says(&line)?;
    alice.hears(&from(&line))?;
    erin.hears(&from(&line))?;
    for line in (0..LAG).map(long_line) {
        alice.says(&line)?;
        erin.hears(&from(&line))?;
    }
    harness.step(&["send"], "`slow` now reads; it should get all 600 KB, in order");
    slow.starts_reading()?;
    slow.hears_line(WELCOME)?;
    for line in (0..LAG).map(long_line) {
        slow.hears_line(&from(&line))?;
    }
    slow.closes();
    server.prints("127.0.0.1 closed")?;
    harness.step(&["send"], "`deaf` does not read while alice sends more than can be buffered");
    let deaf = server.deaf_peer("deaf")?;
    let line = harness.words(2);
    deaf.says(&line)?;
    alice.hears(&from(&line))?;
    erin.hears(&from(&line))?;
    for line in flood() {
        alice.says(&line)?;
        erin.hears(&from(&line))?;
    }
    drop(deaf);
    talk(harness, &alice, &erin)?;
    let functions = &["accept_clients", "receive_messages"];
    harness.step(functions, "many guests come and go; the server should leak nothing");
    keeps_nothing(&server, harness.journal(), || {
        joins(&server, "guest")?.closes();
        Ok(())
    })
}

/// Stage 11: The server finds messages however they are split.
pub fn finds_messages_however_split(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
    let functions = &["receive_messages"];
    harness.step(functions, "alice and bob join; alice sends a line");
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    talk(harness, &alice, &bob)?;
    harness.step(functions, "alice sends three lines in one segment, with empty lines in between");
    let three = lines(harness);
    alice.sends(format!("{}\n\n{}\r\n\r\n{}\n", three[0], three[1], three[2]))?;
    for line in &three {
        bob.hears_line(&from(line))?;
    }
    harness.step(functions, "alice sends a line one byte at a time");
    let line = harness.words(3);
    alice.trickles(format!("{line}\n"))?;
    bob.hears_line(&from(&line))?;
    for (length, what) in [(LONG, "5,000 bytes"), (LIMIT, "64 KiB, which is the limit")] {
        harness.step(functions, &format!("alice sends a message of {what}"));
        let words = harness.words(1);
        let long = format!("{}{words}", "x".repeat(length - words.len()));
        alice.says(&long)?;
        bob.hears_line(&from(&long))?;
    }
    harness.step(functions, "alice sends bytes that are not UTF-8");
    alice.sends(b"caf\xc3\xa9 and caf\xe9\n")?;
    bob.hears_line(&from("café and caf\u{FFFD}"))?;
    harness.step(functions, "alice pauses mid-line; carol, an original client, sends no newline");
    alice.sends("never ")?;
    let carol = joins(&server, "carol")?;
    let bare = harness.words(2);
    carol.sends(&bare)?;
    bob.hears(&from(&bare))?;
    harness.step(functions, "alice resumes; her pause should not have ended her line");
    alice.sends("mind\n")?;
    bob.hears(&from("never mind"))?;
    harness.step(functions, "dave sends over 64 KiB without a newline; he should get an error");
    // Dave sends a line first, because a pause in a client's very first message ends that message.
    let dave = joins(&server, "dave")?;
    talk(harness, &dave, &bob)?;
    // The server may close the connection before it has read the whole message.
    let _ = dave.tries_to_send("y".repeat(TOO_LONG));
    dave.is_told_and_closed()?;
    harness.step(functions, "alice sends a line after dave's; bob should still get it");
    talk(harness, &alice, &bob)
}

/// Stage 15: A crowd talks.
pub fn a_crowd_talks(harness: &Harness) -> Check {
    harness.step(&["accept_clients", "relay", "receive_messages", "send"], crowds::STEP);
    crowds::talks(harness, 1)
}
