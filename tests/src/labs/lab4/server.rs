//! Lab 4: stages that test the server, against scripted peers.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::journal::failure::Check;
use crate::labs::flood::{backlog, flood};
use crate::labs::lab4::wire::{Membership, TO_DIE, all_join, ensure, talk};

/// Stage 1: The server replies to HELO.
pub fn replies_to_helo(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = server.peer("alice")?;
    alice.greets(&harness.words(2), address)?;
    alice.greets("BASE_TEST", address)?;
    let bob = server.peer("bob")?;
    bob.greets(&harness.words(1), address)?;
    alice.greets(&harness.words(3), address)?;
    harness.step(&[], "half a line is not a greeting yet");
    let (first, second) = (harness.words(1), harness.words(1));
    alice.sends_when_read([format!("HELO {first}").as_bytes()])?;
    bob.greets("meanwhile", address)?;
    alice.has_got_nothing("before the end of her line")?;
    alice.sends(format!(" {second}\n"))?;
    alice.is_greeted(&format!("{first} {second}"), address)?;
    harness.step(&[], "two greetings in one segment");
    alice.sends(format!("HELO {second}\nHELO {first}\n"))?;
    alice.is_greeted(&second, address)?;
    alice.is_greeted(&first, address)?;
    harness.step(&[], "a second server on the same port");
    let second = harness.server_on(address.port(), &[])?;
    second.fails_saying(&address.port().to_string())
}

/// Stage 2: JOIN adds a client to a room and announces it.
pub fn join_adds_to_a_room(harness: &Harness) -> Check {
    // ANCHOR: lab4-stage2
    let server = harness.server()?;
    let address = server.address();
    let (here, there) = (harness.words(1), harness.words(2));
    let members = all_join(&server, &here, &["alice", "bob"])?;
    let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
    ensure(in_a.join_id != in_b.join_id, "each client should have", "its own JOIN_ID", "the same")?;
    harness.step(&[], "bob joins a second room");
    bob.asks_to_join(&there, "bob")?;
    let elsewhere = bob.is_in(&there, address)?;
    let is_new = elsewhere.room_ref != in_b.room_ref;
    ensure(is_new, "a second room should have", "a new ROOM_REF", "that of the first")?;
    bob.hears_joined(elsewhere.room_ref, "bob")?;
    ensure(elsewhere.join_id == in_b.join_id, "bob should have", "one JOIN_ID", "two")?;
    harness.step(&[], "alice is not in that room, and has received nothing about it");
    alice.greets("fence", address)
    // ANCHOR_END: lab4-stage2
}

/// Stage 3: CHAT sends a message to everyone in the room.
pub fn chat_reaches_the_room(harness: &Harness) -> Check {
    let server = harness.server()?;
    let members = all_join(&server, &harness.words(1), &["alice", "bob", "carol"])?;
    let peers: Vec<&Peer> = members.iter().map(|(peer, _)| peer).collect();
    for (peer, room) in &members {
        talk(harness, peer, *room, &peers)?;
    }
    harness.step(&[], "the connection decides who speaks, whatever the message says");
    let (alice, room) = &members[0];
    let (_, bobs) = &members[1];
    let line = harness.words(2);
    alice.sends_lines(&[
        &format!("CHAT: {}", room.room_ref),
        &format!("JOIN_ID: {}", bobs.join_id),
        "CLIENT_NAME: bob",
        &format!("MESSAGE: {line}\n"),
    ])?;
    for peer in &peers {
        peer.hears_chat(room.room_ref, "alice", &line)?;
    }
    let lines = format!("{}\n{}\n{}", harness.words(2), "CHAT: 7", harness.words(2));
    alice.chats(*room, &lines)?;
    for peer in &peers {
        peer.hears_chat(room.room_ref, "alice", &lines)?;
    }
    Ok(())
}

/// Stage 4: LEAVE removes a client from a room and announces it.
pub fn leave_removes_from_a_room(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let members = all_join(&server, &harness.words(1), &["alice", "bob"])?;
    let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
    alice.asks_to_leave(*in_a)?;
    alice.is_out(*in_a)?;
    alice.hears_left(in_a.room_ref, "alice")?;
    bob.hears_left(in_a.room_ref, "alice")?;
    talk(harness, bob, *in_b, &[bob])?;
    harness.step(
        &[],
        "leaving again, and leaving a room that never existed: a reply, and no announcement",
    );
    alice.asks_to_leave(*in_a)?;
    alice.is_out(*in_a)?;
    let nowhere = Membership { room_ref: 4711, ..*in_a };
    alice.asks_to_leave(nowhere)?;
    alice.is_out(nowhere)?;
    alice.greets("still here", address)?;
    bob.greets("no news", address)?;
    harness.step(&[], "the connection also decides who leaves");
    let again = alice.joins_room("again", address)?;
    let carol = server.peer("carol")?;
    let carols = carol.joins_room("again", address)?;
    alice.hears_joined(again.room_ref, "carol")?;
    alice.asks_to_leave(carols)?;
    // The reply repeats the request's number.
    alice.is_out(carols)?;
    alice.hears_left(again.room_ref, "alice")?;
    carol.hears_left(again.room_ref, "alice")?;
    talk(harness, &carol, carols, &[&carol])
}

/// Stage 5: Rooms stay separate, and no message comes twice.
pub fn keeps_rooms_apart(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let (red, blue) = (format!("red {}", harness.words(1)), format!("blue {}", harness.words(1)));
    let members = all_join(&server, &red, &["alice", "bob"])?;
    let [(alice, red_a), (bob, red_b)] = &members[..] else { return Ok(()) };
    let carol = &server.peer("carol")?;
    let blue_c = carol.joins_room(&blue, address)?;
    let blue_a = alice.joins_room(&blue, address)?;
    carol.hears_joined(blue_c.room_ref, "alice")?;
    talk(harness, alice, *red_a, &[alice, bob])?;
    talk(harness, alice, blue_a, &[alice, carol])?;
    talk(harness, carol, blue_c, &[alice, carol])?;
    talk(harness, bob, *red_b, &[alice, bob])?;
    harness.step(
        &[],
        "joining twice gives the same reply and no announcement, and no message arrives twice",
    );
    bob.asks_to_join(&red, "somebody else")?;
    let again = bob.is_in(&red, address)?;
    ensure(again == *red_b, "bob should be in", "the same room again", "another one")?;
    talk(harness, bob, *red_b, &[alice, bob])?;
    talk(harness, alice, *red_a, &[alice, bob])?;
    harness.step(&[], "a connection keeps the name of its first join");
    bob.asks_to_join("third", "somebody else")?;
    let third = bob.is_in("third", address)?;
    bob.hears_joined(third.room_ref, "bob")?;
    harness.step(&[], "an empty room is removed, and its reference is not used again");
    bob.asks_to_leave(third)?;
    bob.is_out(third)?;
    bob.hears_left(third.room_ref, "bob")?;
    let reborn = bob.joins_room("third", address)?;
    ensure(
        reborn.room_ref != third.room_ref,
        "the room should have",
        "a new ROOM_REF",
        "the old one",
    )?;
    harness.step(&[], "leaving one room does not leave the other");
    alice.asks_to_leave(*red_a)?;
    alice.is_out(*red_a)?;
    alice.hears_left(red_a.room_ref, "alice")?;
    bob.hears_left(red_a.room_ref, "alice")?;
    talk(harness, bob, *red_b, &[bob])?;
    talk(harness, carol, blue_c, &[carol, alice])?;
    harness.step(&[], "a client that comes back is announced again");
    alice.asks_to_join(&red, "alice")?;
    ensure(
        alice.is_in(&red, address)? == *red_a,
        "alice should be in",
        "the same room",
        "another",
    )?;
    alice.hears_joined(red_a.room_ref, "alice")?;
    bob.hears_joined(red_a.room_ref, "alice")?;
    talk(harness, bob, *red_b, &[alice, bob])?;
    harness.step(&[], "twin, who is called bob, too, joins and leaves, and bob is still there");
    let twin = server.peer("twin")?;
    twin.asks_to_join(&red, "bob")?;
    let red_t = twin.is_in(&red, address)?;
    for member in [&twin, alice, bob] {
        member.hears_joined(red_t.room_ref, "bob")?;
    }
    twin.asks_to_leave(red_t)?;
    twin.is_out(red_t)?;
    for member in [&twin, alice, bob] {
        member.hears_left(red_t.room_ref, "bob")?;
    }
    talk(harness, bob, *red_b, &[alice, bob])?;
    twin.greets("I have left", address)?;
    harness.step(&[], "many lines, in order");
    let said: Vec<_> = (0..30).map(|_| harness.words(2)).collect();
    for line in &said {
        carol.chats(blue_c, line)?;
    }
    for line in &said {
        alice.hears_chat(blue_c.room_ref, "carol", line)?;
        carol.hears_chat(blue_c.room_ref, "carol", line)?;
    }
    bob.greets("nothing of all that", address)
}

/// Stage 6: A client that disconnects or vanishes leaves all rooms.
pub fn releases_a_client_everywhere(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let alice = server.peer("alice")?;
    let one = alice.joins_room("one", address)?;
    let two = alice.joins_room("two", address)?;
    let ways = [
        ("disconnects", None),
        ("closes", Some(Peer::closes as fn(Peer))),
        ("resets the connection", Some(Peer::crashes as fn(Peer))),
    ];
    for (what, way) in ways {
        harness.step(&[], &format!("guest, who has joined one of the rooms twice, {what}"));
        let guest = server.peer("guest")?;
        // The guest joins the rooms in the reverse of alice's order.
        guest.joins_room("two", address)?;
        alice.hears_joined(two.room_ref, "guest")?;
        guest.asks_to_join("two", "guest")?;
        guest.is_in("two", address)?;
        guest.joins_room("one", address)?;
        alice.hears_joined(one.room_ref, "guest")?;
        match way {
            None => {
                guest.disconnects()?;
                guest.hears_left(two.room_ref, "guest")?;
                guest.hears_left(one.room_ref, "guest")?;
                guest.is_closed()?;
            }
            Some(way) => way(guest),
        }
        alice.hears_left(two.room_ref, "guest")?;
        alice.hears_left(one.room_ref, "guest")?;
    }
    harness.step(&[], "idle, who was in no room, disconnects");
    let idle = server.peer("idle")?;
    idle.greets("hello", address)?;
    idle.disconnects()?;
    idle.is_closed()?;
    server.rests()?;
    talk(harness, &alice, one, &[&alice])
}

/// Stage 8: The server finds messages and waits for no client.
pub fn finds_messages_however_split(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let members = all_join(&server, "room", &["alice", "bob"])?;
    let [(alice, room), (bob, _)] = &members[..] else { return Ok(()) };
    let (first, second) = (harness.words(2), harness.words(2));
    let says = |text: &str| {
        let Membership { room_ref, join_id } = room;
        format!("CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: alice\nMESSAGE: {text}\n\n")
    };
    harness.step(&[], "two and a half messages in one segment");
    let glued = format!("{}{}HELO gl", says(&first), says(&second));
    alice.sends(glued)?;
    for member in [alice, bob] {
        member.hears_chat(room.room_ref, "alice", &first)?;
        member.hears_chat(room.room_ref, "alice", &second)?;
    }
    alice.sends("ued\n")?;
    alice.is_greeted("glued", address)?;
    let line = harness.words(2);
    alice.trickles(says(&line))?;
    bob.hears_chat(room.room_ref, "alice", &line)?;
    alice.hears_chat(room.room_ref, "alice", &line)?;
    harness.step(&[], "blank lines in between, no space or several after the colon, and \\r");
    let line = harness.words(2);
    alice.sends("\n\nHELO blank\n\n")?;
    alice.is_greeted("blank", address)?;
    let Membership { room_ref, join_id } = room;
    alice.sends(format!(
        "CHAT:{room_ref}\r\nJOIN_ID:   {join_id}\r\nCLIENT_NAME:alice\r\nMESSAGE:{line}\r\n\r\n"
    ))?;
    bob.hears_chat(*room_ref, "alice", &line)?;
    alice.hears_chat(*room_ref, "alice", &line)?;
    harness.step(&[], "every \\r right before ⏎ is dropped, however many there are");
    let (first, second) = (harness.words(2), harness.words(2));
    alice.sends(format!(
        "CHAT: {room_ref}\r\r\nJOIN_ID: {join_id}\r\r\nCLIENT_NAME: alice\r\r\n\
         MESSAGE: {first}\r\r\n{second}\r\r\r\n\r\r\n"
    ))?;
    for member in [bob, alice] {
        member.hears_chat(*room_ref, "alice", &format!("{first}\n{second}"))?;
    }
    harness.step(&[], "bytes that are not UTF-8 become U+FFFD");
    alice.sends(b"HELO caf\xe9\n")?;
    alice.is_greeted("caf\u{fffd}", address)?;
    harness.step(&[], "dave stops sending in the middle of a line, which does not count");
    let dave = server.peer("dave")?;
    dave.sends("HELO half a li")?;
    dave.ends_sending();
    dave.is_closed()?;
    harness.step(&[], "carol stops in the middle of a request forever; no other client waits");
    let carol = server.peer("carol")?;
    carol.sends("JOIN_CHATROOM: room\nCLIENT_IP")?;
    talk(harness, bob, *room, &[alice, bob])?;
    harness.step(&[], "slow does not read for a while, and must then get everything that was said");
    let slow = server.deaf_peer("slow")?;
    slow.asks_to_join("room", "slow")?;
    for member in [alice, bob] {
        member.hears_joined(room.room_ref, "slow")?;
    }
    for line in backlog() {
        alice.chats(*room, &line)?;
        for member in [alice, bob] {
            member.hears_chat(room.room_ref, "alice", &line)?;
        }
    }
    slow.starts_reading()?;
    slow.is_in("room", address)?;
    slow.hears_joined(room.room_ref, "slow")?;
    for line in backlog() {
        slow.hears_chat(room.room_ref, "alice", &line)?;
    }
    slow.closes();
    for member in [alice, bob] {
        member.hears_left(room.room_ref, "slow")?;
    }
    harness.step(&[], "deaf does not read, while alice says more than the system can buffer");
    let deaf = server.deaf_peer("deaf")?;
    deaf.asks_to_join("room", "deaf")?;
    for member in [alice, bob] {
        member.hears_joined(room.room_ref, "deaf")?;
    }
    let message = |name: &str, text: &str| {
        let room_ref = room.room_ref;
        format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n").into_bytes()
    };
    let said: Vec<_> = flood().map(|line| message("alice", &line)).collect();
    let left = vec![message("deaf", "deaf has left this chatroom.")];
    let mut sent = 0;
    for line in flood() {
        alice.chats(*room, &line)?;
        sent += line.len();
        alice.has_got_at_least(sent)?;
        bob.has_got_at_least(sent)?;
    }
    for member in [alice, bob] {
        member.gets_interleaved(&[said.clone(), left.clone()])?;
    }
    Ok(())
}

/// Stage 9: `KILL_SERVICE` ends the server.
pub fn ends_on_kill_service(harness: &Harness) -> Check {
    let server = harness.server()?;
    server.is_for_this_computer()?;
    let address = server.address();
    let members = all_join(&server, "room", &["alice", "bob"])?;
    let silent = server.peer("silent")?;
    let helo = server.peer("helo")?;
    helo.greets("fence", address)?;
    let asked = Instant::now();
    members[1].0.sends_lines(&["KILL_SERVICE"])?;
    for peer in [&members[0].0, &members[1].0, &silent, &helo] {
        peer.hears_until_closed()?;
    }
    server.terminal().exits(0)?;
    let took = asked.elapsed();
    ensure(took < TO_DIE, "the server should have ended", "within a second", &format!("{took:.1?}"))
}
