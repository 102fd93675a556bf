//! Lab 1: two people, bytes as they come.

use crate::lab::{FLOOD_LINES, Lab, Server, long_line};
use crate::program::TerminalKind;
use crate::stage::{Check, Plan, stage};
use crate::terminal::Key;
use crate::wire::{ClosedPort, Peer};

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
fn talk(lab: &Lab, speaker: &Peer, listener: &Peer) -> Check {
    let line = lab.words(3);
    speaker.says(&line)?;
    listener.hears(&from(&line))
}

/// The stages of lab 1.
#[allow(clippy::too_many_lines)] // a list
pub fn plan() -> Plan {
    let stages = vec![
        stage(1, "The server listens", 5)
            .hint("bind answers an error when the port is taken: does main see it?")
            .server(|lab| {
                // (nobody connects: who accepts is the next stage's question)
                lab.server()?;
                let other_program = lab.listener()?;
                let port = other_program.address()?.port();
                let second = lab.server_on(port, &[])?;
                second.fails_saying(&port.to_string())
            }),
        stage(2, "It welcomes everybody who comes", 7)
            .on(&[1])
            .hint("does the loop come back to accept while the first client is still there?")
            .server(|lab| {
                let server = lab.server()?;
                let alice = server.peer("alice")?;
                alice.hears_line(WELCOME)?;
                server.prints("127.0.0.1 connected")?;
                let bob = server.peer("bob")?;
                bob.hears_line(WELCOME)?;
                server.prints("127.0.0.1 connected")
            }),
        stage(3, "The client connects and shows what it gets", 8)
            .hint("does the loop that receives go on after the first message?")
            .client(|lab| {
                let listener = lab.listener()?;
                let alice = lab.client("alice", listener.address()?)?;
                let server = listener.accepts("our server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                let (first, second, third) = (lab.words(2), lab.words(2), lab.words(2));
                server.says(&from(&first))?;
                alice.sees(&from(&first))?;
                // Two in one segment, one in two.
                server.sends(format!("{}\n{}\n", from(&second), from("café")))?;
                alice.sees(&from(&second))?;
                alice.sees(&from("café"))?;
                // A line and a half; the rest when the line is on the screen.
                let fourth = lab.words(2);
                let (begin, end) = third.split_at(3);
                server.sends(format!("{}\n{}", from(&fourth), from(begin)))?;
                alice.sees(&from(&fourth))?;
                server.sends(format!("{end}\n"))?;
                alice.sees(&from(&third))?;
                // An original server ends its messages with nothing but silence.
                let bob = lab.client("bob", listener.address()?)?;
                let original = listener.accepts("original")?;
                original.sends(WELCOME)?;
                bob.sees(WELCOME)?;
                original.sends(from(&first))?;
                bob.sees(&from(&first))
            }),
        stage(4, "It passes on what one says to the other, and only there", 12)
            .on(&[2])
            .hint("whom does your loop leave out? Can both speak at the same time?")
            .server(|lab| {
                let server = lab.server()?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                let line = lab.words(3);
                alice.says(&line)?;
                bob.hears_line(&from(&line))?;
                server.prints(&from(&line))?;
                // Both ways at once. Had alice heard herself, it would have come first.
                let (hers, his) = (lines(lab), lines(lab));
                for (her_line, his_line) in hers.iter().zip(&his) {
                    alice.says(her_line)?;
                    bob.says(his_line)?;
                }
                for (her_line, his_line) in hers.iter().zip(&his) {
                    bob.hears(&from(her_line))?;
                    alice.hears(&from(his_line))?;
                }
                talk(lab, &bob, &alice)
            }),
        stage(5, "The client sends what is typed, and shows what comes meanwhile", 10)
            .on(&[3])
            .hint("waiting for a key and waiting for the network are two waits")
            .client(|lab| {
                let listener = lab.listener()?;
                let alice = lab.client("alice", listener.address()?)?;
                let server = listener.accepts("our server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                let (first, second) = (lab.words(3), lab.words(3));
                alice.types(&first)?;
                server.gets(format!("{first}\n"))?;
                // Somebody else speaks while alice is typing.
                let (begin, end) = second.split_at(4);
                alice.begins_to_type(begin)?;
                let answer = from(&lab.words(3));
                server.says(&answer)?;
                alice.sees(&answer)?;
                alice.types(end)?;
                server.gets(format!("{second}\n"))?;
                for _ in 0..3 {
                    let line = lab.words(2);
                    // (an empty line is no message)
                    alice.types("")?;
                    alice.types(&line)?;
                    server.gets(format!("{line}\n"))?;
                }
                Ok(())
            }),
        stage(6, "It lets go of who says quit", 7)
            .on(&[4])
            .hint("a message is what stands between two newlines; and the last one may have none")
            .server(|lab| {
                let server = lab.server_with(&["--seats", "5"])?;
                let alice = enters(&server, "alice")?;
                let endings = [("quit", true), ("quit\n", false), ("quit\r\n", false)];
                for (quit, is_last) in endings {
                    let bob = enters(&server, "bob")?;
                    talk(lab, &bob, &alice)?;
                    bob.sends(quit)?;
                    if is_last {
                        bob.ends_sending();
                    }
                    bob.is_closed()?;
                    server.prints("127.0.0.1 closed")?;
                }
                // Stuck to the message before it, as it often arrives.
                let carol = enters(&server, "carol")?;
                let line = lab.words(2);
                carol.sends(format!("{line}\nquit"))?;
                carol.ends_sending();
                alice.hears(&from(&line))?;
                carol.is_closed()?;
                // Only the word alone is the end.
                let dave = enters(&server, "dave")?;
                let line = format!("quit {}", lab.words(1));
                dave.says(&line)?;
                alice.hears(&from(&line))?;
                talk(lab, &alice, &dave)
            }),
        stage(7, "The client says quit when its person leaves", 6)
            .on(&[5])
            .hint("quit goes without a newline, and then the sending side is shut")
            .client(|lab| {
                let ways: [fn(&crate::terminal::Person) -> Check; 3] = [
                    |alice| alice.types("quit"),
                    |alice| alice.presses(Key::CtrlD),
                    |alice| alice.presses(Key::CtrlC),
                ];
                for way in ways {
                    let listener = lab.listener()?;
                    let alice = lab.client("alice", listener.address()?)?;
                    let server = listener.accepts("our server")?;
                    server.says(WELCOME)?;
                    alice.sees(WELCOME)?;
                    let line = lab.words(2);
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
            .hint("who counts the seats, and who gives one back when its client is killed?")
            .server(|lab| {
                let server = lab.server()?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                let carol = server.peer("carol")?;
                // The reason must arrive, even if she has been speaking.
                carol.says("is anybody there?")?;
                carol.hears_line(FULL)?;
                carol.is_closed()?;
                talk(lab, &alice, &bob)?;
                // However a seat becomes free.
                bob.sends("quit")?;
                bob.ends_sending();
                bob.is_closed()?;
                let dave = enters_when_free(&server, "dave")?;
                talk(lab, &alice, &dave)?;
                dave.crashes();
                let erin = enters_when_free(&server, "erin")?;
                talk(lab, &erin, &alice)?;
                drop((alice, erin));

                let server = lab.server_with(&["--seats", "3"])?;
                let three = ["alice", "bob", "carol"].map(|name| enters(&server, name));
                let [alice, bob, carol] = three;
                let (alice, bob, carol) = (alice?, bob?, carol?);
                server.peer("dave")?.hears(FULL)?;
                let line = lab.words(2);
                alice.says(&line)?;
                bob.hears(&from(&line))?;
                carol.hears(&from(&line))
            }),
        stage(9, "It survives whatever its clients do", 9)
            .on(&[4])
            .hint("what does your loop do when a read answers 0 bytes, and what when it fails?")
            .server(|lab| {
                let server = lab.server_with(&["--seats", "9"])?;
                let alice = enters(&server, "alice")?;
                let bob = enters(&server, "bob")?;
                talk(lab, &bob, &alice)?;
                bob.crashes();
                server.prints("127.0.0.1 closed")?;
                // A message ends at the end of the stream, too.
                let carol = enters(&server, "carol")?;
                let half = lab.words(2);
                talk(lab, &carol, &alice)?;
                carol.sends(&half)?;
                carol.closes();
                alice.hears(&from(&half))?;
                server.prints("127.0.0.1 closed")?;
                // One who came and went without a word, and one who hears nothing any more.
                server.peer("dave")?.closes();
                let erin = enters(&server, "erin")?;
                talk(lab, &alice, &erin)?;
                talk(lab, &erin, &alice)?;
                server.rests()?;
                // One who does not read, while others say more than the system can keep for it.
                let deaf = server.deaf_peer("deaf")?;
                server.prints("127.0.0.1 connected")?;
                for line in (0..FLOOD_LINES).map(long_line) {
                    alice.says(&line)?;
                    erin.hears(&from(&line))?;
                }
                drop(deaf);
                talk(lab, &alice, &erin)
            }),
        stage(10, "The client ends when its server is gone", 6)
            .on(&[3])
            .hint("an empty read is the end of the stream: does your loop end, too?")
            .client(|lab| {
                let listener = lab.listener()?;
                let alice = lab.client("alice", listener.address()?)?;
                let server = listener.accepts("our server")?;
                server.says(WELCOME)?;
                alice.sees(WELCOME)?;
                server.closes();
                // Nobody presses a key.
                alice.fails_saying("server")?;

                let bob = lab.client("bob", listener.address()?)?;
                let server = listener.accepts("our server")?;
                server.says(WELCOME)?;
                bob.sees(WELCOME)?;
                server.crashes();
                bob.fails_saying("server")?;

                let nobody = ClosedPort::new()?;
                let carol = lab.client("carol", nobody.address())?;
                carol.fails_saying(&nobody.address().port().to_string())
            }),
        stage(11, "It finds the messages, however the stream is cut", 9)
            .on(&[4])
            .hint("one read is not one message: where does a message end?")
            .server(|lab| {
                let server = lab.server_with(&["--seats", "4"])?;
                let (alice, bob) = (enters(&server, "alice")?, enters(&server, "bob")?);
                talk(lab, &alice, &bob)?;
                // Glued, with empty messages in between.
                let three = lines(lab);
                alice.sends(format!("{}\n\n{}\r\n\r\n{}\n", three[0], three[1], three[2]))?;
                for line in &three {
                    bob.hears_line(&from(line))?;
                }
                let line = lab.words(3);
                alice.trickles(format!("{line}\n"))?;
                bob.hears_line(&from(&line))?;
                let long = format!("{}{}", "x".repeat(LONG), lab.words(1));
                alice.says(&long)?;
                bob.hears_line(&from(&long))?;
                alice.sends(b"caf\xc3\xa9 and caf\xe9\n")?;
                bob.hears_line(&from("café and caf\u{FFFD}"))?;
                // An original client: no newline, only silence. For alice, silence means nothing.
                alice.sends("never ")?;
                let carol = enters(&server, "carol")?;
                let bare = lab.words(2);
                carol.sends(&bare)?;
                bob.hears(&from(&bare))?;
                alice.sends("mind\n")?;
                bob.hears(&from("never mind"))?;
                // Too long for anybody: told so, and closed. Nobody else notices.
                let dave = enters(&server, "dave")?;
                // (the server may close before it has read everything)
                let _ = dave.sends("y".repeat(TOO_LONG));
                dave.is_told_and_closed()?;
                talk(lab, &alice, &bob)
            }),
        stage(12, "Three people talk", 5)
            .on(&[4, 5])
            .hint("try it with three terminals side by side")
            .together(|lab| {
                let server = lab.server_with(&["--seats", "3"])?;
                let address = server.address();
                let alice = lab.client_at("alice", address, TerminalKind::Xterm)?;
                alice.sees(WELCOME)?;
                let bob = lab.client("bob", address)?;
                bob.sees(WELCOME)?;
                let carol = lab.client("carol", address)?;
                carol.sees(WELCOME)?;
                let people = [&alice, &bob, &carol];
                for (at, speaker) in people.iter().enumerate() {
                    let line = lab.words(3);
                    speaker.types(&line)?;
                    for (other, listener) in people.iter().enumerate() {
                        if other != at {
                            listener.sees(&from(&line))?;
                            listener.has_seen(1, &from(&line))?;
                        }
                    }
                    speaker.has_seen(0, &from(&line))?;
                }
                // What alice is typing stays whole while others speak.
                let (begin, end) = ("half of a ", "sentence");
                alice.begins_to_type(begin)?;
                for speaker in [&bob, &carol] {
                    let line = lab.words(2);
                    speaker.types(&line)?;
                    alice.sees(&from(&line))?;
                }
                alice.has_typed(begin)?;
                alice.types(end)?;
                bob.sees(&from("half of a sentence"))
            }),
        stage(13, "One leaves, another comes", 4)
            .on(&[6, 7, 8])
            .hint("does the one who stays keep the connection?")
            .together(|lab| {
                let server = lab.server()?;
                let address = server.address();
                let alice = lab.client("alice", address)?;
                alice.sees(WELCOME)?;
                let ways: [fn(&crate::terminal::Person) -> Check; 3] = [
                    |guest| guest.types("quit"),
                    |guest| guest.presses(Key::CtrlD),
                    |guest| guest.presses(Key::CtrlC),
                ];
                for way in ways {
                    let guest = lab.client("guest", address)?;
                    guest.sees(WELCOME)?;
                    let (line, answer) = (lab.words(2), lab.words(2));
                    guest.types(&line)?;
                    alice.sees(&from(&line))?;
                    alice.types(&answer)?;
                    guest.sees(&from(&answer))?;
                    way(&guest)?;
                    guest.exits(0)?;
                    server.prints("127.0.0.1 closed")?;
                }
                let killed = lab.client("killed", address)?;
                killed.sees(WELCOME)?;
                killed.is_killed();
                server.prints("127.0.0.1 closed")?;
                let bob = lab.client("bob", address)?;
                bob.sees(WELCOME)?;
                let late = lab.client("late", address)?;
                late.sees(FULL)?;
                late.fails_saying("server")?;
                server.terminal().presses(Key::CtrlC)?;
                server.terminal().exits(0)?;
                alice.fails_saying("server")?;
                bob.fails_saying("server")
            }),
        stage(14, "Nobody's terminal can be steered", 4)
            .on(&[12])
            .hint("what does a terminal do with an escape sequence that somebody sends?")
            .together(|lab| {
                let server = lab.server_with(&["--seats", "4"])?;
                let address = server.address();
                let people = [
                    lab.client_at("alice", address, TerminalKind::Xterm)?,
                    lab.client("bob", address)?,
                    lab.client("carol", address)?,
                ];
                for person in &people {
                    person.sees(WELCOME)?;
                }
                let mallory = enters(&server, "mallory")?;
                let line = lab.words(2);
                // Clears the screen, sets the title, rings the bell.
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
    Plan { number: 1, title: "one-to-one: two people, bytes as they come", stages }
}

/// Three lines.
fn lines(lab: &Lab) -> Vec<String> {
    (0..3).map(|_| lab.words(2)).collect()
}

/// A seat is free as soon as its owner is gone, which the server learns a moment later than we do.
fn enters_when_free(server: &Server, name: &str) -> Check<Peer> {
    server.prints("127.0.0.1 closed")?;
    enters(server, name)
}
