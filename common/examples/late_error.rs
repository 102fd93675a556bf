//! An error that is reported one write late: writing to a peer that has closed the connection.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::process::ExitCode;

/// The number of writes after which the client stops. No system should accept this many writes.
const LIMIT: u64 = 100_000;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "The server has closed the connection, and its FIN has arrived. The client\n\
         keeps writing, 1 byte at a time. Which write is the first to fail?",
        &[],
    );
    prediction.compare(
        run(),
        "A FIN means only that the server will send no more bytes; the server might\n\
         still read. So the client's system accepts the first byte and sends it. The\n\
         server's system replies with a reset (RST), and only a later write reports\n\
         the reset. A successful write does not mean that anything has arrived.\n\
         Source: RFC 9293, section 3.6.1; send(2), EPIPE.\n\
         Chapter: docs/src/sockets.md#how-the-other-side-ends",
    )
}

/// Returns the number of the first write that failed.
fn run() -> io::Result<u64> {
    let (mut client, server) = loopback::connection()?;
    drop(server);
    say!("The client read {} bytes, which means the end of the stream.", client.read(&mut [0])?);
    for number in 1..=LIMIT {
        match client.write(b"x") {
            Ok(n) if number <= 5 => say!("Write {number}: {n} byte was accepted."),
            Ok(_) => {}
            Err(error) => {
                say!("Write {number} failed: {}.", error.kind());
                return Ok(number);
            }
        }
    }
    say!("All {LIMIT} writes were accepted.");
    Ok(LIMIT + 1)
}
