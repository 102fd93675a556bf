//! The lab 1 client: shows incoming messages and sends typed lines at the same time.

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

/// The one-to-one chat client; type quit to leave
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // The terminal is opened first, so that the user can leave even if the server does not reply.
    let mut terminal = Terminal::open("quit")?;
    let screen = terminal.screen();
    let waiting = screen.waiting_for(format!("{} to accept the connection", options.endpoint));
    let stream = Arc::new(options.endpoint.connect_with(connect)?);
    drop(waiting);

    // The client waits for the keyboard and for the network at the same time, so it needs two threads.
    let writer = Arc::clone(&stream);
    thread::Builder::new().spawn(move || {
        // If sending fails, the connection is lost, and the other thread reports that.
        let _ = type_messages(&mut terminal, &writer);
    })?;
    wait_for_welcome(&stream, &screen);
    screen.end(show_messages(&stream, &screen))
}

/// Tells the user when the server is silent. Peeking does not consume the bytes, so they can still be read.
fn wait_for_welcome(stream: &TcpStream, screen: &Screen) {
    let _waiting = screen.waiting_for("the server to welcome you");
    // If peeking fails, the next read reports the error.
    let _ = stream.peek(&mut [0]);
}

/// Stage 3: connect to the server at `address`, a host and a port.
///
/// The caller gets either the connected socket or the error. If there is an error, the caller tells the user what to
/// do.
fn connect(address: (&str, u16)) -> io::Result<TcpStream> {
    todo!("stage 3: connect to the server at address, a host and a port")
}

/// Stage 3: show each message that arrives, until the stream ends.
///
/// [`Messages::from_server`] finds the messages in a connection's bytes and may already hold the beginning of the next
/// message. [`Messages`] recognizes our own server by its first line, which is [`WELCOME`] or begins with [`FULL`]. The
/// person sees each message once, in order, and immediately, on the [`Screen`]. When the server has closed the
/// connection, this function returns.
///
/// Stage 10 tests this function: when the connection is lost, it returns the error. When this function returns, `main`
/// tells the user what happened and exits, even if no key is ever pressed again.
///
/// Stage 12 tests this function with three people: a message does not break the line that is being typed.
///
/// Stage 14 tests this function: a message may contain characters that would control a terminal. Such characters must
/// appear on the screen as visible, harmless symbols.
///
/// Stage 16 (bonus) tests this function over bad networks.
fn show_messages(stream: &TcpStream, screen: &Screen) -> io::Result<()> {
    todo!("stage 3: show each message that arrives, until the stream ends")
}

/// Stage 5: send each typed line with a newline at its end.
///
/// [`Terminal::read_line`] waits for a line. The server gets each line as one message, in one piece; it gets nothing
/// for an empty line. While nothing is typed, this function uses no processor time. If the connection is lost, the
/// function returns the error.
///
/// Stage 7 extends this function: a user leaves by typing `quit` or by pressing Ctrl-D or Ctrl-C (for these keys,
/// [`Terminal::read_line`] returns `None`). No matter how the user leaves, the last bytes that the server gets are
/// `quit`, once and without a newline, because the original server compares them with exactly these four letters. Then
/// the program exits ([`Terminal::leave`]).
///
/// Stage 13 tests this function together with the server: people leave with `quit`, Ctrl-D, and Ctrl-C.
fn type_messages(terminal: &mut Terminal, stream: &TcpStream) -> Result<()> {
    todo!("stage 5: send each typed line with a newline at its end")
}
