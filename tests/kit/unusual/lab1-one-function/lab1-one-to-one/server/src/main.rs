//! Unusual: a single function that uses the standard library and a crate for Ctrl-C, but nothing from `common`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{env, process, thread};

fn main() {
    let (mut host, mut port, mut seats) = ("127.0.0.1".to_owned(), "9999".to_owned(), 2);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--host" => host = arguments.next().expect("--host HOST"),
            "--seats" => seats = arguments.next().and_then(|n| n.parse().ok()).expect("--seats N"),
            _ => port = argument,
        }
    }
    ctrlc::set_handler(|| process::exit(0)).expect("the first handler");
    let listener = TcpListener::bind(format!("{host}:{port}")).unwrap_or_else(|error| {
        eprintln!("cannot listen on {host}:{port}: {error}");
        process::exit(1)
    });
    let harmless = |text: &str| text.replace(|char: char| char.is_control(), "\u{FFFD}");
    println!("listening on {}", listener.local_addr().expect("it listens"));

    let room = Arc::new(Mutex::new(BTreeMap::new()));
    for (id, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream.map(Arc::new) else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        // Reads the bytes that are still arriving, so that a reset does not destroy the last message.
        let drain = |mut stream: &std::net::TcpStream| {
            let end = Instant::now() + Duration::from_secs(1);
            let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
            while Instant::now() < end {
                match stream.read(&mut [0; 4096]) {
                    Ok(0) => return,
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let mut members = room.lock().unwrap();
        if members.len() >= seats {
            thread::spawn(move || {
                let _ = (&*stream).write_all(b"The chatroom is full\n");
                let _ = stream.shutdown(Shutdown::Write);
                drain(&stream);
            });
            continue;
        }

        // The bytes that are waiting to be written, and whether they are the last bytes.
        let outbox = Arc::new((Mutex::new((Vec::new(), false)), Condvar::new()));
        outbox.0.lock().unwrap().0.extend_from_slice(b"Welcome to this chatroom!\n");
        members.insert(id, (Arc::clone(&stream), Arc::clone(&outbox)));
        drop(members);
        let (writer, to_write) = (Arc::clone(&stream), Arc::clone(&outbox));
        thread::spawn(move || {
            let (waiting, changed) = &*to_write;
            loop {
                let waiting_now = waiting.lock().unwrap();
                let waiting_now = changed.wait_while(waiting_now, |(b, end)| b.is_empty() && !*end);
                let chunk: Vec<u8> = waiting_now.unwrap().0.iter().take(16384).copied().collect();
                match (&*writer).write(&chunk) {
                    Ok(sent @ 1..) => drop(waiting.lock().unwrap().0.drain(..sent)),
                    _ => break drop(writer.shutdown(Shutdown::Write)),
                }
            }
        });

        let room = Arc::clone(&room);
        thread::spawn(move || {
            let ip = stream.peer_addr().map_or("?".into(), |peer| peer.ip().to_string());
            println!("{ip} connected");
            let tell = |outbox: &(Mutex<(Vec<u8>, bool)>, Condvar), line: &str, is_last| {
                let mut waiting = outbox.0.lock().unwrap();
                waiting.0.extend_from_slice(line.as_bytes());
                waiting.1 = is_last;
                outbox.1.notify_all();
                waiting.0.len() <= 1 << 20
            };
            let mut begun = Vec::new();
            let mut ends_in_silence = None;
            let mut buffer = [0; 16384];
            let last_words = 'connected: loop {
                let may_be_silent = !begun.is_empty() && ends_in_silence != Some(false);
                let silence = may_be_silent.then_some(Duration::from_millis(50));
                let _ = stream.set_read_timeout(silence);
                let (end_of_stream, end_of_message) = match (&*stream).read(&mut buffer) {
                    Ok(0) => (true, true),
                    Ok(read) => {
                        begun.extend_from_slice(&buffer[..read]);
                        (false, false)
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        ends_in_silence.get_or_insert(true);
                        (false, true)
                    }
                    Err(_) => break "",
                };
                let mut messages = Vec::new();
                while let Some(at) = begun.iter().position(|&byte| byte == b'\n') {
                    ends_in_silence.get_or_insert(false);
                    messages.push(begun.drain(..=at).collect::<Vec<_>>());
                }
                if end_of_message {
                    messages.push(std::mem::take(&mut begun));
                }
                for message in messages {
                    let message = message.strip_suffix(b"\n").unwrap_or(&message);
                    let message = message.strip_suffix(b"\r").unwrap_or(message);
                    if message.len() > 1 << 16 {
                        break 'connected "a message of more than 64 KiB: goodbye\n";
                    }
                    let text = String::from_utf8_lossy(message);
                    if text == "quit" {
                        break 'connected "";
                    }
                    if !text.is_empty() {
                        println!("<{ip}> {}", harmless(&text));
                        let line = format!("<{ip}> {text}\n");
                        let members = room.lock().unwrap();
                        for (_, (stream, outbox)) in members.iter().filter(|(it, _)| **it != id) {
                            if !tell(outbox, &line, false) {
                                let _ = stream.shutdown(Shutdown::Both);
                            }
                        }
                    }
                }
                if begun.len() > 1 << 16 {
                    break "a message of more than 64 KiB: goodbye\n";
                }
                if end_of_stream {
                    break "";
                }
            };
            room.lock().unwrap().remove(&id);
            tell(&outbox, last_words, true);
            println!("{ip} closed");
            drain(&stream);
        });
    }
}
