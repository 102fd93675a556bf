//! Lab 3: stages that test the server together with clients at terminals.

use crate::harness::Harness;
use crate::harness::person::Key;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;
use crate::labs::bad_networks::{Group, NAMES, networks};
use crate::labs::lab3::wire::{WAYS_OUT, active, enters, gather};

/// Stage 11: Three people talk.
pub fn three_people_talk(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["relay", "show_frames"], "ann, bob, and cem join");
    let ann = enters(harness, address, "ann", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let cem = enters(harness, address, "cem", Terminal::Dumb)?;
    let people = [("ann", &ann), ("bob", &bob), ("cem", &cem)];
    gather(&people)?;
    let said = people.map(|_| format!("é {}", harness.words(3)));
    let shown = |name: &str, words: &str| format!("[{name}] : {words}");
    for ((name, speaker), words) in people.iter().zip(&said) {
        let step = format!("{name} types a line; the other two should see it");
        harness.step(&["relay", "show_frames", "type_messages"], &step);
        speaker.types(words)?;
        for (_, listener) in people.iter().filter(|(other, _)| other != name) {
            listener.sees(&shown(name, words))?;
        }
    }
    let step = "bob and cem send lines while ann types; hers should stay intact";
    harness.step(&["show_frames"], step);
    ann.begins_to_type("half of a ")?;
    for (name, speaker) in [("bob", &bob), ("cem", &cem)] {
        let words = harness.words(2);
        speaker.types(&words)?;
        ann.sees(&format!("[{name}] : {words}"))?;
    }
    ann.has_typed("half of a ")?;
    harness.step(&["type_messages", "show_frames"], "ann finishes the line she is typing");
    ann.types("sentence")?;
    bob.sees("[ann] : half of a sentence")?;
    let functions = &["relay", "show_frames"];
    harness.step(functions, "everyone has sent a line; nobody should see their own");
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
    harness.step(&["run_room"], "ann and bob join");
    let ann = enters(harness, address, "ann", Terminal::Dumb)?;
    server.prints(&active(1))?;
    let bob = enters(harness, address, "bob", Terminal::Xterm)?;
    server.prints(&active(2))?;
    for (what, way) in WAYS_OUT {
        harness.step(&["run_room", "relay"], &format!("guest joins before it {what}"));
        let guest = enters(harness, address, "guest", Terminal::Dumb)?;
        server.prints(&active(3))?;
        gather(&[("ann", &ann), ("bob", &bob), ("guest", &guest)])?;
        let step = format!("guest {what}; ann and bob should see `!DISCONNECT` and stay");
        harness.step(&["receive_frames", "show_frames", "run_room"], &step);
        way(&guest)?;
        ann.sees("[guest] : !DISCONNECT")?;
        bob.sees("[guest] : !DISCONNECT")?;
        server.prints(&active(2))?;
        harness.step(&["type_messages"], &format!("guest {what} and should exit"));
        guest.exits(0)?;
    }
    harness.step(&["run_room", "relay"], "a client called `killed` joins");
    let killed = enters(harness, address, "killed", Terminal::Dumb)?;
    server.prints(&active(3))?;
    gather(&[("ann", &ann), ("bob", &bob), ("killed", &killed)])?;
    harness.step(
        &["run_room", "talk", "receive_frames"],
        "`killed` is killed; ann and bob should stay connected",
    );
    killed.is_killed();
    server.prints(&active(2))?;
    let words = harness.words(2);
    ann.types(&words)?;
    bob.sees(&format!("[ann] : {words}"))?;
    harness.step(&["run_room"], "Ctrl-C is pressed in the server's terminal");
    server.terminal().presses(Key::CtrlC)?;
    server.terminal().exits(0)?;
    harness.step(&["show_frames"], "the server has exited; ann and bob should be told");
    ann.fails_saying("server")?;
    bob.fails_saying("server")
}

/// Stage 13: Received text cannot control a terminal.
pub fn text_controls_no_terminal(harness: &Harness) -> Check {
    let server = harness.server()?;
    let address = server.address();
    harness.step(&["relay", "show_frames"], "ann, bob, cem, and mallory join");
    let ann = enters(harness, address, "ann", Terminal::Xterm)?;
    let bob = enters(harness, address, "bob", Terminal::Dumb)?;
    let cem = enters(harness, address, "cem", Terminal::Dumb)?;
    gather(&[("ann", &ann), ("bob", &bob), ("cem", &cem)])?;
    let mallory = server.peer("mallory")?;
    harness.step(&["show_frames"], "mallory sends escape sequences; no client should obey them");
    let words = harness.words(2);
    mallory.frames(format!("[\x1b]0;owned\x07] : \x1b[2J{words}"))?;
    for person in [&ann, &bob, &cem] {
        person.sees_somewhere(&words)?;
        person.never_got(b"\x1b[2J")?;
        person.never_got(b"\x1b]0;")?;
    }
    harness.step(&["relay"], "the server shows mallory's payload; it should be harmless there");
    server.terminal().sees_somewhere(&words)?;
    server.terminal().never_got(b"\x1b[2J")
}

/// Stage 15: The network is unreliable.
pub fn network_is_bad(harness: &Harness) -> Check {
    let server = harness.server()?;
    let functions = &["show_frames", "receive_frames", "read", "relay"];
    harness.step(functions, "alice, bob, and carol join over good networks");
    let networks = networks(harness, &server)?;
    let enter = |at: usize, terminal| enters(harness, networks[at].address(), NAMES[at], terminal);
    let (alice, bob, carol) =
        (enter(0, Terminal::Xterm)?, enter(1, Terminal::Dumb)?, enter(2, Terminal::Dumb)?);
    gather(&[("alice", &alice), ("bob", &bob), ("carol", &carol)])?;
    let group = Group {
        harness,
        functions,
        people: [&alice, &bob, &carol],
        networks: &networks,
        shown: |name, text| format!("[{name}] : {text}"),
        speaker_sees: false,
        half: 64,
    };
    group.talks(None)
}
