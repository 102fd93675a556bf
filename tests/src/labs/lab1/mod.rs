//! Lab 1: two people, bytes as they come.

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
use crate::system::ports::ClosedPort;

const WELCOME: &str = "Welcome to this chatroom!";
const FULL: &str = "The chatroom is full";

/// Longer than the 2048 bytes that the original reads at once.
const LONG: usize = 5000;

/// Longer than any message may be, in bytes.
const TOO_LONG: usize = 70_000;

fn from(text: &str) -> String {
    format!("<127.0.0.1> {text}")
}

fn enters(server: &Server, name: &str) -> Check<Peer> {
    let peer = server.peer(name)?;
    peer.hears(WELCOME)?;
    Ok(peer)
}

/// What one says, the other hears.
fn talk(harness: &Harness, speaker: &Peer, listener: &Peer) -> Check {
    let line = harness.words(3);
    speaker.says(&line)?;
    listener.hears(&from(&line))
}

const WAYS_OUT: [WayOut; 3] = ways_out(("types quit", |person| person.types("quit")));

/// The stages of lab 1.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 5)
            .hint(
                "Which host and port does your server open? And when the port is taken, does \
                 `main` hear of it?",
            )
            .hint(
                "One call in `open_listener`: `TcpListener::bind`, with the `address` that it \
                 gets. Answer what `bind` answers, an error too: no `unwrap`, and no other port \
                 instead.",
            )
            .server(|harness| {
                // (nobody connects: who accepts is the next stage's question)
                server_where_told(harness)?;
                let other_program = harness.listener()?;
                let port = other_program.address()?.port();
                harness.step("its port is taken");
                let second = harness.server_on(port, &[])?;
                second.fails_saying(&port.to_string())
            }),
        stage(2, "It welcomes everybody who comes", 7)
            .on(&[1])
            .hint(
                "Does your loop come back to `accept` while the first client is still there? And \
                 what does everybody get before anyone speaks?",
            )
            .hint(
                "`accept_clients`: a loop around `TcpListener::accept`. Each client gets a new \
                 number and a thread of its own, which runs `talk`. `welcome` only pushes `WELCOME` \
                 (`Outbox::push`).",
            )
            .hint(
                "In the loop: `accept`, put the stream into an `Arc`, count one up, clone `room`, \
                 spawn a `move` closure that calls `talk`. As its seat any `Arc<()>` will do until \
                 stage 8.",
            )
            .server(|harness| {
                let server = harness.server_with(&["--seats", "4"])?;
                let mut welcomed = Vec::new();
                for name in ["alice", "bob", "carol", "dave"] {
                    let peer = server.peer(name)?;
                    peer.hears_line(WELCOME)?;
                    server.prints("127.0.0.1 connected")?;
                    welcomed.push(peer);
                }
                // Nobody takes another's place. (When the last one is welcomed, those before are dealt with.)
                welcomed[..3].iter().try_for_each(Peer::is_connected)
            }),
        stage(3, "The client connects and shows what it gets", 8)
            .hint(
                "Does the loop that receives go on after the first message? Does one read always \
                 bring one whole message?",
            )
            .hint(
                "`connect` is one call: `TcpStream::connect`. In `show_messages`, \
                 `Messages::receive` finds the messages, glued, split or without a newline; \
                 `Screen::print` shows each.",
            )
            .hint(
                "Make `Messages::from_server(stream)` once, before the loop. Print each message \
                 that `receive` brings; when it answers `None`, return `Ok(())`.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let alice = harness.client("alice", listener.address()?)?;
                let server = listener.accepts("server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                let (first, second, third) = (harness.words(2), harness.words(2), harness.words(2));
                server.says(&from(&first))?;
                alice.sees(&from(&first))?;
                harness.step("two messages in one segment");
                server.sends(format!("{}\n{}\n", from(&second), from("café")))?;
                alice.sees(&from(&second))?;
                alice.sees(&from("café"))?;
                harness.step("a line and a half, and the rest when the line is on the screen");
                let fourth = harness.words(2);
                let (begin, end) = third.split_at(3);
                server.sends(format!("{}\n{}", from(&fourth), from(begin)))?;
                alice.sees(&from(&fourth))?;
                server.sends(format!("{end}\n"))?;
                alice.sees(&from(&third))?;
                harness.step("an original server, which ends its messages with nothing");
                let bob = harness.client("bob", listener.address()?)?;
                let original = listener.accepts("original")?;
                original.sends(WELCOME)?;
                bob.sees(WELCOME)?;
                original.sends(from(&first))?;
                bob.sees(&from(&first))
            }),
        // ANCHOR: lab1-stage4
        stage(4, "It passes on what one says, to the other only", 12)
            .on(&[2])
            .hint(
                "Who must not hear the line, and how does it look when the others get it? Can both \
                 speak at the same time, and more than once?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message that `Messages::receive` \
                 brings. `relay`: `<127.0.0.1> hello` and a newline for every member whose number \
                 is not the speaker's.",
            )
            .hint(
                "`relay`: make the line with the speaker's `ip`. `log` it without its newline \
                 (`log` adds one); `Outbox::push` it with its newline. Has each client a number of \
                 its own (stage 2)?",
            )
            .server(|harness| {
                let server = harness.server()?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                let line = harness.words(3);
                alice.says(&line)?;
                bob.hears_line(&from(&line))?;
                server.prints(&from(&line))?;
                harness.step("both talk at once, and nobody hears herself");
                let (hers, his) = (lines(harness), lines(harness));
                for (her_line, his_line) in hers.iter().zip(&his) {
                    alice.says(her_line)?;
                    bob.says(his_line)?;
                }
                for (her_line, his_line) in hers.iter().zip(&his) {
                    bob.hears(&from(her_line))?;
                    alice.hears(&from(his_line))?;
                }
                talk(harness, &bob, &alice)
            }),
        // ANCHOR_END: lab1-stage4
        stage(5, "The client sends what is typed, shows what comes", 10)
            .on(&[3])
            .hint(
                "What stands at the end of each line that you send? What do you do after the first \
                 line, and with an empty one?",
            )
            .hint(
                "`type_messages` has a thread of its own, so it may wait: `Terminal::read_line` in \
                 a loop. Line and newline go out with one `write_all`; an empty line does not go \
                 out.",
            )
            .hint(
                "A shared `&TcpStream` can write, if the variable that holds it is `mut`. What \
                 comes meanwhile is up to `show_messages` (stage 3), in the other thread.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let alice = harness.client("alice", listener.address()?)?;
                let server = listener.accepts("server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                let (first, second) = (harness.words(3), harness.words(3));
                alice.types(&first)?;
                server.gets(format!("{first}\n"))?;
                harness.step("somebody else speaks while alice is typing");
                let (begin, end) = second.split_at(4);
                alice.begins_to_type(begin)?;
                let answer = from(&harness.words(3));
                server.says(&answer)?;
                alice.sees(&answer)?;
                alice.types(end)?;
                server.gets(format!("{second}\n"))?;
                for _ in 0..3 {
                    let line = harness.words(2);
                    // (an empty line is no message)
                    alice.types("")?;
                    alice.types(&line)?;
                    server.gets(format!("{line}\n"))?;
                }
                alice.rests()
            }),
        stage(6, "It lets go of who says quit", 7)
            .on(&[4])
            .hint(
                "When is a message the end: when it begins with `quit`, when it contains it, or \
                 when it is nothing else? And who hears of it?",
            )
            .hint(
                "`receive_messages` (stage 4): compare the whole message with `quit`, as \
                 `Messages::receive` answers it. If it is equal, tell the room nothing and return.",
            )
            .hint(
                "Return `Ok(())` and not an error: `talk` sends an error to the client as its last \
                 words, and here nothing more may come. `talk` does the rest.",
            )
            .server(|harness| {
                let server = harness.server_with(&["--seats", "5"])?;
                let alice = enters(&server, "alice")?;
                let endings = [("quit", true), ("quit\n", false), ("quit\r\n", false)];
                for (quit, is_last) in endings {
                    harness.step(&format!("bob says {quit:?}, and nothing else"));
                    let bob = enters(&server, "bob")?;
                    talk(harness, &bob, &alice)?;
                    bob.sends(quit)?;
                    if is_last {
                        bob.ends_sending();
                    }
                    bob.is_closed()?;
                    server.prints("127.0.0.1 closed")?;
                }
                harness.step("quit, stuck to the message before it");
                let carol = enters(&server, "carol")?;
                let line = harness.words(2);
                carol.sends(format!("{line}\nquit"))?;
                carol.ends_sending();
                alice.hears(&from(&line))?;
                carol.is_closed()?;
                harness.step("only the word alone is the end");
                let dave = enters(&server, "dave")?;
                let line = format!("quit {}", harness.words(1));
                dave.says(&line)?;
                alice.hears(&from(&line))?;
                talk(harness, &alice, &dave)
            }),
        stage(7, "The client says quit when its person leaves", 6)
            .on(&[5])
            .hint(
                "In how many ways can a person leave, and what does the server get in each? What \
                 stands behind the last word?",
            )
            .hint(
                "`read_line` answers `None` for Ctrl-D and Ctrl-C. They and a typed `quit` end in \
                 the same call, `Terminal::leave`: it sends `quit`, without a newline, and shuts \
                 the sending side.",
            )
            .hint(
                "Leave the loop when the line is `quit`, before it is sent, and when there is \
                 none. Call `Terminal::leave` once, behind the loop; do not send `quit` yourself as \
                 well.",
            )
            .client(|harness| {
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("alice {what}"));
                    let listener = harness.listener()?;
                    let alice = harness.client("alice", listener.address()?)?;
                    let server = listener.accepts("server")?;
                    server.says(WELCOME)?;
                    alice.sees(WELCOME)?;
                    let line = harness.words(2);
                    alice.types(&line)?;
                    server.gets(format!("{line}\n"))?;
                    way(&alice)?;
                    server.gets_last("quit")?;
                    server.closes();
                    alice.exits(0)?;
                }
                Ok(())
            }),
        stage(8, "It has two seats, and a seat is free again", 8)
            .on(&[4, 6])
            .hint(
                "Who counts the seats, and is one given back however its client goes? Does the \
                 reason reach somebody who has spoken already?",
            )
            .hint(
                "`accept_clients`: `talk` drops its seat, however the connection ends. Tell the \
                 others with `refuse`, and do not wait for it: it sends `FULL` and reads for a moment, \
                 or a reset could destroy it.",
            )
            .hint(
                "Make one `Arc` before the loop and give each `talk` a clone of it. \
                 `Arc::strong_count` minus 1 is the number of seats taken; compare it with `seats`, \
                 not with 2.",
            )
            .server(|harness| {
                let server = harness.server()?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                let carol = server.peer("carol")?;
                harness.step("who finds no seat is told why, even if she has been speaking");
                carol.says("is anybody there?")?;
                carol.hears_line(FULL)?;
                carol.is_closed()?;
                talk(harness, &alice, &bob)?;
                harness.step("a seat is free again, however it became so");
                bob.sends("quit")?;
                bob.ends_sending();
                bob.is_closed()?;
                let dave = enters_when_free(&server, "dave")?;
                talk(harness, &alice, &dave)?;
                dave.crashes();
                let erin = enters_when_free(&server, "erin")?;
                talk(harness, &erin, &alice)?;
                drop((alice, erin));

                harness.step("a server with three seats");
                let server = harness.server_with(&["--seats", "3"])?;
                let three = ["alice", "bob", "carol"].map(|name| enters(&server, name));
                let [alice, bob, carol] = three;
                let (alice, bob, carol) = (alice?, bob?, carol?);
                server.peer("dave")?.hears(FULL)?;
                let line = harness.words(2);
                alice.says(&line)?;
                bob.hears(&from(&line))?;
                carol.hears(&from(&line))
            }),
        stage(9, "It survives whatever its clients do", 9)
            .on(&[4])
            .hint(
                "What do your loops do when a client is gone, and when a read fails? Who waits for \
                 a client that does not read?",
            )
            .hint(
                "Tests `receive_messages` and `relay` (stage 4): return at `None`, pass errors up \
                 with `?`, and never `unwrap`. `relay` only pushes (`Outbox::push`): a write would \
                 wait.",
            )
            .hint(
                "A loop that goes on after `None` runs in circles, and the server must come to \
                 rest. An `unwrap` that panics ends the connection, and the client is told nothing of use.",
            )
            .server(|harness| {
                let server = harness.server_with(&["--seats", "9"])?;
                let alice = enters(&server, "alice")?;
                let bob = enters(&server, "bob")?;
                talk(harness, &bob, &alice)?;
                harness.step("bob's connection is reset");
                bob.crashes();
                server.prints("127.0.0.1 closed")?;
                harness.step("carol closes in the middle of a message, which ends there");
                let carol = enters(&server, "carol")?;
                let half = harness.words(2);
                talk(harness, &carol, &alice)?;
                carol.sends(&half)?;
                carol.closes();
                alice.hears(&from(&half))?;
                server.prints("127.0.0.1 closed")?;
                harness.step("one comes and goes without a word, and one hears nothing any more");
                server.peer("dave")?.closes();
                let erin = enters(&server, "erin")?;
                talk(harness, &alice, &erin)?;
                talk(harness, &erin, &alice)?;
                server.rests()?;
                harness.step("one does not read, while others say more than the system can keep for it");
                let deaf = server.deaf_peer("deaf")?;
                let line = harness.words(2);
                deaf.says(&line)?;
                alice.hears(&from(&line))?;
                erin.hears(&from(&line))?;
                for line in flood() {
                    alice.says(&line)?;
                    erin.hears(&from(&line))?;
                }
                drop(deaf);
                talk(harness, &alice, &erin)
            }),
        stage(10, "The client ends when its server is gone", 6)
            .on(&[3])
            .hint(
                "What does your client do when the server closes, when the connection breaks, and \
                 when there is no server at all?",
            )
            .hint(
                "Tests `show_messages` and `connect` (stage 3): at `None` return `Ok(())`, and \
                 pass errors up with `?`. Then `main` tells the person and ends with status 1.",
            )
            .hint(
                "`Messages::receive` answers `None` again and again at the end: do not call it any \
                 more. No `unwrap`, and no `process::exit` of your own.",
            )
            .client(|harness| {
                let listener = harness.listener()?;
                let alice = harness.client("alice", listener.address()?)?;
                let server = listener.accepts("server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                server.closes();
                harness.step("the server closes, and nobody presses a key");
                alice.fails_saying("server")?;

                let bob = harness.client("bob", listener.address()?)?;
                let server = listener.accepts("server")?;
                server.says(WELCOME)?;
                bob.sees(WELCOME)?;
                harness.step("the connection breaks");
                server.crashes();
                bob.fails_saying("server")?;

                harness.step("there is no server");
                let nobody = ClosedPort::new()?;
                let carol = harness.client("carol", nobody.address())?;
                carol.fails_saying(&nobody.address().port().to_string())
            }),
        stage(11, "It finds the messages, however the stream is cut", 9)
            .on(&[4])
            .hint(
                "One read is not one message: where does a message end? And what if it is very \
                 long, or no UTF-8?",
            )
            .hint(
                "Tests `receive_messages` (stage 4). Leave all the cutting to `Messages::receive`: \
                 it knows empty messages, `\\r`, originals, bytes that are no UTF-8, and the limit of \
                 64 KiB.",
            )
            .hint(
                "Make one `Messages` before the loop: a new one would lose what the old one has \
                 read already. Too long is an error of `receive`; pass it up with `?`, and `talk` \
                 tells the client.",
            )
            .server(|harness| {
                let server = harness.server_with(&["--seats", "4"])?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                talk(harness, &alice, &bob)?;
                harness.step("three messages glued, with empty ones in between");
                let three = lines(harness);
                alice.sends(format!("{}\n\n{}\r\n\r\n{}\n", three[0], three[1], three[2]))?;
                for line in &three {
                    bob.hears_line(&from(line))?;
                }
                harness.step("one byte at a time, a long line, bytes that are no UTF-8");
                let line = harness.words(3);
                alice.trickles(format!("{line}\n"))?;
                bob.hears_line(&from(&line))?;
                let long = format!("{}{}", "x".repeat(LONG), harness.words(1));
                alice.says(&long)?;
                bob.hears_line(&from(&long))?;
                alice.sends(b"caf\xc3\xa9 and caf\xe9\n")?;
                bob.hears_line(&from("café and caf\u{FFFD}"))?;
                harness.step("carol is an original client, which sends no newline; for alice, silence means nothing");
                alice.sends("never ")?;
                let carol = enters(&server, "carol")?;
                let bare = harness.words(2);
                carol.sends(&bare)?;
                bob.hears(&from(&bare))?;
                alice.sends("mind\n")?;
                bob.hears(&from("never mind"))?;
                harness.step("dave says more than 64 KiB without a newline: told so, and closed; nobody else notices");
                // (it has said a line before: in the middle of its very first message, silence would end that)
                let dave = enters(&server, "dave")?;
                talk(harness, &dave, &bob)?;
                // (the server may close before it has read everything)
                let _ = dave.tries_to_send("y".repeat(TOO_LONG));
                dave.is_told_and_closed()?;
                talk(harness, &alice, &bob)
            }),
        stage(12, "Three people talk", 5)
            .on(&[4, 5])
            .hint(
                "Try it with `--seats 3` and three terminals side by side: does anybody see a line \
                 twice, or their own? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `relay` (stage 4), `show_messages` (3) and \
                 `type_messages` (5) together. Show what comes with `Screen::print`: `println!` \
                 tears the line that is being typed.",
            )
            .together(|harness| {
                let server = harness.server_with(&["--seats", "3"])?;
                let address = server.address();
                let alice = harness.client_at("alice", address, Terminal::Xterm)?;
                alice.sees(WELCOME)?;
                let bob = harness.client("bob", address)?;
                bob.sees(WELCOME)?;
                let carol = harness.client("carol", address)?;
                carol.sees(WELCOME)?;
                let people = [&alice, &bob, &carol];
                let said = people.map(|_| harness.words(3));
                for (at, (speaker, line)) in people.iter().zip(&said).enumerate() {
                    speaker.types(line)?;
                    for (_, listener) in people.iter().enumerate().filter(|(other, _)| *other != at) {
                        listener.sees(&from(line))?;
                    }
                }
                harness.step("what alice is typing stays whole while others speak");
                let (begin, end) = ("half of a ", "sentence");
                alice.begins_to_type(begin)?;
                for speaker in [&bob, &carol] {
                    let line = harness.words(2);
                    speaker.types(&line)?;
                    alice.sees(&from(&line))?;
                }
                alice.has_typed(begin)?;
                alice.types(end)?;
                bob.sees(&from("half of a sentence"))?;
                harness.step("everybody has seen each line as often as meant");
                for (at, line) in said.iter().enumerate() {
                    for (other, person) in people.iter().enumerate() {
                        person.has_seen(usize::from(other != at), &from(line))?;
                    }
                }
                Ok(())
            }),
        stage(13, "One leaves, another comes", 4)
            .on(&[6, 7, 8, 10])
            .hint(
                "Does the one who stays keep the connection, and is the seat free again? How does \
                 each client end: which status, which words?",
            )
            .hint(
                "No function of its own: stages 6, 7, 8 and 10 together. Who leaves ends with \
                 status 0 (`Terminal::leave`). Who finds the room full, or loses the server, ends \
                 with status 1.",
            )
            .hint(
                "`The chatroom is full` is a message like any other: print it and go on to the end \
                 of the stream. `main` does the rest, when `show_messages` has returned.",
            )
            .together(|harness| {
                let server = harness.server()?;
                let address = server.address();
                let alice = harness.client("alice", address)?;
                alice.sees(WELCOME)?;
                for (what, way) in WAYS_OUT {
                    harness.step(&format!("guest {what}"));
                    let guest = starts_when_free(harness, &server, "guest")?;
                    let (line, answer) = (harness.words(2), harness.words(2));
                    guest.types(&line)?;
                    alice.sees(&from(&line))?;
                    alice.types(&answer)?;
                    guest.sees(&from(&answer))?;
                    way(&guest)?;
                    guest.exits(0)?;
                }
                harness.step("a client is killed, and its seat is free again");
                starts_when_free(harness, &server, "killed")?.is_killed();
                let bob = starts_when_free(harness, &server, "bob")?;
                harness.step("late finds the room full");
                let late = harness.client("late", address)?;
                late.sees(FULL)?;
                late.fails_saying("server")?;
                harness.step("the server is ended with Ctrl-C");
                server.terminal().presses(Key::CtrlC)?;
                server.terminal().exits(0)?;
                alice.fails_saying("server")?;
                bob.fails_saying("server")
            }),
        stage(14, "Nobody's terminal can be steered", 4)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: look where `relay` (server) and `show_messages` (client) \
                 print. `log` and `Screen::print` make control characters visible; `println!` does \
                 not.",
            )
            .together(|harness| {
                let server = harness.server_with(&["--seats", "4"])?;
                let address = server.address();
                let people = [
                    harness.client_at("alice", address, Terminal::Xterm)?,
                    harness.client("bob", address)?,
                    harness.client("carol", address)?,
                ];
                for person in &people {
                    person.sees(WELCOME)?;
                }
                let mallory = enters(&server, "mallory")?;
                let line = harness.words(2);
                harness.step("mallory says what clears a screen, sets a title, rings a bell");
                mallory.says(&format!("\x1b[2J\x1b]0;owned\x07{line}"))?;
                for person in &people {
                    person.sees_somewhere(&line)?;
                    person.never_got(b"\x1b[2J")?;
                    person.never_got(b"\x1b]0;")?;
                }
                server.terminal().sees_somewhere(&line)?;
                server.terminal().never_got(b"\x1b[2J")
            }),
    ];
    Lab {
        number: 1,
        title: "one-to-one: two people, bytes as they come",
        speaker_hears: false,
        stages,
    }
}

/// Three lines.
fn lines(harness: &Harness) -> Vec<String> {
    (0..3).map(|_| harness.words(2)).collect()
}

/// A seat is free as soon as its owner is gone, which the server learns a moment later than we do: tries again until
/// then. `tries` answers whether there was a seat.
fn when_free<T>(tries: impl Fn() -> Check<(T, bool)>) -> Check<T> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let (newcomer, is_in) = tries()?;
        if is_in {
            return Ok(newcomer);
        }
        if Instant::now() > deadline {
            return Err(Failure::wrong("there should have been", "a free seat", FULL));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn enters_when_free(server: &Server, name: &str) -> Check<Peer> {
    when_free(|| {
        let peer = server.peer(name)?;
        let is_in = peer.hears_one_of(&[WELCOME, FULL])? == 0;
        Ok((peer, is_in))
    })
}

/// As [`enters_when_free`], for somebody at a terminal.
fn starts_when_free(harness: &Harness, server: &Server, name: &str) -> Check<Person> {
    when_free(|| {
        let person = harness.client(name, server.address())?;
        let is_in = person.sees_one_of(&[WELCOME, FULL])? == 0;
        Ok((person, is_in))
    })
}
