//! The terminal is given back as it was found, even by a panic, while a line is being typed.
//!
//! Without the test harness: the panic must be one of `main`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{self, Command, Stdio};
use std::{env, thread};

use common::Terminal;
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};

/// Tells the program under test, which is this one too, where to ask what to do.
const ADDRESS: &str = "COMMON_TEST_ADDRESS";

fn main() {
    match env::var(ADDRESS) {
        Ok(address) => panic_when_told(&address),
        Err(_) => a_panic_gives_the_terminal_back(),
    }
}

fn panic_when_told(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut terminal = Terminal::open().unwrap();
    thread::spawn(move || {
        while terminal.read_line().is_some() {}
        process::exit(3)
    });
    stream.read_exact(&mut [0]).unwrap();
    let _ = thread::spawn(|| panic!("a helper is gone")).join();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    panic!("main is gone");
}

fn a_panic_gives_the_terminal_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pty = openpty(None, None).unwrap();
    let mut screen = File::from(pty.master);
    assert!(shows_typing(&screen));
    let copy = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut program = Command::new(env::current_exe().unwrap())
        .env(ADDRESS, listener.local_addr().unwrap().to_string())
        .env("TERM", "xterm")
        .stdin(copy())
        .stdout(copy())
        .stderr(copy())
        .spawn()
        .unwrap();
    drop(pty.slave);
    let (mut stream, _) = listener.accept().unwrap();
    wait_for(&mut screen, "> ");
    assert!(!shows_typing(&screen), "the editor does that itself");

    // Where others live on, nothing changes: the line can still be typed.
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    wait_for(&mut screen, "a helper is gone");
    screen.write_all(b"one\r").unwrap();
    wait_for(&mut screen, "one");
    wait_for(&mut screen, "\n");
    wait_for(&mut screen, "> ");
    assert!(!shows_typing(&screen));

    stream.write_all(b"x").unwrap();
    wait_for(&mut screen, "main is gone");
    // (on Linux the end of a terminal is an error)
    let _ = io::copy(&mut screen, &mut io::sink());
    assert_eq!(program.wait().unwrap().code(), Some(101));
    assert!(shows_typing(&screen));
}

/// Whether the terminal is as a shell needs it.
fn shows_typing(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON)
}

/// Reads byte by byte, so that nothing behind `text` is taken.
fn wait_for(screen: &mut File, text: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(text.as_bytes()) {
        let mut byte = [0];
        screen.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}
