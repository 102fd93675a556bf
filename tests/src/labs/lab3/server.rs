//! Lab 3: stages that test the server, against scripted peers.

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::flood::{backlog, flood};
use crate::labs::lab3::wire::{HEADER, SHORT_BUT_LONG, active, all_join, frame, settle, talk};

/// Stage 3: The server relays frames to the other clients.
pub fn relays_frames(harness: &Harness) -> Check {
    let server = harness.server()?;
    let room = all_join(&server, &["ann", "bob", "cem"])?;
    let [ann, bob, cem] = &room[..] else { return Ok(()) };
    talk(harness, ann, &[bob, cem])?;
    talk(harness, bob, &[ann, cem])?;
    let line = format!("[cem] : {}", harness.words(3));
    cem.trickles(frame(&line))?;
    ann.gets_frame(&line)?;
    bob.gets_frame(&line)?;
    server.prints(&line)?;
    harness.step(&[], "three frames in one segment");
    let glued: Vec<_> = (0..3).map(|_| format!("[ann] : {}", harness.words(3))).collect();
    ann.sends(glued.iter().flat_map(frame).collect::<Vec<_>>())?;
    for payload in &glued {
        bob.gets_frame(payload)?;
        cem.gets_frame(payload)?;
    }
    harness.step(&[], "ann stops in the middle of a frame, and bob says something in the meantime");
    let slow = frame(format!("[ann] : {}", harness.words(3)));
    ann.sends_when_read([&slow[..29], &slow[29..70]])?;
    talk(harness, bob, &[ann, cem])?;
    ann.sends(&slow[70..])?;
    bob.gets(&slow)?;
    cem.gets(&slow)?;
    harness.step(&[], "ann and bob speak as fast as they can");
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
    talk(harness, cem, &[ann, bob])
}

/// Stage 6: Only a client that says !DISCONNECT is released.
pub fn releases_a_client_that_disconnects(harness: &Harness) -> Check {
    let server = harness.server()?;
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    harness.step(
        &[],
        "only a message that is exactly `!DISCONNECT`, in capitals, ends the connection",
    );
    for harmless in [
        "[ann] : to leave type !DISCONNECT",
        "[ann] : !DISCONNECT me",
        "[ann] : !DISCONNECT ",
        "[ann] : !DISCONNECT\n",
        " !DISCONNECT",
        "[ann] : !disconnect",
        "[ann] : please: !DISCONNECT",
    ] {
        ann.frames(harmless)?;
        bob.gets_frame(harmless)?;
    }
    talk(harness, bob, &[ann])?;
    harness.step(&[], "ann says it, and cem says it without a name in front of it");
    ann.frames("[ann] : !DISCONNECT")?;
    bob.gets_frame("[ann] : !DISCONNECT")?;
    ann.is_closed()?;
    let cem = server.peer("cem")?;
    settle(&[bob, &cem])?;
    cem.frames("!DISCONNECT")?;
    bob.gets_frame("!DISCONNECT")?;
    cem.is_closed()?;
    let dan = server.peer("dan")?;
    settle(&[bob, &dan])?;
    harness.step(&[], "a frame right after !DISCONNECT, which no client may get");
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
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    for text in SHORT_BUT_LONG {
        let payload = format!("[ann] : {text}");
        ann.frames(&payload)?;
        bob.gets_frame(&payload)?;
        ann.trickles(frame(&payload))?;
        bob.gets_frame(&payload)?;
    }
    harness.step(&[], "bytes that are not UTF-8 become U+FFFD");
    ann.frames(b"[ann] : caf\xe9 ok")?;
    bob.gets_frame("[ann] : caf\u{FFFD} ok")?;
    harness.step(&[], "a payload of exactly 64 KiB");
    let longest = format!("[ann] : {}", "é".repeat((64 * 1024 - 8) / 2));
    ann.frames(&longest)?;
    bob.gets_frame(&longest)?;
    harness.step(&[], "an empty payload");
    ann.frames("")?;
    bob.gets_frame("")?;
    talk(harness, bob, &[ann])?;
    talk(harness, ann, &[bob])
}

/// Stage 9: Bad frames and deaf clients harm no other client.
pub fn survives_bad_frames(harness: &Harness) -> Check {
    let server = harness.server()?;
    let room = all_join(&server, &["ann", "bob"])?;
    let [ann, bob] = &room[..] else { return Ok(()) };
    let long = ["9999999999", "65537", "99999999999999999999"];
    let bad = ["", "abc", "-5", "+5", "5x", "5 5", "0x10", "\t5", "5\n"].into_iter().chain(long);
    for header in bad {
        harness.step(&[], &format!("mallory sends the header {header:?}, and spaces"));
        let mallory = server.peer("mallory")?;
        settle(&[ann, bob, &mallory])?;
        mallory.sends(format!("{header:<HEADER$}hello"))?;
        mallory.hears_until_closed()?;
        talk(harness, ann, &[bob])?;
    }
    harness.step(
        &[],
        "mallory sends the first byte of a header that cannot become valid, and no more",
    );
    let mallory = server.peer("mallory")?;
    settle(&[ann, bob, &mallory])?;
    mallory.sends("[")?;
    mallory.hears_until_closed()?;
    talk(harness, ann, &[bob])?;
    harness.step(&[], "spaces before the number are allowed");
    let cem = server.peer("cem")?;
    settle(&[ann, bob, &cem])?;
    cem.sends(format!("{:>5}{:59}{}", 11, "", "[cem] : yes"))?;
    bob.gets_frame("[cem] : yes")?;
    ann.gets_frame("[cem] : yes")?;
    for part in [10, HEADER, HEADER + 4] {
        harness.step(&[], &format!("eve closes after {part} bytes of a frame"));
        let eve = server.peer("eve")?;
        settle(&[ann, bob, &cem, &eve])?;
        eve.sends(&frame("[eve] : never said")[..part])?;
        eve.closes();
        talk(harness, bob, &[ann, &cem])?;
    }
    harness.step(&[], "dan's connection is reset");
    let dan = server.peer("dan")?;
    settle(&[ann, bob, &cem, &dan])?;
    dan.crashes();
    talk(harness, bob, &[ann, &cem])?;
    talk(harness, &cem, &[ann, bob])?;
    harness.step(&[], "slow does not read for a while, and must then get everything that was said");
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
    slow.starts_reading()?;
    for line in backlog() {
        slow.gets_frame(&line)?;
    }
    slow.closes();
    harness.step(&[], "deaf does not read, while ann says more than the system can buffer");
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
    server.is_for_this_computer()?;
    let started = format!("[SERVER] server started at {}", server.address());
    server.terminal().has_somewhere(&["[SERVER] Starting ..."])?;
    server.terminal().has_somewhere(&[&started])?;
    let ann = server.peer("ann")?;
    server.prints(&active(1))?;
    server.terminal().has_somewhere(&["[SERVER] 127.0.0.1:", " connected"])?;
    let bob = server.peer("bob")?;
    server.prints(&active(2))?;
    let cem = server.peer("cem")?;
    server.prints(&active(3))?;
    harness.step(&[], "ann says !DISCONNECT");
    ann.frames("[ann] : !DISCONNECT")?;
    server.prints(&active(2))?;
    harness.step(&[], "bob closes the connection without a word");
    bob.closes();
    server.prints(&active(1))?;
    harness.step(&[], "cem's connection is reset");
    cem.crashes();
    server.prints(&active(0))?;
    server.rests()
}
