//! Lab 2: many people and a handshake; the bytes begin to stick together.

pub mod wire;

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::peer::Peer;
use crate::harness::person::{Key, Person};
use crate::harness::server::Server;
use crate::harness::stage::{Lab, stage};
use crate::journal::failure::{Check, Failure};
use crate::journal::inbox::TIMEOUT;
use crate::journal::terminal::Terminal;
use crate::labs::checks::{WayOut, server_where_told, ways_out};
use crate::labs::flood::flood;

/// What one says, everybody hears, the speaker too.
fn talk<'a>(harness: &Harness, speaker: &Peer, group: impl IntoIterator<Item = &'a Peer>) -> Check {
    let line = format!("{}: {}", speaker.name(), harness.words(3));
    speaker.says(&line)?;
    group.into_iter().try_for_each(|member| member.hears(&line))
}

/// Starts a client, answers its question, and waits until it is in.
fn enters(
    harness: &Harness,
    server: std::net::SocketAddr,
    nickname: &str,
    terminal: Terminal,
) -> Check<Person> {
    let person = harness.client_at(nickname, server, terminal)?;
    person.is_asked_for("nickname")?;
    person.types(nickname)?;
    person.sees("Connected to server!")?;
    Ok(person)
}

/// Joins as soon as the nickname is free, which the server learns a moment later than we do.
fn joins_when_free(server: &Server, nickname: &str) -> Check<Peer> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let peer = server.peer(nickname)?;
        peer.gets("NICK")?;
        peer.sends(nickname)?;
        if peer.hears_one_of(&[&format!("{nickname} joined!"), "Nickname refused: "])? == 0 {
            peer.hears("Connected to server!")?;
            return Ok(peer);
        }
        if Instant::now() > deadline {
            let came = "it is still refused";
            return Err(Failure::wrong(format!("{nickname} should have been"), "free again", came));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

const WAYS_OUT: [WayOut; 3] = ways_out(("types /quit", |person| person.types("/quit")));

/// The stages of lab 2.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 4)
            .hint(
                "What does the server print, letter by letter? And when the port is taken, does `main` \
                 hear of it?",
            )
            .hint(
                "`open_listener`: `Endpoint::listen` does what you wrote in lab 1; pass its error \
                 up with `?`. Print `SERVER WORKING` with `print_line`, in `green`.",
            )
            .server(|harness| {
                let server = server_where_told(harness)?;
                server.terminal().has_somewhere(&["SERVER WORKING"])?;
                server.peer("alice")?;
                let port = server.address().port();
                harness.step("its port is taken");
                let second = harness.server_on(port, &[])?;
                second.fails_saying(&port.to_string())
            }),
        stage(2, "It asks everybody for a nickname", 6)
            .on(&[1])
            .hint(
                "Which bytes exactly does a client compare with `NICK`? And who waits while one \
                 client thinks about its name?",
            )
            .hint(
                "`ask_nickname`: send four letters and no newline (`write_all`). Then \
                 `Messages::handshake` waits for the answer, which has no newline either; return \
                 it.",
            )
            .hint(
                "Not `Messages::receive`: it skips an empty nickname, and waits for ever. \
                 `handshake` takes how long it may wait, `Some(patience)`; when it answers `None`, \
                 the client is gone: `Ok(None)`.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let alice = server.peer("alice")?;
                alice.gets("NICK")?;
                let bob = server.peer("bob")?;
                bob.gets("NICK")?;
                let nickname = format!("alice-{}", harness.words(0).trim_start_matches('-'));
                alice.sends(&nickname)?;
                server.prints(&format!("Nickname is {nickname}"))?;
                server.terminal().has_somewhere(&["Connected with 127.0.0.1:"])?;
                // All that it has sent is here when it is gone.
                server.terminal().is_killed();
                alice.got_no_newline("no newline behind NICK")?;
                bob.got_no_newline("no newline behind NICK")
            }),
        stage(3, "The client answers with its nickname", 8)
            .hint(
                "Who speaks first? What exactly is the answer? And does your client show all that \
                 comes after it?",
            )
            .hint(
                "`answer_nick`: `Messages::handshake(None)` brings `NICK`. Answer with the \
                 nickname, no newline, and return what `Messages::receive` brings next. If it was \
                 not `NICK`, return that.",
            )
            .hint(
                "Print neither `NICK` nor the first message: `chat` prints that. `show_messages` \
                 goes on with the same `Messages`; a second one would lose what the first has read.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let alice = harness.client("alice", listener.address()?)?;
                alice.is_asked_for("nickname")?;
                alice.types("alice")?;
                let server = listener.lets_in("alice")?;
                alice.sees("alice joined!")?;
                alice.sees("Connected to server!")?;
                let line = format!("bob: {}", harness.words(3));
                server.says(&line)?;
                alice.sees(&line)?;
                alice.has_seen(0, "NICK")?;
                alice.has_seen(1, "alice joined!")?;
                // All that it has sent is here when it is gone; nobody has typed anything.
                alice.is_killed();
                server.got_nothing_more("nothing behind the nickname, not even a newline")?;
                harness.step("bob gives an empty answer, and is asked again");
                let bob = harness.client("bob", listener.address()?)?;
                bob.is_asked_for("nickname")?;
                bob.types("")?;
                bob.is_asked_for("nickname")?;
                harness.step("an original server, which ends its messages with nothing");
                bob.types("bob")?;
                let original = listener.accepts("original")?;
                original.sends("NICK")?;
                original.gets("bob")?;
                original.sends("bob joined!Connected to server!")?;
                bob.sees_somewhere("Connected to server!")?;
                original.sends(&line)?;
                bob.sees(&line)?;
                bob.is_killed();
                original.got_nothing_more("nothing behind the nickname, not even a newline")
            }),
        stage(4, "It announces who joins", 8)
            .on(&[2])
            .hint(
                "Who hears `joined!`, and who hears `Connected to server!`? In which order, and \
                 where does each line end?",
            )
            .hint(
                "`join`: first put the newcomer into `members`, then `broadcast` `alice joined!`, \
                 then push `Connected to server!` to the newcomer alone. A newline behind each. \
                 Answer `true`.",
            )
            .hint(
                "After `insert` the newcomer belongs to the map: clone its nickname before that, \
                 and find its outbox again with `BTreeMap::get_mut`.",
            )
            .server(|harness| {
                // ANCHOR: lab2-stage4
                let server = harness.server()?;
                let mut group: Vec<Peer> = Vec::new();
                for nickname in ["alice", "bob", "carol"] {
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
                Ok(())
            }),
        stage(5, "Everyone hears what one says", 10)
            .on(&[4])
            .hint(
                "`alice: hello` comes in: what exactly goes out, and who gets it? Does the server \
                 still listen to her after that?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message, until `Messages::receive` \
                 answers `None`. `line`: `alice: ` once in front, a newline behind; the room sends \
                 it to everybody.",
            )
            .hint(
                "The client has written `alice: ` in front already. Until stage 10 asks for more, \
                 `line` may be just the message and a newline.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let group = server.group_joins(&["alice", "bob", "carol"])?;
                for speaker in &group {
                    let line = format!("{}: {}", speaker.name(), harness.words(3));
                    speaker.says(&line)?;
                    group.iter().try_for_each(|member| member.hears_line(&line))?;
                }
                harness.step("all talk at the same time; everybody hears all of it, each speaker's lines in order");
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
                group.iter().try_for_each(|speaker| talk(harness, speaker, &group))
            }),
        stage(6, "The client writes, and shows what comes meanwhile", 9)
            .on(&[3])
            .hint(
                "What stands in front of each line that you send, and what behind it? What do you \
                 do with an empty line?",
            )
            .hint(
                "`type_messages`: `Terminal::read_line` in a loop, and one `write_all` with \
                 `alice: `, the line and a newline. Nothing may come before it: no newline behind \
                 the nickname (stage 3).",
            )
            .hint(
                "What comes meanwhile is up to `show_messages` (stage 3): `Messages::receive` puts \
                 a message together that came in two pieces. Show it with `Screen::print`.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let alice = harness.client("alice", listener.address()?)?;
                alice.is_asked_for("nickname")?;
                alice.types("alice")?;
                let server = listener.accepts("server")?;
                server.sends("NICK")?;
                server.gets("alice")?;
                harness.step("she types before the server has spoken: that waits for its first message");
                let early = harness.words(2);
                alice.types(&early)?;
                alice.rests()?;
                server.has_got_nothing("nothing between the nickname and the first message")?;
                server.says("alice joined!")?;
                server.says("Connected to server!")?;
                server.gets(format!("alice: {early}\n"))?;
                alice.sees("Connected to server!")?;
                for _ in 0..3 {
                    let line = harness.words(3);
                    // (an empty line is no message)
                    alice.types("")?;
                    alice.types(&line)?;
                    server.gets(format!("alice: {line}\n"))?;
                    server.says(&format!("alice: {line}"))?;
                    alice.sees(&format!("alice: {line}"))?;
                }
                let (begin, end) = (harness.words(1), harness.words(1));
                alice.begins_to_type(&begin)?;
                let (first, second) = (harness.words(2), harness.words(2));
                server.sends(format!("bob: {first}\ncarol: {second}\n"))?;
                alice.sees(&format!("bob: {first}"))?;
                alice.sees(&format!("carol: {second}"))?;
                alice.types(&end)?;
                server.gets(format!("alice: {begin}{end}\n"))?;
                harness.step("a line and a half, and the rest when the line is on the screen");
                let (first, second) = (harness.words(2), harness.words(2));
                server.sends(format!("bob: {first}\ncar"))?;
                alice.sees(&format!("bob: {first}"))?;
                server.sends(format!("ol: {second}\n"))?;
                alice.sees(&format!("carol: {second}"))?;
                alice.rests()
            }),
        stage(7, "It announces at once who leaves, however one goes", 9)
            .on(&[5])
            .hint(
                "What ends the loop that receives: a clean close, a reset, a close within a line? \
                 Who is told, and when?",
            )
            .hint(
                "A clean close is no error: `Messages::receive` answers `None`, and \
                 `receive_messages` returns. `leave`: take the member out of `members`, then \
                 `broadcast` `alice left!` and a newline.",
            )
            .hint(
                "`BTreeMap::remove` gives you the member. Push the `last_words` into its outbox; \
                 it is dropped at the end of `leave`, and that sends them and closes.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let group = server.group_joins(&["alice", "bob"])?;
                let [alice, bob] = &group[..] else { return Ok(()) };
                let ways: [(_, fn(Peer)); 3] = [
                    ("closes", Peer::closes),
                    ("resets the connection", Peer::crashes),
                    ("ends sending", Peer::hangs_up),
                ];
                for (what, way) in ways {
                    harness.step(&format!("guest {what}"));
                    let guest = server.joins("guest")?;
                    alice.hears("guest joined!")?;
                    bob.hears("guest joined!")?;
                    talk(harness, &guest, [alice, bob])?;
                    way(guest);
                    // Nobody says anything, and still everybody left hears of it.
                    alice.hears_line("guest left!")?;
                    bob.hears_line("guest left!")?;
                }
                harness.step("one closes in the middle of a line");
                let guest = server.joins("guest")?;
                alice.hears("guest joined!")?;
                bob.hears("guest joined!")?;
                guest.sends("guest: half a line")?;
                guest.closes();
                alice.hears("guest: half a line")?;
                alice.hears("guest left!")?;
                bob.hears("guest: half a line")?;
                bob.hears("guest left!")?;
                server.rests()?;
                talk(harness, alice, &group)?;
                talk(harness, bob, &group)
            }),
        stage(8, "It refuses nicknames that would confuse people", 8)
            .on(&[4, 5, 7])
            .hint(
                "Which names could be taken for another, or for something else than a name? Do you \
                 count characters or bytes? Who hears of a refusal?",
            )
            .hint(
                "`join`, before anything else: empty, over `MAX_NICKNAME` of `chars()`, a `:`, a \
                 control character (`char::is_control`), or somebody's name already (compare both \
                 `to_lowercase`). Does an empty one come to `join`? `handshake` (stage 2) answers it; \
                 `receive` skips it.",
            )
            .hint(
                "Push `Nickname refused: `, the reason and a newline into the newcomer's outbox, \
                 and answer `false`. The newcomer is dropped then: that sends and closes. Nobody \
                 else hears of it.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let alice = server.joins("alice")?;
                let too_long = "x".repeat(33);
                let bad = ["", "alice", "ALICE", "a:b", "a\tb", "\x1b[31mred", &too_long];
                for nickname in bad {
                    let peer = server.peer("guest")?;
                    peer.gets("NICK")?;
                    // (an empty nickname needs its ⏎; the others come as they come)
                    peer.sends(if nickname.is_empty() { "\n" } else { nickname })?;
                    peer.hears("Nickname refused: ")?;
                    let reason = peer.hears_until_closed()?;
                    if reason.trim_ascii().is_empty() || !reason.ends_with(b"\n") {
                        return Err(Failure::wrong_bytes(
                            "guest should have heard",
                            b"reason\n",
                            &reason,
                        ));
                    }
                }
                harness.step("alice has heard nothing of all that, and these names are right");
                let (just_right, wide) = ("y".repeat(32), "é".repeat(32));
                for nickname in ["Zoë", "日本", "alice2", &just_right, &wide] {
                    let peer = server.joins(nickname)?;
                    alice.hears(&format!("{nickname} joined!"))?;
                    talk(harness, &peer, [&alice, &peer])?;
                    peer.closes();
                    alice.hears(&format!("{nickname} left!"))?;
                }
                harness.step("a nickname is free again when its owner is gone");
                server.joins("Zoë")?;
                alice.hears("Zoë joined!")?;
                alice.hears("Zoë left!")?;
                harness.step("the room was empty, and somebody comes again");
                alice.closes();
                let alice = joins_when_free(&server, "alice")?;
                talk(harness, &alice, [&alice])
            }),
        stage(9, "Who is silent, or does not read, holds up nobody", 7)
            .on(&[4, 5, 7])
            .hint(
                "In which thread does your server wait for the nickname, and for how long? And who \
                 waits for a client that does not read?",
            )
            .hint(
                "`ask_nickname` (stage 2): give `Messages::handshake` `Some(patience)`. Its errors \
                 `TimedOut` and `InvalidData` (`ErrorKind`) mean: `refuse`, and answer `Ok(None)`. \
                 Never write to members, only push.",
            )
            .hint(
                "Who is too far behind is disconnected by its outbox; then `receive_messages` \
                 (stage 5) sees the end, and `leave` (stage 7) tells the others `deaf left!`.",
            )
            .server(|harness| {
                let impatient = harness.server_with(&["--handshake-timeout", "1"])?;
                let ignored = impatient.peer("ignored")?;
                ignored.gets("NICK")?;
                let server = harness.server()?;
                let silent = server.peer("silent")?;
                silent.gets("NICK")?;
                let slow = server.peer("slow")?;
                slow.gets("NICK")?;
                let group = server.group_joins(&["alice", "bob"])?;
                talk(harness, &group[0], &group)?;
                harness.step("who is gone before it was in, leaves without a word");
                silent.closes();
                slow.crashes();
                talk(harness, &group[1], &group)?;
                ignored.hears("Nickname refused: ")?;
                ignored.hears_until_closed()?;
                harness.step("a nickname of more than 64 KiB is refused, too");
                let endless = server.peer("endless")?;
                endless.gets("NICK")?;
                // (it may be closed before all of that is sent)
                let _ = endless.tries_to_send("x".repeat(70_000));
                endless.hears("Nickname refused: ")?;
                endless.hears_until_closed()?;
                harness.step("one does not read, while others say more than the system can keep for it");
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
            }),
        stage(10, "Nobody speaks in another's name", 6)
            .on(&[5])
            .hint(
                "Who decides what stands in front of a line: the client that sends it? Which lines \
                 may stay as they are?",
            )
            .hint(
                "`line` (stage 5): only what begins with exactly the speaker's nickname, a colon \
                 and a space stays. All else gets that in front, also `Alice: hi`, `alice:hi`, \
                 `NICK` and `bob left!`.",
            )
            .hint(
                "`str::strip_prefix` answers the text behind `alice: `, or `None`. Put `alice: ` \
                 in front of the one, or of the whole message; a newline behind.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let group = server.group_joins(&["alice", "bob"])?;
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
                    alice.says(&sent)?;
                    alice.hears_line(&heard)?;
                    bob.hears_line(&heard)?;
                }
                // ANCHOR_END: lab2-stage10
                talk(harness, bob, &group)
            }),
        stage(11, "The client ends well", 6)
            .on(&[6])
            .hint(
                "In which ways does a person leave, and in which does the server end it? What does \
                 the other side get, and which status has your client?",
            )
            .hint(
                "`type_messages`: `/quit`, and `None` from `read_line`, end in `Terminal::leave`, \
                 with no last words. `answer_nick` returns a refusal, and `main` ends with status \
                 1.",
            )
            .hint(
                "When the server closes, `show_messages` returns `Ok(())`, and `main` tells the \
                 person. Nothing goes to the server for `/quit`, not even the word.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let starts = || -> Check<Person> {
                    let alice = harness.client("alice", listener.address()?)?;
                    alice.is_asked_for("nickname")?;
                    alice.types("alice")?;
                    Ok(alice)
                };
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("alice {what}"));
                    let alice = starts()?;
                    let server = listener.lets_in("alice")?;
                    alice.sees("Connected to server!")?;
                    way(&alice)?;
                    server.is_closed()?;
                    server.closes();
                    alice.exits(0)?;
                }
                harness.step("her nickname is refused");
                let alice = starts()?;
                let server = listener.accepts("server")?;
                server.sends("NICK")?;
                server.gets("alice")?;
                let refusal = format!("Nickname refused: {}", harness.words(2));
                server.says(&refusal)?;
                server.closes();
                alice.sees(&refusal)?;
                alice.exits(1)?;

                harness.step("she is refused before she is asked, as by a server that is full");
                let alice = starts()?;
                let server = listener.accepts("server")?;
                let refusal = format!("Nickname refused: {}", harness.words(2));
                server.says(&refusal)?;
                server.closes();
                alice.sees(&refusal)?;
                alice.exits(1)?;

                harness.step("the server closes, and nobody presses a key");
                let alice = starts()?;
                let server = listener.lets_in("alice")?;
                alice.sees("Connected to server!")?;
                server.closes();
                alice.fails_saying("server")
            }),
        stage(12, "It finds the messages, however the stream is cut", 7)
            .on(&[5, 7])
            .hint(
                "One read is not one message: where does a message end? What if nickname and line \
                 come together, or a line is too long?",
            )
            .hint(
                "Tests `ask_nickname` and `receive_messages` (stages 2 and 5). Both must use the \
                 `Messages` that they get, and leave the cutting to it: a second one would lose \
                 what the first has read.",
            )
            .hint(
                "Take the nickname with `handshake`; after `receive` a client without newlines \
                 counts as an original. Too long is an error of `receive`: pass it up with `?`, and \
                 `leave` pushes the last words.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let group = server.group_joins(&["alice", "bob"])?;
                let [alice, bob] = &group[..] else { return Ok(()) };
                talk(harness, alice, &group)?;
                let three: Vec<_> = (0..3).map(|_| format!("alice: {}", harness.words(2))).collect();
                alice.sends(format!("{}\n\n{}\r\n{}\n", three[0], three[1], three[2]))?;
                for line in &three {
                    bob.hears_line(line)?;
                }
                let line = format!("alice: {}", harness.words(3));
                alice.trickles(format!("{line}\n"))?;
                bob.hears_line(&line)?;
                let long = format!("alice: {}", "x".repeat(5000));
                alice.says(&long)?;
                bob.hears_line(&long)?;
                alice.sends(b"alice: caf\xc3\xa9 and caf\xe9\n")?;
                bob.hears_line("alice: café and caf\u{FFFD}")?;
                harness.step("carol is an original client, which sends no newline; for alice, silence means nothing");
                alice.sends("alice: never ")?;
                let carol = server.joins("carol")?;
                bob.hears("carol joined!")?;
                let bare = format!("carol: {}", harness.words(2));
                carol.sends(&bare)?;
                bob.hears(&bare)?;
                alice.sends("mind\n")?;
                bob.hears("alice: never mind")?;
                harness.step("a nickname and a line in one segment");
                let dave = server.peer("dave")?;
                dave.gets("NICK")?;
                let line = format!("dave: {}", harness.words(2));
                dave.sends(format!("dave\n{line}\n"))?;
                bob.hears("dave joined!")?;
                bob.hears(&line)?;
                harness.step("erin says more than 64 KiB without a newline: told so, and closed");
                // (she has said a line before: in the middle of her very first message, silence would end that)
                let erin = server.joins("erin")?;
                bob.hears("erin joined!")?;
                talk(harness, &erin, [bob, &erin])?;
                let _ = erin.tries_to_send("y".repeat(70_000));
                erin.is_told_and_closed()?;
                bob.hears("erin left!")?;
                talk(harness, bob, [bob])
            }),
        stage(13, "Three people talk", 4)
            .on(&[5, 6])
            .hint(
                "Try it with three terminals side by side: does anybody see a line twice, or not \
                 at all? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `line` (stage 5), `show_messages` (3) and `type_messages` \
                 (6) together. The speaker sees her line once, when it comes back; the client does \
                 not print it itself.",
            )
            .hint(
                "Show what comes with `Screen::print`: `println!` tears the line that is being \
                 typed.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = enters(harness, address, "alice", Terminal::Xterm)?;
                let bob = enters(harness, address, "bob", Terminal::Dumb)?;
                alice.sees("bob joined!")?;
                let carol = enters(harness, address, "carol", Terminal::Dumb)?;
                alice.sees("carol joined!")?;
                bob.sees("carol joined!")?;
                let people = [("alice", &alice), ("bob", &bob), ("carol", &carol)];
                let mut said = Vec::new();
                for (name, speaker) in people {
                    let words = harness.words(3);
                    speaker.types(&words)?;
                    said.push(format!("{name}: {words}"));
                    people.iter().try_for_each(|(_, listener)| listener.sees(&said[said.len() - 1]))?;
                }
                harness.step("what alice is typing stays whole while others speak");
                alice.begins_to_type("half of a ")?;
                for (name, speaker) in [("bob", &bob), ("carol", &carol)] {
                    let words = harness.words(2);
                    speaker.types(&words)?;
                    alice.sees(&format!("{name}: {words}"))?;
                }
                alice.has_typed("half of a ")?;
                alice.types("sentence")?;
                harness.step("everybody has seen each line once");
                for (_, person) in people {
                    person.sees("alice: half of a sentence")?;
                    said.iter().try_for_each(|line| person.has_seen(1, line))?;
                }
                Ok(())
            }),
        stage(14, "People come and go", 4)
            .on(&[7, 8, 11])
            .hint(
                "Is a nickname free again however its owner has gone? Who sees `left!`, and how \
                 does each client end?",
            )
            .hint(
                "No function of its own: `leave` (stage 7), `join` (8) and the ends of the client \
                 (11) together. Leaving is status 0; a refusal and a lost server are status 1.",
            )
            .hint(
                "Leave `main` as it is: there the server learns to end on Ctrl-C with status 0, \
                 and the client to say that its server is gone.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = enters(harness, address, "alice", Terminal::Dumb)?;
                let bob = enters(harness, address, "bob", Terminal::Xterm)?;
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("guest {what}"));
                    let guest = enters(harness, address, "guest", Terminal::Dumb)?;
                    alice.sees("guest joined!")?;
                    way(&guest)?;
                    alice.sees("guest left!")?;
                    bob.sees("guest left!")?;
                    guest.exits(0)?;
                }
                harness.step("guest is killed");
                let killed = enters(harness, address, "guest", Terminal::Dumb)?;
                killed.is_killed();
                alice.sees("guest left!")?;
                harness.step("late wants a nickname that is taken");
                let late = harness.client("late", address)?;
                late.is_asked_for("nickname")?;
                late.types("Alice")?;
                late.sees_somewhere("Nickname refused: ")?;
                late.exits(1)?;
                harness.step("the server is ended with Ctrl-C");
                server.terminal().presses(Key::CtrlC)?;
                server.terminal().exits(0)?;
                alice.fails_saying("server")?;
                bob.fails_saying("server")
            }),
        stage(15, "Nobody's terminal can be steered", 4)
            .on(&[8, 13])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: `show_messages` (stage 3) must show with `Screen::print`, \
                 the server with `log`. Both make control characters visible; `println!` does not.",
            )
            .hint(
                "One comes with an escape sequence in her nickname: `join` must refuse her (stage \
                 8), with any control character.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let people = [
                    enters(harness, address, "alice", Terminal::Xterm)?,
                    enters(harness, address, "bob", Terminal::Dumb)?,
                    enters(harness, address, "carol", Terminal::Dumb)?,
                ];
                let mallory = server.joins("mallory")?;
                let words = harness.words(2);
                harness.step("mallory says what clears a screen, sets a title, rings a bell");
                mallory.says(&format!("mallory: \x1b[2J\x1b]0;owned\x07{words}"))?;
                for person in &people {
                    person.sees_somewhere(&words)?;
                    person.never_got(b"\x1b[2J")?;
                    person.never_got(b"\x1b]0;")?;
                }
                harness.step("eve has it in her nickname");
                let eve = server.peer("eve")?;
                eve.gets("NICK")?;
                eve.sends("\x1b[2Jeve")?;
                eve.hears_until_closed()?;
                // Whatever it has printed of eve stands above this.
                let zoe = format!("zoe-{}", harness.words(0).trim_start_matches('-'));
                server.joins(&zoe)?;
                server.prints(&format!("Nickname is {zoe}"))?;
                server.terminal().never_got(b"\x1b[2J")
            }),
    ];
    Lab { number: 2, title: "a group with nicknames: a handshake", speaker_hears: true, stages }
}
