//! Tests that a stream in the wire format of lab 1 or 2 is split into the right messages.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use common::room::Gather;
use common::{MAX_MESSAGE, Messages};
use rustix::io::ioctl_fionread;
use socket2::SockRef;

/// Returns the two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    (peer, listener.accept().unwrap().0)
}

/// Returns the messages that arrive when a peer sends all these bytes together and then closes the connection.
fn all(bytes: &[u8]) -> Vec<String> {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    peer.write_all(bytes).unwrap();
    drop(peer);
    std::iter::from_fn(|| messages.receive().unwrap()).collect()
}

#[test]
fn a_message_ends_at_a_newline_and_at_the_end_of_the_stream() {
    assert_eq!(all(b"one\ntwo\r\r\n\n\r\nthree"), ["one", "two", "three"]);
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
    let mut messages = Messages::new(&stream, &());
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
fn a_server_may_add_a_prefix_of_1_kib() {
    let (mut peer, stream) = connection();
    let sender = thread::spawn(move || {
        let longest = "x".repeat(MAX_MESSAGE + 1024);
        let _ = peer.write_all(format!("{longest}\nx{longest}\n").as_bytes());
        peer
    });
    let mut messages = Messages::from_server(&stream, "Welcome!", "No: ");
    assert_eq!(messages.receive().unwrap().unwrap().len(), MAX_MESSAGE + 1024);
    assert_eq!(messages.receive().unwrap_err().kind(), ErrorKind::InvalidData);
    drop(stream);
    sender.join().unwrap();
}

#[test]
fn a_reset_is_an_error_and_not_the_end() {
    let (peer, stream) = connection();
    // With a linger time of zero, closing sends a reset.
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let error = Messages::new(&stream, &()).receive().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn silence_does_not_end_a_message_of_our_client() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    peer.write_all(b"first\nhalf").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "first");
    let sender = thread::spawn(move || {
        // This pause is longer than the silence after which a message from an original client is considered complete.
        thread::sleep(Duration::from_millis(150));
        peer.write_all(b" a line\n").unwrap();
        peer
    });
    assert_eq!(messages.receive().unwrap().unwrap(), "half a line");
    sender.join().unwrap();
}

/// Sends the pieces one by one and checks that the messages received for each piece are its `expected` messages.
fn receive_each(messages: &mut Messages, peer: &mut TcpStream, pieces: &[(&str, &[&str])]) {
    for (piece, expected) in pieces {
        peer.write_all(piece.as_bytes()).unwrap();
        for expected in *expected {
            assert_eq!(messages.receive().unwrap().as_deref(), Some(*expected), "of {piece:?}");
        }
    }
}

#[test]
fn an_original_client_is_recognized_by_its_first_message() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    // After the first message, each message consists of the bytes that one `recv` returns. The reader does not wait for
    // the bytes of the next `recv`.
    receive_each(&mut messages, &mut peer, &[("bare", &["bare"])]);
    let begin = Instant::now();
    receive_each(&mut messages, &mut peer, &[("one", &["one"][..]); 20]);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn a_client_that_sends_a_newline_is_no_longer_an_original() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    receive_each(&mut messages, &mut peer, &[("hel", &["hel"]), ("lo\nhal", &["lo"])]);
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        peer.write_all(b"f\n").unwrap();
        peer
    });
    assert_eq!(messages.receive().unwrap().unwrap(), "half");
    sender.join().unwrap();
}

#[test]
fn the_first_message_of_a_trickling_client_ends_after_a_second() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    let trickler = thread::spawn(move || {
        while peer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let begin = Instant::now();
    let first = messages.receive().unwrap().unwrap();
    // If the machine is busy for 50 ms, the reader may take this pause for the end of the message.
    assert!(begin.elapsed() < Duration::from_secs(5) && first.len() < 1000, "{first}");
    drop(stream);
    trickler.join().unwrap();
}

/// Sends the next piece as soon as the reader has read the previous piece, no matter how busy the machine is.
struct Follows {
    peer: TcpStream,
    next: Mutex<Option<Vec<u8>>>,
}

impl Gather for Follows {
    fn gather(&self) {
        if let Some(piece) = self.next.lock().unwrap().take() {
            (&self.peer).write_all(&piece).unwrap();
        }
    }

    fn hand_over(&self) {}
}

#[test]
fn a_possibly_incomplete_message_of_an_original_gets_more_time() {
    let (mut peer, stream) = connection();
    let follows = Follows { peer: peer.try_clone().unwrap(), next: Mutex::default() };
    let mut messages = Messages::new(&stream, &follows);
    receive_each(&mut messages, &mut peer, &[("bare", &["bare"])]);
    let long = "x".repeat(1024);
    let pieces: [&[u8]; 4] = [b"caf\xc3", b"\xa9", long.as_bytes(), b"y"];
    for two in pieces.chunks(2) {
        *follows.next.lock().unwrap() = Some(two[1].to_owned());
        peer.write_all(two[0]).unwrap();
        let message = messages.receive().unwrap().unwrap();
        assert_eq!(message, String::from_utf8(two.concat()).unwrap());
    }
}

/// Returns the messages that a client receives from a server that pauses after each of these pieces.
fn from_server(pieces: &[&str]) -> Vec<String> {
    let (mut peer, stream) = connection();
    let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
    let client = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        for piece in pieces {
            peer.write_all(piece.as_bytes()).unwrap();
            // On a busy machine, the client may read the piece late.
            while ioctl_fionread(&client).unwrap() > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(120));
        }
    });
    let mut messages = Messages::from_server(&stream, "alice joined!", "Nickname refused: ");
    let all = std::iter::from_fn(|| messages.receive().unwrap()).collect();
    sender.join().unwrap();
    all
}

#[test]
fn a_client_recognizes_our_server_by_its_greeting() {
    // No matter how the greeting was split, later lines from our server can arrive in pieces.
    let ours: [&[&str]; 4] = [
        &["alice joined!\nbo", "b: hi\n"],
        &["alice", " joined!\nbo", "b: hi\n"],
        &["alice joined!", "\nbo", "b: hi\n"],
        &["alice joined!", "\n", "bo", "b: hi\n"],
    ];
    for pieces in ours {
        assert_eq!(from_server(pieces), ["alice joined!", "bob: hi"], "{pieces:?}");
    }
    let refused = ["Nickname ref", "used: it is ", "taken\n"];
    assert_eq!(from_server(&refused), ["Nickname refused: it is taken"]);
}

#[test]
fn a_client_recognizes_an_original_server_by_any_other_greeting() {
    let originals: [(&[&str], &[&str]); 6] = [
        (&["alice joined!", "Connected", "bob: hi"], &["alice joined!", "Connected", "bob: hi"]),
        (&["alice joined!Connected", "bob: hi"], &["alice joined!Connected", "bob: hi"]),
        // The original server passes on our client's line with its newline but must not be mistaken for our server.
        (&["bob: hi\n", "one", "two\n", "three"], &["bob: hi", "one", "two", "three"]),
        (&["alice joined!bob: hi\n", "one", "two"], &["alice joined!bob: hi", "one", "two"]),
        (
            &["alice joined!", "bob: hi\n", "one", "two"],
            &["alice joined!", "bob: hi", "one", "two"],
        ),
        (&["alice", " said", "so"], &["alice said", "so"]),
    ];
    for (pieces, expected) in originals {
        assert_eq!(from_server(pieces), expected, "{pieces:?}");
    }
}

#[test]
fn silence_ends_a_nickname_and_decides_nothing() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    peer.write_all(b"alice").unwrap();
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "alice");
    peer.write_all(b"ours\nhalf").unwrap();
    assert_eq!(messages.receive().unwrap().unwrap(), "ours");
    drop(peer);
    assert_eq!(messages.receive().unwrap().unwrap(), "half");
    assert_eq!(messages.receive().unwrap(), None);
}

#[test]
fn a_nickname_may_be_empty_and_arrive_together_with_a_line() {
    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    peer.write_all(b"\nalice\nhello\n").unwrap();
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "");
    assert_eq!(messages.handshake(None).unwrap().unwrap(), "alice");
    assert_eq!(messages.receive().unwrap().unwrap(), "hello");
}

#[test]
fn a_handshake_has_a_limit_even_for_a_trickling_client() {
    let limit = Duration::from_millis(200);
    let (_silent, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    assert_eq!(messages.handshake(Some(limit)).unwrap_err().kind(), ErrorKind::TimedOut);

    let (mut peer, stream) = connection();
    let mut messages = Messages::new(&stream, &());
    let trickler = thread::spawn(move || {
        while peer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let begin = Instant::now();
    // If the machine is busy for 50 ms, the reader may take this pause for the end of the nickname.
    if let Err(error) = messages.handshake(Some(limit)) {
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= limit);
    }
    drop(stream);
    trickler.join().unwrap();
}
