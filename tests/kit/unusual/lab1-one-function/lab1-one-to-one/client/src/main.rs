//! Unusual: a single function that uses only the standard library and a crate for Ctrl-C. `stty` sets up the terminal.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, mem, thread};

fn main() {
    static LEFT: AtomicBool = AtomicBool::new(false);
    let port = env::args().nth(1).unwrap_or("9999".into());
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap_or_else(|error| {
        eprintln!("no server at 127.0.0.1:{port}: {error}");
        process::exit(1)
    });
    let stream = Arc::new(stream);
    let _ = stream.set_nodelay(true);

    // On a terminal, each key arrives immediately, and this program echoes it.
    let stty = |arguments: &[&str]| {
        let mut command = Command::new("stty");
        let command = command.args(arguments).stdin(Stdio::inherit()).output();
        command.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let found = stty(&["-g"]).unwrap_or_default();
    let is_plain = found.is_empty() || env::var("TERM").is_ok_and(|term| term == "dumb");
    if !is_plain {
        let _ = stty(&["-icanon", "-echo"]);
    }
    let restore = move || is_plain || stty(&[&found]).is_err();
    let (writer, restores) = (Arc::clone(&stream), restore.clone());
    let leave = move || {
        LEFT.store(true, Ordering::SeqCst);
        restores();
        let _ = (&*writer).write_all(b"quit");
        let _ = writer.shutdown(Shutdown::Write);
        thread::sleep(Duration::from_secs(1));
        process::exit(0)
    };
    ctrlc::set_handler(leave.clone()).expect("the first handler");

    // The half-typed line. A thread must hold the lock on this line to show anything.
    let typed = Arc::new(Mutex::new(Vec::new()));
    let show = move |bytes: &[u8]| drop(io::stdout().write_all(bytes).and(io::stdout().flush()));
    if !is_plain {
        show(b"> ");
    }
    let (half_typed, writer) = (Arc::clone(&typed), Arc::clone(&stream));
    thread::spawn(move || {
        for byte in io::stdin().bytes().map_while(Result::ok) {
            let mut line = half_typed.lock().unwrap();
            match byte {
                b'\n' => {
                    let text = mem::take(&mut *line);
                    if text == b"quit" {
                        break;
                    }
                    if !is_plain {
                        show(b"\n> ");
                    }
                    drop(line);
                    if !text.is_empty() {
                        let _ = (&*writer).write_all(&[&text, &b"\n"[..]].concat());
                    }
                }
                4 if line.is_empty() => break,
                8 | 127 => {
                    // A character may consist of several bytes.
                    while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
                    show(&[b"\r\x1b[K> ", &line[..]].concat());
                }
                b' '.. | b'\t' => {
                    line.push(byte);
                    if !is_plain {
                        show(&[byte]);
                    }
                }
                _ => {}
            }
        }
        leave();
    });

    let mut begun = Vec::new();
    let mut ends_in_silence = None;
    let mut buffer = [0; 16384];
    let why = loop {
        let may_be_silent = !begun.is_empty() && ends_in_silence != Some(false);
        let _ = stream.set_read_timeout(may_be_silent.then_some(Duration::from_millis(50)));
        let mut end_of_stream = None;
        let mut messages: Vec<Vec<u8>> = Vec::new();
        match (&*stream).read(&mut buffer) {
            Ok(read @ 1..) => begun.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ends_in_silence.get_or_insert(true);
                messages.push(mem::take(&mut begun));
            }
            Ok(0) => end_of_stream = Some("has closed the connection".to_owned()),
            Err(error) => end_of_stream = Some(format!("is lost: {error}")),
        }
        while let Some(at) = begun.iter().position(|&byte| byte == b'\n') {
            ends_in_silence.get_or_insert(false);
            messages.push(begun.drain(..=at).collect());
        }
        if end_of_stream.is_some() {
            messages.push(mem::take(&mut begun));
        }
        for message in messages {
            let text = String::from_utf8_lossy(&message);
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() && !LEFT.load(Ordering::SeqCst) {
                let text = text.replace(|char: char| char.is_control(), "\u{FFFD}");
                let line = typed.lock().unwrap();
                if is_plain {
                    show(format!("{text}\n").as_bytes());
                } else {
                    show(&[format!("\r\x1b[K{text}\n> ").as_bytes(), &line[..]].concat());
                }
            }
        }
        if begun.len() > 1 << 17 {
            break "sent a message that does not end".to_owned();
        }
        if let Some(why) = end_of_stream {
            break why;
        }
    };
    restore();
    if !LEFT.load(Ordering::SeqCst) {
        eprintln!("\nthe server {why}");
    }
    process::exit(i32::from(!LEFT.load(Ordering::SeqCst)))
}
