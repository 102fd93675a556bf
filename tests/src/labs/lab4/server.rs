//! Lab 4: stages that test the server against scripted peers.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::harness::server::Server;
use crate::journal::failure::Check;
use crate::labs::crowds;
use crate::labs::flood::{backlog, flood};
use crate::labs::lab4::wire::{Membership, TO_DIE, all_join, ensure, talk};

/// Stage 1: The server replies to HELO.
pub fn replies_to_helo(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let functions = &["greet", "next_line"];
    harness.step(functions, "alice sends a greeting");
    let alice = server.peer("alice")?;
    alice.greets(&harness.words(2), address)?;
    harness.step(functions, "alice sends a second greeting");
    alice.greets("BASE_TEST", address)?;
    harness.step(functions, "bob sends a greeting too");
    let bob = server.peer("bob")?;
    bob.greets(&harness.words(1), address)?;
    harness.step(functions, "alice sends a third greeting");
    alice.greets(&harness.words(3), address)?;
    harness.step(&["next_line"], "alice sends half a line; she should get no reply yet");
    let (first, second) = (harness.words(1), harness.words(1));
    alice.sends_when_read([format!("HELO {first}").as_bytes()])?;
    bob.greets("meanwhile", address)?;
    alice.has_got_nothing("before the end of her line")?;
    harness.step(&["next_line"], "alice sends the other half of the line");
    alice.sends(format!(" {second}\n"))?;
    alice.is_greeted(&format!("{first} {second}"), address)?;
    harness.step(&["next_line"], "alice sends two greetings in one segment");
    alice.sends(format!("HELO {second}\nHELO {first}\n"))?;
    alice.is_greeted(&second, address)?;
    alice.is_greeted(&first, address)?;
    // The starter already contains the code that this step tests, so the report names no function.
    harness.step(&[], "a second server starts on the first one's port");
    let second = harness.server_on_taken(address.port())?;
    second.fails_saying(&address.port().to_string())
}

/// Stage 2: JOIN adds a member and tells the whole room.
pub fn join_adds_to_a_room(harness: &Harness) -> Check {
    // ANCHOR: lab4-stage2
    let server = harness.server()?;
    let address = server.address();
    let (here, there) = (harness.words(1), harness.words(2));
    harness.step(&["join", "say", "read_join"], "alice joins a room, and bob joins it after her");
    let members = all_join(&server, &here, &["alice", "bob"])?;
    let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
    ensure(in_a.join_id != in_b.join_id, "each client should have", "its own JOIN_ID", "the same")?;
    harness.step(&["join"], "bob joins a second room");
    bob.asks_to_join(&there, "bob")?;
    let elsewhere = bob.is_in(&there, address)?;
    let is_new = elsewhere.room_ref != in_b.room_ref;
    ensure(is_new, "a second room should have", "a new ROOM_REF", "that of the first")?;
    bob.hears_joined(elsewhere.room_ref, "bob")?;
    ensure(elsewhere.join_id == in_b.join_id, "bob should have", "one JOIN_ID", "two")?;
    harness.step(
        &["say", "join"],
        "alice, outside that room, sends HELO; she should get only a reply",
    );
    alice.greets("fence", address)
    // ANCHOR_END: lab4-stage2
}

/// Stage 3: CHAT sends a message to everyone in the room.
pub fn chat_reaches_the_room(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["join", "say"], "alice, bob, and carol join a room");
    let members = all_join(&server, &harness.words(1), &["alice", "bob", "carol"])?;
    let peers: Vec<&Peer> = members.iter().map(|(peer, _)| peer).collect();
    for (peer, room) in &members {
        let step = format!("{} sends text; all three should get it", peer.name());
        harness.step(&["chat", "read_chat", "say"], &step);
        talk(harness, peer, *room, &peers)?;
    }
    harness.step(&["chat"], "alice sends CHAT with bob's name and JOIN_ID; it should name alice");
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
    harness.step(&["text", "read_chat"], "alice sends a 3-line message");
    let lines = format!("{}\n{}\n{}", harness.words(2), "CHAT: 7", harness.words(2));
    alice.chats(*room, &lines)?;
    for peer in &peers {
        peer.hears_chat(room.room_ref, "alice", &lines)?;
    }
    Ok(())
}

/// Stage 4: LEAVE removes a member and tells the whole room.
pub fn leave_removes_from_a_room(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "say"], "alice and bob join a room");
    let members = all_join(&server, &harness.words(1), &["alice", "bob"])?;
    let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
    harness.step(&["leave", "read_leave"], "alice leaves; she and bob should be told");
    alice.asks_to_leave(*in_a)?;
    alice.is_out(*in_a)?;
    alice.hears_left(in_a.room_ref, "alice")?;
    bob.hears_left(in_a.room_ref, "alice")?;
    harness.step(&["take_out", "leave"], "bob sends text; only he should get it");
    talk(harness, bob, *in_b, &[bob])?;
    harness.step(&["leave"], "alice leaves again; she should get only the reply");
    alice.asks_to_leave(*in_a)?;
    alice.is_out(*in_a)?;
    harness.step(&["leave"], "alice leaves a room that never existed; she should get a reply");
    let nowhere = Membership { room_ref: 4711, ..*in_a };
    alice.asks_to_leave(nowhere)?;
    alice.is_out(nowhere)?;
    harness.step(&["leave"], "alice and bob send greetings; they should get only the replies");
    alice.greets("still here", address)?;
    bob.greets("no news", address)?;
    harness.step(&["join", "take_out"], "alice and carol join another room");
    let again = alice.joins_room("again", address)?;
    let carol = server.peer("carol")?;
    let carols = carol.joins_room("again", address)?;
    alice.hears_joined(again.room_ref, "carol")?;
    harness.step(&["leave"], "alice leaves with carol's JOIN_ID; it is still alice who leaves");
    alice.asks_to_leave(carols)?;
    // The reply repeats the request's `JOIN_ID`.
    alice.is_out(carols)?;
    alice.hears_left(again.room_ref, "alice")?;
    carol.hears_left(again.room_ref, "alice")?;
    harness.step(&["leave", "take_out"], "carol sends text; she should still be in the room");
    talk(harness, &carol, carols, &[&carol])
}

/// Stage 5: Rooms stay separate; no message arrives twice.
pub fn keeps_rooms_apart(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let (red, blue) = (format!("red {}", harness.words(1)), format!("blue {}", harness.words(1)));
    harness.step(&["join", "say"], "alice and bob join red; carol and alice join blue");
    let members = all_join(&server, &red, &["alice", "bob"])?;
    let [(alice, red_a), (bob, red_b)] = &members[..] else { return Ok(()) };
    let carol = &server.peer("carol")?;
    let blue_c = carol.joins_room(&blue, address)?;
    let blue_a = alice.joins_room(&blue, address)?;
    carol.hears_joined(blue_c.room_ref, "alice")?;
    let functions = &["say", "chat"];
    harness.step(functions, "each sends text; only the members of that room should get it");
    talk(harness, alice, *red_a, &[alice, bob])?;
    talk(harness, alice, blue_a, &[alice, carol])?;
    talk(harness, carol, blue_c, &[alice, carol])?;
    talk(harness, bob, *red_b, &[alice, bob])?;
    harness
        .step(&["join"], "bob joins red again; he should get the same reply but no announcement");
    bob.asks_to_join(&red, "somebody else")?;
    let again = bob.is_in(&red, address)?;
    ensure(again == *red_b, "bob should be in", "the same room again", "another one")?;
    talk(harness, bob, *red_b, &[alice, bob])?;
    harness.step(&["join", "say"], "alice sends text; nobody should get it twice");
    talk(harness, alice, *red_a, &[alice, bob])?;
    harness
        .step(&["join"], "bob joins a third room under another name; he should keep the old name");
    bob.asks_to_join("third", "somebody else")?;
    let third = bob.is_in("third", address)?;
    bob.hears_joined(third.room_ref, "bob")?;
    harness.step(&["leave", "take_out"], "bob leaves the third room, which is then empty");
    bob.asks_to_leave(third)?;
    bob.is_out(third)?;
    bob.hears_left(third.room_ref, "bob")?;
    let functions = &["join", "take_out"];
    harness.step(functions, "bob joins the third room again; it should have a new ROOM_REF");
    let reborn = bob.joins_room("third", address)?;
    ensure(
        reborn.room_ref != third.room_ref,
        "the room should have",
        "a new ROOM_REF",
        "the old one",
    )?;
    harness.step(&["leave", "take_out"], "alice leaves red; she should stay in the blue room");
    alice.asks_to_leave(*red_a)?;
    alice.is_out(*red_a)?;
    alice.hears_left(red_a.room_ref, "alice")?;
    bob.hears_left(red_a.room_ref, "alice")?;
    talk(harness, bob, *red_b, &[bob])?;
    talk(harness, carol, blue_c, &[carol, alice])?;
    let functions = &["take_out", "join"];
    harness.step(functions, "alice joins red again; she and bob should be told");
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
    harness.step(&["join"], "twin, who is also called bob, joins red");
    let twin = server.peer("twin")?;
    twin.asks_to_join(&red, "bob")?;
    let red_t = twin.is_in(&red, address)?;
    for member in [&twin, alice, bob] {
        member.hears_joined(red_t.room_ref, "bob")?;
    }
    harness.step(&["leave", "take_out"], "twin leaves red; the other bob should stay there");
    twin.asks_to_leave(red_t)?;
    twin.is_out(red_t)?;
    for member in [&twin, alice, bob] {
        member.hears_left(red_t.room_ref, "bob")?;
    }
    talk(harness, bob, *red_b, &[alice, bob])?;
    twin.greets("I have left", address)?;
    let functions = &["chat", "say"];
    harness.step(functions, "carol sends 30 lines; alice and carol should get them in order");
    let said: Vec<_> = (0..30).map(|_| harness.words(2)).collect();
    for line in &said {
        carol.chats(blue_c, line)?;
    }
    for line in &said {
        alice.hears_chat(blue_c.room_ref, "carol", line)?;
        carol.hears_chat(blue_c.room_ref, "carol", line)?;
    }
    harness.step(
        functions,
        "bob, who is not in the blue room, sends HELO; he should get only a reply",
    );
    bob.greets("none of that", address)
}

/// Stage 6: A client that disconnects or vanishes leaves all rooms.
pub fn releases_a_client_everywhere(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "say"], "alice joins two rooms");
    let alice = server.peer("alice")?;
    let one = alice.joins_room("one", address)?;
    let two = alice.joins_room("two", address)?;
    let ways = [
        ("disconnects", None),
        ("closes the connection", Some(Peer::closes as fn(Peer))),
        ("resets the connection", Some(Peer::crashes as fn(Peer))),
    ];
    for (what, way) in ways {
        let step = format!("guest joins both rooms, one of them twice, before it {what}");
        harness.step(&["join"], &step);
        let guest = server.peer("guest")?;
        // The guest joins the two rooms in the opposite order from alice.
        guest.joins_room("two", address)?;
        alice.hears_joined(two.room_ref, "guest")?;
        guest.asks_to_join("two", "guest")?;
        guest.is_in("two", address)?;
        guest.joins_room("one", address)?;
        alice.hears_joined(one.room_ref, "guest")?;
        let step = format!("guest {what}; alice should hear of it once in each room");
        harness.step(&["disconnect", "take_out", "join"], &step);
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
    let functions = &["disconnect", "read_disconnect"];
    harness.step(functions, "`idle`, who was in no room, disconnects");
    let idle = server.peer("idle")?;
    idle.greets("hello", address)?;
    idle.disconnects()?;
    idle.is_closed()?;
    harness.step(functions, "all are silent; the server should use no processor time");
    server.rests()?;
    harness.step(functions, "alice sends text; she should still be in her room");
    talk(harness, &alice, one, &[&alice])
}

/// Stage 8: The server finds messages and waits for no client.
pub fn finds_messages_however_split(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["join", "say"], "alice and bob join a room");
    let members = all_join(&server, "room", &["alice", "bob"])?;
    let [(alice, room), (bob, _)] = &members[..] else { return Ok(()) };
    let (first, second) = (harness.words(2), harness.words(2));
    let says = |text: &str| {
        let Membership { room_ref, join_id } = room;
        format!("CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: alice\nMESSAGE: {text}\n\n")
    };
    harness.step(&["next_line"], "alice sends two and a half requests in one segment");
    let glued = format!("{}{}HELO gl", says(&first), says(&second));
    alice.sends(glued)?;
    for member in [alice, bob] {
        member.hears_chat(room.room_ref, "alice", &first)?;
        member.hears_chat(room.room_ref, "alice", &second)?;
    }
    harness.step(&["next_line"], "alice sends the rest of the third request");
    alice.sends("ued\n")?;
    alice.is_greeted("glued", address)?;
    harness.step(&["next_line"], "alice sends a request one byte at a time");
    let line = harness.words(2);
    alice.trickles(says(&line))?;
    bob.hears_chat(room.room_ref, "alice", &line)?;
    alice.hears_chat(room.room_ref, "alice", &line)?;
    harness.step(&["next_line"], "alice sends a greeting with blank lines around it");
    let line = harness.words(2);
    alice.sends("\n\nHELO blank\n\n")?;
    alice.is_greeted("blank", address)?;
    let functions = &["next_line", "field", "text"];
    harness.step(functions, "alice puts 0 or 3 spaces after each colon and \\r before each ⏎");
    let Membership { room_ref, join_id } = room;
    alice.sends(format!(
        "CHAT:{room_ref}\r\nJOIN_ID:   {join_id}\r\nCLIENT_NAME:alice\r\nMESSAGE:{line}\r\n\r\n"
    ))?;
    bob.hears_chat(*room_ref, "alice", &line)?;
    alice.hears_chat(*room_ref, "alice", &line)?;
    let functions = &["next_line", "text"];
    harness.step(functions, "alice sends several \\r before each ⏎; every \\r should be dropped");
    let (first, second) = (harness.words(2), harness.words(2));
    alice.sends(format!(
        "CHAT: {room_ref}\r\r\nJOIN_ID: {join_id}\r\r\nCLIENT_NAME: alice\r\r\n\
         MESSAGE: {first}\r\r\n{second}\r\r\r\n\r\r\n"
    ))?;
    for member in [bob, alice] {
        member.hears_chat(*room_ref, "alice", &format!("{first}\n{second}"))?;
    }
    let step = "alice's HELO has invalid UTF-8; the reply should contain U+FFFD";
    harness.step(&["next_line"], step);
    alice.sends(b"HELO caf\xe9\n")?;
    alice.is_greeted("caf\u{fffd}", address)?;
    let functions = &["next_line", "disconnect"];
    harness.step(functions, "dave's stream ends in the middle of a line; he should get no reply");
    let dave = server.peer("dave")?;
    dave.sends("HELO half a li")?;
    dave.ends_sending();
    dave.is_closed()?;
    let step = "carol stops in the middle of a request; bob sends text meanwhile";
    harness.step(&["next_line", "say"], step);
    let carol = server.peer("carol")?;
    carol.sends("JOIN_CHATROOM: room\nCLIENT_IP")?;
    talk(harness, bob, *room, &[alice, bob])?;
    waits_for_no_client(harness, &server, [alice, bob], *room)
}

/// Checks that the room's two members are not delayed by clients that read slowly or not at all.
fn waits_for_no_client(
    harness: &Harness,
    server: &Server,
    [alice, bob]: [&Peer; 2],
    room: Membership,
) -> Check {
    let functions = &["say", "chat"];
    harness
        .step(functions, "alice sends lines that `slow` does not read; the others should get them");
    let slow = server.deaf_peer("slow")?;
    slow.asks_to_join("room", "slow")?;
    for member in [alice, bob] {
        member.hears_joined(room.room_ref, "slow")?;
    }
    for line in backlog() {
        alice.chats(room, &line)?;
        for member in [alice, bob] {
            member.hears_chat(room.room_ref, "alice", &line)?;
        }
    }
    harness.step(functions, "`slow` now reads; it should get everything that was sent");
    slow.starts_reading()?;
    slow.is_in("room", server.address())?;
    slow.hears_joined(room.room_ref, "slow")?;
    for line in backlog() {
        slow.hears_chat(room.room_ref, "alice", &line)?;
    }
    harness.step(&["disconnect"], "`slow` closes the connection");
    slow.closes();
    for member in [alice, bob] {
        member.hears_left(room.room_ref, "slow")?;
    }
    let functions = &["say", "disconnect"];
    harness.step(functions, "`deaf` does not read while alice sends more than can be buffered");
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
        alice.chats(room, &line)?;
        sent += line.len();
        alice.has_got_at_least(sent)?;
        bob.has_got_at_least(sent)?;
    }
    for member in [alice, bob] {
        member.gets_interleaved(&[said.clone(), left.clone()])?;
    }
    Ok(())
}

/// Stage 9: `KILL_SERVICE` stops the server.
pub fn ends_on_kill_service(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["kill"], "the server has started; it should listen only on 127.0.0.1");
    server.is_for_this_computer()?;
    let address = server.address();
    harness.step(&["join", "greet"], "alice and bob join a room, and two others connect");
    let members = all_join(&server, "room", &["alice", "bob"])?;
    let silent = server.peer("silent")?;
    let helo = server.peer("helo")?;
    helo.greets("fence", address)?;
    harness.step(&["kill"], "bob sends `KILL_SERVICE`; all clients should be disconnected");
    let asked = Instant::now();
    members[1].0.sends_lines(&["KILL_SERVICE"])?;
    for peer in [&members[0].0, &members[1].0, &silent, &helo] {
        peer.hears_until_closed()?;
    }
    harness.step(&["kill"], "everyone is gone; the server should exit with status 0");
    server.terminal().exits(0)?;
    let took = asked.elapsed();
    ensure(
        took < TO_DIE,
        "the server should have exited",
        "within a second",
        &format!("{took:.1?}"),
    )
}

/// Stage 15: A crowd talks.
pub fn a_crowd_talks(harness: &Harness) -> Check {
    harness.step(&["say", "join", "leave", "take_out", "disconnect"], crowds::STEP);
    crowds::talks(harness, 4)
}
