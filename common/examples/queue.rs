//! The queue of new connections: clients are connected even though the server does not call accept.

#[macro_use]
mod prediction;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A server listens but does not call accept. 200 clients try to connect, one\n\
         after another. How many of the clients are connected?",
        &[],
    );
    prediction.compare(
        run(),
        "The system completes the handshakes without help from the program. A call\n\
         to accept merely takes an established connection from a queue. Rust requests a\n\
         queue of 128 connections, and Linux adds one. When the queue is full, Linux\n\
         drops the client's SYN, and the client's system sends it again after 1 s.\n\
         Source: listen(2); tcp(7), tcp_abort_on_overflow.\n\
         Chapter: docs/src/sockets.md#what-travels",
    )
}

/// Returns how many clients were connected before one failed to connect.
fn run() -> io::Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // `bind` also calls listen(2).
    let address = listener.local_addr()?;
    let mut clients = Vec::new();
    for number in 1..=200 {
        // Without a timeout, the system would keep trying to connect for minutes.
        match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
            Ok(client) => clients.push(client),
            Err(error)
                if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ConnectionRefused) =>
            {
                say!("Client {number} was not connected within 0.5 s: {}.", error.kind());
                break;
            }
            Err(error) => return Err(error),
        }
    }
    say!("{} clients are connected.", clients.len());
    let connected = clients.len() as u64;

    // The other clients disconnect, which empties the queue.
    clients.truncate(1);
    for mut client in clients {
        client.write_all(b"hello")?;
        say!("Client 1 wrote 5 bytes. Only now does the server call accept.");
        let (mut server, _) = listener.accept()?;
        server.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut text = [0; 5];
        server.read_exact(&mut text)?;
        say!("The server read {:?} from client 1.", String::from_utf8_lossy(&text));
    }
    Ok(connected)
}
