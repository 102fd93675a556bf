//! Tests that closing a connection does not lose the last bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use common::{drain, refuse};

/// Returns the two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (peer, listener.accept().unwrap().0)
}

#[test]
fn drain_reads_to_the_end_of_the_stream() {
    let (mut peer, mut stream) = connection();
    peer.write_all(&[b'x'; 10_000]).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    drain(&stream);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_refused_peer_that_sent_a_lot_reads_the_reason() {
    // If `refuse` caused a reset, a peer over TCP might still read `full` and the end of the stream first, so this test
    // would not always fail. Over a Unix socket, the peer always gets the reset instead of the end of the stream.
    let (stream, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(&vec![b'x'; 50_000]).unwrap();
    refuse(Arc::new(TcpStream::from(OwnedFd::from(stream))), b"full\n");
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"full\n");
}
