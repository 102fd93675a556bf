//! Lab 3, the client: asks for a name, then sends and shows frames at the same time.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Screen, Terminal};

/// The client of the chat with a length header; type !DISCONNECT to leave
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open()?;
    terminal.print("Welcome to chatroom");
    let Some(name) = terminal.ask("Enter your name : ") else {
        return Ok(());
    };
    // Only now: who thinks about a name is not in the room yet.
    let stream = Arc::new(options.endpoint.connect()?);
    let screen = terminal.screen();

    let reader = Arc::clone(&stream);
    let receiver =
        thread::Builder::new().spawn(move || screen.end(show_frames(&reader, &screen)))?;
    // When sending fails, the connection is gone, and the other thread says so and ends the program.
    let _ = type_messages(&mut terminal, &stream, &name);
    let _ = receiver.join();
    Ok(())
}

/// Stage 2: show the payload of each frame that arrives, until the stream ends.
///
/// `frame::read` needs a reader that can look ahead: `BufReader::new(stream)`.
fn show_frames(stream: &TcpStream, screen: &Screen) -> io::Result<()> {
    todo!("stage 2: show the payload of each frame that arrives, until the stream …")
}

/// Stage 1: send each line that is typed as `[ann] : hello`, in a frame, with one `write_all`.
///
/// An empty line is no message. Stage 7 comes back to this function: who types `!DISCONNECT`, or leaves
/// with Ctrl-D or Ctrl-C (then [`Terminal::read_line`] answers `None`), sends `[ann] : !DISCONNECT` as
/// the last frame. [`Terminal::leave`] does that and ends the program.
fn type_messages(terminal: &mut Terminal, stream: &TcpStream, name: &str) -> Result<()> {
    todo!("stage 1: send each line that is typed as ann : hello, in a frame, with …")
}
