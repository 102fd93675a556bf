//! Glued and cut: the reads on one side do not match the writes on the other side.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A client writes \"hello\\n\" (6 bytes) and then \"hi\\n\" (3 bytes).\n\
         Then the server calls read once, with room for 100 bytes.\n\
         How many bytes does this read return?",
        &[],
    );
    prediction.compare(
        run(),
        "TCP carries a stream of bytes. The system does not record where a write\n\
         ended, so a read returns the bytes that have arrived, up to the size of its\n\
         buffer. A program must mark the end of each message itself.\n\
         Source: RFC 9293, section 2.2; recv(2).\n\
         Chapter: docs/src/sockets.md#the-buffers",
    )
}

/// Returns the number of bytes in the first read.
fn run() -> io::Result<u64> {
    let (mut client, mut server) = loopback::connection()?;
    client.set_nodelay(true)?; // Nagle's algorithm is the topic of another experiment.
    client.write_all(b"hello\n")?;
    client.write_all(b"hi\n")?;
    let mut buffer = [0; 100];
    let first = server.read(&mut buffer)?;
    say!("Glued: after 2 writes, the first read returned {first} bytes:");
    say!("  {:?}", String::from_utf8_lossy(&buffer[..first]));
    if first < 9 {
        server.read_exact(&mut buffer[first..9])?;
    }

    // A second thread writes, because the system might not accept all the bytes until the server reads.
    let writing = thread::spawn(move || client.write_all(&vec![b'x'; 100_000]));
    let mut sizes = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        match server.read(&mut buffer)? {
            0 => break,
            n => sizes.push(n),
        }
    }
    writing.join().expect("the writing thread does not panic")?;
    say!("Cut: 1 write of {} bytes needed {} reads:", sizes.iter().sum::<usize>(), sizes.len());
    for line in sizes.chunks(10).take(3) {
        say!("  {line:?}");
    }
    Ok(first as u64)
}
