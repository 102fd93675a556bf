//! Nagle's algorithm and delayed acknowledgment: two systems wait for each other.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const REQUESTS: usize = 15;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client sends each request with two writes, a header and a payload, and then\n\
         waits for the reply. Nagle's algorithm is on, which is the default.\n\
         How long does a typical request (the median of 15) take on this computer?",
        &["less than 1 ms", "1 to 20 ms", "more than 20 ms"],
    );
    prediction.compare(
        run(),
        "Nagle's algorithm holds the payload back until the header is acknowledged.\n\
         The server's operating system delays this acknowledgment so that it can send\n\
         it together with the reply. But the server cannot reply without the payload. On\n\
         Linux, the delay is often 40 ms. Send a message with one write and turn off\n\
         Nagle's algorithm where small messages must be sent immediately.\n\
         Source: RFC 9293, sections 3.7.4 and 3.8.6.3; tcp(7), TCP_NODELAY.\n\
         Chapter: docs/src/sockets.md#threads-and-sockets",
    )
}

/// Returns the letter of the choice that describes what happened.
fn run() -> io::Result<char> {
    let on = median(false)?;
    say!("Nagle's algorithm on (the default):  {:.3} ms", on.as_secs_f64() * 1000.0);
    let off = median(true)?;
    say!("Nagle's algorithm off (set_nodelay): {:.3} ms", off.as_secs_f64() * 1000.0);
    Ok(match on.as_millis() {
        0 => 'a',
        1..=20 => 'b',
        _ => 'c',
    })
}

/// Returns the median time from a request to its reply.
fn median(nodelay: bool) -> io::Result<Duration> {
    let (mut client, mut server) = loopback::connection()?;
    client.set_nodelay(nodelay)?;
    let serving = thread::spawn(move || -> io::Result<()> {
        for _ in 0..REQUESTS {
            server.read_exact(&mut [0; 9])?;
            server.write_all(b"ok")?;
        }
        Ok(())
    });
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let start = Instant::now();
        client.write_all(b"0005")?;
        client.write_all(b"hello")?;
        client.read_exact(&mut [0; 2])?;
        times.push(start.elapsed());
    }
    serving.join().expect("the server's thread does not panic")?;
    times.sort();
    Ok(times[REQUESTS / 2])
}
