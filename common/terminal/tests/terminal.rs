//! The end of a program while a line is being typed: the terminal is given back, and what was said last is
//! there to be read. Plain input, too.
//!
//! Without the test harness: a panic must be one of `main`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{self, Child, Command, Stdio};
use std::{env, thread};

use common::{MAX_MESSAGE, green};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use terminal::{Screen, Terminal};

/// Tells the program under test, which is this one too, what to do.
const DO: &str = "COMMON_TEST_DO";
/// Where it is told when.
const ADDRESS: &str = "COMMON_TEST_ADDRESS";

fn main() {
    match env::var(DO).as_deref() {
        Ok("panic") => panic_when_told(),
        Ok("end") => end_when_told(),
        Ok("green") => print!("{}", green("go")),
        Ok(_) => tell_lengths(),
        Err(_) => {
            a_panic_gives_the_terminal_back();
            what_was_printed_is_shown_before_the_end();
            a_long_line_becomes_several();
            green_is_for_people_who_can_see_it();
        }
    }
}

/// Types in another thread; answers the connection that tells when, and the screen.
fn type_meanwhile() -> (TcpStream, Screen) {
    let stream = TcpStream::connect(env::var(ADDRESS).unwrap()).unwrap();
    let mut terminal = Terminal::open("quit").unwrap();
    let screen = terminal.screen();
    thread::spawn(move || {
        while terminal.read_line().is_some() {}
        process::exit(3)
    });
    (stream, screen)
}

fn end_when_told() {
    let (mut stream, screen) = type_meanwhile();
    stream.read_exact(&mut [0]).unwrap();
    for message in ["first", "second", "third"] {
        screen.print(message);
    }
    screen.end(Ok(()))
}

fn tell_lengths() {
    let mut terminal = Terminal::open("quit").unwrap();
    while let Some(line) = terminal.read_line() {
        println!("{}", line.len());
    }
}

fn panic_when_told() {
    let (mut stream, _screen) = type_meanwhile();
    stream.read_exact(&mut [0]).unwrap();
    let _ = thread::spawn(|| panic!("a helper is gone")).join();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    panic!("main is gone");
}

/// The program under test, which is to do this.
fn program(what: &str) -> Command {
    let mut program = Command::new(env::current_exe().unwrap());
    program.env(DO, what).env("TERM", "xterm").env_remove("NO_COLOR");
    program
}

/// Starts the program, with one thing in its environment, at a terminal: its screen and its keyboard.
fn start_at_terminal(what: &str, name: &str, value: &str) -> (File, Child) {
    let pty = openpty(None, None).unwrap();
    let screen = File::from(pty.master);
    assert!(shows_typing(&screen));
    let copy = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut program = program(what);
    program.env(name, value).stdin(copy()).stdout(copy()).stderr(copy());
    (screen, program.spawn().unwrap())
}

/// Starts the program with a line to type: its screen and keyboard, the process, and the connection.
fn start(what: &str) -> (File, Child, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (mut screen, program) = start_at_terminal(what, ADDRESS, &address);
    let (stream, _) = listener.accept().unwrap();
    wait_for(&mut screen, "> ");
    assert!(!shows_typing(&screen), "the editor does that itself");
    (screen, program, stream)
}

fn a_panic_gives_the_terminal_back() {
    let (mut screen, mut program, mut stream) = start("panic");
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

fn what_was_printed_is_shown_before_the_end() {
    let (mut screen, mut program, mut stream) = start("end");
    screen.write_all(b"half").unwrap();
    wait_for(&mut screen, "half");
    stream.write_all(b"x").unwrap();
    for message in ["first", "second", "third"] {
        wait_for(&mut screen, message);
    }
    wait_for(&mut screen, "> half");
    let mut end = Vec::new();
    let _ = screen.read_to_end(&mut end);
    let end = String::from_utf8(end).unwrap();
    assert!(end.contains("\nError: the server closed the connection\r\n"), "{end:?}");
    assert_eq!(program.wait().unwrap().code(), Some(1));
    assert!(shows_typing(&screen));
}

fn a_long_line_becomes_several() {
    let mut program =
        program("lengths").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let half = MAX_MESSAGE / 2;
    let lines = format!("{}\nshort\n", "x".repeat(half + 1));
    program.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{half}\n1\n5\n"));
}

fn green_is_for_people_who_can_see_it() {
    let at_terminal = |name, value| {
        let (mut screen, mut program) = start_at_terminal("green", name, value);
        let mut shown = Vec::new();
        let _ = screen.read_to_end(&mut shown);
        program.wait().unwrap();
        String::from_utf8(shown).unwrap()
    };
    assert_eq!(at_terminal("TERM", "xterm"), "\x1b[32mgo\x1b[0m");
    assert_eq!(at_terminal("NO_COLOR", ""), "\x1b[32mgo\x1b[0m");
    assert_eq!(at_terminal("NO_COLOR", "1"), "go");
    assert_eq!(at_terminal("TERM", "dumb"), "go");
    assert_eq!(program("green").output().unwrap().stdout, b"go");
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
