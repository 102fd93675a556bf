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
use common::Endpoint;
use protocol::{Lines, Problem, Reply, Request, read_reply};
use terminal::{Screen, Terminal};

use crate::rooms::Rooms;

const HELP: &str = "\
/join ROOM, /leave [ROOM], /room ROOM (which room you talk in), /rooms, /helo TEXT, /kill, /quit";

const NO_ROOM: &str = "You are in no room; /join ROOM";
const NOT_THERE: &str = "You are not in that room; /rooms shows yours";

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
/// Make the lines before the loop, with `Lines::from_server(BufReader::new(stream))`: what a server passes
/// on is a little longer than what it got. [`read_reply`] reads one reply from them:
///
/// - [`Reply::Joined`]: tell [`Rooms::joined`], before anything is shown: what is typed next may go there.
/// - [`Reply::Chat`] is shown as `[room1] alice: hello`, with the name that [`Rooms::name`] knows. Its
///   further lines are indented by two spaces, or one of them could look like a message of somebody else.
/// - [`Reply::Helo`], [`Reply::Left`] and [`Reply::Error`] are shown in your own words; the greeting with its
///   text, the error with its description. An error may be the answer to a join: tell [`Rooms::answered`].
///
/// `None` is the end of the stream: return. So is [`Problem::Connection`], with the error that is in it, and
/// [`Problem::TooLong`], of which [`io::Error::other`] makes one: where the next reply begins, nobody knows.
/// After a [`Problem::Message`] the stream goes on: show the complaint, tell [`Rooms::answered`], and read
/// on.
///
/// Stage 12 tests this function, with three people: [`Screen::print`] leaves a half-typed line whole, and
/// `println!` would write into it.
///
/// Stage 14 tests this function: names and texts may contain what would steer a terminal. [`Screen::print`]
/// shows that instead of obeying.
fn show_replies(stream: &TcpStream, screen: &Screen, rooms: &Rooms) -> io::Result<()> {
    todo!("stage 10: show each reply that arrives, until the stream ends")
}

/// Stage 10: send what is typed.
///
/// Text goes to the current room; a line that begins with `/` is a command.
/// [`Terminal::read_line`] waits for a line; `None` means that the person leaves. The `Display` of a
/// [`Request`] is what goes over the wire: send `request.to_string()` with one `write_all`.
/// [`Rooms::find`] with an empty name answers the current room's reference and the `JOIN_ID`, and waits
/// for the answer to a join that is under way. So call [`Rooms::asked_to_join`] before you send a
/// [`Request::Join`]. [`Terminal::print`] shows a line from here. An empty line is no message; a text may
/// begin with a space.
///
/// Stage 11 comes back to this function, for the other commands:
///
/// - `/leave [ROOM]` sends [`Request::Leave`], and tells [`Rooms::left`] at once: the next text must not go
///   there.
/// - `/room ROOM` and `/rooms` send nothing: [`Rooms::switch_to`], [`Rooms::list`].
/// - `/helo TEXT` sends `HELO TEXT`, and `/kill` sends [`Request::Kill`].
/// - Another line that begins with `/` is a mistake: say so, and send nothing.
/// - Who leaves, by `/quit`, Ctrl-D or Ctrl-C, says so with [`Request::Disconnect`]; [`Terminal::leave`]
///   sends it and ends the program.
///
/// Stage 13 tests this function, together with the server: people leave in each of these ways.
fn type_requests(
    terminal: &mut Terminal,
    stream: &TcpStream,
    rooms: &Rooms,
    name: &str,
) -> Result<()> {
    todo!("stage 10: send what is typed")
}
