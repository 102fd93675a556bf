//! Lab 4: the stage that tests the server's errors and limits, against scripted peers.

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::lab4::wire::{Membership, talk};

/// The maximum length of a line and of a text, in bytes.
const LIMIT: usize = 64 * 1024;

/// Stage 7: The server reports errors and keeps the connection.
pub fn reports_errors(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = server.peer("alice")?;
    let room = alice.joins_room(&harness.words(1), address)?;
    let bob = server.peer("bob")?;
    let elsewhere = bob.joins_room(&harness.words(2), address)?;
    harness.step(&[], "code 1: lines that are not a message; one complaint for all of them");
    alice.sends("HELLO?\nis there anybody\n\n")?;
    alice.hears_error(1)?;
    alice.greets("after 1", address)?;
    harness.step(&[], "codes 2 and 3: rooms");
    alice.chats(Membership { room_ref: 4711, ..room }, "anybody?")?;
    alice.hears_error(2)?;
    alice.chats(Membership { room_ref: elsewhere.room_ref, ..room }, "bob?")?;
    alice.hears_error(3)?;
    harness.step(&[], "code 4: fields; the line that breaks a message may begin the next one");
    for broken in [
        "JOIN_CHATROOM: x\nCLIENT_IP: 0\nCLIENT_NAME: alice\n",
        "JOIN_CHATROOM: \nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: alice\n",
        "JOIN_CHATROOM: x\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME:\n",
        "CHAT: room\nJOIN_ID: 1\nCLIENT_NAME: alice\nMESSAGE: x\nHELO text\n\n",
        "LEAVE_CHATROOM: 1\nCLIENT_NAME: alice\n",
        "JOIN_CHATROOM: x\n",
    ] {
        alice.sends(broken)?;
        alice.sends_lines(&["HELO fence"])?;
        alice.hears_error(4)?;
        alice.is_greeted("fence", address)?;
    }
    talk(harness, &alice, room, &[&alice])?;
    harness.step(&[], "code 4: a name may have 256 bytes, and no more");
    let (longest, too_long) = ("é".repeat(128), format!("{}!", "é".repeat(128)));
    let erin = server.peer("erin")?;
    for (room, name) in [(&*too_long, "erin"), ("a room", &too_long)] {
        erin.asks_to_join(room, name)?;
        erin.hears_error(4)?;
    }
    erin.asks_to_join(&longest, &longest)?;
    let room_ref = erin.is_in(&longest, address)?.room_ref;
    erin.hears_joined(room_ref, &longest)?;
    harness.step(&[], "code 6: a client may be in 100 rooms, and no more");
    let frank = server.peer("frank")?;
    let first = frank.joins_room("1", address)?;
    for room in 2..=100 {
        frank.joins_room(&room.to_string(), address)?;
    }
    frank.asks_to_join("101", "frank")?;
    frank.hears_error(6)?;
    frank.asks_to_leave(first)?;
    frank.is_out(first)?;
    frank.hears_left(first.room_ref, "frank")?;
    frank.joins_room("101", address)?;
    harness.step(&[], "code 5: a line and a text may have 64 KiB, and no more");
    // The server may count the ⏎ as a part of the line, or not.
    alice.greets(&"x".repeat(LIMIT - "HELO ⏎".chars().count()), address)?;
    let text = vec!["and so on"; LIMIT / 10 - 1].join("\n");
    alice.chats(room, &text)?;
    alice.hears_chat(room.room_ref, "alice", &text)?;
    let gina = server.peer("gina")?;
    let _ = gina.tries_to_send(format!("HELO {}\n", "x".repeat(LIMIT + 1 - "HELO ".len())));
    gina.hears_error(5)?;
    gina.hears_until_closed()?;
    harness.step(
        &[],
        "code 5: a line and a text that do not end; the client is told why, and is disconnected",
    );
    let carol = server.peer("carol")?;
    let _ = carol.tries_to_send(format!("HELO {}", "x".repeat(70_000)));
    carol.hears_error(5)?;
    carol.hears_until_closed()?;
    let dave = server.peer("dave")?;
    let endless = "and so on\n".repeat(7000);
    let _ =
        dave.tries_to_send(format!("CHAT: 1\nJOIN_ID: 1\nCLIENT_NAME: dave\nMESSAGE: {endless}"));
    dave.hears_error(5)?;
    dave.hears_until_closed()?;
    talk(harness, &bob, elsewhere, &[&bob])?;
    alice.greets("nothing of all that", address)
}
