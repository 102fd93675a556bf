//! The lab 1 client: shows messages that arrive and sends lines that are typed, both at the same time.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Messages};
use terminal::{Screen, Terminal};

/// The first line that our server sends. An original server sends the same text without a newline.
const WELCOME: &str = "Welcome to this chatroom!";
const FULL: &str = "The chatroom is full";

/// The client of the one-to-one chat; type quit to leave
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // This comes first, so that the person can leave even if the server does not reply.
    let mut terminal = Terminal::open("quit")?;
    let screen = terminal.screen();
    let waiting = screen.waiting_for(format!("{} to accept the connection", options.endpoint));
    let stream = Arc::new(options.endpoint.connect_with(connect)?);
    drop(waiting);

    // Waiting for a key and waiting for the network happen at the same time, so there are two threads.
    let writer = Arc::clone(&stream);
    thread::Builder::new().spawn(move || {
        // If sending fails, the connection is lost, and the other thread reports that.
        let _ = type_messages(&mut terminal, &writer);
    })?;
    wait_for_welcome(&stream, &screen);
    screen.end(show_messages(&stream, &screen))
}

/// Tells the person if the server is silent. Peeking does not consume the bytes: they can still be read.
fn wait_for_welcome(stream: &TcpStream, screen: &Screen) {
    let _waiting = screen.waiting_for("the server to welcome you");
    // If there is an error, the next read reports it.
    let _ = stream.peek(&mut [0]);
}

/// Stage 3: connect to the server at `address`, a host and a port.
///
/// [`TcpStream::connect`] makes the system calls `socket` and `connect`. A client does not need `bind`,
/// because the system chooses a free port for it.
fn connect(address: (&str, u16)) -> io::Result<TcpStream> {
    todo!("stage 3: connect to the server at address, a host and a port")
}

/// Stage 3: show each message that arrives, until the stream ends.
///
/// [`Messages`] splits the stream into messages. Create one before the loop, with [`Messages::from_server`]:
/// from [`WELCOME`] or [`FULL`] it recognizes whether the server is one of ours.
/// `while let Some(message) = messages.receive()?` runs once for each message; [`Screen::print`] shows the
/// message without breaking the line that is being typed.
///
/// Stage 10 tests this function: [`Messages::receive`] returns `None` when the server has closed the
/// connection, and an error (`?`) when the connection is lost. Return in both cases, or the program shows
/// empty messages forever; `main` does the rest.
///
/// Stage 12 tests this function, with three people: `println!` would write into a half-typed line.
///
/// Stage 14 tests this function: a message may contain characters that would control a terminal.
/// [`Screen::print`] makes them visible and harmless.
fn show_messages(stream: &TcpStream, screen: &Screen) -> io::Result<()> {
    todo!("stage 3: show each message that arrives, until the stream ends")
}

/// Stage 5: send each line that is typed, with a newline at its end.
///
/// [`Terminal::read_line`] waits for a line; it returns `None` when the person leaves with Ctrl-D or Ctrl-C. An empty
/// line is not a message. Send a line with one `write_all`: with two calls, the parts could arrive separately.
///
/// Stage 7 comes back to this function: when the person types `quit`, or leaves, send `quit` to the server.
/// [`Terminal::leave`] does that and ends the program. `quit` is the only message without a newline, because
/// the original server compares it with exactly these four letters. It cannot stick to the next message,
/// because there is none.
///
/// Stage 13 tests this function, together with the server: people leave in each of these ways.
fn type_messages(terminal: &mut Terminal, stream: &TcpStream) -> Result<()> {
    todo!("stage 5: send each line that is typed, with a newline at its end")
}
