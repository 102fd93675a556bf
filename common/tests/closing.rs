//! Endings in which the last words arrive.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use common::{drain, refuse};

/// The two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (peer, listener.accept().unwrap().0)
}

#[test]
fn what_the_peer_still_sends_is_read_to_its_end() {
    let (mut peer, mut stream) = connection();
    peer.write_all(&[b'x'; 10_000]).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    drain(&stream);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_refused_peer_that_has_sent_a_lot_reads_the_reason() {
    // (over TCP the reason and the end overtake a reset; here nothing does)
    let (stream, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(&vec![b'x'; 50_000]).unwrap();
    refuse(Arc::new(TcpStream::from(OwnedFd::from(stream))), b"full\n");
    let mut told = Vec::new();
    peer.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"full\n");
}
