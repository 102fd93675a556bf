//! Tests that the terminal is restored and the last messages are visible if a program exits while a line is being
//! typed. These tests also check plain input.
//!
//! These tests run without the test harness, because a panic must happen in the real `main`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{self, Child, Command, Stdio};
#[cfg(target_os = "linux")]
use std::time::Duration;
use std::{env, thread};

use common::green;
#[cfg(target_os = "linux")]
use nix::fcntl::{FcntlArg, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use terminal::{Screen, Terminal};

/// The environment variable that tells the program under test what to do. That program's code is also in this file.
const DO: &str = "COMMON_TEST_DO";
/// The environment variable that holds a server's address. The program connects to this server and acts when it
/// receives a byte.
const ADDRESS: &str = "COMMON_TEST_ADDRESS";

fn main() {
    match env::var(DO).as_deref() {
        Ok("panic") => panic_when_told(),
        Ok("end") => end_when_told(),
        Ok("green") => print!("{}", green("go")),
        Ok("hang") => hang(),
        Ok("ask") => ask(),
        Ok("fail") => fail(),
        Ok("end at once") => end_at_once(),
        Ok(_) => tell_lines(),
        Err(_) => {
            a_panic_restores_the_terminal();
            printed_messages_are_shown_before_the_end();
            a_failure_is_printed_below_the_half_typed_line();
            the_end_of_a_connection_is_never_taken_for_the_users_end();
            a_line_is_one_message_or_none();
            newlines_in_a_line_become_spaces();
            a_question_is_repeated_until_there_is_an_answer();
            a_program_that_hangs_is_ended();
            a_long_wait_is_announced();
            green_is_used_only_where_it_is_visible();
        }
    }
}

/// Reads lines in another thread. Returns the screen and the connection that tells the program when to act.
fn read_lines_in_a_thread() -> (TcpStream, Screen) {
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
    let (mut stream, screen) = read_lines_in_a_thread();
    stream.read_exact(&mut [0]).unwrap();
    for message in ["first", "second", "third"] {
        screen.print(message);
    }
    screen.end(Ok(()))
}

fn tell_lines() {
    let mut terminal = Terminal::open("quit").unwrap();
    while let Some(line) = terminal.read_line() {
        let short = if line.len() > 99 { "…" } else { &line };
        terminal.print(&format!("{} bytes: {short}", line.len()));
    }
}

/// Reads one line and then hangs.
fn hang() {
    let mut terminal = Terminal::open("quit").unwrap();
    let screen = terminal.screen();
    terminal.on_leaving(move || screen.print("the wait is canceled"));
    let _waiting = terminal.waiting_for("nothing");
    let line = terminal.read_line().unwrap();
    terminal.print(&format!("has {line}"));
    loop {
        thread::park();
    }
}

fn ask() {
    let mut terminal = Terminal::open("quit").unwrap();
    match terminal.ask("Name? ") {
        Some(name) => terminal.print(&format!("hello {name}")),
        None => terminal.print("good bye"),
    }
}

/// Simulates a client whose server closes the connection just after the client has started, possibly before the reading
/// thread has begun to read.
fn end_at_once() {
    let mut terminal = Terminal::open("quit").unwrap();
    let screen = terminal.screen();
    thread::spawn(move || screen.end(Ok(())));
    while terminal.read_line().is_some() {}
    process::exit(3)
}

/// Only Linux lets a program set the size of a pipe, and the test needs a pipe that it can fill.
#[cfg(not(target_os = "linux"))]
fn the_end_of_a_connection_is_never_taken_for_the_users_end() {}

#[cfg(target_os = "linux")]
fn the_end_of_a_connection_is_never_taken_for_the_users_end() {
    for _ in 0..20 {
        // The program waits in the middle of its last message, until there is space in the pipe.
        let (mut reader, mut writer) = io::pipe().unwrap();
        let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        writer.write_all(&vec![b' '; size.unsigned_abs() as usize]).unwrap();
        let terminal = openpty(None, None).unwrap();
        let mut command = program("end at once");
        command.env("TERM", "dumb").stdin(terminal.slave).stdout(Stdio::null()).stderr(writer);
        let mut program = command.spawn().unwrap();
        // The command also holds the pipe's write end.
        drop(command);
        // A program that mistakes the end of the connection for the end of the user's input exits during this pause.
        thread::sleep(Duration::from_millis(20));
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(1));
    }
}

/// Fails like a `main` that returns an error: the error is printed after the terminal has been dropped.
fn fail() {
    let error = wait_in_vain().unwrap_err();
    eprintln!("{error}");
    process::exit(1)
}

/// Waits for a byte that the server never sends.
fn wait_in_vain() -> io::Result<()> {
    let mut terminal = Terminal::open("quit").unwrap();
    let _screen = terminal.screen();
    TcpStream::connect(env::var(ADDRESS).unwrap())?.read_exact(&mut [0])
}

fn panic_when_told() {
    let (mut stream, _screen) = read_lines_in_a_thread();
    stream.read_exact(&mut [0]).unwrap();
    let _ = thread::spawn(|| panic!("a helper is gone")).join();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    panic!("main is gone");
}

/// Returns the command that runs the program under test, which will do `what`.
fn program(what: &str) -> Command {
    let mut program = Command::new(env::current_exe().unwrap());
    program.env(DO, what).env("TERM", "xterm").env_remove("NO_COLOR");
    program
}

/// Starts the program in a terminal, with one variable added to its environment. Returns the program's screen,
/// keyboard, and process.
fn start_at_terminal(what: &str, name: &str, value: &str) -> (File, Child) {
    let pty = openpty(None, None).unwrap();
    let screen = File::from(pty.master);
    assert!(shows_typing(&screen));
    let copy = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut program = program(what);
    program.env(name, value).stdin(copy()).stdout(copy()).stderr(copy());
    (screen, program.spawn().unwrap())
}

/// Starts the program and waits for its prompt. Returns the program's screen, keyboard, process, and connection.
fn start(what: &str) -> (File, Child, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (mut screen, program) = start_at_terminal(what, ADDRESS, &address);
    let (stream, _) = listener.accept().unwrap();
    wait_for(&mut screen, "> ");
    assert!(!shows_typing(&screen), "the terminal echoes keys, but the editor should");
    (screen, program, stream)
}

fn a_panic_restores_the_terminal() {
    let (mut screen, mut program, mut stream) = start("panic");
    // After a panic in another thread, the person can still finish typing the line.
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
    // On Linux, a read at the end of a terminal's output returns an error instead of 0.
    let _ = io::copy(&mut screen, &mut io::sink());
    assert_eq!(program.wait().unwrap().code(), Some(101));
    assert!(shows_typing(&screen));
}

fn printed_messages_are_shown_before_the_end() {
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

fn a_failure_is_printed_below_the_half_typed_line() {
    let (mut screen, mut program, stream) = start("fail");
    screen.write_all(b"half").unwrap();
    wait_for(&mut screen, "half");
    drop(stream);
    let mut end = Vec::new();
    let _ = screen.read_to_end(&mut end);
    let end = String::from_utf8(end).unwrap();
    assert!(end.contains("\nfailed to fill whole buffer\r\n"), "{end:?}");
    assert_eq!(program.wait().unwrap().code(), Some(1));
    assert!(shows_typing(&screen));
}

/// Runs the program with this input. Returns the program's status, standard output, and standard error.
fn run(what: &str, input: impl AsRef<[u8]>) -> (Option<i32>, String, String) {
    let mut program = program(what);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    program.stdin.take().unwrap().write_all(input.as_ref()).unwrap();
    let output = program.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn a_line_is_one_message_or_none() {
    let longest = 63 * 1024;
    let long = |length: usize| "x".repeat(length);
    let lines = format!("{}\n{}\r\nshort\n", long(longest + 1), long(longest));
    let too_long = "That line is too long for one message; it was not sent";
    let (_, shown, _) = run("lines", lines);
    assert_eq!(shown, format!("{too_long}\n{longest} bytes: …\n5 bytes: short\n"));
    // Lines that are too long are discarded. Invalid UTF-8 makes a line longer, because each invalid byte is replaced
    // with U+FFFD, which takes three bytes.
    let (_, shown, _) = run("lines", [&long(10_000_000).into_bytes()[..], b"\nab\xff"].concat());
    assert_eq!(shown, format!("{too_long}\n5 bytes: ab\u{FFFD}\n"));
    let (_, shown, _) = run("lines", [&vec![0xff; longest / 2][..], b"\nshort"].concat());
    assert_eq!(shown, format!("{too_long}\n5 bytes: short\n"));
}

/// Newlines can be typed (Ctrl-V Ctrl-J). Newlines can also be pasted if the terminal leaves bracketed paste enabled
/// even though the program has turned bracketed paste off.
fn newlines_in_a_line_become_spaces() {
    for between in ["\x16\n", "\x1b[200~\n\x1b[201~"] {
        let (mut screen, mut program) = start_at_terminal("lines", ADDRESS, "");
        wait_for(&mut screen, "> ");
        screen.write_all(format!("a{between}b\r").as_bytes()).unwrap();
        wait_for(&mut screen, "3 bytes: a b\r\n");
        screen.write_all(b"\x04").unwrap();
        let _ = io::copy(&mut screen, &mut io::sink());
        assert_eq!(program.wait().unwrap().code(), Some(0));
    }
    let (_, shown, _) = run("lines", "a\rb\r\r\n");
    assert_eq!(shown, "3 bytes: a b\n");
}

fn a_question_is_repeated_until_there_is_an_answer() {
    let too_long = "x".repeat(257);
    let (_, shown, _) = run("ask", format!("\n \n{too_long}\nalice\n"));
    let again = "Name? That is too long; at most 256 bytes, please\nName? hello alice\n";
    assert_eq!(shown, format!("Name? Name? {again}"));
    for leaves in ["quit\n", ""] {
        assert_eq!(run("ask", leaves), (Some(0), "Name? good bye\n".into(), String::new()));
    }
}

fn a_program_that_hangs_is_ended() {
    for (input, unsent) in [
        ("one\nquit\n", "one line was not sent\n"),
        ("one\ntwo\n\nthree\nquit\n", "3 lines were not sent\n"),
        ("one\ntwo\n", "2 lines were not sent\n"),
    ] {
        let shown = "has one\nthe wait is canceled\n".to_owned();
        assert_eq!(run("hang", input), (Some(0), shown, unsent.into()));
    }
    for keys in [&b"quit\r"[..], b"\x03", b"\x04"] {
        let (mut screen, mut program) = start_at_terminal("hang", ADDRESS, "");
        wait_for(&mut screen, "> ");
        screen.write_all(b"one\r").unwrap();
        wait_for(&mut screen, "has one\r\n");
        screen.write_all(keys).unwrap();
        wait_for(&mut screen, "the wait is canceled\r\n");
        wait_for(&mut screen, "one line was not sent\r\n");
        let _ = io::copy(&mut screen, &mut io::sink());
        assert_eq!(program.wait().unwrap().code(), Some(0));
        assert!(shows_typing(&screen));
    }
}

fn a_long_wait_is_announced() {
    let (mut screen, mut program) = start_at_terminal("hang", ADDRESS, "");
    wait_for(&mut screen, "waiting for nothing\r\n");
    program.kill().unwrap();
    program.wait().unwrap();
}

fn green_is_used_only_where_it_is_visible() {
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

/// Returns whether the terminal is in the mode that a shell needs.
fn shows_typing(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON)
}

/// Reads byte by byte, so that nothing after `text` is consumed.
fn wait_for(screen: &mut File, text: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(text.as_bytes()) {
        let mut byte = [0];
        screen.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}
