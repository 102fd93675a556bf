//! Tests each kind of network trouble: checks what the peers receive and what the ladder shows.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use grader::labs::lab3::wire::frame;

use crate::trace::{Trace, listener, pieces, reads, send, texts};

/// The maximum number of attempts. On a busy machine, the peer may not read in time.
const CHANCES: usize = 3;

#[test]
fn without_trouble_everything_is_passed_on_and_drawn() {
    let server = listener();
    let mut trace = Trace::before(2, &server, &[]);
    let (alice, to_alice) = trace.pair(&server);
    send(&to_alice, "NICK");
    reads(&alice, "NICK");
    send(&alice, "alice");
    reads(&to_alice, "alice");
    send(&to_alice, "alice joined!\n");
    reads(&alice, "alice joined!\n");
    send(&alice, b"alice: \x1b[2J\xff\n");
    let mut rest = [0; 13];
    (&to_alice).read_exact(&mut rest).unwrap();
    drop(alice);
    assert_eq!((&to_alice).read(&mut rest).unwrap(), 0);
    drop(to_alice);
    (0..2).for_each(|_| drop(trace.draws("closes")));
    let ladder = trace.stops();
    let all = [
        "connects",
        "NICK",
        "alice",
        "alice joined!⏎",
        "alice: \\x1b[2J\\xff⏎",
        "closes",
        "closes",
    ];
    assert_eq!(texts(&ladder), all, "{ladder:#?}");
    // The lane gets the client's name once the trace has seen the name in the stream.
    assert!(ladder[0].contains("#1") && ladder.iter().any(|line| line.ends_with("alice")));
    assert!(!ladder.concat().contains('\x1b'));
}

#[test]
fn bytes_arrive_in_pieces() {
    let server = listener();
    let trace = Trace::before(1, &server, &["--split", "2"]);
    let (client, peer) = trace.pair(&server);
    let mut seen = Vec::new();
    for _ in 0..CHANCES {
        send(&client, "hello\n");
        seen.push(pieces(&peer, 6));
        if seen.last().is_some_and(|pieces| pieces == &["he", "ll", "o\n"]) {
            send(&peer, "hello\n");
            pieces(&client, 6);
            // On a busy machine, the pieces of a message may arrive so slowly that they are drawn in separate rows.
            let drawn = texts(&trace.stops()).join("╎");
            assert!(drawn.ends_with("he╎ll╎o⏎╎he╎ll╎o⏎"), "{drawn}");
            return;
        }
    }
    panic!("{seen:?}");
}

#[test]
fn messages_are_held_and_glued() {
    let server = listener();
    let trace = Trace::before(1, &server, &["--hold", "1s", "--glue", "--only", "to-server"]);
    let (client, peer) = trace.pair(&server);
    let begin = Instant::now();
    send(&client, "one\n");
    // The reply proves that `one` has arrived at the relay, separately from the next message.
    send(&peer, "hi\n");
    reads(&client, "hi\n");
    send(&client, "two\nthr");
    assert_eq!(pieces(&peer, 11), ["one\ntwo\nthr"]);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let ladder = trace.stops();
    let rows: Vec<_> =
        texts(&ladder).into_iter().map(|text| text.split("  ").next().unwrap()).collect();
    assert_eq!(rows, ["connects", "hi⏎", "one⏎", "+ two⏎", "+ thr"], "{ladder:#?}");
    assert!(ladder.iter().any(|line| line.contains("one⏎") && line.ends_with(" ms late")));
}

#[test]
fn messages_are_delayed() {
    let server = listener();
    let mut trace = Trace::before(1, &server, &["--delay", "300ms-400ms"]);
    let (client, peer) = trace.pair(&server);
    let begin = Instant::now();
    send(&client, "hello\n");
    reads(&peer, "hello\n");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    let line = trace.draws("hello⏎");
    let late = line.strip_suffix(" ms late").and_then(|line| line.rsplit(' ').next()?.parse().ok());
    assert!(late.is_some_and(|late: u64| late >= 300), "{line}");
}

#[test]
fn bytes_arrive_slowly() {
    let server = listener();
    let trace = Trace::before(1, &server, &["--rate", "20/s"]);
    let (client, peer) = trace.pair(&server);
    let begin = Instant::now();
    send(&client, "0123456789\n");
    assert!(
        pieces(&peer, 11).iter().all(|piece| piece.len() <= 2) || begin.elapsed().as_secs() > 1
    );
    // The first two bytes are passed on immediately.
    assert!(begin.elapsed() >= Duration::from_millis(400));
}

/// Sends ten bytes to the server and asserts that only four arrive.
fn four_of_ten(trouble: &str, kind: &str) -> (Trace, TcpStream, TcpStream) {
    let server = listener();
    let mut trace = Trace::before(1, &server, &[trouble, "4", "--only", "to-server"]);
    let (client, peer) = trace.pair(&server);
    send(&client, "hello you\n");
    let line = trace.draws("✗");
    assert!(line.ends_with(&format!("✗ {kind} after 4 bytes")) && line.contains('╌'), "{line}");
    reads(&peer, "hell");
    (trace, client, peer)
}

#[test]
fn a_direction_stops_for_ever() {
    let (trace, client, peer) = four_of_ten("--stop-after", "stops forever");
    // The other direction continues. The bytes `hi there` are sent after `more`, so if only `hi there` arrives, the
    // relay does not pass `more` on.
    send(&client, "more\n");
    send(&peer, "hi there\n");
    reads(&client, "hi there\n");
    peer.set_nonblocking(true).unwrap();
    let kind = (&peer).read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::WouldBlock));
    // The ladder shows only bytes that were passed on.
    assert_eq!(
        texts(&trace.stops()),
        ["connects", "hell", "✗ stops forever after 4 bytes", "hi there⏎"]
    );
}

#[test]
fn a_direction_is_closed() {
    let (_trace, client, peer) = four_of_ten("--half-close-after", "closes this direction");
    assert_eq!((&peer).read(&mut [0]).unwrap(), 0);
    send(&peer, "hi there\n");
    reads(&client, "hi there\n");
}

#[test]
fn a_connection_is_closed() {
    let (_trace, client, peer) = four_of_ten("--close-after", "closes the connection");
    assert_eq!((&peer).read(&mut [0]).unwrap(), 0);
    assert_eq!((&client).read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_connection_is_reset() {
    let (_trace, client, peer) = four_of_ten("--reset-after", "resets the connection");
    for end in [client, peer] {
        let kind = (&end).read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::ConnectionReset));
    }
}

#[test]
fn trouble_is_only_for_one_client() {
    let server = listener();
    let trace = Trace::before(3, &server, &["--stop-after", "70", "--only", "bob"]);
    let (ann, to_ann) = trace.pair(&server);
    let (bob, to_bob) = trace.pair(&server);
    let text = |name: &str| String::from_utf8(frame(format!("[{name}] : hello"))).unwrap();
    for _ in 0..2 {
        send(&ann, text("ann"));
        reads(&to_ann, &text("ann"));
    }
    send(&bob, text("bob"));
    reads(&to_bob, &text("bob")[..70]);
    let ladder = trace.stops();
    let rows = texts(&ladder);
    assert_eq!(rows.iter().filter(|text| **text == "13‹62 spaces›[ann] : hello").count(), 2);
    let end = ["13‹62 spaces›[bob] …", "✗ stops forever after 70 bytes"];
    assert!(rows.ends_with(&end), "{ladder:#?}");
}

#[test]
fn a_seed_repeats_the_pieces() {
    let drawn = |seed: &str| {
        let server = listener();
        let trace = Trace::before(1, &server, &["--split", "1-7", "--seed", seed]);
        let (client, peer) = trace.pair(&server);
        send(&client, "what-a-long-message-this-is\n");
        reads(&peer, "what-a-long-message-this-is\n");
        texts(&trace.stops())[1..].join("╎")
    };
    let first = drawn("7");
    assert_eq!(first, drawn("7"));
    assert_ne!(first, drawn("8"));
    assert_eq!(first.replace('╎', ""), "what-a-long-message-this-is⏎");
    // If no seed is given, the trace chooses and prints one.
    let server = listener();
    let mut trace = Trace::before(1, &server, &["--split", "1-7"]);
    trace.says("--seed ");
}

#[test]
fn trouble_that_makes_no_sense_is_refused() {
    for (arguments, says) in [
        (&["3", "--split", "0"][..], "a piece has at least 1 byte"),
        (&["3", "--delay", "20"], "20ms or 0.5s"),
        (&["3", "--rate", "0"], "bytes per second"),
        (&["3", "--stop-after", "1", "--reset-after", "2"], "cannot be used with"),
        (&["3", "--glue"], "--hold"),
        (&["3", "--server", "x"], "{port}"),
        (&["9"], "the labs are numbered 1 to 4"),
        (&[], "<LAB>"),
        (&["3", "--show", "x"], "cannot be used with"),
        (&["--show", "x", "--split", "1"], "cannot be used with"),
    ] {
        let output = crate::lab().arg("trace").args(arguments).assert().code(2);
        output.stderr(predicates::str::contains(says));
    }
}
