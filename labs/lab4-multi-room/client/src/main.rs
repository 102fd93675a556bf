//! Lab 4, the client: commands on one side, replies on the other.
//!
//! A message names its room by a number that the server gave out. So what one thread learns from a
//! reply the other needs for the next request: the rooms are shared (`rooms.rs`).

mod rooms;

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Screen, Terminal};
use protocol::{Lines, Problem, Reply, Request, read_reply};

use crate::rooms::Rooms;

const HELP: &str = "\
/join ROOM, /leave [ROOM], /room ROOM (which room you talk in), /rooms, /helo TEXT, /kill, /quit";

/// The client of the multi-room chat; type /help for its commands
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open()?;
    let Some(name) = choose_name(&mut terminal) else {
        return Ok(());
    };
    let stream = Arc::new(options.endpoint.connect()?);
    let (screen, rooms) = (terminal.screen(), Arc::new(Rooms::default()));

    let (writer, typed_rooms) = (Arc::clone(&stream), Arc::clone(&rooms));
    thread::Builder::new().spawn(move || {
        // When sending fails, the connection is gone, and the other thread says so.
        let _ = type_requests(&mut terminal, &writer, &typed_rooms, &name);
    })?;
    screen.end(show_replies(&stream, &screen, &rooms))
}

/// Asks until there is a name; `None` when the person leaves instead.
fn choose_name(terminal: &mut Terminal) -> Option<String> {
    loop {
        match terminal.ask("Enter your name: ") {
            Some(name) if name.trim().is_empty() => {}
            answer => return answer,
        }
    }
}

/// Stage 10: show each reply that arrives, until the stream ends.
///
/// [`read_reply`] reads one. [`Rooms`] must learn who is in which room: [`Rooms::joined`],
/// [`Rooms::left`], [`Rooms::refused`]. A chat message is shown as `[room1] alice: hello`; its further
/// lines are indented by two spaces, or one of them could look like a message of somebody else.
fn show_replies(stream: &TcpStream, screen: &Screen, rooms: &Rooms) -> io::Result<()> {
    todo!("stage 10: show each reply that arrives, until the stream ends")
}

/// Stage 10: send what is typed: text goes to the current room, a line with `/` is a command.
///
/// [`Terminal::print`] shows a line from here. [`Rooms::find`] answers where text goes, and waits for the answer to a join that is under way.
/// Stage 11 tests the other commands. Who leaves, by `/quit`, Ctrl-D or Ctrl-C, says so with
/// [`Request::Disconnect`]; [`Terminal::leave`] sends it and ends the program.
fn type_requests(
    terminal: &mut Terminal,
    stream: &TcpStream,
    rooms: &Rooms,
    name: &str,
) -> Result<()> {
    todo!("stage 10: send what is typed: text goes to the current room, a line …")
}
