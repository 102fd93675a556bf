//! Lab 3: stages that test clients in terminals against a scripted server.

use crate::harness::Harness;
use crate::journal::failure::Check;
use crate::labs::lab3::wire::{HEADER, SHORT_BUT_LONG, WAYS_OUT, client, frame};

/// Stage 1: The client sends each line as a frame.
pub fn sends_frames(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let functions = &["type_messages", "encode"];
    harness.step(functions, "ann joins and types a line");
    let (ann, server) = client(harness, &listener, "ann")?;
    let line = harness.words(3);
    ann.types(&line)?;
    server.gets_frame(format!("[ann] : {line}"))?;
    for line in SHORT_BUT_LONG {
        harness.step(&["encode", "type_messages"], &format!("ann types «{line}»"));
        ann.types(line)?;
        server.gets_frame(format!("[ann] : {line}"))?;
    }
    Ok(())
}

/// Stage 2: The client reads frames however they are split.
pub fn reads_frames_however_split(harness: &Harness) -> Check {
    // ANCHOR: lab3-stage2
    let listener = harness.listener()?;
    let functions = &["show_frames", "read"];
    harness.step(functions, "ann joins, and the server sends a frame");
    let (ann, server) = client(harness, &listener, "ann")?;
    let payloads: Vec<_> = (0..7).map(|_| format!("[bob] : {}", harness.words(3))).collect();
    server.frames(&payloads[0])?;
    ann.sees(&payloads[0])?;
    let functions = &["read", "read_header"];
    harness.step(functions, "the server sends a header and its payload in two segments");
    let (header, payload) = (frame(&payloads[1]), payloads[1].as_bytes());
    server.sends(&header[..HEADER])?;
    server.sends(payload)?;
    ann.sees(&payloads[1])?;
    harness.step(functions, "the server sends a frame one byte at a time");
    server.trickles(frame(&payloads[2]))?;
    ann.sees(&payloads[2])?;
    harness.step(functions, "the server sends a frame split twice: in its header and its payload");
    let parts = frame(&payloads[6]);
    let (begin, rest) = parts.split_at(29);
    let (middle, end) = rest.split_at(HEADER - 29 + 5);
    server.sends_when_read([begin, middle, end])?;
    ann.sees(&payloads[6])?;
    let functions = &["show_frames", "read"];
    harness.step(functions, "the server sends two and a half frames in one segment");
    let glued = [frame(&payloads[3]), frame(&payloads[4]), frame(&payloads[5])].concat();
    let (begin, end) = glued.split_at(glued.len() - 5);
    server.sends(begin)?;
    ann.sees(&payloads[3])?;
    ann.sees(&payloads[4])?;
    harness.step(functions, "the server sends the second half of the third frame");
    server.sends(end)?;
    ann.sees(&payloads[5])?;
    for line in SHORT_BUT_LONG {
        let step = format!("the server sends «{line}» one byte at a time");
        harness.step(&["read", "show_frames"], &step);
        server.trickles(frame(format!("[bob] : {line}")))?;
        ann.sees(&format!("[bob] : {line}"))?;
    }
    harness.step(functions, "the server sends a payload of about 5,000 bytes");
    let long = format!("[bob] : {}{}", "x".repeat(5000), harness.words(1));
    server.frames(&long)?;
    ann.sees(&long)
    // ANCHOR_END: lab3-stage2
}

/// Stage 4: The client decides which lines are messages.
pub fn talks(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    harness.step(&["type_messages"], "ann's client starts and asks her for her name");
    let ann = harness.client("ann", listener.address()?)?;
    ann.sees("Welcome to chatroom")?;
    ann.is_asked_for("name")?;
    ann.types("ann of the hill")?;
    let server = listener.accepts("server")?;
    let functions = &["type_messages"];
    harness.step(functions, "ann types a line, an empty line, and another line");
    let (first, second) = (harness.words(2), harness.words(4));
    ann.types(&first)?;
    ann.types("")?;
    ann.types(&second)?;
    server.gets_frame(format!("[ann of the hill] : {first}"))?;
    server.gets_frame(format!("[ann of the hill] : {second}"))?;
    for line in ["to leave type !DISCONNECT", "!DISCONNECT ", "!disconnect", "quit"] {
        harness.step(functions, &format!("ann types «{line}», which is a message like any other"));
        ann.types(line)?;
        server.gets_frame(format!("[ann of the hill] : {line}"))?;
    }
    harness.step(functions, "ann types a line with spaces at both ends; they should be sent");
    let line = format!("  {}  ", harness.words(2));
    ann.types(&line)?;
    server.gets_frame(format!("[ann of the hill] : {line}"))?;
    harness.step(&["type_messages", "encode"], "ann types a line of 1,500 characters");
    let long = "y".repeat(1500);
    ann.types(&long)?;
    server.gets_frame(format!("[ann of the hill] : {long}"))
}

/// Stage 5: The client shows messages while you type.
pub fn shows_frames_while_typing(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    let functions = &["show_frames"];
    harness.step(functions, "ann joins, and three messages arrive while she is typing");
    let (ann, server) = client(harness, &listener, "ann")?;
    let (begin, end) = (harness.words(1), harness.words(1));
    ann.begins_to_type(&begin)?;
    for _ in 0..3 {
        let payload = format!("[bob] : {}", harness.words(3));
        server.frames(&payload)?;
        ann.sees(&payload)?;
    }
    harness.step(&["type_messages", "show_frames"], "ann finishes the line she is typing");
    ann.types(&end)?;
    server.gets_frame(format!("[ann] : {begin}{end}"))?;
    harness.step(functions, "the payload's second line looks like cem's; it should be shown");
    let (words, forged) = (harness.words(2), format!("[cem] : {}", harness.words(2)));
    server.frames(format!("[bob] : {words}\n{forged}"))?;
    let fence = format!("[bob] : {}", harness.words(2));
    server.frames(&fence)?;
    ann.sees(&fence)?;
    ann.has_somewhere(&[&words])?;
    ann.has_somewhere(&[&forged])?;
    harness.step(
        &["show_frames"],
        "the payload's second line should not look like a message from cem",
    );
    ann.has_seen(0, &forged)?;
    let functions = &["show_frames", "type_messages"];
    harness.step(functions, "ann types nothing; her client should use no processor time");
    ann.rests()
}

/// Stage 7: The client exits cleanly.
pub fn ends_cleanly(harness: &Harness) -> Check {
    let listener = harness.listener()?;
    // If two threads race to set the exit status, the status is right only in some runs, so ann leaves in each way
    // several times. A server may close the connection before or after the client does.
    for (is_first, who_closes) in [(false, "her client"), (true, "the server")].repeat(2) {
        for (what, way) in WAYS_OUT {
            harness.step(&["type_messages", "encode"], &format!("ann joins before she {what}"));
            let (ann, server) = client(harness, &listener, "ann")?;
            let line = harness.words(2);
            ann.types(&line)?;
            server.gets_frame(format!("[ann] : {line}"))?;
            harness.step(
                &["type_messages"],
                &format!("ann {what}; {who_closes} closes the connection first"),
            );
            way(&ann)?;
            server.gets_frame("[ann] : !DISCONNECT")?;
            if is_first {
                server.ends_sending();
            }
            server.is_closed()?;
            server.closes();
            ann.exits(0)?;
        }
    }
    harness.step(&["show_frames"], "ann joins and sees a message");
    let (ann, server) = client(harness, &listener, "ann")?;
    let payload = format!("[bob] : {}", harness.words(2));
    server.frames(&payload)?;
    ann.sees(&payload)?;
    harness.step(&["show_frames"], "the server closes the connection, and ann presses no key");
    server.closes();
    ann.fails_saying("server")?;
    let functions = &["show_frames", "read_header"];
    harness.step(functions, "the server sends bob's client an invalid header");
    let (bob, server) = client(harness, &listener, "bob")?;
    server.sends("this is not a header, but it is longer than the sixty-four bytes of a header")?;
    bob.fails_saying("server")
}
