//! Half-close: one direction of a connection ends, and the other direction continues.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client writes \"hello\" and calls shutdown(Write). The server reads to the\n\
         end of the stream and only then writes a reply.\n\
         What does the client's next read return?",
        &["the reply", "0 bytes: the end of the stream", "an error"],
    );
    prediction.compare(
        run(),
        "Each direction of a connection ends separately, with its own FIN. The client\n\
         closed only its own direction, so the server could still reply. A client that\n\
         leaves this way still receives everything that the server sends.\n\
         Source: shutdown(2); RFC 9293, section 3.6.\n\
         Chapter: docs/src/sockets.md#the-end-fin-and-time_wait",
    )
}

/// Returns the letter of the choice that describes what happened.
fn run() -> io::Result<char> {
    let (mut client, mut server) = loopback::connection()?;
    client.write_all(b"hello")?;
    client.shutdown(Shutdown::Write)?;

    let mut text = String::new();
    server.read_to_string(&mut text)?;
    say!("The server read {text:?} and then the end of the stream.");
    server.write_all(format!("you said {} bytes", text.len()).as_bytes())?;

    let mut buffer = [0; 100];
    let happened = match client.read(&mut buffer) {
        Ok(0) => {
            say!("The client read 0 bytes.");
            'b'
        }
        Ok(n) => {
            say!("The client read {:?}.", String::from_utf8_lossy(&buffer[..n]));
            'a'
        }
        Err(error) => {
            say!("The client's read failed: {}.", error.kind());
            'c'
        }
    };
    match client.write(b"more") {
        Ok(n) => say!("Another write by the client succeeded: {n} bytes."),
        Err(error) => say!("Another write by the client failed: {}.", error.kind()),
    }
    Ok(happened)
}
