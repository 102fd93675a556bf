//! A deaf peer: how many bytes the system accepts for a peer that never reads.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

/// The number of bytes after which the client stops. No system should accept this many bytes.
const LIMIT: u64 = 256_000_000;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client writes again and again. The server never reads.\n\
         How many bytes does the system accept before a write has to wait?",
        &[],
    );
    prediction.compare(
        run(),
        "The bytes were in the client's send buffer and in the server's receive buffer.\n\
         When both buffers are full, a write waits. This is called backpressure. While a\n\
         server's thread waits in such a write, it does nothing for other clients.\n\
         Source: tcp(7), tcp_wmem and tcp_rmem; RFC 9293, section 3.8.6 (the window).\n\
         Chapter: docs/src/sockets.md#the-buffers",
    )
}

/// Returns how many bytes were accepted.
fn run() -> io::Result<u64> {
    let (mut client, mut server) = loopback::connection()?;
    // Without a timeout, the last write would wait forever.
    client.set_write_timeout(Some(Duration::from_millis(300)))?;
    let mut accepted = 0;
    while accepted < LIMIT {
        match client.write(&[b'x'; 16_384]) {
            Ok(n) => accepted += n as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                say!("A write waited for 0.3 s, and nothing was accepted.");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    say!("Before that, {accepted} bytes were accepted.");

    drop(client);
    let mut read = 0;
    let mut buffer = [0; 16_384];
    loop {
        match server.read(&mut buffer)? {
            0 => break,
            n => read += n as u64,
        }
    }
    say!("Then the server read everything: {read} bytes.");
    Ok(accepted)
}
