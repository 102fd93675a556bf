//! Lab 1: stages that test the server, against scripted peers.

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::journal::failure::Check;
use crate::labs::checks::server_where_told;
use crate::labs::flood::flood;
use crate::labs::lab1::wire::{
    FULL, LONG, TOO_LONG, WELCOME, enters, enters_when_free, from, lines, talk,
};

/// Stage 1: The server listens.
pub fn listens(harness: &Harness) -> Check {
    // (nobody connects: who accepts is the next stage's question)
    server_where_told(harness)?;
    let other_program = harness.listener()?;
    let port = other_program.address()?.port();
    harness.step("its port is taken");
    let second = harness.server_on(port, &[])?;
    second.fails_saying(&port.to_string())
}

/// Stage 2: It welcomes everybody who comes.
pub fn welcomes(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
    let mut welcomed = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        let peer = server.peer(name)?;
        peer.hears_line(WELCOME)?;
        server.prints("127.0.0.1 connected")?;
        welcomed.push(peer);
    }
    // Nobody takes another's place. (When the last one is welcomed, those before are dealt with.)
    welcomed[..3].iter().try_for_each(Peer::is_connected)
}

// ANCHOR: lab1-stage4
/// Stage 4: It passes on what one says, to the other only.
pub fn passes_on(harness: &Harness) -> Check {
    let server = harness.server()?;
    let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
    let line = harness.words(3);
    alice.says(&line)?;
    bob.hears_line(&from(&line))?;
    server.prints(&from(&line))?;
    harness.step("both talk at once, and nobody hears herself");
    let (hers, his) = (lines(harness), lines(harness));
    for (her_line, his_line) in hers.iter().zip(&his) {
        alice.says(her_line)?;
        bob.says(his_line)?;
    }
    for (her_line, his_line) in hers.iter().zip(&his) {
        bob.hears(&from(her_line))?;
        alice.hears(&from(his_line))?;
    }
    talk(harness, &bob, &alice)
}
// ANCHOR_END: lab1-stage4

/// Stage 6: It lets go of who says quit.
pub fn releases_a_client_that_quits(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "5"])?;
    let alice = enters(&server, "alice")?;
    let endings = [("quit", true), ("quit\n", false), ("quit\r\n", false)];
    for (quit, is_last) in endings {
        harness.step(&format!("bob says {quit:?}, and nothing else"));
        let bob = enters(&server, "bob")?;
        talk(harness, &bob, &alice)?;
        bob.sends(quit)?;
        if is_last {
            bob.ends_sending();
        }
        bob.is_closed()?;
        server.prints("127.0.0.1 closed")?;
    }
    harness.step("quit, stuck to the message before it");
    let carol = enters(&server, "carol")?;
    let line = harness.words(2);
    carol.sends(format!("{line}\nquit"))?;
    carol.ends_sending();
    alice.hears(&from(&line))?;
    carol.is_closed()?;
    harness.step("only the word alone is the end");
    let dave = enters(&server, "dave")?;
    let line = format!("quit {}", harness.words(1));
    dave.says(&line)?;
    alice.hears(&from(&line))?;
    talk(harness, &alice, &dave)
}

/// Stage 8: It has two seats, and a seat is free again.
pub fn has_two_seats(harness: &Harness) -> Check {
    let server = harness.server()?;
    let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
    let carol = server.peer("carol")?;
    harness.step("who finds no seat is told why, even if she has been speaking");
    carol.says("is anybody there?")?;
    carol.hears_line(FULL)?;
    carol.is_closed()?;
    talk(harness, &alice, &bob)?;
    harness.step("a seat is free again, however it became so");
    bob.sends("quit")?;
    bob.ends_sending();
    bob.is_closed()?;
    let dave = enters_when_free(&server, "dave")?;
    talk(harness, &alice, &dave)?;
    dave.crashes();
    let erin = enters_when_free(&server, "erin")?;
    talk(harness, &erin, &alice)?;
    drop((alice, erin));

    harness.step("a server with three seats");
    let server = harness.server_with(&["--seats", "3"])?;
    let three = ["alice", "bob", "carol"].map(|name| enters(&server, name));
    let [alice, bob, carol] = three;
    let (alice, bob, carol) = (alice?, bob?, carol?);
    server.peer("dave")?.hears(FULL)?;
    let line = harness.words(2);
    alice.says(&line)?;
    bob.hears(&from(&line))?;
    carol.hears(&from(&line))
}

/// Stage 9: It survives whatever its clients do.
pub fn survives_its_clients(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "9"])?;
    let alice = enters(&server, "alice")?;
    let bob = enters(&server, "bob")?;
    talk(harness, &bob, &alice)?;
    harness.step("bob's connection is reset");
    bob.crashes();
    server.prints("127.0.0.1 closed")?;
    harness.step("carol closes in the middle of a message, which ends there");
    let carol = enters(&server, "carol")?;
    let half = harness.words(2);
    talk(harness, &carol, &alice)?;
    carol.sends(&half)?;
    carol.closes();
    alice.hears(&from(&half))?;
    server.prints("127.0.0.1 closed")?;
    harness.step("one comes and goes without a word, and one hears nothing any more");
    server.peer("dave")?.closes();
    let erin = enters(&server, "erin")?;
    talk(harness, &alice, &erin)?;
    talk(harness, &erin, &alice)?;
    server.rests()?;
    harness.step("one does not read, while others say more than the system can keep for it");
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
    talk(harness, &alice, &erin)
}

/// Stage 11: It finds the messages, however the stream is cut.
pub fn finds_messages_in_any_cut(harness: &Harness) -> Check {
    let server = harness.server_with(&["--seats", "4"])?;
    let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
    talk(harness, &alice, &bob)?;
    harness.step("three messages glued, with empty ones in between");
    let three = lines(harness);
    alice.sends(format!("{}\n\n{}\r\n\r\n{}\n", three[0], three[1], three[2]))?;
    for line in &three {
        bob.hears_line(&from(line))?;
    }
    harness.step("one byte at a time, a long line, bytes that are no UTF-8");
    let line = harness.words(3);
    alice.trickles(format!("{line}\n"))?;
    bob.hears_line(&from(&line))?;
    let long = format!("{}{}", "x".repeat(LONG), harness.words(1));
    alice.says(&long)?;
    bob.hears_line(&from(&long))?;
    alice.sends(b"caf\xc3\xa9 and caf\xe9\n")?;
    bob.hears_line(&from("café and caf\u{FFFD}"))?;
    harness.step(
        "carol is an original client, which sends no newline; for alice, silence means nothing",
    );
    alice.sends("never ")?;
    let carol = enters(&server, "carol")?;
    let bare = harness.words(2);
    carol.sends(&bare)?;
    bob.hears(&from(&bare))?;
    alice.sends("mind\n")?;
    bob.hears(&from("never mind"))?;
    harness.step(
        "dave says more than 64 KiB without a newline: told so, and closed; nobody else notices",
    );
    // (it has said a line before: in the middle of its very first message, silence would end that)
    let dave = enters(&server, "dave")?;
    talk(harness, &dave, &bob)?;
    // (the server may close before it has read everything)
    let _ = dave.tries_to_send("y".repeat(TOO_LONG));
    dave.is_told_and_closed()?;
    talk(harness, &alice, &bob)
}
