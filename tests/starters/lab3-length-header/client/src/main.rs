//! The lab 3 client: asks for a name, then sends frames and shows arriving frames at the same time.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::closing::LINGER;
use common::{Endpoint, drain};
use terminal::{Screen, Terminal};

/// The chat client that uses a length header; type !DISCONNECT to leave
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
    // Connect only now: a person who is still choosing a name must not be in the room yet.
    let stream = Arc::new(options.endpoint.connect()?);
    drop(waiting);

    let (reader, goodbye) =
        (Arc::clone(&stream), frame::encode(&format!("[{name}] : !DISCONNECT")));
    let receiver =
        thread::Builder::new().spawn(move || screen.end(receive(&reader, &screen, &goodbye)))?;
    // If sending fails, the connection is lost, and the other thread reports that and stops the program.
    let _ = type_messages(&mut terminal, &stream, &name);
    let _ = receiver.join();
    Ok(())
}

/// Receives frames until the connection ends.
///
/// After an invalid frame, which the original server sends when two people speak at the same moment, the client must
/// leave. The client says goodbye first; otherwise, the original server would still send to the closed connection and
/// would disconnect every client whose message it relays to that connection.
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
/// Each payload appears on the screen once and in one piece ([`Screen::print`]), as soon as its frame is complete, no
/// matter how the stream was split. `frame::read` needs a buffered reader. The reader's buffer may already hold part or
/// all of the next frame; these bytes must not be lost.
///
/// Returns `Ok` if the stream ends between two frames. Returns an error if a header is bad, a frame is cut off, or the
/// connection is lost. The caller then tells the user what happened, and the program exits.
///
/// Stage 5 tests this function: a half-typed line stays intact, and a two-line payload is shown as one line, because
/// the second line could look like a message from another person. If you call [`Screen::print`] once for each payload,
/// it keeps the typed line intact and shows the payload as one line.
///
/// Stage 11 tests this function with three people. Stage 12 tests this function: only the server obeys a disconnect; to
/// a client, a disconnect is a payload like any other. Stage 13 tests this function: characters that would control a
/// terminal must be shown as harmless symbols. [`Screen::print`] replaces control characters with symbols; `println!`
/// does not.
///
/// Stage 15 (bonus) tests this function over bad networks.
fn show_frames(stream: &TcpStream, screen: &Screen) -> io::Result<()> {
    todo!("stage 2: show the payload of each frame that arrives")
}

/// Stage 1: send each typed line as `[ann] : hello`.
///
/// [`Terminal::read_line`] returns the lines. Each line, with the name in front of it, becomes the payload of one
/// frame. Every byte of the frame must be sent, even if the system accepts only some of them at a time, and no other
/// thread's bytes may come between the header and the payload. If the connection fails, the function returns the
/// error.
///
/// Stage 4 tests this function: an empty line is not a message, but every other line is sent exactly as it was typed. A
/// name may contain spaces, and `!DISCONNECT` in a sentence is an ordinary word.
///
/// Stage 7 extends this function: a user leaves by typing `!DISCONNECT` or by pressing Ctrl-D or Ctrl-C (for these
/// keys, [`Terminal::read_line`] returns `None`). No matter how the user leaves, the server gets
/// `[ann] : !DISCONNECT` as the last frame, exactly once. [`Terminal::leave`] sends this frame, and the program exits
/// with status 0.
///
/// Stage 12 tests this function together with the server: people leave with `!DISCONNECT`, Ctrl-D, and Ctrl-C.
fn type_messages(terminal: &mut Terminal, stream: &TcpStream, name: &str) -> Result<()> {
    todo!("stage 1: send each typed line as [ann] : hello")
}
