//! Lab 4: a real request-and-reply protocol with rooms and errors.

pub mod wire;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::listener::Listener;
use crate::harness::peer::Peer;
use crate::harness::person::{Key, Person};
use crate::harness::server::Server;
use crate::harness::stage::{Lab, stage};
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::checks::{WayOut, ways_out};
use crate::labs::flood::flood;
use crate::labs::lab4::wire::Membership;

/// How long the server may take to end. It is asked for within a second; a machine that has much to do gets twice that.
const TO_DIE: Duration = Duration::from_secs(2);

/// What one says in a room, everybody in it hears, the speaker too.
fn talk(harness: &Harness, speaker: &Peer, room: Membership, members: &[&Peer]) -> Check {
    let line = harness.words(3);
    speaker.chats(room, &line)?;
    members.iter().try_for_each(|member| member.hears_chat(room.room_ref, speaker.name(), &line))
}

/// One after the other joins the room; each hears of those who come later.
fn room_of(server: &Server, room: &str, names: &[&str]) -> Check<Vec<(Peer, Membership)>> {
    let mut members: Vec<(Peer, Membership)> = Vec::new();
    for name in names {
        let peer = server.peer(name)?;
        peer.asks_to_join(room, name)?;
        let membership = peer.is_in(room, server.address())?;
        if let Some((_, first)) = members.first() {
            let is_same = first.room_ref == membership.room_ref;
            check(is_same, "everybody in a room should have", "the same ROOM_REF", "another")?;
        }
        peer.hears_joined(membership.room_ref, name)?;
        for (member, _) in &members {
            member.hears_joined(membership.room_ref, name)?;
        }
        members.push((peer, membership));
    }
    Ok(members)
}

/// Starts a client and answers its question.
fn enters(harness: &Harness, server: SocketAddr, name: &str, terminal: Terminal) -> Check<Person> {
    let person = harness.client_at(name, server, terminal)?;
    person.is_asked_for("name")?;
    person.types(name)?;
    Ok(person)
}

/// Starts a client, and lets it into a room of a scripted server.
fn client_in(
    harness: &Harness,
    listener: &Listener,
    room: &str,
    room_ref: i64,
) -> Check<(Person, Peer)> {
    let alice = enters(harness, listener.address()?, "alice", Terminal::Dumb)?;
    let server = listener.accepts("server")?;
    lets_in(&alice, &server, room, room_ref)?;
    Ok((alice, server))
}

/// Alice joins a room of a scripted server.
fn lets_in(alice: &Person, server: &Peer, room: &str, room_ref: i64) -> Check {
    alice.types(&format!("/join {room}"))?;
    is_asked_to_let_in(server, room)?;
    answers_join(server, room, room_ref)?;
    alice.sees(&format!("[{room}] alice: alice has joined this chatroom."))
}

/// A scripted server gets alice's request to join.
fn is_asked_to_let_in(server: &Peer, room: &str) -> Check {
    server.gets_lines(&[
        &format!("JOIN_CHATROOM: {room}"),
        "CLIENT_IP: 0",
        "PORT: 0",
        "CLIENT_NAME: alice",
    ])
}

/// A scripted server lets alice in.
fn answers_join(server: &Peer, room: &str, room_ref: i64) -> Check {
    server.sends_lines(&[
        &format!("JOINED_CHATROOM: {room}"),
        "SERVER_IP: 127.0.0.1",
        "PORT: 8080",
        &format!("ROOM_REF: {room_ref}"),
        "JOIN_ID: -17",
    ])?;
    server.sends(chat(room_ref, "alice", "alice has joined this chatroom."))
}

/// A scripted server gets what alice says.
fn gets_chat(server: &Peer, room_ref: i64, text: &str) -> Check {
    server.gets_lines(&[
        &format!("CHAT: {room_ref}"),
        "JOIN_ID: -17",
        "CLIENT_NAME: alice",
        &format!("MESSAGE: {text}\n"),
    ])
}

/// A chat message as the server sends it.
fn chat(room_ref: i64, name: &str, message: &str) -> String {
    format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {message}\n\n")
}

const WAYS_OUT: [WayOut; 3] = ways_out(("types /quit", |person| person.types("/quit")));

/// The stages of lab 4.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "HELO is answered", 6)
            .hint(
                "Four lines: what stands in each? Whose line is the first, and whose address comes \
                 behind it?",
            )
            .hint(
                "`greet`: `Hall::client` knows the server's address, as this client sees it; \
                 `Hall::tell` sends a `Reply::Helo`. Its `line` is the greeting as it came, `HELO` \
                 included.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = server.peer("alice")?;
                alice.greets(&harness.words(2), address)?;
                alice.greets("BASE_TEST", address)?;
                let bob = server.peer("bob")?;
                bob.greets(&harness.words(1), address)?;
                alice.greets(&harness.words(3), address)?;
                let second = harness.server_on(address.port(), &[])?;
                second.fails_saying(&address.port().to_string())
            }),
        stage(2, "JOIN lets into a room, and announces it", 10)
            .on(&[1])
            .hint(
                "What does the newcomer get first, and who hears the news after that? How many \
                 rooms, and how many `JOIN_ID`s, has one client?",
            )
            .hint(
                "`read_join`: `Lines::field` for each line, in the order of the wire. \
                 `Hall::join`: find or make the room, put the client in, `tell` it `Reply::Joined` \
                 (`join_id` is its `id`), `announce`.",
            )
            .hint(
                "In `join`, three lists must agree: `room_refs`, the room's `members`, and the \
                 client's own `rooms`; and set the client's `name`. `say`: make one `Reply::Chat`, \
                 push it to each member.",
            )
            .server(|harness| {
                // ANCHOR: lab4-stage2
                let server = harness.server()?;
                let address = server.address();
                let (here, there) = (harness.words(1), harness.words(2));
                let members = room_of(&server, &here, &["alice", "bob"])?;
                let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
                check(in_a.join_id != in_b.join_id, "each should have", "its own JOIN_ID", "the same")?;
                harness.step("bob joins a second room");
                bob.asks_to_join(&there, "bob")?;
                let elsewhere = bob.is_in(&there, address)?;
                let is_new = elsewhere.room_ref != in_b.room_ref;
                check(is_new, "a second room should have", "a new ROOM_REF", "that of the first")?;
                bob.hears_joined(elsewhere.room_ref, "bob")?;
                check(elsewhere.join_id == in_b.join_id, "bob should have", "one JOIN_ID", "two")?;
                harness.step("alice, who is not in that room, has heard nothing of it");
                alice.greets("fence", address)
                // ANCHOR_END: lab4-stage2
            }),
        stage(3, "CHAT goes to everybody in the room", 10)
            .on(&[2])
            .hint(
                "Who is in the room: the speaker, too? Under whose name does the message go out, \
                 and where does a text of several lines end?",
            )
            .hint(
                "`read_chat`: `JOIN_ID`, `CLIENT_NAME`, then `MESSAGE` with `Lines::text`, which \
                 reads up to the blank line. `Hall::chat` gives the text to `say`.",
            )
            .hint(
                "`say` (stage 2) takes the name from the client in the hall, never from the \
                 message. `JOIN_ID` and `CLIENT_NAME` of a message decide nothing.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let members = room_of(&server, &harness.words(1), &["alice", "bob", "carol"])?;
                let peers: Vec<&Peer> = members.iter().map(|(peer, _)| peer).collect();
                for (peer, room) in &members {
                    talk(harness, peer, *room, &peers)?;
                }
                harness.step("who speaks is decided by the connection, whatever the message says");
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
            }),
        stage(4, "LEAVE lets out of a room, and announces it", 8)
            .on(&[3])
            .hint(
                "What comes first for the one who leaves, and who hears the news? What is the \
                 answer to somebody who is not in that room?",
            )
            .hint(
                "`read_leave`: `JOIN_ID`, then `CLIENT_NAME`. `Hall::leave`: always `tell` \
                 `Reply::Left`, with the `JOIN_ID` of the request. Only if the client is in that \
                 room: `announce`, then `take_out`.",
            )
            .hint(
                "After `take_out` the client is out and hears nothing more, so `announce` comes \
                 before it. The client's own list `rooms` tells whether it is in the room.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let members = room_of(&server, &harness.words(1), &["alice", "bob"])?;
                let [(alice, in_a), (bob, in_b)] = &members[..] else { return Ok(()) };
                alice.asks_to_leave(*in_a)?;
                alice.is_out(*in_a)?;
                alice.hears_left(in_a.room_ref, "alice")?;
                bob.hears_left(in_a.room_ref, "alice")?;
                talk(harness, bob, *in_b, &[bob])?;
                harness.step("leaving once more, and leaving a room that never was: an answer, and no news");
                alice.asks_to_leave(*in_a)?;
                alice.is_out(*in_a)?;
                let nowhere = Membership { room_ref: 4711, ..*in_a };
                alice.asks_to_leave(nowhere)?;
                alice.is_out(nowhere)?;
                alice.greets("still here", address)?;
                bob.greets("no news", address)?;
                harness.step("who leaves is decided by the connection, too");
                let again = alice.joins_room("again", address)?;
                let carol = server.peer("carol")?;
                let carols = carol.joins_room("again", address)?;
                alice.hears_joined(again.room_ref, "carol")?;
                alice.asks_to_leave(carols)?;
                alice.gets_lines(&[&format!("LEFT_CHATROOM: {}", again.room_ref)])?;
                alice.gets_number("JOIN_ID")?;
                alice.hears_left(again.room_ref, "alice")?;
                carol.hears_left(again.room_ref, "alice")?;
                talk(harness, &carol, carols, &[&carol])
            }),
        stage(5, "Several rooms: nothing leaks, nothing comes twice", 10)
            .on(&[3, 4])
            .hint(
                "Is there one list of members, or one for each room? What changes when somebody \
                 joins twice? Is a room's number used again?",
            )
            .hint(
                "No function of its own: more of `join`, `chat` and `leave`. A second join gets \
                 the same `Reply::Joined`, and no news. The name is that of the client's first \
                 join.",
            )
            .hint(
                "A new room gets `last_room_ref` plus 1, never the number of rooms. `leave` calls \
                 `take_out`, which takes away an empty room and its name: then the same name makes a \
                 new room.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let (red, blue) = (format!("red {}", harness.words(1)), format!("blue {}", harness.words(1)));
                let members = room_of(&server, &red, &["alice", "bob"])?;
                let [(alice, red_a), (bob, red_b)] = &members[..] else { return Ok(()) };
                let carol = &server.peer("carol")?;
                let blue_c = carol.joins_room(&blue, address)?;
                let blue_a = alice.joins_room(&blue, address)?;
                carol.hears_joined(blue_c.room_ref, "alice")?;
                talk(harness, alice, *red_a, &[alice, bob])?;
                talk(harness, alice, blue_a, &[alice, carol])?;
                talk(harness, carol, blue_c, &[alice, carol])?;
                talk(harness, bob, *red_b, &[alice, bob])?;
                harness.step("joining twice gives the same answer and no news, and no message comes twice");
                bob.asks_to_join(&red, "somebody else")?;
                let again = bob.is_in(&red, address)?;
                check(again == *red_b, "bob should be in", "the same room again", "another one")?;
                talk(harness, bob, *red_b, &[alice, bob])?;
                talk(harness, alice, *red_a, &[alice, bob])?;
                harness.step("a connection keeps the name of its first join");
                bob.asks_to_join("third", "somebody else")?;
                let third = bob.is_in("third", address)?;
                bob.hears_joined(third.room_ref, "bob")?;
                harness.step("a room that nobody is in any more is forgotten, and its reference is not used again");
                bob.asks_to_leave(third)?;
                bob.is_out(third)?;
                bob.hears_left(third.room_ref, "bob")?;
                let reborn = bob.joins_room("third", address)?;
                check(reborn.room_ref != third.room_ref, "there should be", "a new ROOM_REF", "the old")?;
                harness.step("out of one room is not out of the other");
                alice.asks_to_leave(*red_a)?;
                alice.is_out(*red_a)?;
                alice.hears_left(red_a.room_ref, "alice")?;
                bob.hears_left(red_a.room_ref, "alice")?;
                talk(harness, bob, *red_b, &[bob])?;
                talk(harness, carol, blue_c, &[carol, alice])?;
                harness.step("many lines, in order");
                let said: Vec<_> = (0..30).map(|_| harness.words(2)).collect();
                for line in &said {
                    carol.chats(blue_c, line)?;
                }
                for line in &said {
                    alice.hears_chat(blue_c.room_ref, "carol", line)?;
                    carol.hears_chat(blue_c.room_ref, "carol", line)?;
                }
                bob.greets("nothing of all that", address)
            }),
        stage(6, "Who disconnects or vanishes has left every room", 9)
            .on(&[5])
            .hint(
                "In which rooms was the connection that has just ended, and in which order did it \
                 join them? Who hears of it?",
            )
            .hint(
                "`read_disconnect`: `PORT`, `CLIENT_NAME`. `Hall::disconnect`: for each of the \
                 client's `rooms`, `announce`, then `take_out`. Then out of `clients`: dropping its \
                 outbox closes.",
            )
            .hint(
                "Clone the list before the loop, since `take_out` changes it. After DISCONNECT comes \
                 a second call, at the end of the stream: then there is no such client, and nothing \
                 to do.",
            )
            .server(|harness| {
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
                    harness.step(&format!("guest {what}"));
                    let guest = server.peer("guest")?;
                    // (in the other order)
                    guest.joins_room("two", address)?;
                    alice.hears_joined(two.room_ref, "guest")?;
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
                harness.step("one leaves who was in no room");
                let idle = server.peer("idle")?;
                idle.greets("hello", address)?;
                idle.disconnects()?;
                idle.is_closed()?;
                server.rests()?;
                talk(harness, &alice, one, &[&alice])
            }),
        stage(7, "Errors are answered, and the connection goes on", 9)
            .on(&[3, 6])
            .hint(
                "What does your server answer for a room that does not exist, one that the speaker \
                 is not in, a field that is missing, empty or no number?",
            )
            .hint(
                "`chat`: `Hall::complain`, with `Complaint::NO_SUCH_ROOM` or `NOT_A_MEMBER`. \
                 `read_join`: `name_of` for room and client. In each `read_…`, pass the errors of \
                 `Lines` up with `?`.",
            )
            .hint(
                "`CHAT: room` is error 4: `number` makes a number of it, or complains. Errors 1 \
                 and 5 are given. No `unwrap` in the hall: a panic there ends the chat for \
                 everybody.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = server.peer("alice")?;
                let room = alice.joins_room(&harness.words(1), address)?;
                let bob = server.peer("bob")?;
                let elsewhere = bob.joins_room(&harness.words(2), address)?;
                harness.step("code 1: no message at all; one complaint for all of it");
                alice.sends("HELLO?\nis there anybody\n\n")?;
                alice.hears_error(1)?;
                alice.greets("after 1", address)?;
                harness.step("codes 2 and 3: rooms");
                alice.chats(Membership { room_ref: 4711, ..room }, "anybody?")?;
                alice.hears_error(2)?;
                alice.chats(Membership { room_ref: elsewhere.room_ref, ..room }, "bob?")?;
                alice.hears_error(3)?;
                harness.step("code 4: fields; the line that breaks a message may begin the next one");
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
                harness.step("code 5: too long; told so, and closed");
                let carol = server.peer("carol")?;
                let _ = carol.tries_to_send(format!("HELO {}\n", "x".repeat(70_000)));
                carol.hears_error(5)?;
                carol.hears_until_closed()?;
                let dave = server.peer("dave")?;
                let endless = "and so on\n".repeat(7000);
                let _ = dave.tries_to_send(format!(
                    "CHAT: 1\nJOIN_ID: 1\nCLIENT_NAME: dave\nMESSAGE: {endless}"
                ));
                dave.hears_error(5)?;
                dave.hears_until_closed()?;
                talk(harness, &bob, elsewhere, &[&bob])?;
                alice.greets("nothing of all that", address)
            }),
        stage(8, "It finds the messages, and waits for nobody", 9)
            .on(&[4, 6])
            .hint(
                "One read is not one request: where does each end? Who waits for a client that \
                 stops in the middle, or that does not read?",
            )
            .hint(
                "No function of its own: the `read_…` functions and `say`. Read with \
                 `Lines::field`, `number` and `text` only: they know cut lines, `\\r`, and any \
                 number of spaces behind the colon.",
            )
            .hint(
                "Send with `Outbox::push` only. Who is too far behind is disconnected by its \
                 outbox, and `Hall::disconnect` (stage 6) tells the room.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let members = room_of(&server, "room", &["alice", "bob"])?;
                let [(alice, room), (bob, _)] = &members[..] else { return Ok(()) };
                let (first, second) = (harness.words(2), harness.words(2));
                let says = |text: &str| {
                    let Membership { room_ref, join_id } = room;
                    format!("CHAT: {room_ref}\nJOIN_ID: {join_id}\nCLIENT_NAME: alice\nMESSAGE: {text}\n\n")
                };
                harness.step("two messages and a half in one segment");
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
                harness.step("blank lines between, no space or several behind the colon, and \\r");
                let line = harness.words(2);
                alice.sends("\n\nHELO blank\n\n")?;
                alice.is_greeted("blank", address)?;
                let Membership { room_ref, join_id } = room;
                alice.sends(format!(
                    "CHAT:{room_ref}\r\nJOIN_ID:   {join_id}\r\nCLIENT_NAME:alice\r\nMESSAGE:{line}\r\n\r\n"
                ))?;
                bob.hears_chat(*room_ref, "alice", &line)?;
                alice.hears_chat(*room_ref, "alice", &line)?;
                harness.step("one stops in the middle for ever; nobody else waits");
                let carol = server.peer("carol")?;
                carol.sends("JOIN_CHATROOM: room\nCLIENT_IP")?;
                talk(harness, bob, *room, &[alice, bob])?;
                harness.step("one does not read, while others say more than the system can keep for it");
                let deaf = server.deaf_peer("deaf")?;
                deaf.asks_to_join("room", "deaf")?;
                for member in [alice, bob] {
                    member.hears_joined(room.room_ref, "deaf")?;
                }
                let message = |name: &str, text: &str| {
                    let room_ref = room.room_ref;
                    format!("CHAT: {room_ref}\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n").into_bytes()
                };
                let said: Vec<_> =
                    flood().map(|line| message("alice", &line)).collect();
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
            }),
        stage(9, "KILL_SERVICE ends the server", 6)
            .on(&[1, 2])
            .hint(
                "What keeps the process alive: the listener, or a thread that still reads? With \
                 which status does it end?",
            )
            .hint(
                "`kill`: `process::exit` with 0 ends all threads, and the system closes all \
                 connections. But only if `from_anywhere`, or if the client's `peer` is a loopback \
                 address.",
            )
            .hint(
                "`Hall::client` knows the `peer`; `IpAddr::is_loopback` tells. Everybody else gets \
                 `Hall::complain` with `Complaint::NOT_ALLOWED`.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let members = room_of(&server, "room", &["alice", "bob"])?;
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
                check(took < TO_DIE, "the server should have ended", "within a second", &format!("{took:.1?}"))
            }),
        stage(10, "The client joins and talks", 9)
            .hint(
                "By which number does a message name its room, and who told it to the client? What \
                 could the second line of a message be taken for?",
            )
            .hint(
                "`read_reply`: `value` knows the first line, `Lines::id`, `field` and `text` read \
                 the others. `show_replies`: tell `Rooms::hear` of each reply, and `hear_error` of \
                 each error, or it cannot find the room.",
            )
            .hint(
                "`type_requests`: for text call `wait_for_join`; then `Rooms::find` returns the \
                 reference and the id for `Request::Chat`. `show`: further lines get two spaces in \
                 front.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let room = format!("room-{}", harness.words(0).trim_start_matches('-'));
                let (alice, server) = client_in(harness, &listener, &room, 31)?;
                for _ in 0..2 {
                    let line = harness.words(3);
                    // (an empty line is no message)
                    alice.types("")?;
                    alice.types(&line)?;
                    gets_chat(&server, 31, &line)?;
                    server.sends(chat(31, "alice", &line))?;
                    alice.sees(&format!("[{room}] alice: {line}"))?;
                }
                harness.step("a text may begin with a space");
                let line = harness.words(2);
                alice.types(&format!(" {line}"))?;
                server.gets_lines(&["CHAT: 31", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
                // (a reader takes any number of spaces)
                let came = server.gets_field("MESSAGE")?;
                check(came == line, "server should have got the text", &line, &came)?;
                server.gets("\n")?;
                harness.step("messages glued, split, and of several lines, which must not look like several messages");
                let (first, second) = (harness.words(2), harness.words(2));
                let glued = format!("{}{}", chat(31, "bob", &first), chat(31, "carol", &second));
                let (begin, end) = glued.split_at(glued.len() - 7);
                server.sends(begin)?;
                alice.sees(&format!("[{room}] bob: {first}"))?;
                server.sends(end)?;
                alice.sees(&format!("[{room}] carol: {second}"))?;
                let forged = format!("[{room}] carol: I never said that");
                server.sends(chat(31, "bob", &format!("{first}\n{forged}")))?;
                alice.sees(&format!("[{room}] bob: {first}"))?;
                server.sends("ERROR_CODE: 3\nERROR_DESCRIPTION: what do you want\n")?;
                alice.sees_somewhere("what do you want")?;
                alice.has_seen(0, &forged)?;
                harness.step("she types before the answer to her join has come: that waits for it");
                let early = harness.words(2);
                alice.types("/join other")?;
                alice.types(&early)?;
                is_asked_to_let_in(&server, "other")?;
                alice.rests()?;
                server.has_got_nothing("nothing between the join and its answer")?;
                answers_join(&server, "other", 32)?;
                gets_chat(&server, 32, &early)?;
                alice.rests()?;
                server.closes();
                alice.fails_saying("server")?;
                harness.step("bob gives an empty answer, and is asked again");
                let bob = harness.client("bob", listener.address()?)?;
                bob.is_asked_for("name")?;
                bob.types("")?;
                bob.is_asked_for("name")
            }),
        stage(11, "The client's commands", 6)
            .on(&[10])
            .hint(
                "To which room does plain text go, after /room and after /leave? What does the \
                 server get for each command?",
            )
            .hint(
                "`obey`: `Rooms::switch_to`, `list` and `find` know the rooms; with an empty name, \
                 `find` returns the current one. `Sender::send` tells `Rooms` of each request, so \
                 that after a `/leave` the next line does not go there.",
            )
            .hint(
                "`/helo hi` sends `HELO hi`. `/quit`, Ctrl-D and Ctrl-C all end in \
                 `Terminal::leave`, with `Request::Disconnect`; `/kill` does not. What is no \
                 command sends nothing. Show your own answers with `Terminal::print`.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let (alice, server) = client_in(harness, &listener, "one", 1)?;
                lets_in(&alice, &server, "two", 2)?;
                let says_in = |room_ref: i64| -> Check {
                    let line = harness.words(2);
                    alice.types(&line)?;
                    gets_chat(&server, room_ref, &line)
                };
                says_in(2)?;
                harness.step("a command that there is not is no message");
                alice.types("/nonsense")?;
                alice.types("/room one")?;
                says_in(1)?;
                harness.step("alice types /rooms");
                alice.types("/rooms")?;
                alice.sees_together(&["one", "two"])?;
                harness.step("alice types /leave");
                alice.types("/leave")?;
                server.gets_lines(&["LEAVE_CHATROOM: 1", "JOIN_ID: -17", "CLIENT_NAME: alice"])?;
                server.sends("LEFT_CHATROOM: 1\nJOIN_ID: -17\n")?;
                server.sends(chat(1, "alice", "alice has left this chatroom."))?;
                alice.sees("[one] alice: alice has left this chatroom.")?;
                says_in(2)?;
                harness.step("alice types /helo, /leave two, /kill");
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
                harness.step(&format!("alice {what}"));
                leaves(quit, alice, server)?;
                for (what, key) in keys {
                    harness.step(&format!("alice {what}"));
                    let (alice, server) = client_in(harness, &listener, "one", 1)?;
                    leaves(key, alice, server)?;
                }
                Ok(())
            }),
        stage(12, "Three people in two rooms", 3)
            .on(&[5, 10])
            .hint(
                "Try it with three terminals side by side: who sees what is said in the other \
                 room? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `Hall::say` (stage 2), `show_replies` and `type_requests` \
                 (10) together. The room joined last is the current one; `/room` goes back to \
                 another.",
            )
            .hint(
                "`show_replies` must show with `Screen::print`: `println!` tears the line that is \
                 being typed. The client does not print its own messages: they come back.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = enters(harness, address, "alice", Terminal::Xterm)?;
                let bob = enters(harness, address, "bob", Terminal::Dumb)?;
                let carol = enters(harness, address, "carol", Terminal::Dumb)?;
                joins(&alice, "alice", "red", &[&alice])?;
                joins(&bob, "bob", "red", &[&alice, &bob])?;
                joins(&carol, "carol", "red", &[&alice, &bob, &carol])?;
                joins(&bob, "bob", "blue", &[&bob])?;
                joins(&carol, "carol", "blue", &[&bob, &carol])?;
                harness.step("bob and carol talk in blue, and alice hears nothing of it");
                let secret = harness.words(2);
                bob.types(&secret)?;
                carol.sees(&format!("[blue] bob: {secret}"))?;
                bob.sees(&format!("[blue] bob: {secret}"))?;
                carol.types("/room red")?;
                alice.begins_to_type("half of a ")?;
                let line = harness.words(3);
                carol.types(&line)?;
                for person in [&alice, &bob, &carol] {
                    person.sees(&format!("[red] carol: {line}"))?;
                }
                alice.has_typed("half of a ")?;
                alice.types("sentence")?;
                harness.step("everybody has seen each line as often as meant");
                for person in [&alice, &bob, &carol] {
                    person.sees("[red] alice: half of a sentence")?;
                    person.has_seen(1, &format!("[red] carol: {line}"))?;
                }
                alice.has_seen(0, &format!("[blue] bob: {secret}"))
            }),
        stage(13, "People come and go", 3)
            .on(&[6, 9, 11])
            .hint(
                "What do those who stay see of one who leaves, or is killed? And how does each \
                 client end when the server does?",
            )
            .hint(
                "No function of its own: `Hall::disconnect` (stage 6), `kill` (9) and the ends of \
                 the client (10, 11) together. A client that loses its server ends with status 1.",
            )
            .hint(
                "That holds for the one who typed `/kill`, too: send the request and go on. \
                 Perhaps it is refused; if not, `show_replies` sees the end of the stream, and \
                 `main` does the rest.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = enters(harness, address, "alice", Terminal::Dumb)?;
                let bob = enters(harness, address, "bob", Terminal::Xterm)?;
                joins(&alice, "alice", "red", &[&alice])?;
                joins(&bob, "bob", "red", &[&alice, &bob])?;
                let left = "[red] guest: guest has left this chatroom.";
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("guest {what}"));
                    let guest = enters(harness, address, "guest", Terminal::Dumb)?;
                    joins(&guest, "guest", "red", &[&alice, &bob, &guest])?;
                    way(&guest)?;
                    alice.sees(left)?;
                    bob.sees(left)?;
                    guest.exits(0)?;
                }
                harness.step("guest is killed");
                let killed = enters(harness, address, "guest", Terminal::Dumb)?;
                joins(&killed, "guest", "red", &[&alice, &bob, &killed])?;
                killed.is_killed();
                alice.sees(left)?;
                bob.sees(left)?;
                harness.step("bob types /kill");
                bob.types("/kill")?;
                server.terminal().exits(0)?;
                alice.fails_saying("server")?;
                bob.fails_saying("server")
            }),
        stage(14, "Nobody's terminal can be steered", 2)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends, in a message \
                 or in a name? Who prints it as it is?",
            )
            .hint(
                "No function of its own: all that `show_replies` (stage 10) shows goes through \
                 `Screen::print`, also names and further lines; in the server through `log`. \
                 `println!` makes nothing harmless.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = enters(harness, address, "alice", Terminal::Xterm)?;
                let bob = enters(harness, address, "bob", Terminal::Dumb)?;
                let carol = enters(harness, address, "carol", Terminal::Dumb)?;
                joins(&alice, "alice", "red", &[&alice])?;
                joins(&bob, "bob", "red", &[&alice, &bob])?;
                joins(&carol, "carol", "red", &[&alice, &bob, &carol])?;
                let mallory = server.peer("mallory")?;
                mallory.asks_to_join("red", "\x1b]0;owned\x07")?;
                let room = mallory.is_in("red", address)?;
                let words = harness.words(2);
                mallory.chats(room, &format!("\x1b[2J{words}\n\x1b[2J"))?;
                for person in [&alice, &bob, &carol] {
                    person.sees_somewhere(&words)?;
                }
                let fence = harness.words(2);
                bob.types(&fence)?;
                for person in [&alice, &bob, &carol] {
                    person.sees(&format!("[red] bob: {fence}"))?;
                    person.never_got(b"\x1b[2J")?;
                    person.never_got(b"\x1b]0;")?;
                }
                server.terminal().never_got(b"\x1b]0;")?;
                server.terminal().presses(Key::CtrlC)?;
                server.terminal().exits(0)?;
                [&alice, &bob, &carol].iter().try_for_each(|person| person.fails_saying("server"))
            }),
    ];
    Lab { number: 4, title: "many rooms, requests and replies", speaker_hears: true, stages }
}

/// Somebody joins a room, and everybody in it sees that.
fn joins(person: &Person, name: &str, room: &str, everybody: &[&Person]) -> Check {
    person.types(&format!("/join {room}"))?;
    let line = format!("[{room}] {name}: {name} has joined this chatroom.");
    everybody.iter().try_for_each(|one| one.sees(&line))
}

fn check(is_right: bool, who: &str, expected: &str, came: &str) -> Check {
    if is_right {
        Ok(())
    } else {
        Err(crate::journal::failure::Failure::wrong(who, expected, came))
    }
}
