//! The lab 3 client: asks for a name, and then sends and shows frames, both at the same time.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::closing::LINGER;
use common::{Endpoint, drain};
use terminal::{Screen, Terminal};

/// The client of the chat with a length header; type !DISCONNECT to leave
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open("!DISCONNECT")?;
    terminal.print("Welcome to chatroom");
    let Some(name) = terminal.ask("Enter your name : ") else {
        return Ok(());
    };
    let screen = terminal.screen();
    let waiting = screen.waiting_for(format!("{} to accept the connection", options.endpoint));
    // Connect only now: a person who is choosing a name is not in the room yet.
    let stream = Arc::new(options.endpoint.connect()?);
    drop(waiting);

    let (reader, goodbye) =
        (Arc::clone(&stream), frame::encode(&format!("[{name}] : !DISCONNECT")));
    let receiver =
        thread::Builder::new().spawn(move || screen.end(receive(&reader, &screen, &goodbye)))?;
    // If sending fails, the connection is lost, and the other thread reports that and ends the program.
    let _ = type_messages(&mut terminal, &stream, &name);
    let _ = receiver.join();
    Ok(())
}

/// The receiving side, until its end.
///
/// After an invalid frame, the client must leave. The original server sends such a frame when two people speak at the
/// same moment. But the client says goodbye first: otherwise the original server would still send to the closed
/// connection, and disconnect every client whose message it relays there.
fn receive(stream: &TcpStream, screen: &Screen, goodbye: &[u8]) -> io::Result<()> {
    let result = show_frames(stream, screen);
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::InvalidData) {
        let mut writer = stream;
        let _ = stream.set_write_timeout(Some(LINGER));
        if writer.write_all(goodbye).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok() {
            drain(stream);
        }
    }
    result
}

/// Stage 2: show the payload of each frame that arrives.
///
/// Return when the stream ends or the connection is lost (`?`); [`Screen::end`] does the rest.
///
/// `frame::read` needs a reader that can look ahead: `BufReader::new(stream)`. Use one reader for all frames, because
/// it may already have read part of the next frame.
///
/// Stage 5 tests this function: [`Screen::print`] leaves a half-typed line intact, and shows a payload of two lines
/// as one line. If you printed each line separately, the second could look like a message from another person.
///
/// Stage 11 tests this function, with three people. Stage 13 tests this function: [`Screen::print`] makes
/// characters that would control a terminal visible and harmless; `println!` does not.
fn show_frames(stream: &TcpStream, screen: &Screen) -> io::Result<()> {
    todo!("stage 2: show the payload of each frame that arrives")
}

/// Stage 1: send each line that is typed, as `[ann] : hello`.
///
/// Send the message in a frame, with one `write_all`: with two calls, the parts could arrive separately.
///
/// Stage 4 tests this function: an empty line is not a message, a name may contain spaces, and `!DISCONNECT`
/// in a sentence is an ordinary word.
///
/// Stage 7 comes back to this function: when the person types `!DISCONNECT`, or leaves with Ctrl-D or Ctrl-C (in that
/// case, [`Terminal::read_line`] returns `None`), send `[ann] : !DISCONNECT` as the last frame. [`Terminal::leave`]
/// does that and ends the program.
///
/// Stage 12 tests this function, together with the server: people leave in each of these ways. The other clients show
/// this last frame as an ordinary message.
fn type_messages(terminal: &mut Terminal, stream: &TcpStream, name: &str) -> Result<()> {
    todo!("stage 1: send each line that is typed, as [ann] : hello")
}
