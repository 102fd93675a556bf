//! A torn send: two threads write to the same connection.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "Two threads write to one connection without a lock. Each sends 40 messages of\n\
         300,000 bytes, with one write_all for each message.\n\
         Does every message arrive in one piece?",
        &["yes", "no, some of them are interleaved"],
    );
    prediction.compare(
        run(),
        "The system accepts a large message piece by piece, and a piece of the other\n\
         thread's message can be sent between two pieces. Even if no small messages were\n\
         interleaved, no rule guarantees that small messages stay whole. So give each\n\
         connection one writer, or hold a lock while a message is sent.\n\
         Source: send(2); POSIX.1-2017, section 2.9.7: only file operations are atomic.\n\
         Chapter: docs/src/sockets.md#threads-and-sockets",
    )
}

/// Returns the letter of the choice that describes what happened.
fn run() -> io::Result<char> {
    let small = send(64, 5000)?;
    say!("2 x 5,000 messages of 64 bytes: interleaved in {small} places.");
    let large = send(300_000, 40)?;
    say!("2 x 40 messages of 300,000 bytes: interleaved in {large} places.");
    Ok(if large == 0 { 'a' } else { 'b' })
}

/// Has two threads send at the same time: one sends only the letter a, and the other sends only b. Returns how many
/// times, within a message, an `a` is followed by a `b` or a `b` by an `a`.
fn send(size: usize, messages: usize) -> io::Result<usize> {
    let (client, mut server) = loopback::connection()?;
    let client = Arc::new(client);
    let writers = [b'a', b'b'].map(|letter| {
        let client = Arc::clone(&client);
        thread::spawn(move || {
            let message = vec![letter; size];
            (0..messages).try_for_each(|_| (&*client).write_all(&message))
        })
    });
    drop(client); // The stream ends as soon as both threads have ended.

    let (mut position, mut last, mut torn) = (0, 0, 0);
    let mut buffer = [0; 16_384];
    loop {
        let n = server.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        for &letter in &buffer[..n] {
            if letter != last && position % size != 0 {
                torn += 1;
            }
            last = letter;
            position += 1;
        }
    }
    for writer in writers {
        writer.join().expect("a writing thread does not panic")?;
    }
    Ok(torn)
}
