//! Lab 2: stages that test the server against scripted peers.

use std::time::Instant;

use crate::harness::Harness;
use crate::harness::leftovers::keeps_nothing;
use crate::harness::peer::Peer;
use crate::journal::failure::{Check, Failure};
use crate::labs::checks::server_where_told;
use crate::labs::crowds;
use crate::labs::flood::{LAG, flood, long_line};
use crate::labs::lab2::wire::{all_join, joins, joins_when_free, talk};
use crate::labs::messages::{LIMIT, TOO_LONG};

/// Stage 1: The server listens.
pub fn listens(harness: &Harness) -> Check {
    harness.step(&["open_listener"], "three servers start, each on a free port on 127.0.0.1");
    let server = server_where_told(harness)?;
    harness.step(&["open_listener"], "a server has started; it should show `SERVER WORKING`");
    server.terminal().has_somewhere(&["SERVER WORKING"])?;
    harness.step(&["open_listener"], "alice connects to the server");
    server.peer("alice")?;
    let port = server.address().port();
    harness.step(&["open_listener"], "another server starts on the first one's port");
    let second = harness.server_on_taken(port)?;
    second.fails_saying(&port.to_string())
}

/// Stage 2: The server asks every client for a nickname.
pub fn asks_for_a_nickname(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["ask_nickname"], "alice connects");
    let alice = server.peer("alice")?;
    alice.gets("NICK")?;
    harness.step(&["ask_nickname"], "bob connects before alice has sent her nickname");
    let bob = server.peer("bob")?;
    bob.gets("NICK")?;
    let nickname = format!("alice-{}", harness.words(0).trim_start_matches('-'));
    harness.step(&["ask_nickname"], "alice sends her nickname, without a newline");
    alice.sends(&nickname)?;
    server.prints(&format!("Nickname is {nickname}"))?;
    server.terminal().has_somewhere(&["Connected with 127.0.0.1:"])?;
    harness.step(&["ask_nickname"], "carol connects; the server should send `NICK` immediately");
    harness.promptly("carol should have received NICK", || {
        let connects = Instant::now();
        server.peer("carol")?.gets("NICK")?;
        Ok(connects)
    })?;
    harness.step(&["ask_nickname"], "the server is killed; it should have sent only `NICK`");
    // Once the stream from a killed server has ended, everything that the server sent has arrived.
    server.terminal().is_killed();
    alice.got_no_newline("no newline after NICK")?;
    bob.got_no_newline("no newline after NICK")
}

/// Stage 4: The server announces each client that joins.
pub fn announces_a_newcomer(harness: &Harness) -> Check {
    // ANCHOR: lab2-stage4
    let server = harness.server()?;
    let mut group: Vec<Peer> = Vec::new();
    for nickname in ["alice", "bob", "carol"] {
        harness.step(&["join", "run_room", "broadcast"], &format!("{nickname} joins"));
        let newcomer = server.peer(nickname)?;
        newcomer.gets("NICK")?;
        newcomer.sends(nickname)?;
        newcomer.hears_line(&format!("{nickname} joined!"))?;
        newcomer.hears_line("Connected to server!")?;
        for member in &group {
            member.hears_line(&format!("{nickname} joined!"))?;
        }
        group.push(newcomer);
    }
    // ANCHOR_END: lab2-stage4
    let functions = &["run_room", "join", "broadcast"];
    harness.step(functions, "one more client joins; all members should be told immediately");
    let mut more = 0;
    harness.promptly("everyone should have been told about the newcomer", || {
        more += 1;
        let nickname = format!("guest{more}");
        let newcomer = server.peer(&nickname)?;
        newcomer.gets("NICK")?;
        let replies = Instant::now();
        newcomer.sends(&nickname)?;
        newcomer.hears(&format!("{nickname} joined!"))?;
        newcomer.hears("Connected to server!")?;
        group.iter().try_for_each(|member| member.hears(&format!("{nickname} joined!")))?;
        group.push(newcomer);
        Ok(replies)
    })
}

/// Stage 5: The server broadcasts each message to everyone.
pub fn broadcasts_to_everyone(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room"], "alice, bob, and carol join");
    let group = all_join(&server, &["alice", "bob", "carol"])?;
    for speaker in &group {
        let step = format!("{} sends a line; all three should get it", speaker.name());
        harness.step(&["run_room", "receive_messages", "line"], &step);
        let line = format!("{}: {}", speaker.name(), harness.words(3));
        speaker.says(&line)?;
        group.iter().try_for_each(|member| member.hears_line(&line))?;
    }
    let functions = &["receive_messages", "run_room", "line"];
    harness.step(functions, "alice sends a line; all three should get it immediately");
    harness.promptly("everyone should have received alice's line", || {
        let says = Instant::now();
        talk(harness, &group[0], &group)?;
        Ok(says)
    })?;
    let functions = &["run_room", "receive_messages"];
    harness.step(functions, "alice sends 3 lines in one segment");
    let three: Vec<_> = (0..3).map(|_| format!("alice: {}", harness.words(2))).collect();
    group[0].says(&three.join("\n"))?;
    for member in &group {
        three.iter().try_for_each(|line| member.hears_line(line))?;
    }
    harness.step(functions, "all send five lines each at the same time");
    let lines = |speaker: &Peer| {
        let line = || format!("{}: {}", speaker.name(), harness.words(2)).into_bytes();
        (0..5).map(|_| line()).collect::<Vec<_>>()
    };
    let said: Vec<_> = group.iter().map(lines).collect();
    for round in 0..5 {
        for (speaker, lines) in group.iter().zip(&said) {
            speaker.sends([&lines[round][..], b"\n"].concat())?;
        }
    }
    for member in &group {
        member.gets_interleaved(&said)?;
    }
    harness.step(
        functions,
        "each in turn sends one more line; everyone should get only these three lines",
    );
    group.iter().try_for_each(|speaker| talk(harness, speaker, &group))
}

/// Stage 7: The server announces each client that leaves.
pub fn announces_a_departure(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room"], "alice and bob join");
    let group = all_join(&server, &["alice", "bob"])?;
    let [alice, bob] = &group[..] else { return Ok(()) };
    let ways: [(_, fn(Peer)); 2] = [("closes", Peer::closes), ("resets", Peer::crashes)];
    for (what, way) in ways {
        let step = format!("guest {what} the connection; alice and bob should get `guest left!`");
        harness.step(&["receive_messages", "leave", "run_room"], &step);
        harness.promptly("alice and bob should have heard that guest had left", || {
            let guest = joins(&server, "guest")?;
            alice.hears("guest joined!")?;
            bob.hears("guest joined!")?;
            talk(harness, &guest, [alice, bob])?;
            let leaves = Instant::now();
            way(guest);
            // No client sends anything, but the remaining members must still receive the notice.
            alice.hears_line("guest left!")?;
            bob.hears_line("guest left!")?;
            Ok(leaves)
        })?;
    }
    harness.step(&["leave"], "guest stops sending; only alice and bob should get `guest left!`");
    let guest = joins(&server, "guest")?;
    alice.hears("guest joined!")?;
    bob.hears("guest joined!")?;
    talk(harness, &guest, [alice, bob, &guest])?;
    guest.ends_sending();
    alice.hears_line("guest left!")?;
    bob.hears_line("guest left!")?;
    guest.is_closed()?;
    let functions = &["receive_messages", "leave", "run_room"];
    harness.step(functions, "guest closes the connection in the middle of a line");
    let guest = joins(&server, "guest")?;
    alice.hears("guest joined!")?;
    bob.hears("guest joined!")?;
    guest.sends("guest: half a line")?;
    guest.closes();
    alice.hears("guest: half a line")?;
    alice.hears("guest left!")?;
    bob.hears("guest: half a line")?;
    bob.hears("guest left!")?;
    harness.step(functions, "all are silent; the server should use no processor time");
    server.rests()?;
    harness.step(functions, "alice and bob each send a line; each should still get both lines");
    talk(harness, alice, &group)?;
    talk(harness, bob, &group)?;
    let functions = &["leave", "receive_messages"];
    harness.step(functions, "many guests come and go; the server should leak nothing");
    keeps_nothing(&server, harness.journal(), || {
        let guest = server.peer("guest")?;
        guest.gets("NICK")?;
        guest.sends("guest\n")?;
        alice.hears("guest joined!")?;
        bob.hears("guest joined!")?;
        guest.closes();
        alice.hears("guest left!")?;
        bob.hears("guest left!")
    })
}

/// Stage 8: The server refuses confusing nicknames.
pub fn refuses_bad_nicknames(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["join"], "alice joins");
    let alice = joins(&server, "alice")?;
    let is_refused = |nickname: &str| -> Check {
        let peer = server.peer("guest")?;
        peer.gets("NICK")?;
        peer.sends(nickname)?;
        peer.hears("Nickname refused: ")?;
        let reason = peer.hears_until_closed()?;
        if reason.trim_ascii().is_empty() || !reason.ends_with(b"\n") {
            return Err(Failure::wrong_bytes("guest should have heard", b"reason\n", &reason));
        }
        // Nobody may receive what a refused client sends. The server may already have closed the connection.
        let _ = peer.tries_to_send(format!("guest: {}\n", harness.words(2)));
        Ok(())
    };
    let functions = &["join", "ask_nickname"];
    harness.step(functions, "guest replies with an empty nickname; guest should be refused");
    // Only the empty nickname needs a ⏎, because nothing would be sent without one.
    is_refused("\n")?;
    let bad = [
        ("the nickname `alice`", "alice"),
        ("the nickname `ALICE`", "ALICE"),
        ("a nickname with a colon", "a:b"),
        ("a nickname with a tab", "a\tb"),
        ("a nickname with an escape sequence", "\x1b[31mred"),
        ("a nickname of 33 characters", &"x".repeat(33)),
    ];
    for (what, nickname) in bad {
        let step = format!("guest replies with {what}; guest should be refused");
        harness.step(&["join", "run_room"], &step);
        is_refused(nickname)?;
    }
    let functions = &["join", "run_room"];
    harness.step(functions, "alice sends a line; she should not have been told about refusals");
    talk(harness, &alice, [&alice])?;
    harness.step(&["join"], "Zoë joins");
    let zoe = joins(&server, "Zoë")?;
    alice.hears("Zoë joined!")?;
    for nickname in ["zoë", "ZOË"] {
        harness.step(&["join"], &format!("guest replies with {nickname}; guest should be refused"));
        let peer = server.peer("guest")?;
        peer.gets("NICK")?;
        peer.sends(nickname)?;
        peer.hears("Nickname refused: ")?;
    }
    harness.step(&["leave", "join"], "Zoë closes her connection");
    zoe.closes();
    alice.hears("Zoë left!")?;
    let valid = [
        ("the nickname `Zoë`", "Zoë"),
        ("the nickname `日本`", "日本"),
        ("the nickname `alice2`", "alice2"),
        ("a nickname of 32 characters", &"y".repeat(32)),
        ("32 characters in 64 bytes", &"é".repeat(32)),
    ];
    for (what, nickname) in valid {
        harness.step(&["join"], &format!("a client replies with {what}; it should join"));
        let peer = joins(&server, nickname)?;
        alice.hears(&format!("{nickname} joined!"))?;
        talk(harness, &peer, [&alice, &peer])?;
        peer.closes();
        alice.hears(&format!("{nickname} left!"))?;
    }
    harness.step(&["leave", "join"], "a client replies with `Zoë` again; it should join");
    joins(&server, "Zoë")?;
    alice.hears("Zoë joined!")?;
    alice.hears("Zoë left!")?;
    harness.step(&["leave", "join"], "alice leaves the room empty and joins again");
    alice.closes();
    let alice = joins_when_free(&server, "alice")?;
    talk(harness, &alice, [&alice])
}

/// Stage 9: Silent and deaf clients do not delay others.
pub fn waits_for_no_client(harness: &Harness) -> Check {
    harness.step(&["ask_nickname"], "three clients do not reply to `NICK`; alice and bob join");
    let impatient = harness.server_with(&["--handshake-timeout", "1"])?;
    let ignored = impatient.peer("ignored")?;
    ignored.gets("NICK")?;
    let server = harness.server()?;
    let silent = server.peer("silent")?;
    silent.gets("NICK")?;
    let slow = server.peer("slow")?;
    slow.gets("NICK")?;
    let group = all_join(&server, &["alice", "bob"])?;
    talk(harness, &group[0], &group)?;
    let functions = &["ask_nickname", "run_room", "leave"];
    harness.step(functions, "`silent` and `slow` leave before joining; no member should be told");
    silent.closes();
    slow.crashes();
    talk(harness, &group[1], &group)?;
    harness.step(&["ask_nickname"], "`ignored` has not replied for 1 s; it should be refused");
    ignored.hears("Nickname refused: ")?;
    ignored.hears_until_closed()?;
    harness.step(&["ask_nickname"], "`endless` replies with a nickname of more than 64 KiB");
    let endless = server.peer("endless")?;
    endless.gets("NICK")?;
    // The server may close the connection before the script has sent the whole nickname.
    let _ = endless.tries_to_send("x".repeat(TOO_LONG));
    endless.hears("Nickname refused: ")?;
    endless.hears_until_closed()?;
    let functions = &["broadcast", "run_room"];
    harness
        .step(functions, "`lazy` does not read; alice sends 600 KB, which the others should get");
    let lazy = server.deaf_peer("lazy")?;
    lazy.sends("lazy")?;
    group.iter().try_for_each(|member| member.hears("lazy joined!"))?;
    let lines: Vec<_> = (0..LAG).map(|number| format!("alice: {}", long_line(number))).collect();
    for line in &lines {
        group[0].says(line)?;
        group.iter().try_for_each(|member| member.hears(line))?;
    }
    harness.step(functions, "`lazy` now reads; it should get all 600 KB, in order");
    lazy.starts_reading()?;
    lazy.gets("NICK")?;
    lazy.hears("lazy joined!")?;
    lazy.hears("Connected to server!")?;
    lines.iter().try_for_each(|line| lazy.hears_line(line))?;
    harness.step(&["leave", "run_room"], "`lazy` closes the connection");
    lazy.closes();
    group.iter().try_for_each(|member| member.hears("lazy left!"))?;
    let functions = &["broadcast", "run_room", "leave"];
    harness.step(functions, "`deaf` does not read while alice sends more than can be buffered");
    let deaf = server.deaf_peer("deaf")?;
    deaf.sends("deaf")?;
    for member in &group {
        member.hears("deaf joined!")?;
    }
    let said: Vec<Vec<u8>> = flood().map(|line| format!("alice: {line}").into_bytes()).collect();
    let left = vec![b"deaf left!".to_vec()];
    let mut sent = 0;
    for line in &said {
        group[0].sends([line, &b"\n"[..]].concat())?;
        sent += line.len();
        group.iter().try_for_each(|member| member.has_got_at_least(sent))?;
    }
    for member in &group {
        member.gets_interleaved(&[said.clone(), left.clone()])?;
    }
    Ok(())
}

/// Stage 10: No client can pretend to be another.
pub fn guards_names(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["line"], "alice and bob join");
    let group = all_join(&server, &["alice", "bob"])?;
    let [alice, bob] = &group[..] else { return Ok(()) };
    let words = harness.words(2);
    // ANCHOR: lab2-stage10
    for (sent, heard) in [
        (format!("bob: {words}"), format!("alice: bob: {words}")),
        (words.clone(), format!("alice: {words}")),
        ("NICK".to_owned(), "alice: NICK".to_owned()),
        (format!("Alice: {words}"), format!("alice: Alice: {words}")),
        (format!("alice {words}"), format!("alice: alice {words}")),
        (format!("alice:{words}"), format!("alice: alice:{words}")),
        (format!("alice: {words}"), format!("alice: {words}")),
        ("bob left!".to_owned(), "alice: bob left!".to_owned()),
        ("alice left!".to_owned(), "alice: alice left!".to_owned()),
    ] {
        harness.step(&["line"], &format!("alice says «{sent}»"));
        alice.says(&sent)?;
        alice.hears_line(&heard)?;
        bob.hears_line(&heard)?;
    }
    // ANCHOR_END: lab2-stage10
    harness.step(&["line"], "bob sends a line; it should appear under his own name");
    talk(harness, bob, &group)
}

/// Stage 12: The server finds messages however they are split.
pub fn finds_messages_however_split(harness: &Harness) -> Check {
    let server = harness.server()?;
    let functions = &["receive_messages"];
    harness.step(functions, "alice and bob join; alice sends a line");
    let group = all_join(&server, &["alice", "bob"])?;
    let [alice, bob] = &group[..] else { return Ok(()) };
    talk(harness, alice, &group)?;
    harness.step(functions, "alice sends three lines in one segment, with empty lines in between");
    let three: Vec<_> = (0..3).map(|_| format!("alice: {}", harness.words(2))).collect();
    alice.sends(format!("{}\n\n{}\r\n{}\n", three[0], three[1], three[2]))?;
    for line in &three {
        bob.hears_line(line)?;
    }
    harness.step(functions, "alice sends a line one byte at a time");
    let line = format!("alice: {}", harness.words(3));
    alice.trickles(format!("{line}\n"))?;
    bob.hears_line(&line)?;
    for (length, what) in [(5000, "5,000 bytes"), (LIMIT, "64 KiB, which is the limit")] {
        harness.step(functions, &format!("alice sends a message of {what}"));
        let words = harness.words(1);
        let begin = format!("alice: {words} ");
        let long = format!("{begin}{}", "x".repeat(length - begin.len()));
        alice.says(&long)?;
        bob.hears_line(&long)?;
    }
    harness.step(functions, "alice sends bytes that are not UTF-8");
    alice.sends(b"alice: caf\xc3\xa9 and caf\xe9\n")?;
    bob.hears_line("alice: café and caf\u{FFFD}")?;
    harness.step(functions, "alice pauses mid-line; carol, an original client, sends no newline");
    alice.sends("alice: never ")?;
    let carol = joins(&server, "carol")?;
    bob.hears("carol joined!")?;
    let bare = format!("carol: {}", harness.words(2));
    carol.sends(&bare)?;
    bob.hears(&bare)?;
    harness.step(functions, "alice resumes; her pause should not have ended her line");
    alice.sends("mind\n")?;
    bob.hears("alice: never mind")?;
    let functions = &["ask_nickname", "receive_messages"];
    harness.step(functions, "dave sends his nickname and a line in one segment");
    let dave = server.peer("dave")?;
    dave.gets("NICK")?;
    let line = format!("dave: {}", harness.words(2));
    dave.sends(format!("dave\n{line}\n"))?;
    bob.hears("dave joined!")?;
    bob.hears(&line)?;
    let functions = &["receive_messages", "leave"];
    harness.step(functions, "erin sends over 64 KiB without a newline; she should get an error");
    // Erin sends a line first, because a pause in a client's very first message ends that message.
    let erin = joins(&server, "erin")?;
    bob.hears("erin joined!")?;
    talk(harness, &erin, [bob, &erin])?;
    let _ = erin.tries_to_send("y".repeat(TOO_LONG));
    erin.is_told_and_closed()?;
    harness.step(functions, "erin is disconnected; bob should get `erin left!`");
    bob.hears("erin left!")?;
    talk(harness, bob, [bob])
}

/// Stage 16: A crowd talks.
pub fn a_crowd_talks(harness: &Harness) -> Check {
    harness.step(&["run_room", "join", "broadcast", "receive_messages", "leave"], crowds::STEP);
    crowds::talks(harness, 2)
}
