//! Lab 4: stages that test the client, at terminals, against a scripted server.

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::harness::person::Person;
use crate::journal::failure::Check;
use crate::labs::lab4::wire::{
    WAYS_OUT, chat, client_in, ensure, gets_chat, gets_join, lets_in, replies_to_join,
};

/// Stage 10: The client joins rooms and sends messages.
pub fn joins_and_talks(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let room = format!("room-{}", harness.words(0).trim_start_matches('-'));
    let (alice, server) = client_in(harness, &listener, &room, 31)?;
    for _ in 0..2 {
        let line = harness.words(3);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        gets_chat(&server, 31, &line)?;
        server.sends(chat(31, "alice", &line))?;
        alice.sees(&format!("[{room}] alice: {line}"))?;
    }
    harness.step(&[], "a message may begin with a space");
    let line = harness.words(2);
    alice.types(&format!(" {line}"))?;
    server.gets_lines(&["CHAT: 31", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    // A reader accepts any number of spaces after the colon.
    let came = server.gets_field("MESSAGE")?;
    ensure(came == line, "server should have received the text", &line, &came)?;
    server.gets("\n")?;
    harness.step(
        &[],
        "messages that are glued, that are split, and that have several lines, which must not look \
         like several messages",
    );
    let (first, second) = (harness.words(2), harness.words(2));
    let glued = format!("{}{}", chat(31, "bob", &first), chat(31, "carol", &second));
    let (begin, end) = glued.split_at(glued.len() - 7);
    server.sends(begin)?;
    alice.sees(&format!("[{room}] bob: {first}"))?;
    server.sends(end)?;
    alice.sees(&format!("[{room}] carol: {second}"))?;
    let forged = format!("[{room}] carol: {}", harness.words(3));
    server.sends(chat(31, "bob", &format!("{first}\n{forged}")))?;
    alice.sees(&format!("[{room}] bob: {first}"))?;
    alice.sees_somewhere(&forged)?;
    server.sends("ERROR_CODE: 3\nERROR_DESCRIPTION: what do you want\n")?;
    alice.sees_somewhere("what do you want")?;
    alice.has_seen(0, &forged)?;
    harness.step(&[], "a long message");
    let long = format!("{}{}", "x".repeat(5000), harness.words(1));
    server.sends(chat(31, "bob", &long))?;
    alice.sees(&format!("[{room}] bob: {long}"))?;
    harness.step(
        &[],
        "alice types before the reply to her join has arrived: the line waits for the reply",
    );
    let early = harness.words(2);
    alice.types("/join other")?;
    alice.types(&early)?;
    gets_join(&server, "other")?;
    alice.rests()?;
    server.has_got_nothing("nothing between the join and its reply")?;
    // Other servers use numbers of 128 bits.
    replies_to_join(&server, "other", u128::MAX)?;
    gets_chat(&server, u128::MAX, &early)?;
    alice.sees("[other] alice: alice has joined this chatroom.")?;
    alice.rests()?;
    server.closes();
    alice.fails_saying("server")?;
    harness.step(&[], "bob gives an empty answer, and is asked again");
    let bob = harness.client("bob", listener.address()?)?;
    bob.is_asked_for("name")?;
    bob.types("")?;
    bob.is_asked_for("name")
}

/// Stage 11: The client carries out commands.
pub fn obeys_commands(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let (alice, server) = client_in(harness, &listener, "one", 1)?;
    lets_in(&alice, &server, "two", 2)?;
    let says_in = |room_ref: i64| -> Check {
        let line = harness.words(2);
        alice.types(&line)?;
        gets_chat(&server, room_ref, &line)
    };
    says_in(2)?;
    harness.step(&[], "an unknown command is not a message");
    alice.types("/nonsense")?;
    alice.types("/room one")?;
    says_in(1)?;
    harness.step(&[], "alice types /rooms");
    alice.types("/rooms")?;
    alice.sees_together(&["one", "two"])?;
    harness.step(&[], "alice types /leave");
    alice.types("/leave")?;
    server.gets_lines(&["LEAVE_CHATROOM: 1", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    server.sends("LEFT_CHATROOM: 1\nJOIN_ID: -17\n")?;
    server.sends(chat(1, "alice", "alice has left this chatroom."))?;
    alice.sees("[one] alice: alice has left this chatroom.")?;
    says_in(2)?;
    harness.step(&[], "alice types /helo, /leave two, /kill");
    let greeting = harness.words(2);
    alice.types(&format!("/helo {greeting}"))?;
    server.gets_lines(&[&format!("HELO {greeting}")])?;
    server.sends(format!("HELO {greeting}\nIP:127.0.0.1\nPort:8080\nStudentID:0\n"))?;
    alice.sees_somewhere(&greeting)?;
    alice.types("/leave two")?;
    server.gets_lines(&["LEAVE_CHATROOM: 2", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    alice.types("/kill")?;
    server.gets_lines(&["KILL_SERVICE"])?;
    let leaves = |way: fn(&Person) -> Check, alice: Person, server: Peer| -> Check {
        way(&alice)?;
        server.gets_lines(&["DISCONNECT: 0", "PORT: 0", "CLIENT_NAME: alice"])?;
        server.is_closed()?;
        server.closes();
        alice.exits(0)
    };
    let [(what, quit), keys @ ..] = WAYS_OUT;
    harness.step(&[], &format!("alice {what}"));
    leaves(quit, alice, server)?;
    for (what, key) in keys {
        harness.step(&[], &format!("alice {what}"));
        let (alice, server) = client_in(harness, &listener, "one", 1)?;
        leaves(key, alice, server)?;
    }
    Ok(())
}
