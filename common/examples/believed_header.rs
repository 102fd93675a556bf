//! A trusted header: what a false length costs the sender and the receiver.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client sends the header 9999999999, which announces a payload of that many\n\
         bytes, but then sends only 5 bytes.\n\
         A server trusts the header: it first reserves memory for the payload and then\n\
         reads the payload. What happens?",
        &["the memory is reserved, and the read waits", "the memory cannot be reserved"],
    );
    prediction.compare(
        run(),
        "15 bytes cost the client almost nothing, but they cost the server memory and\n\
         a thread that waits for bytes that never arrive. Linux can promise more memory\n\
         than it has and may kill a program later, when the memory is used. So compare\n\
         a length with a limit before you use it.\n\
         Source: malloc(3), Notes.\n\
         Chapter: docs/src/lab3.md#stage-9",
    )
}

/// Returns the letter of the choice that describes what happened.
fn run() -> io::Result<char> {
    let (mut client, mut server) = loopback::connection()?;
    client.write_all(b"9999999999hello")?;
    say!("The client sent 15 bytes.");

    let mut header = [0; 10];
    server.read_exact(&mut header)?;
    let length: u64 = String::from_utf8_lossy(&header).parse().map_err(io::Error::other)?;
    say!("The server read a header that promises {length} bytes.");

    // `Vec::with_capacity` would abort the program if the allocation failed.
    let mut payload = Vec::<u8>::new();
    let happened = match payload.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)) {
        Ok(()) => {
            say!("The server reserved {} bytes.", payload.capacity());
            'a'
        }
        Err(error) => {
            say!("The server could not reserve the memory: {error}.");
            'b'
        }
    };

    server.read_exact(&mut [0; 5])?;
    server.set_read_timeout(Some(Duration::from_millis(300)))?;
    match server.read(&mut [0]) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            say!("The server read 5 bytes. Its next read waited for 0.3 s, but nothing arrived.");
            Ok(happened)
        }
        Ok(n) => Err(io::Error::other(format!("no sixth byte was sent, but read returned {n}"))),
        Err(error) => Err(error),
    }
}
