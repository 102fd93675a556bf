//! Where one message ends, on wires 1 and 2.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{MAX_MESSAGE, Messages};
use socket2::SockRef;

/// The two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    (peer, listener.accept().unwrap().0)
}

/// What arrives when a peer sends these bytes at once and closes.
fn all(bytes: &[u8]) -> Vec<String> {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    peer.write_all(bytes).unwrap();
    drop(peer);
    std::iter::from_fn(|| messages.receive().unwrap()).collect()
}

#[test]
fn a_message_ends_at_a_newline_and_at_the_end_of_the_stream() {
    assert_eq!(all(b"one\ntwo\r\n\n\r\nthree"), ["one", "two", "three"]);
    assert_eq!(all(b"\n\n"), [""; 0]);
    assert_eq!(all(b""), [""; 0]);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    assert_eq!(all(b"caf\xc3\xa9 caf\xe9\n"), ["café caf\u{FFFD}"]);
}

#[test]
fn the_limit_is_64_kib() {
    let longest = "x".repeat(MAX_MESSAGE);
    assert_eq!(all(format!("{longest}\nend\n").as_bytes()), [longest.as_str(), "end"]);
    assert_eq!(all(format!("{longest}\r\nend\n").as_bytes()), [longest.as_str(), "end"]);

    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    let sender = thread::spawn(move || {
        let _ = peer.write_all("x".repeat(MAX_MESSAGE + 1).as_bytes());
        peer
    });
    assert_eq!(messages.receive().unwrap_err().kind(), ErrorKind::InvalidData);
    drop(stream);
    sender.join().unwrap();
    assert_eq!(MAX_MESSAGE, 64 * 1024);
}

#[test]
fn a_server_may_put_1_kib_in_front() {
    let (mut peer, stream) = connection();
    let sender = thread::spawn(move || {
        let longest = "x".repeat(MAX_MESSAGE + 1024);
        let _ = peer.write_all(format!("{longest}\nx{longest}\n").as_bytes());
        peer
    });
    let mut messages = Messages::from_server(&stream);
    assert_eq!(messages.receive().unwrap().unwrap().len(), MAX_MESSAGE + 1024);
    assert_eq!(messages.receive().unwrap_err().kind(), ErrorKind::InvalidData);
    drop(stream);
    sender.join().unwrap();
}

#[test]
fn a_reset_is_an_error_and_no_end() {
    let (peer, stream) = connection();
    // Who does not linger does not say goodbye.
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let error = Messages::new(&stream).receive().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn for_one_of_ours_silence_means_nothing() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    peer.write_all(b"first\nhalf").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "first");
    let sender = thread::spawn(move || {
        // Longer than the silence after which an original's message ends.
        thread::sleep(Duration::from_millis(150));
        peer.write_all(b" a line\n").unwrap();
        peer
    });
    assert_eq!(messages.receive().unwrap().unwrap(), "half a line");
    sender.join().unwrap();
}

#[test]
fn for_an_original_silence_ends_a_message_for_ever() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    peer.write_all(b"bare").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "bare");
    // A newline ends one, too, without waiting, and changes nothing.
    peer.write_all(b"one\ntwo").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "one");
    assert_eq!(messages.receive().unwrap().unwrap(), "two");
}

#[test]
fn a_nickname_ends_in_silence_and_decides_nothing() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    peer.write_all(b"alice").unwrap();
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "alice");
    peer.write_all(b"ours\nhalf").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "ours");
    drop(peer);
    assert_eq!(messages.receive().unwrap().unwrap(), "half");
    assert_eq!(messages.receive().unwrap(), None);
}

#[test]
fn a_nickname_may_be_empty_and_may_be_glued_to_a_line() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    peer.write_all(b"\nalice\nhello\n").unwrap();
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "");
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "alice");
    assert_eq!(messages.receive().unwrap().unwrap(), "hello");
}

#[test]
fn a_handshake_has_a_limit_even_for_one_who_trickles() {
    let limit = Duration::from_millis(200);
    let (_silent, stream) = connection();
    let mut messages = Messages::new(&stream);
    assert_eq!(messages.handshake(Some(limit)).unwrap_err().kind(), ErrorKind::TimedOut);

    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream);
    let trickler = thread::spawn(move || {
        while peer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let begin = Instant::now();
    // (a machine that is busy for 50 ms makes a silence: then it is a nickname)
    if let Err(error) = messages.handshake(Some(limit)) {
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= limit);
    }
    drop(stream);
    trickler.join().unwrap();
}
