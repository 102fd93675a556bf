//! Lab 3: stages that test clients at terminals, with their server.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::lab3::wire::{WAYS_OUT, active, enters, gather};

/// Stage 11: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
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
    harness.step(&[], "everyone has seen each line the right number of times");
    for ((name, _), words) in people.iter().zip(&said) {
        for (other, person) in people {
            person.has_seen(usize::from(other != *name), &shown(name, words))?;
        }
    }
    Ok(())
}

/// Stage 12: People come and go.
pub fn people_come_and_go(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    let ann = enters(harness, address, "ann", Terminal::Dumb)?;
    server.prints(&active(1))?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    server.prints(&active(2))?;
    for (what, way) in WAYS_OUT {
        harness.step(&[], &format!("guest {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        server.prints(&active(3))?;
        gather(&[("ann", &ann), ("bob", &bob), ("guest", &guest)])?;
        way(&guest)?;
        guest.exits(0)?;
        server.prints(&active(2))?;
        ann.sees("[guest] : !DISCONNECT")?;
        bob.sees("[guest] : !DISCONNECT")?;
    }
    harness.step(&[], "a client is killed");
    let killed = enters(harness, address, "killed", Terminal::Dumb)?;
    server.prints(&active(3))?;
    gather(&[("ann", &ann), ("bob", &bob), ("killed", &killed)])?;
    killed.is_killed();
    server.prints(&active(2))?;
    let words = harness.words(2);
    ann.types(&words)?;
    bob.sees(&format!("[ann] : {words}"))?;
    harness.step(&[], "Ctrl-C ends the server");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    ann.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 13: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
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
}
