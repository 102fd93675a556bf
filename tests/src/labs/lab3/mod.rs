//! Lab 3: a header says how long a message is; the bytes stop sticking.

pub mod wire;

use std::net::SocketAddr;

use crate::harness::Harness;
use crate::harness::listener::Listener;
use crate::harness::peer::Peer;
use crate::harness::person::{Key, Person};
use crate::harness::stage::{Lab, stage};
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::checks::{WayOut, ways_out};
use crate::labs::flood::flood;
use crate::labs::lab3::wire::{HEADER, frame, settle};

/// Text whose characters are not bytes.
const SHORT_BUT_LONG: [&str; 4] = ["café ok", "naïve ☕", "日本語", "🦀 and 👩‍🚀"];

/// What one says, the others hear.
fn talk(harness: &Harness, speaker: &Peer, others: &[&Peer]) -> Check {
    let payload = format!("[{}] : {}", speaker.name(), harness.words(3));
    speaker.frames(&payload)?;
    others.iter().try_for_each(|listener| listener.gets_frame(&payload))
}

/// Starts a client for `name`, against a scripted server.
fn client(harness: &Harness, listener: &Listener, name: &str) -> Check<(Person, Peer)> {
    let person = enters(harness, listener.address()?, name, Terminal::Dumb)?;
    Ok((person, listener.accepts("server")?))
}

fn enters(harness: &Harness, server: SocketAddr, name: &str, terminal: Terminal) -> Check<Person> {
    let person = harness.client_at(name, server, terminal)?;
    person.is_asked_for("name")?;
    person.types(name)?;
    Ok(person)
}

/// Lets people call each other until all of them hear all others.
fn gather(people: &[(&str, &Person)]) -> Check {
    for (name, newcomer) in people {
        for (caller, other) in people.iter().filter(|(caller, _)| caller != name) {
            let call = format!("{name}?");
            newcomer.sees_when(&format!("[{caller}] : {call}"), || other.types(&call))?;
        }
    }
    Ok(())
}

/// The server's line about how many are connected.
fn active(count: usize) -> String {
    format!("[SERVER] active connections = {count}")
}

const WAYS_OUT: [WayOut; 3] = ways_out(("types !DISCONNECT", |person| person.types("!DISCONNECT")));

/// The stages of lab 3.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "What is typed leaves as a frame", 10)
            .hint(
                "How long is the header? Does the length count bytes or characters: of the line \
                 alone, or of `[ann] : ` as well?",
            )
            .hint(
                "`encode`: the payload's length in bytes (`str::len`), padded with spaces on the \
                 right to exactly 64 bytes; then the payload, no newline. `type_messages`: the \
                 payload is `[ann] : hello`.",
            )
            .hint(
                "`type_messages`: `Terminal::read_line` in a loop; make the text with name and \
                 line, give it to `frame::encode`, and send what comes out with one `write_all`.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let (ann, server) = client(harness, &listener, "ann")?;
                let line = harness.words(3);
                ann.types(&line)?;
                server.gets_frame(format!("[ann] : {line}"))?;
                for line in SHORT_BUT_LONG {
                    ann.types(line)?;
                    server.gets_frame(format!("[ann] : {line}"))?;
                }
                Ok(())
            }),
        stage(2, "Frames come in, however the stream is cut", 12)
            .hint(
                "A read answers what there is, not what you want: do you read until you have all? \
                 And does your loop go on after the first frame?",
            )
            .hint(
                "`read`: `read_exact` for the 64 bytes of the header, and again for as many bytes \
                 as it says. `show_frames`: make one `BufReader` before the loop; a new one loses \
                 what the old has read.",
            )
            .hint(
                "`payload_length`: make text of the header, trim the spaces, `parse`. First of all \
                 in `read`: if `fill_buf` answers an empty slice, the stream is over, `Ok(None)`.",
            )
            .client(|harness| {
                // ANCHOR: lab3-stage2
                let listener = harness.listener()?;
                let (ann, server) = client(harness, &listener, "ann")?;
                let payloads: Vec<_> =
                    (0..6).map(|_| format!("[bob] : {}", harness.words(3))).collect();
                server.frames(&payloads[0])?;
                ann.sees(&payloads[0])?;
                harness.step("header and payload apart");
                let (header, payload) = (frame(&payloads[1]), payloads[1].as_bytes());
                server.sends(&header[..HEADER])?;
                server.sends(payload)?;
                ann.sees(&payloads[1])?;
                server.trickles(frame(&payloads[2]))?;
                ann.sees(&payloads[2])?;
                harness.step("two frames and a half at once");
                let glued =
                    [frame(&payloads[3]), frame(&payloads[4]), frame(&payloads[5])].concat();
                let (begin, end) = glued.split_at(glued.len() - 5);
                server.sends(begin)?;
                ann.sees(&payloads[3])?;
                ann.sees(&payloads[4])?;
                server.sends(end)?;
                ann.sees(&payloads[5])?;
                for line in SHORT_BUT_LONG {
                    server.trickles(frame(format!("[bob] : {line}")))?;
                    ann.sees(&format!("[bob] : {line}"))?;
                }
                let long = format!("[bob] : {}{}", "x".repeat(5000), harness.words(1));
                server.frames(&long)?;
                ann.sees(&long)
                // ANCHOR_END: lab3-stage2
            }),
        stage(3, "The server passes frames on, to the others only", 14)
            .hint(
                "Who must not get the frame? And while one client has stopped in the middle of a \
                 frame, what do the others get?",
            )
            .hint(
                "`receive_frames`: an `Event::Said` for each payload that `frame::read` brings. \
                 `relay`: `log` it, make a frame of it (`frame::encode`), and `Outbox::push` that \
                 to all but the speaker.",
            )
            .hint(
                "Make the `BufReader` once, before the loop. Write to no socket: only the room \
                 sends, and only whole frames, so that those of two speakers cannot mix.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let room = server.room_of(&["ann", "bob", "cem"])?;
                let [ann, bob, cem] = &room[..] else { return Ok(()) };
                talk(harness, ann, &[bob, cem])?;
                talk(harness, bob, &[ann, cem])?;
                let line = format!("[cem] : {}", harness.words(3));
                cem.trickles(frame(&line))?;
                ann.gets_frame(&line)?;
                bob.gets_frame(&line)?;
                server.prints(&line)?;
                harness.step("ann stops in the middle of a frame, and bob says something meanwhile");
                let slow = frame(format!("[ann] : {}", harness.words(3)));
                ann.sends(&slow[..70])?;
                talk(harness, bob, &[ann, cem])?;
                ann.sends(&slow[70..])?;
                bob.gets(&slow)?;
                cem.gets(&slow)?;
                harness.step("two speak as fast as they can");
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
            }),
        stage(4, "The client talks", 8)
            .on(&[1])
            .hint(
                "Which lines are no message: an empty one, or one that only mentions \
                 `!DISCONNECT`? Does the name stay as it was typed?",
            )
            .hint(
                "No function of its own: more of `type_messages` (stage 1). Skip a line only if it \
                 is empty; leave only if the whole line is `!DISCONNECT`, in capitals. `quit` is a \
                 message here.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let ann = harness.client("ann", listener.address()?)?;
                ann.sees("Welcome to chatroom")?;
                ann.is_asked_for("name")?;
                ann.types("ann of the hill")?;
                let server = listener.accepts("server")?;
                let (first, second) = (harness.words(2), harness.words(4));
                ann.types(&first)?;
                ann.types("")?;
                ann.types(&second)?;
                server.gets_frame(format!("[ann of the hill] : {first}"))?;
                server.gets_frame(format!("[ann of the hill] : {second}"))?;
                harness.step("only the word alone, in capitals, is the end");
                for line in ["to leave type !DISCONNECT", "!disconnect", "quit"] {
                    ann.types(line)?;
                    server.gets_frame(format!("[ann of the hill] : {line}"))?;
                }
                harness.step("a long line");
                let long = "y".repeat(1500);
                ann.types(&long)?;
                server.gets_frame(format!("[ann of the hill] : {long}"))
            }),
        stage(5, "The client shows what comes while one types", 8)
            .on(&[1, 2])
            .hint(
                "Does a frame show up while a line is half typed, and does that line still leave \
                 whole? What if a payload has a newline in it?",
            )
            .hint(
                "No function of its own: `show_frames` (stage 2). Each payload is one \
                 `Screen::print`, which makes a newline in it visible. Do not cut it into lines, \
                 and do not use `println!`.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let (ann, server) = client(harness, &listener, "ann")?;
                let (begin, end) = (harness.words(1), harness.words(1));
                ann.begins_to_type(&begin)?;
                for _ in 0..3 {
                    let payload = format!("[bob] : {}", harness.words(3));
                    server.frames(&payload)?;
                    ann.sees(&payload)?;
                }
                ann.types(&end)?;
                server.gets_frame(format!("[ann] : {begin}{end}"))?;
                harness.step("a payload of two lines must not look like two messages");
                let words = harness.words(2);
                server.frames(format!("[bob] : {words}\n[cem] : I am bob"))?;
                ann.sees_somewhere(&words)?;
                let fence = format!("[bob] : {}", harness.words(2));
                server.frames(&fence)?;
                ann.sees(&fence)?;
                ann.has_seen(0, "[cem] : I am bob")?;
                ann.rests()
            }),
        stage(6, "Who says !DISCONNECT is let go, and nobody else", 8)
            .on(&[3])
            .hint(
                "Is it the last word of a sentence, or the whole message? Who still hears it, and \
                 who hears a frame right behind it?",
            )
            .hint(
                "`receive_frames` (stage 3): it is the end when the payload is `!DISCONNECT`, or \
                 ends in `] : !DISCONNECT`. Pass it on like any other, then read no more: return \
                 `Ok(())`.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let room = server.room_of(&["ann", "bob"])?;
                let [ann, bob] = &room[..] else { return Ok(()) };
                harness.step("only the word alone, in capitals, is the end");
                for harmless in [
                    "[ann] : to leave type !DISCONNECT",
                    "[ann] : !DISCONNECT me",
                    "[ann] : !disconnect",
                    "[ann] : please: !DISCONNECT",
                ] {
                    ann.frames(harmless)?;
                    bob.gets_frame(harmless)?;
                }
                talk(harness, bob, &[ann])?;
                harness.step("ann says it, and cem without a name in front");
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
                harness.step("a frame right behind !DISCONNECT, which nobody may hear");
                dan.sends([frame("[dan] : !DISCONNECT"), frame("[dan] : ghost")].concat())?;
                bob.gets_frame("[dan] : !DISCONNECT")?;
                let eve = server.peer("eve")?;
                let fence = format!("[eve] : {}", harness.words(2));
                eve.frames(&fence)?;
                bob.gets_frame(&fence)
            }),
        stage(7, "The client ends well", 6)
            .on(&[2, 4])
            .hint(
                "Three ways out for the person: what does the server get in each? And what does \
                 your client do when the server closes, or sends no frames?",
            )
            .hint(
                "`type_messages` (stage 1): a line `!DISCONNECT`, and `None` from `read_line`, end \
                 in `Terminal::leave`, with `[ann] : !DISCONNECT` as a frame. It must not be sent \
                 twice.",
            )
            .hint(
                "`show_frames` (stage 2): when `frame::read` answers `None`, return `Ok(())`; pass \
                 an error up with `?`. `main` tells the person, and ends with status 1.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("ann {what}"));
                    let (ann, server) = client(harness, &listener, "ann")?;
                    let line = harness.words(2);
                    ann.types(&line)?;
                    server.gets_frame(format!("[ann] : {line}"))?;
                    way(&ann)?;
                    server.gets_frame("[ann] : !DISCONNECT")?;
                    server.is_closed()?;
                    server.closes();
                    ann.exits(0)?;
                }
                harness.step("the server closes, and nobody presses a key");
                let (ann, server) = client(harness, &listener, "ann")?;
                let payload = format!("[bob] : {}", harness.words(2));
                server.frames(&payload)?;
                ann.sees(&payload)?;
                server.closes();
                ann.fails_saying("server")?;
                harness.step("the server sends what is no header");
                let (bob, server) = client(harness, &listener, "bob")?;
                server.sends(
                    "this is no header, and it is longer than sixty-four bytes, which is enough",
                )?;
                bob.fails_saying("server")
            }),
        stage(8, "Bytes, not characters", 10)
            .on(&[3])
            .hint(
                "é is one character and two bytes: which of them does your header count? What \
                 about bytes that are no UTF-8, and about no bytes at all?",
            )
            .hint(
                "Tests `encode` and `read` (stages 1 and 2) in the server. `str::len` counts \
                 bytes. `String::from_utf8_lossy` puts U+FFFD, three bytes, for a bad one: make the \
                 new header after that.",
            )
            .hint(
                "An empty payload is a payload, and is passed on. One of exactly `MAX_PAYLOAD` \
                 bytes is right; only a longer one is an error.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let room = server.room_of(&["ann", "bob"])?;
                let [ann, bob] = &room[..] else { return Ok(()) };
                for text in SHORT_BUT_LONG {
                    let payload = format!("[ann] : {text}");
                    ann.frames(&payload)?;
                    bob.gets_frame(&payload)?;
                    ann.trickles(frame(&payload))?;
                    bob.gets_frame(&payload)?;
                }
                harness.step("bytes that are no UTF-8, and still only text");
                ann.frames(b"[ann] : caf\xe9 ok")?;
                bob.gets_frame("[ann] : caf\u{FFFD} ok")?;
                let longest = format!("[ann] : {}", "é".repeat((64 * 1024 - 8) / 2));
                ann.frames(&longest)?;
                bob.gets_frame(&longest)?;
                ann.frames("")?;
                bob.gets_frame("")?;
                talk(harness, bob, &[ann])?;
                talk(harness, ann, &[bob])
            }),
        stage(9, "Bad frames and deaf clients hurt nobody else", 10)
            .on(&[3])
            .hint(
                "Which headers does `parse` take that are none? Who is hurt when one client sends \
                 nonsense, stops half-way, or does not read?",
            )
            .hint(
                "`payload_length` (stage 2): trim spaces only (`trim` takes tabs and newlines, \
                 too), nothing but digits, at most `MAX_PAYLOAD`. Anything else is \
                 `ErrorKind::InvalidData`, no panic.",
            )
            .hint(
                "Pass errors up with `?`, in `frame::read` and in `receive_frames`: then `talk` \
                 takes out this client, and no other. `relay` only pushes (`Outbox::push`): a write \
                 would wait.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let room = server.room_of(&["ann", "bob"])?;
                let [ann, bob] = &room[..] else { return Ok(()) };
                let bad = [
                    "",
                    "abc",
                    "-5",
                    "+5",
                    "5x",
                    "5 5",
                    "0x10",
                    "65537",
                    "99999999999999999999",
                    "\t5",
                    "5\n",
                ];
                for header in bad {
                    let mallory = server.peer("mallory")?;
                    settle(&[ann, bob, &mallory])?;
                    mallory.sends(format!("{header:<HEADER$}hello"))?;
                    mallory.hears_until_closed()?;
                    talk(harness, ann, &[bob])?;
                }
                harness.step("spaces in front of the number are fine");
                let cem = server.peer("cem")?;
                settle(&[ann, bob, &cem])?;
                cem.sends(format!("{:>5}{:59}{}", 11, "", "[cem] : yes"))?;
                bob.gets_frame("[cem] : yes")?;
                ann.gets_frame("[cem] : yes")?;
                for part in [10, HEADER, HEADER + 4] {
                    let eve = server.peer("eve")?;
                    settle(&[ann, bob, &cem, &eve])?;
                    eve.sends(&frame("[eve] : never said")[..part])?;
                    eve.closes();
                    talk(harness, bob, &[ann, &cem])?;
                }
                let dan = server.peer("dan")?;
                settle(&[ann, bob, &cem, &dan])?;
                dan.crashes();
                talk(harness, bob, &[ann, &cem])?;
                talk(harness, &cem, &[ann, bob])?;
                harness.step("one does not read, while others say more than the system can keep for it");
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
            }),
        stage(10, "Active connections are counted", 5)
            .on(&[3, 6])
            .hint(
                "Somebody closes without a word, or resets: is that one taken off the list, too? \
                 And does the server come to rest then?",
            )
            .hint(
                "No function of its own, `log_count` is given. `receive_frames` (stages 3 and 6) \
                 must return at `!DISCONNECT`, at the end of the stream and on an error; `talk` \
                 tells the room.",
            )
            .hint(
                "Pass errors up with `?`, and no `unwrap`: a thread that panics tells the room \
                 nothing. A loop that goes on after `None` runs in circles.",
            )
            .server(|harness| {
                let server = harness.server()?;
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
                harness.step("ann says !DISCONNECT");
                ann.frames("[ann] : !DISCONNECT")?;
                server.prints(&active(2))?;
                harness.step("bob closes without a word");
                bob.closes();
                server.prints(&active(1))?;
                harness.step("cem's connection is reset");
                cem.crashes();
                server.prints(&active(0))?;
                server.rests()
            }),
        stage(11, "Three people talk", 3)
            .on(&[3, 4, 5])
            .hint(
                "Try it with three terminals side by side: does anybody see a line twice, or their \
                 own? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `relay` (stage 3), `show_frames` (2) and `type_messages` \
                 (1) together. Show what comes with `Screen::print`: `println!` tears the line that \
                 is being typed.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let ann = enters(harness, address, "ann", Terminal::Xterm)?;
                let bob = enters(harness, address, "bob", Terminal::Dumb)?;
                let cem = enters(harness, address, "cem", Terminal::Dumb)?;
                let people = [("ann", &ann), ("bob", &bob), ("cem", &cem)];
                gather(&people)?;
                let said = people.map(|_| format!("é {}", harness.words(3)));
                let shown = |name: &str, words: &str| format!("[{name}] : {words}");
                for ((name, speaker), words) in people.iter().zip(&said) {
                    speaker.types(words)?;
                    for (_, listener) in people.iter().filter(|(other, _)| other != name) {
                        listener.sees(&shown(name, words))?;
                    }
                }
                ann.begins_to_type("half of a ")?;
                for (name, speaker) in [("bob", &bob), ("cem", &cem)] {
                    let words = harness.words(2);
                    speaker.types(&words)?;
                    ann.sees(&format!("[{name}] : {words}"))?;
                }
                ann.has_typed("half of a ")?;
                ann.types("sentence")?;
                bob.sees("[ann] : half of a sentence")?;
                harness.step("everybody has seen each line as often as meant");
                for ((name, _), words) in people.iter().zip(&said) {
                    for (other, person) in people {
                        person.has_seen(usize::from(other != *name), &shown(name, words))?;
                    }
                }
                Ok(())
            }),
        stage(12, "People leave, and others stay", 3)
            .on(&[6, 7, 9, 10])
            .hint(
                "One says `!DISCONNECT`: what do the clients of the others do? And what about one \
                 who is killed and says nothing?",
            )
            .hint(
                "No function of its own: stages 6, 7, 9 and 10 together. For `show_frames`, \
                 `[guest] : !DISCONNECT` is a payload like any other: print it and go on. Only the \
                 server obeys it.",
            )
            .hint(
                "Who leaves ends with status 0 (`Terminal::leave`); who loses the server ends with \
                 status 1, by `main`. Leave `main` as it is: it ends the server on Ctrl-C.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let ann = enters(harness, address, "ann", Terminal::Dumb)?;
                server.prints(&active(1))?;
                let bob = enters(harness, address, "bob", Terminal::Xterm)?;
                server.prints(&active(2))?;
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("guest {what}"));
                    let guest = enters(harness, address, "guest", Terminal::Dumb)?;
                    server.prints(&active(3))?;
                    gather(&[("ann", &ann), ("bob", &bob), ("guest", &guest)])?;
                    way(&guest)?;
                    guest.exits(0)?;
                    server.prints(&active(2))?;
                    ann.sees("[guest] : !DISCONNECT")?;
                    bob.sees("[guest] : !DISCONNECT")?;
                }
                harness.step("one is killed");
                let killed = enters(harness, address, "killed", Terminal::Dumb)?;
                server.prints(&active(3))?;
                gather(&[("ann", &ann), ("bob", &bob), ("killed", &killed)])?;
                killed.is_killed();
                server.prints(&active(2))?;
                let words = harness.words(2);
                ann.types(&words)?;
                bob.sees(&format!("[ann] : {words}"))?;
                harness.step("the server is ended with Ctrl-C");
                server.terminal().presses(Key::CtrlC)?;
                server.terminal().exits(0)?;
                ann.fails_saying("server")?;
                bob.fails_saying("server")
            }),
        stage(13, "Nobody's terminal can be steered", 3)
            .on(&[11])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: look where `relay` (server) and `show_frames` (client) \
                 print. `log` and `Screen::print` make control characters visible; `println!` does \
                 not.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let ann = enters(harness, address, "ann", Terminal::Xterm)?;
                let bob = enters(harness, address, "bob", Terminal::Dumb)?;
                let cem = enters(harness, address, "cem", Terminal::Dumb)?;
                gather(&[("ann", &ann), ("bob", &bob), ("cem", &cem)])?;
                let mallory = server.peer("mallory")?;
                let words = harness.words(2);
                mallory.frames(format!("[\x1b]0;owned\x07] : \x1b[2J{words}"))?;
                for person in [&ann, &bob, &cem] {
                    person.sees_somewhere(&words)?;
                    person.never_got(b"\x1b[2J")?;
                    person.never_got(b"\x1b]0;")?;
                }
                server.terminal().sees_somewhere(&words)?;
                server.terminal().never_got(b"\x1b[2J")
            }),
    ];
    Lab { number: 3, title: "messages with a length header", speaker_hears: false, stages }
}
