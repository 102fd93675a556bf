//! Lab 3: stages that test the server against scripted peers.

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::crowds;
use crate::labs::flood::{backlog, flood};
use crate::labs::lab3::wire::{HEADER, SHORT_BUT_LONG, active, all_join, frame, settle, talk};

/// Stage 3: The server relays frames to the other clients.
pub fn relays_frames(harness: &Harness) -> Check {
    let server = harness.server()?;
    let functions = &["run_room", "relay", "talk"];
    harness
        .step(functions, "ann, bob, and cem join; each sends a frame that the others should get");
    let room = all_join(&server, &["ann", "bob", "cem"])?;
    let [ann, bob, cem] = &room[..] else { return Ok(()) };
    let functions = &["relay", "run_room", "receive_frames"];
    harness.step(functions, "ann sends a frame; only bob and cem should get it");
    talk(harness, ann, &[bob, cem])?;
    harness.step(functions, "bob sends a frame; only ann and cem should get it");
    talk(harness, bob, &[ann, cem])?;
    harness.step(&["receive_frames"], "cem sends a frame one byte at a time");
    let line = format!("[cem] : {}", harness.words(3));
    cem.trickles(frame(&line))?;
    ann.gets_frame(&line)?;
    bob.gets_frame(&line)?;
    server.prints(&line)?;
    harness.step(&["relay", "receive_frames"], "ann sends three frames in one segment");
    let glued: Vec<_> = (0..3).map(|_| format!("[ann] : {}", harness.words(3))).collect();
    ann.sends(glued.iter().flat_map(frame).collect::<Vec<_>>())?;
    for payload in &glued {
        bob.gets_frame(payload)?;
        cem.gets_frame(payload)?;
    }
    let functions = &["receive_frames", "run_room"];
    harness.step(functions, "bob sends a frame while ann pauses in the middle of one");
    let slow = frame(format!("[ann] : {}", harness.words(3)));
    ann.sends_when_read([&slow[..29], &slow[29..70]])?;
    talk(harness, bob, &[ann, cem])?;
    harness.step(functions, "ann sends the rest of her frame");
    ann.sends(&slow[70..])?;
    bob.gets(&slow)?;
    cem.gets(&slow)?;
    let functions = &["relay", "run_room", "receive_frames"];
    harness.step(functions, "ann and bob each send forty frames as fast as they can");
    let said: Vec<Vec<_>> = [ann, bob]
        .iter()
        .map(|speaker| {
            let payload = |_| format!("[{}] : {}", speaker.name(), harness.words(9));
            (0..40).map(|at| frame(payload(at))).collect()
        })
        .collect();
    for (hers, his) in said[0].iter().zip(&said[1]) {
        ann.sends(hers)?;
        bob.sends(his)?;
    }
    cem.gets_interleaved(&said)?;
    ann.gets_interleaved(&said[1..])?;
    bob.gets_interleaved(&said[..1])?;
    harness.step(functions, "cem then sends a frame; ann and bob should get it");
    talk(harness, cem, &[ann, bob])
}

/// Stage 6: Only !DISCONNECT ends a client's connection.
pub fn releases_a_client_that_disconnects(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room", "relay"], "ann and bob join");
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    for harmless in [
        "[ann] : to leave type !DISCONNECT",
        "[ann] : !DISCONNECT me",
        "[ann] : !DISCONNECT ",
        "[ann] : !DISCONNECT\n",
        " !DISCONNECT",
        "[ann] : !disconnect",
        "[ann] : please: !DISCONNECT",
    ] {
        let step = format!("ann sends «{}» and should stay connected", harmless.escape_debug());
        harness.step(&["is_disconnect", "receive_frames"], &step);
        ann.frames(harmless)?;
        bob.gets_frame(harmless)?;
        talk(harness, ann, &[bob])?;
    }
    let functions = &["receive_frames", "is_disconnect"];
    harness.step(functions, "bob sends a frame; ann should still be connected");
    talk(harness, bob, &[ann])?;
    harness.step(functions, "ann sends `!DISCONNECT`; it should reach bob and disconnect ann");
    ann.frames("[ann] : !DISCONNECT")?;
    bob.gets_frame("[ann] : !DISCONNECT")?;
    ann.is_closed()?;
    harness.step(&["run_room", "receive_frames"], "cem joins");
    let cem = server.peer("cem")?;
    settle(&[bob, &cem])?;
    harness.step(functions, "cem sends `!DISCONNECT` without a name in front of it");
    cem.frames("!DISCONNECT")?;
    bob.gets_frame("!DISCONNECT")?;
    cem.is_closed()?;
    harness.step(&["run_room", "receive_frames"], "dan joins");
    let dan = server.peer("dan")?;
    settle(&[bob, &dan])?;
    let step = "dan sends a segment: `!DISCONNECT` and a frame that bob should not get";
    harness.step(&["receive_frames"], step);
    dan.sends([frame("[dan] : !DISCONNECT"), frame("[dan] : ghost")].concat())?;
    bob.gets_frame("[dan] : !DISCONNECT")?;
    let eve = server.peer("eve")?;
    let fence = format!("[eve] : {}", harness.words(2));
    eve.frames(&fence)?;
    bob.gets_frame(&fence)
}

/// Stage 8: The server counts bytes, not characters.
pub fn counts_bytes(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room", "relay"], "ann and bob join");
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    for text in SHORT_BUT_LONG {
        let payload = format!("[ann] : {text}");
        harness.step(&["relay", "receive_frames"], &format!("ann sends «{text}» in a frame"));
        ann.frames(&payload)?;
        bob.gets_frame(&payload)?;
        let step = format!("ann sends a frame with «{text}» one byte at a time");
        harness.step(&["receive_frames", "relay"], &step);
        ann.trickles(frame(&payload))?;
        bob.gets_frame(&payload)?;
    }
    let functions = &["read", "receive_frames", "relay"];
    harness.step(functions, "ann sends a byte that is not UTF-8; bob should get U+FFFD");
    ann.frames(b"[ann] : caf\xe9 ok")?;
    bob.gets_frame("[ann] : caf\u{FFFD} ok")?;
    let functions = &["payload_length", "receive_frames", "relay"];
    harness.step(functions, "ann sends a payload of exactly 64 KiB, which is the limit");
    let longest = format!("[ann] : {}", "é".repeat((64 * 1024 - 8) / 2));
    ann.frames(&longest)?;
    bob.gets_frame(&longest)?;
    let functions = &["receive_frames", "relay"];
    harness.step(functions, "ann sends an empty payload; bob should get an empty payload, too");
    ann.frames("")?;
    bob.gets_frame("")?;
    harness.step(functions, "bob and ann each send a frame; both should still be connected");
    talk(harness, bob, &[ann])?;
    talk(harness, ann, &[bob])
}

/// Stage 9: Bad frames and deaf clients do not harm others.
pub fn survives_bad_frames(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room", "relay"], "ann and bob join");
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    let long = ["9999999999", "65537", "99999999999999999999"];
    let bad = ["", "abc", "-5", "+5", "5x", "5 5", "0x10", "\t5", "5\n"].into_iter().chain(long);
    for header in bad {
        let step =
            format!("mallory sends the padded header {header:?}; she should be disconnected");
        harness.step(&["payload_length", "talk", "read_header"], &step);
        let mallory = server.peer("mallory")?;
        settle(&[ann, bob, &mallory])?;
        mallory.sends(format!("{header:<HEADER$}hello"))?;
        mallory.hears_until_closed()?;
        let step = format!("ann sends a frame after the header {header:?}; bob should get it");
        harness.step(&["talk", "payload_length", "run_room"], &step);
        talk(harness, ann, &[bob])?;
    }
    let functions = &["read_header", "payload_length"];
    harness.step(functions, "mallory sends only `[`, which cannot become a valid header");
    let mallory = server.peer("mallory")?;
    settle(&[ann, bob, &mallory])?;
    mallory.sends("[")?;
    mallory.hears_until_closed()?;
    harness.step(
        &["talk", "payload_length", "run_room"],
        "ann sends a frame after the `[`; bob should get it",
    );
    talk(harness, ann, &[bob])?;
    harness.step(&["payload_length"], "cem's header has spaces before the number, which is valid");
    let cem = server.peer("cem")?;
    settle(&[ann, bob, &cem])?;
    cem.sends(format!("{:>5}{:59}{}", 11, "", "[cem] : yes"))?;
    bob.gets_frame("[cem] : yes")?;
    ann.gets_frame("[cem] : yes")?;
    for part in [10, HEADER, HEADER + 4] {
        let step =
            format!("eve ends her stream after {part} bytes of a frame; no one should get them");
        harness.step(&["read", "receive_frames", "talk"], &step);
        let eve = server.peer("eve")?;
        settle(&[ann, bob, &cem, &eve])?;
        eve.sends(&frame("[eve] : never said")[..part])?;
        // If eve closed her connection, a frame to her could cause a reset, which would hide the end of her stream.
        eve.ends_sending();
        // Wait until the server has handled the end of her stream. If it relays the incomplete frame, it does so before
        // bob's frame.
        eve.hears_until_closed()?;
        talk(harness, bob, &[ann, &cem])?;
    }
    harness.step(
        &["talk", "receive_frames"],
        "dan's connection is reset; the rest should keep talking",
    );
    let dan = server.peer("dan")?;
    settle(&[ann, bob, &cem, &dan])?;
    dan.crashes();
    talk(harness, bob, &[ann, &cem])?;
    talk(harness, &cem, &[ann, bob])?;
    let functions = &["relay", "run_room", "talk"];
    harness
        .step(functions, "ann sends lines that `slow` does not read; the others should get them");
    let slow = server.deaf_peer("slow")?;
    slow.frames("[slow] : I am in")?;
    for member in [ann, bob, &cem] {
        member.gets_frame("[slow] : I am in")?;
    }
    for line in backlog() {
        ann.frames(&line)?;
        bob.gets_frame(&line)?;
        cem.gets_frame(&line)?;
    }
    harness.step(functions, "`slow` now reads; it should get everything that was sent");
    slow.starts_reading()?;
    for line in backlog() {
        slow.gets_frame(&line)?;
    }
    slow.closes();
    harness.step(functions, "`deaf` does not read while ann sends more than can be buffered");
    let deaf = server.deaf_peer("deaf")?;
    deaf.frames("[deaf] : I am in")?;
    for member in [ann, bob, &cem] {
        member.gets_frame("[deaf] : I am in")?;
    }
    for line in flood() {
        ann.frames(&line)?;
        bob.gets_frame(&line)?;
        cem.gets_frame(&line)?;
    }
    drop(deaf);
    talk(harness, ann, &[bob, &cem])
}

/// Stage 10: The server counts active connections.
pub fn counts_connections(harness: &Harness) -> Check {
    let server = harness.server()?;
    harness.step(&["run_room"], "the server has started; it should listen only on 127.0.0.1");
    server.is_for_this_computer()?;
    harness.step(&["run_room"], "the server has started; it should show both of its first lines");
    let started = format!("[SERVER] server started at {}", server.address());
    server.terminal().has_somewhere(&["[SERVER] Starting ..."])?;
    server.terminal().has_somewhere(&[&started])?;
    let functions = &["run_room", "talk"];
    harness.step(functions, "ann connects");
    let ann = server.peer("ann")?;
    server.prints(&active(1))?;
    server.terminal().has_somewhere(&["[SERVER] 127.0.0.1:", " connected"])?;
    harness.step(functions, "bob connects");
    let bob = server.peer("bob")?;
    server.prints(&active(2))?;
    harness.step(functions, "cem connects");
    let cem = server.peer("cem")?;
    server.prints(&active(3))?;
    let functions = &["run_room", "receive_frames", "talk"];
    harness.step(functions, "ann sends `!DISCONNECT`");
    ann.frames("[ann] : !DISCONNECT")?;
    server.prints(&active(2))?;
    harness.step(functions, "bob simply closes the connection");
    bob.closes();
    server.prints(&active(1))?;
    harness.step(functions, "cem's connection is reset");
    cem.crashes();
    server.prints(&active(0))?;
    let functions = &["receive_frames", "talk"];
    harness.step(functions, "all clients are gone; the server should use no processor time");
    server.rests()
}

/// Stage 14: A crowd talks.
pub fn a_crowd_talks(harness: &Harness) -> Check {
    harness.step(&["run_room", "relay", "talk", "receive_frames"], crowds::STEP);
    crowds::talks(harness, 3)
}
