//! Sending that never waits.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::Outbox;
use common::outbox::MAX_BACKLOG;

/// What the system may take for a peer that does not read, and much more than the backlog.
const FLOOD: usize = 64 * 1024 * 1024;

fn connection() -> (TcpStream, Arc<TcpStream>, Outbox) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = Arc::new(listener.accept().unwrap().0);
    (peer, Arc::clone(&stream), Outbox::new(stream))
}

fn read_all(mut peer: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A disconnected peer may see a reset instead of the end; what came before counts.
    let _ = peer.read_to_end(&mut all);
    all
}

/// Runs `work`, which must not wait for anybody.
fn does_not_block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    wait.recv_timeout(Duration::from_secs(20)).expect("the outbox blocked")
}

#[test]
fn what_was_pushed_arrives_in_order_and_then_the_end() {
    let (peer, _stream, mut outbox) = connection();
    outbox.push("one ");
    outbox.push(b"two ");
    outbox.flush();
    outbox.push("three");
    drop(outbox);
    assert_eq!(read_all(peer), b"one two three");
}

#[test]
fn a_backlog_follows_by_itself_in_order() {
    let (peer, _stream, mut outbox) = connection();
    // More than the system takes at once, less than system and backlog together.
    let bytes: Vec<u8> = (0..4_500_000_u32).map(|at| (at % 251) as u8).collect();
    let expected = bytes.clone();
    let reader = thread::spawn(move || read_all(peer));
    does_not_block(move || {
        for chunk in bytes.chunks(1000) {
            outbox.push(chunk);
            outbox.flush();
            // One who keeps up loses nothing: give the reader a chance.
            thread::yield_now();
        }
    });
    let got = reader.join().unwrap();
    assert!(got == expected[..got.len()], "the bytes arrive in order");
}

#[test]
fn a_small_backlog_is_not_lost_when_the_outbox_is_dropped() {
    let (mut peer, stream, mut outbox) = connection();
    // Fill the system's buffers until something is left over.
    let chunk = [b'x'; 1024];
    let mut pushed = 0;
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    while let Ok(sent) = std::io::Write::write(&mut &*stream, &chunk) {
        pushed += sent;
    }
    outbox.push(vec![b'y'; 100_000]);
    does_not_block(move || drop(outbox));
    let mut all = vec![0; pushed];
    peer.read_exact(&mut all).unwrap();
    assert_eq!(read_all(peer), vec![b'y'; 100_000]);
}

#[test]
fn who_does_not_read_is_disconnected_and_holds_up_nobody() {
    let (peer, stream, mut outbox) = connection();
    does_not_block(move || {
        let chunk = [b'x'; 1000];
        for _ in 0..FLOOD / chunk.len() {
            outbox.push(chunk);
            outbox.flush();
        }
    });
    // The thread that reads sees the end.
    let mut byte = [0];
    assert!(!matches!((&*stream).read(&mut byte), Ok(1..)));
    let got = read_all(peer);
    assert!(got.len() < FLOOD - MAX_BACKLOG, "got {}", got.len());
    assert!(got.iter().all(|&byte| byte == b'x'));
}

#[test]
fn a_peer_that_is_gone_is_no_error() {
    let (peer, _stream, mut outbox) = connection();
    drop(peer);
    does_not_block(move || {
        for _ in 0..100 {
            outbox.push(vec![b'x'; 100_000]);
            outbox.flush();
        }
    });
}
