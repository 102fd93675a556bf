//! Lab 4: stages that test clients at terminals against a scripted server.

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
    harness.step(&["type_requests", "show_replies", "read_reply"], "alice joins a room");
    let (alice, server) = client_in(harness, &listener, &room, 31)?;
    for which in ["a line", "another line"] {
        let step = format!("alice types an empty line and {which}");
        harness.step(&["type_requests", "show", "read_reply"], &step);
        let line = harness.words(3);
        // An empty line is not a message.
        alice.types("")?;
        alice.types(&line)?;
        gets_chat(&server, 31, &line)?;
        server.sends(chat(31, "alice", &line))?;
        alice.sees(&format!("[{room}] alice: {line}"))?;
    }
    harness.step(&["type_requests"], "alice types a line that begins with a space");
    let line = harness.words(2);
    alice.types(&format!(" {line}"))?;
    server.gets_lines(&["CHAT: 31", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    // The wire format allows any number of spaces after the colon.
    let came = server.gets_field("MESSAGE")?;
    ensure(came == line, "the server should have received the text", &line, &came)?;
    server.gets("\n")?;
    let functions = &["read_reply", "show_replies"];
    harness.step(functions, "the server sends one and a half messages in one segment");
    let (first, second) = (harness.words(2), harness.words(2));
    let glued = format!("{}{}", chat(31, "bob", &first), chat(31, "carol", &second));
    let (begin, end) = glued.split_at(glued.len() - 7);
    server.sends(begin)?;
    alice.sees(&format!("[{room}] bob: {first}"))?;
    harness.step(functions, "the server sends the second half of the second message");
    server.sends(end)?;
    alice.sees(&format!("[{room}] carol: {second}"))?;
    let functions = &["show", "read_reply"];
    harness.step(
        functions,
        "bob's second line looks like a message from carol; the line should be shown",
    );
    let forged = format!("[{room}] carol: {}", harness.words(3));
    server.sends(chat(31, "bob", &format!("{first}\n{forged}")))?;
    alice.sees(&format!("[{room}] bob: {first}"))?;
    alice.sees_somewhere(&forged)?;
    harness.step(&["read_reply", "show_replies"], "the server sends an error");
    server.sends("ERROR_CODE: 3\nERROR_DESCRIPTION: what do you want\n")?;
    alice.sees_somewhere("what do you want")?;
    harness.step(&["show"], "bob's second line should not look like a message from carol");
    alice.has_seen(0, &forged)?;
    harness.step(&["show", "read_reply"], "the server sends about 5,000 characters of text");
    let long = format!("{}{}", "x".repeat(5000), harness.words(1));
    server.sends(chat(31, "bob", &long))?;
    alice.sees(&format!("[{room}] bob: {long}"))?;
    harness.step(&["type_requests"], "alice types a line before the reply to her `/join` arrives");
    let early = harness.words(2);
    alice.types("/join other")?;
    alice.types(&early)?;
    gets_join(&server, "other")?;
    alice.rests()?;
    server.has_got_nothing("nothing between the request to join and its reply")?;
    let functions = &["type_requests", "read_reply"];
    harness.step(functions, "the reply arrives with a 128-bit ROOM_REF; her line should follow");
    replies_to_join(&server, "other", u128::MAX)?;
    gets_chat(&server, u128::MAX, &early)?;
    alice.sees("[other] alice: alice has joined this chatroom.")?;
    let functions = &["type_requests", "show_replies"];
    harness.step(functions, "alice types nothing; her client should use no processor time");
    alice.rests()?;
    harness.step(&["show_replies"], "the server closes the connection, and alice presses no key");
    server.closes();
    alice.fails_saying("server")?;
    let step = "bob presses Enter without a name; he should be asked again";
    harness.step(&["type_requests"], step);
    let bob = harness.client("bob", listener.address()?)?;
    bob.is_asked_for("name")?;
    bob.types("")?;
    bob.is_asked_for("name")
}

/// Stage 11: The client runs commands.
pub fn obeys_commands(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["type_requests", "show"], "alice joins two rooms and types text");
    let (alice, server) = client_in(harness, &listener, "one", 1)?;
    lets_in(&alice, &server, "two", 2)?;
    let says_in = |room_ref: i64| -> Check {
        let line = harness.words(2);
        alice.types(&line)?;
        gets_chat(&server, room_ref, &line)
    };
    says_in(2)?;
    let step = "alice types `/nonsense`, `/room one`, and a line; only the line is sent";
    harness.step(&["type_requests", "obey"], step);
    alice.types("/nonsense")?;
    alice.types("/room one")?;
    says_in(1)?;
    harness.step(&["obey"], "alice types `/rooms`");
    alice.types("/rooms")?;
    alice.sees_together(&["one", "two"])?;
    harness.step(&["obey", "show"], "alice types `/leave`");
    alice.types("/leave")?;
    server.gets_lines(&["LEAVE_CHATROOM: 1", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    server.sends("LEFT_CHATROOM: 1\nJOIN_ID: -17\n")?;
    server.sends(chat(1, "alice", "alice has left this chatroom."))?;
    alice.sees("[one] alice: alice has left this chatroom.")?;
    harness.step(
        &["obey", "show"],
        "alice types a line; it should be sent to the room that she is still in",
    );
    says_in(2)?;
    harness.step(&["obey", "show"], "alice types `/helo` and text");
    let greeting = harness.words(2);
    alice.types(&format!("/helo {greeting}"))?;
    server.gets_lines(&[&format!("HELO {greeting}")])?;
    server.sends(format!("HELO {greeting}\nIP:127.0.0.1\nPort:8080\nStudentID:0\n"))?;
    alice.sees_somewhere(&greeting)?;
    harness.step(&["obey"], "alice types `/leave two`");
    alice.types("/leave two")?;
    server.gets_lines(&["LEAVE_CHATROOM: 2", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
    harness.step(&["obey"], "alice types `/kill`");
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
    harness.step(&["type_requests"], &format!("alice {what}; her client must disconnect and exit"));
    leaves(quit, alice, server)?;
    for (what, key) in keys {
        harness.step(&["type_requests"], &format!("alice joins a room before she {what}"));
        let (alice, server) = client_in(harness, &listener, "one", 1)?;
        let step = format!("alice {what}; her client must disconnect and exit");
        harness.step(&["type_requests"], &step);
        leaves(key, alice, server)?;
    }
    Ok(())
}
