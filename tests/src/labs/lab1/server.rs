//! Lab 1: stages that test the server, against scripted peers.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::leftovers::keeps_nothing;
use crate::harness::peer::Peer;
use crate::journal::failure::Check;
use crate::labs::checks::server_where_told;
use crate::labs::flood::{LAG, flood, long_line};
use crate::labs::lab1::wire::{FULL, LONG, WELCOME, from, joins, joins_when_free, lines, talk};
use crate::labs::messages::{LIMIT, TOO_LONG};

/// Stage 1: The server listens.
pub fn listens(harness: &Harness) -> Check {
    // No client connects, because the next stage tests whether the server accepts connections.
    server_where_told(harness)?;
    let other_program = harness.listener()?;
    let port = other_program.address()?.port();
    harness.step(&[], "the port is taken");
    let second = harness.server_on(port, &[])?;
    second.fails_saying(&port.to_string())
}

/// Stage 2: The server welcomes every client.
pub fn welcomes(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "7"])?;
    let mut welcomed = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        let peer = server.peer(name)?;
        peer.hears_line(WELCOME)?;
        server.prints("127.0.0.1 connected")?;
        welcomed.push(peer);
    }
    // No client may lose its connection because another client connects later. When the last client has been welcomed,
    // the server has handled all the earlier ones.
    welcomed[..3].iter().try_for_each(Peer::is_connected)?;
    harness.step(&[], "erin is welcomed immediately");
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
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    let line = harness.words(3);
    alice.says(&line)?;
    bob.hears_line(&from(&line))?;
    server.prints(&from(&line))?;
    harness.step(&[], "alice hears immediately what bob says");
    harness.promptly("alice should have heard bob's line", || {
        let says = Instant::now();
        talk(harness, &bob, &alice)?;
        Ok(says)
    })?;
    harness.step(&[], "both talk at the same time, and neither hears their own lines");
    let (hers, his) = (lines(harness), lines(harness));
    for (her_line, his_line) in hers.iter().zip(&his) {
        alice.says(her_line)?;
        bob.says(his_line)?;
    }
    for (her_line, his_line) in hers.iter().zip(&his) {
        bob.hears(&from(her_line))?;
        alice.hears(&from(his_line))?;
    }
    harness.step(&[], "carol joins, and both others hear her");
    let carol = joins(&server, "carol")?;
    let line = harness.words(3);
    carol.says(&line)?;
    alice.hears(&from(&line))?;
    bob.hears(&from(&line))
}
// ANCHOR_END: lab1-stage4

/// Stage 6: A client that says quit is released.
pub fn releases_a_client_that_quits(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "9"])?;
    let alice = joins(&server, "alice")?;
    let endings = [("quit", true), ("quit\n", false), ("quit\r\n", false)];
    for (quit, is_last) in endings {
        harness.step(&[], &format!("bob says {quit:?}, and nothing else"));
        let bob = joins(&server, "bob")?;
        talk(harness, &bob, &alice)?;
        bob.sends(quit)?;
        if is_last {
            bob.ends_sending();
        }
        bob.is_closed()?;
        server.prints("127.0.0.1 closed")?;
    }
    harness.step(&[], "quit arrives together with the message before it");
    let carol = joins(&server, "carol")?;
    let line = harness.words(2);
    carol.sends(format!("{line}\nquit"))?;
    carol.ends_sending();
    alice.hears(&from(&line))?;
    carol.is_closed()?;
    harness.step(&[], "only a message that is exactly `quit` ends the connection");
    let dave = joins(&server, "dave")?;
    let line = format!("quit {}", harness.words(1));
    dave.says(&line)?;
    alice.hears(&from(&line))?;
    talk(harness, &alice, &dave)
}

/// Stage 8: The server has two seats and frees them again.
pub fn has_two_seats(harness: &Harness) -> Check {
    let server = harness.server()?;
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    harness.step(&[], "carol finds no seat, and is told why, even if she has already spoken");
    let carol = server.peer("carol")?;
    carol.says("is anybody there?")?;
    carol.hears_line(FULL)?;
    carol.is_closed_without_reset()?;
    harness.step(
        &[],
        "seven more find no seat: none waits for another, although none closes its side",
    );
    let mut crowd = Vec::new();
    for number in 1..=7 {
        let guest = server.peer(&format!("guest{number}"))?;
        guest.says("is anybody there?")?;
        crowd.push(guest);
    }
    // The last guest is checked first, because it would have to wait if the server spent a second on each of the
    // others.
    for guest in crowd.iter().rev() {
        guest.hears_line(FULL)?;
        guest.is_closed_without_reset()?;
    }
    harness.step(
        &[],
        "carol keeps sending, until the server has closed the connection on its side as well",
    );
    carol.can_send_no_more()?;
    talk(harness, &alice, &bob)?;
    harness.step(&[], "dave is turned away immediately");
    harness.promptly("dave should have been told that there is no seat", || {
        let connects = Instant::now();
        server.peer("dave")?.hears(FULL)?;
        Ok(connects)
    })?;
    harness.step(&[], "a seat is free again, however its owner left");
    bob.sends("quit")?;
    bob.ends_sending();
    bob.is_closed()?;
    let dave = joins_when_free(&server, "dave")?;
    talk(harness, &alice, &dave)?;
    dave.crashes();
    let erin = joins_when_free(&server, "erin")?;
    talk(harness, &erin, &alice)?;
    drop((alice, erin));

    harness.step(&[], "a server with three seats");
    let server = harness.server_with(&["--seats", "3"])?;
    let three = ["alice", "bob", "carol"].map(|name| joins(&server, name));
    let [alice, bob, carol] = three;
    let (alice, bob, carol) = (alice?, bob?, carol?);
    server.peer("dave")?.hears(FULL)?;
    let line = harness.words(2);
    alice.says(&line)?;
    bob.hears(&from(&line))?;
    carol.hears(&from(&line))
}

/// Stage 9: The server survives anything its clients do.
pub fn survives_its_clients(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "300"])?;
    let alice = joins(&server, "alice")?;
    let bob = joins(&server, "bob")?;
    talk(harness, &bob, &alice)?;
    harness.step(&[], "bob's connection is reset");
    bob.crashes();
    server.prints("127.0.0.1 closed")?;
    harness.step(&[], "carol closes the connection in the middle of a message, which ends there");
    let carol = joins(&server, "carol")?;
    let half = harness.words(2);
    talk(harness, &carol, &alice)?;
    carol.sends(&half)?;
    carol.closes();
    alice.hears(&from(&half))?;
    server.prints("127.0.0.1 closed")?;
    harness.step(&[], "dave connects and leaves without a word; erin and alice still talk");
    server.peer("dave")?.closes();
    let erin = joins(&server, "erin")?;
    talk(harness, &alice, &erin)?;
    talk(harness, &erin, &alice)?;
    server.rests()?;
    harness.step(
        &[],
        "slow does not read while alice says 600 KB; then slow gets all of it, in order",
    );
    let slow = server.deaf_peer("slow")?;
    let line = harness.words(2);
    slow.says(&line)?;
    alice.hears(&from(&line))?;
    erin.hears(&from(&line))?;
    for line in (0..LAG).map(long_line) {
        alice.says(&line)?;
        erin.hears(&from(&line))?;
    }
    slow.starts_reading()?;
    slow.hears_line(WELCOME)?;
    for line in (0..LAG).map(long_line) {
        slow.hears_line(&from(&line))?;
    }
    slow.closes();
    server.prints("127.0.0.1 closed")?;
    harness.step(&[], "deaf does not read, while alice says more than the system can buffer");
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
    harness.step(&[], "many guests come and go, and the server keeps nothing of theirs");
    keeps_nothing(&server, harness.journal(), || {
        joins(&server, "guest")?.closes();
        Ok(())
    })
}

/// Stage 11: The server finds messages however they are split.
pub fn finds_messages_however_split(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
    let (alice, bob) = (joins(&server, "alice")?, joins(&server, "bob")?);
    talk(harness, &alice, &bob)?;
    harness.step(&[], "three messages in one segment, with empty messages in between");
    let three = lines(harness);
    alice.sends(format!("{}\n\n{}\r\n\r\n{}\n", three[0], three[1], three[2]))?;
    for line in &three {
        bob.hears_line(&from(line))?;
    }
    harness.step(&[], "one byte at a time");
    let line = harness.words(3);
    alice.trickles(format!("{line}\n"))?;
    bob.hears_line(&from(&line))?;
    harness.step(&[], "a long message, and one of 64 KiB, which is the limit");
    for length in [LONG, LIMIT] {
        let words = harness.words(1);
        let long = format!("{}{words}", "x".repeat(length - words.len()));
        alice.says(&long)?;
        bob.hears_line(&from(&long))?;
    }
    harness.step(&[], "bytes that are not UTF-8");
    alice.sends(b"caf\xc3\xa9 and caf\xe9\n")?;
    bob.hears_line(&from("café and caf\u{FFFD}"))?;
    harness.step(
        &[],
        "carol has an original client, which sends no newline; alice does not, so her pause ends \
         no message",
    );
    alice.sends("never ")?;
    let carol = joins(&server, "carol")?;
    let bare = harness.words(2);
    carol.sends(&bare)?;
    bob.hears(&from(&bare))?;
    alice.sends("mind\n")?;
    bob.hears(&from("never mind"))?;
    harness.step(
        &[],
        "dave says more than 64 KiB without a newline, is told why, and is disconnected; bob and \
         alice still talk",
    );
    // Dave sends a line first, because silence in the middle of the very first message would end that message.
    let dave = joins(&server, "dave")?;
    talk(harness, &dave, &bob)?;
    // The server may close the connection before it has read everything.
    let _ = dave.tries_to_send("y".repeat(TOO_LONG));
    dave.is_told_and_closed()?;
    talk(harness, &alice, &bob)
}
