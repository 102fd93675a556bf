//! Tests that sending never blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::outbox::MAX_BACKLOG;
use common::{Bytes, Outbox, send_now};

/// More bytes than the system can buffer for a peer that does not read, and far more than the backlog can hold.
const FLOOD: usize = 64 * 1024 * 1024;

/// The time limit for each wait. Only a broken outbox reaches this limit.
const PATIENCE: Duration = Duration::from_secs(20);

fn connection() -> (TcpStream, Arc<TcpStream>, Outbox) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = Arc::new(listener.accept().unwrap().0);
    (peer, Arc::clone(&stream), Outbox::new(stream))
}

/// Returns the two ends of a Unix socket, because with TCP the amount that the system buffers is unknown.
fn local_connection() -> (UnixStream, Arc<TcpStream>) {
    let (stream, peer) = UnixStream::pair().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (peer, Arc::new(TcpStream::from(OwnedFd::from(stream))))
}

/// Sends until the socket accepts no more bytes. Returns how many bytes the socket accepted.
fn fill(mut stream: &TcpStream) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut filled = 0;
    while let Ok(sent) = stream.write(b"xxxxxxxxxxxxxxxx") {
        filled += sent;
    }
    stream.set_nonblocking(false).unwrap();
    filled
}

/// Returns bytes that reveal any missing or misplaced byte.
fn numbered(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Waits until the connection has at most `holders` owners. An outbox is one owner of the connection, and the outbox's
/// thread is another.
fn wait_for_holders(holders: usize, stream: &Weak<TcpStream>) {
    let begin = Instant::now();
    while stream.strong_count() > holders {
        assert!(begin.elapsed() < PATIENCE, "a thread is still sending");
        thread::yield_now();
    }
}

fn read_all(mut peer: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A disconnected peer might see a reset instead of the end of the stream; only the bytes before the reset matter.
    let _ = peer.read_to_end(&mut all);
    all
}

/// Runs `work`, which must not block.
fn does_not_block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    wait.recv_timeout(PATIENCE).expect("the outbox blocked")
}

#[test]
fn pushed_bytes_arrive_in_order_and_then_the_end() {
    let (peer, _stream, mut outbox) = connection();
    outbox.push("one ");
    outbox.push(&b"two "[..]);
    outbox.flush();
    outbox.push("three");
    drop(outbox);
    assert_eq!(read_all(peer), b"one two three");
}

#[test]
fn a_backlog_is_sent_later_in_order() {
    let (peer, _stream, mut outbox) = connection();
    // These bytes do not fit in the system's buffers alone, but they fit in these buffers and the backlog together.
    let bytes = numbered(4_500_000);
    let expected = bytes.clone();
    let reader = thread::spawn(move || read_all(peer));
    does_not_block(move || {
        for chunk in bytes.chunks(1000) {
            outbox.push(chunk.to_vec());
            outbox.flush();
            // A reader that keeps up must lose nothing, so give it a chance to read.
            thread::yield_now();
        }
    });
    let got = reader.join().unwrap();
    assert!(got == expected[..got.len()], "the bytes arrive in order");
}

#[test]
fn at_most_256_kib_are_gathered() {
    let (mut peer, _stream, mut outbox) = connection();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    outbox.push(vec![b'x'; 256 * 1024 - 1]);
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    outbox.push("x");
    peer.set_nonblocking(false).unwrap();
    peer.read_exact(&mut vec![0; 256 * 1024]).unwrap();
}

#[test]
fn many_pieces_of_any_length_arrive_in_order() {
    let (peer, _stream, mut outbox) = connection();
    let bytes = numbered(300_000);
    let shared = Bytes::from(bytes.clone());
    let mut from = 0;
    // There are more pieces than fit in one send, and some of them are empty.
    for number in 0..500 {
        let to = (from + number * 3 % 1200).min(bytes.len());
        outbox.push(shared.slice(from..to));
        from = to;
    }
    outbox.push(shared.slice(from..));
    drop(outbox);
    assert!(read_all(peer) == bytes, "the bytes arrive in order");
}

#[test]
fn a_partial_send_of_many_pieces_repeats_nothing() {
    let (mut peer, stream) = local_connection();
    let filled = fill(&stream);
    peer.read_exact(&mut vec![0; filled / 2]).unwrap();
    let mut outbox = Outbox::new(stream);
    let bytes = numbered(500_000);
    for piece in bytes.chunks(9_999) {
        outbox.push(piece.to_vec());
    }
    drop(outbox);
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert!(rest[filled - filled / 2..] == bytes, "the bytes arrive once, in order");
}

#[test]
fn send_now_accepts_a_part_and_then_nothing() {
    let (mut peer, stream) = local_connection();
    let filled = fill(&stream);
    peer.read_exact(&mut vec![0; filled / 2]).unwrap();
    let sent = send_now(&stream, &vec![b'y'; 500_000]).unwrap();
    assert!((1..500_000).contains(&sent), "sent {sent}");
    assert_eq!(send_now(&stream, b"y").unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(peer);
    assert_ne!(send_now(&stream, b"y").unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Sends at most 1000 bytes at a time.
fn send_a_little(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match send_now(stream, &bytes[..bytes.len().min(1000)]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        sent => sent,
    }
}

#[test]
fn an_own_send_that_sends_a_little_repeats_nothing() {
    for rest in [0, 400_000] {
        let (mut peer, stream) = local_connection();
        let filled = fill(&stream);
        peer.read_exact(&mut vec![0; filled / 2]).unwrap();
        let mut outbox = Outbox::sending_with(stream, send_a_little);
        let bytes = numbered(50_000 + rest);
        for piece in bytes.chunks(9_999) {
            outbox.push(piece.to_vec());
        }
        drop(outbox);
        let mut arrived = Vec::new();
        peer.read_to_end(&mut arrived).unwrap();
        assert!(arrived[filled - filled / 2..] == bytes, "the bytes arrive once, in order");
    }
}

#[test]
fn an_error_of_an_own_send_disconnects_the_peer() {
    let (mut peer, stream) = local_connection();
    let mut outbox = Outbox::sending_with(stream, |_, _| Err(ErrorKind::WouldBlock.into()));
    outbox.push("lost");
    outbox.flush();
    outbox.push("lost as well");
    outbox.flush();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

#[test]
#[should_panic(expected = "accepted more bytes than it was given")]
fn an_own_send_that_counts_wrong_is_noticed() {
    let (_peer, stream) = local_connection();
    let mut outbox = Outbox::sending_with(stream, |_, bytes| Ok(bytes.len() + 1));
    outbox.push("one");
    outbox.flush();
}

#[test]
fn a_small_backlog_is_not_lost_when_the_outbox_is_dropped() {
    let (mut peer, stream) = local_connection();
    let filled = fill(&stream);
    let mut outbox = Outbox::new(stream);
    outbox.push(vec![b'y'; 100_000]);
    does_not_block(move || drop(outbox));
    peer.read_exact(&mut vec![0; filled]).unwrap();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert!(rest == vec![b'y'; 100_000], "got {}", rest.len());
}

#[test]
fn a_backlog_of_1_mib_arrives() {
    let (mut peer, stream) = local_connection();
    let filled = fill(&stream);
    let mut outbox = Outbox::new(stream);
    let bytes = numbered(MAX_BACKLOG);
    for half in bytes.chunks(MAX_BACKLOG / 2) {
        outbox.push(half.to_vec());
    }
    let mut all = vec![0; filled + MAX_BACKLOG];
    peer.read_exact(&mut all).unwrap();
    assert!(all[filled..] == bytes, "the bytes arrive once and in order");
}

#[test]
fn a_backlog_over_1_mib_is_not_kept() {
    let (mut peer, stream) = local_connection();
    let filled = fill(&stream);
    let mut outbox = Outbox::new(stream);
    outbox.push(vec![b'y'; MAX_BACKLOG]);
    outbox.push("y");
    outbox.flush();
    // The peer has not read, so the socket has accepted nothing more.
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), filled);
    assert_eq!(MAX_BACKLOG, 1024 * 1024);
}

#[test]
fn bytes_that_the_socket_accepts_are_not_in_the_backlog() {
    let (mut peer, stream) = local_connection();
    let mut outbox = Outbox::new(stream);
    outbox.push(vec![b'x'; MAX_BACKLOG + 1]);
    peer.read_exact(&mut vec![0; MAX_BACKLOG + 1]).unwrap();
}

#[test]
fn a_slow_peer_may_take_its_time_until_the_outbox_is_dropped() {
    let (mut slow, stream) = local_connection();
    let filled = fill(&stream);
    let mut outbox = Outbox::new(stream);
    outbox.push(vec![b'y'; 100_000]);
    outbox.flush();

    let (_other, stream) = local_connection();
    fill(&stream);
    let waiting = Arc::downgrade(&stream);
    let mut dropped = Outbox::new(stream);
    dropped.push(vec![b'y'; 100_000]);
    drop(dropped);
    wait_for_holders(0, &waiting);

    // The first peer has been slow for even longer, but is still connected.
    slow.read_exact(&mut vec![0; filled + 100_000]).unwrap();
}

#[test]
fn no_thread_waits_for_a_peer_that_is_gone() {
    let (peer, stream) = local_connection();
    fill(&stream);
    let waiting = Arc::downgrade(&stream);
    let mut outbox = Outbox::new(stream);
    outbox.push(vec![b'y'; 100_000]);
    outbox.flush();
    drop(peer);
    wait_for_holders(1, &waiting);
}

#[test]
fn a_peer_that_does_not_read_is_disconnected_without_blocking() {
    let (peer, stream, mut outbox) = connection();
    does_not_block(move || {
        let chunk = [b'x'; 1000];
        for _ in 0..FLOOD / chunk.len() {
            outbox.push(chunk.to_vec());
            outbox.flush();
        }
    });
    // The reading thread sees the end of the stream.
    let mut byte = [0];
    assert!(!matches!((&*stream).read(&mut byte), Ok(1..)));
    let got = read_all(peer);
    assert!(got.len() < FLOOD - MAX_BACKLOG, "got {}", got.len());
    assert!(got.iter().all(|&byte| byte == b'x'));
}

#[test]
fn sending_to_a_peer_that_is_gone_is_not_an_error() {
    let (peer, _stream, mut outbox) = connection();
    drop(peer);
    does_not_block(move || {
        for _ in 0..100 {
            outbox.push(vec![b'x'; 100_000]);
            outbox.flush();
        }
    });
}
