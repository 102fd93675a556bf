//! Lab 4: the stage that tests the server's errors and limits with scripted peers.

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::lab4::wire::{Membership, talk};

/// The maximum length, in bytes, of a line and of a message text.
const LIMIT: usize = 64 * 1024;

/// Stage 7: The server reports errors and keeps the connection.
pub fn reports_errors(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "say"], "alice and bob join different rooms");
    let alice = server.peer("alice")?;
    let room = alice.joins_room(&harness.words(1), address)?;
    let bob = server.peer("bob")?;
    let elsewhere = bob.joins_room(&harness.words(2), address)?;
    let functions = &["next_line"];
    harness.step(functions, "alice sends two lines of nonsense; she should get error 1 only once");
    alice.sends("HELLO?\nis there anybody\n\n")?;
    alice.hears_error(1)?;
    harness.step(functions, "alice sends HELO; no second error should arrive");
    alice.greets("after 1", address)?;
    harness.step(&["chat"], "alice chats in a room that does not exist; she should get error 2");
    alice.chats(Membership { room_ref: 4711, ..room }, "anybody?")?;
    alice.hears_error(2)?;
    harness.step(&["chat"], "alice chats in bob's room; she should get error 3");
    alice.chats(Membership { room_ref: elsewhere.room_ref, ..room }, "bob?")?;
    alice.hears_error(3)?;
    let functions = &["field", "read_chat", "read_join"];
    let broken = [
        ("a JOIN without PORT", "JOIN_CHATROOM: x\nCLIENT_IP: 0\nCLIENT_NAME: alice\n"),
        ("a JOIN without a room", "JOIN_CHATROOM: \nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: alice\n"),
        ("a JOIN without a name", "JOIN_CHATROOM: x\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME:\n"),
        (
            "a CHAT for room `room`",
            "CHAT: room\nJOIN_ID: 1\nCLIENT_NAME: alice\nMESSAGE: x\nHELO text\n\n",
        ),
        ("a LEAVE without JOIN_ID", "LEAVE_CHATROOM: 1\nCLIENT_NAME: alice\n"),
        ("one line of a JOIN", "JOIN_CHATROOM: x\n"),
    ];
    for (what, broken) in broken {
        harness.step(
            functions,
            &format!("alice sends {what} and HELO; error 4 and a reply should follow"),
        );
        alice.sends(broken)?;
        alice.sends_lines(&["HELO fence"])?;
        alice.hears_error(4)?;
        alice.is_greeted("fence", address)?;
    }
    harness.step(&["chat", "field"], "alice sends text; she should still be in her room");
    talk(harness, &alice, room, &[&alice])?;
    let (longest, too_long) = ("é".repeat(128), format!("{}!", "é".repeat(128)));
    let erin = server.peer("erin")?;
    for (what, room, name) in [("a room", &*too_long, "erin"), ("herself", "a room", &too_long)] {
        let step = format!("erin gives {what} a name of 257 bytes; she should get error 4");
        harness.step(&["read_join"], &step);
        erin.asks_to_join(room, name)?;
        erin.hears_error(4)?;
    }
    let step = "erin joins with names of 128 characters (256 bytes), the maximum";
    harness.step(&["read_join"], step);
    erin.asks_to_join(&longest, &longest)?;
    let room_ref = erin.is_in(&longest, address)?.room_ref;
    erin.hears_joined(room_ref, &longest)?;
    harness.step(&["join"], "frank joins 100 rooms, which is the limit");
    let frank = server.peer("frank")?;
    let first = frank.joins_room("1", address)?;
    for room in 2..=100 {
        frank.joins_room(&room.to_string(), address)?;
    }
    harness.step(&["join"], "frank joins one room too many; he should get error 6");
    frank.asks_to_join("101", "frank")?;
    frank.hears_error(6)?;
    harness.step(&["join", "take_out"], "frank leaves a room and joins another one");
    frank.asks_to_leave(first)?;
    frank.is_out(first)?;
    frank.hears_left(first.room_ref, "frank")?;
    frank.joins_room("101", address)?;
    harness.step(&["next_line"], "alice sends a line of 64 KiB, including its ⏎, which is allowed");
    // The server may or may not count the ⏎ as part of the line.
    alice.greets(&"x".repeat(LIMIT - "HELO ⏎".chars().count()), address)?;
    harness.step(&["text"], "alice sends almost 64 KiB of text, which is allowed");
    let text = vec!["and so on"; LIMIT / 10 - 1].join("\n");
    alice.chats(room, &text)?;
    alice.hears_chat(room.room_ref, "alice", &text)?;
    harness.step(&["next_line"], "gina's line is too long; error 5 and a disconnect should follow");
    let gina = server.peer("gina")?;
    let _ = gina.tries_to_send(format!("HELO {}\n", "x".repeat(LIMIT + 1 - "HELO ".len())));
    gina.hears_error(5)?;
    gina.hears_until_closed()?;
    harness
        .step(&["next_line"], "carol's line does not end; error 5 and a disconnect should follow");
    let carol = server.peer("carol")?;
    let _ = carol.tries_to_send(format!("HELO {}", "x".repeat(70_000)));
    carol.hears_error(5)?;
    carol.hears_until_closed()?;
    harness.step(&["text"], "dave's text does not end; error 5 and a disconnect should follow");
    let dave = server.peer("dave")?;
    let endless = "and so on\n".repeat(7000);
    let _ =
        dave.tries_to_send(format!("CHAT: 1\nJOIN_ID: 1\nCLIENT_NAME: dave\nMESSAGE: {endless}"));
    dave.hears_error(5)?;
    dave.hears_until_closed()?;
    let functions = &["chat", "next_line"];
    harness.step(functions, "bob sends text and alice HELO; both should still be connected");
    talk(harness, &bob, elsewhere, &[&bob])?;
    alice.greets("none of that", address)
}
