//! Last words lost to a reset: closing a connection while unread bytes are waiting.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client sends 1 byte. The server does not read the byte, writes 1 MB, and\n\
         closes the connection. Then the client reads. What does the client get?",
        &[
            "everything, and then the end of the stream",
            "part of it, and then an error",
            "only an error",
        ],
    );
    prediction.compare(
        run(),
        "Closing a socket while unread bytes are waiting sends a reset (RST), not a FIN.\n\
         The system then discards the bytes that it still had to send; some systems\n\
         also discard bytes that have arrived. So before you close, read until the\n\
         other side has also closed its end.\n\
         Source: RFC 9293, section 3.6.1.\n\
         Chapter: docs/src/sockets.md#rst",
    )
}

/// Returns the letter of the choice that describes what happened when the byte was not read.
fn run() -> io::Result<char> {
    let happened = close(false)?;
    close(true)?;
    Ok(happened)
}

/// Returns the letter of the choice that describes what happened.
fn close(reads_first: bool) -> io::Result<char> {
    let (mut client, mut server) = loopback::connection()?;
    client.write_all(b"?")?;
    server.peek(&mut [0])?; // Waits until the byte has arrived.
    if reads_first {
        server.read_exact(&mut [0])?;
    }
    // If the timeout passes before the system has accepted all the bytes, the write returns the number of bytes that
    // were accepted.
    server.set_write_timeout(Some(Duration::from_millis(300)))?;
    let written = server.write(&vec![b'x'; 1_000_000])?;
    drop(server);

    let mut read = 0;
    let mut buffer = [0; 16_384];
    let end = loop {
        match client.read(&mut buffer) {
            Ok(0) => break "the end of the stream".to_owned(),
            Ok(n) => read += n,
            Err(error) => break error.kind().to_string(),
        }
    };
    let before = if reads_first { "with nothing unread" } else { "with 1 unread byte" };
    say!("Close {before}: {written} bytes were written,");
    say!("  {read} bytes arrived, and then: {end}.");
    Ok(match read {
        _ if read == written => 'a',
        0 => 'c',
        _ => 'b',
    })
}
