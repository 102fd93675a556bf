//! Lab 4, the client: commands on one side, replies on the other.
//!
//! A message names its room by a number that the server gave out. So what one thread learns from a
//! reply the other needs for the next request: the rooms are shared (`rooms.rs`).

mod command;
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

use crate::command::Command;
use crate::rooms::Rooms;

/// The client of the multi-room chat; type /help for its commands
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open("/quit")?;
    let Some(name) = terminal.ask("Enter your name: ") else {
        return Ok(());
    };
    let (screen, rooms) = (terminal.screen(), Arc::new(Rooms::default()));
    let waiting = screen.waiting_for(format!("{} to accept the connection", options.endpoint));
    let stream = Arc::new(options.endpoint.connect()?);
    drop(waiting);
    let left_rooms = Arc::clone(&rooms);
    terminal.on_leaving(move || left_rooms.leave());

    let (writer, typed_rooms) = (Arc::clone(&stream), Arc::clone(&rooms));
    thread::Builder::new().spawn(move || {
        let sender = Sender { stream: &writer, rooms: &typed_rooms, name: &name };
        // When sending fails, the connection is gone, and the other thread says so.
        let _ = type_requests(&mut terminal, &sender);
    })?;
    screen.end(show_replies(&stream, &screen, &rooms))
}

/// What one needs to send requests.
struct Sender<'a> {
    stream: &'a TcpStream,
    rooms: &'a Rooms,
    /// What the person is called.
    name: &'a str,
}

impl Sender<'_> {
    /// Sends a request, with one `write_all`, and remembers that it was asked.
    fn send(&self, request: Request) -> io::Result<()> {
        self.rooms.ask(&request);
        let mut writer = self.stream;
        writer.write_all(request.to_string().as_bytes())
    }
}

/// Stage 10: show each reply that arrives, until the stream ends.
///
/// Make the lines before the loop, with `Lines::from_server(BufReader::new(stream))`: what a server passes
/// on is a little longer than what it got. [`read_reply`] reads one reply from them.
///
/// - [`Reply::Error`] is shown with its description. Then tell [`Rooms::hear_error`]: it may be the answer to a
///   join.
/// - Of each other reply tell [`Rooms::hear`], before [`show`] shows it: what is typed next may go to a room
///   that was joined just now.
///
/// `None` is the end of the stream: return. So is [`Problem::Connection`], with the error that is in it, and
/// [`Problem::TooLong`], of which [`io::Error::other`] makes one: where the next reply begins, nobody knows.
/// After a [`Problem::Message`] the stream goes on: show the complaint, and read on.
///
/// Stage 12 tests this function, with three people: [`Screen::print`] leaves a half-typed line whole, and
/// `println!` would write into it.
///
/// Stage 14 tests this function: names and texts may contain what would steer a terminal. [`Screen::print`]
/// shows that instead of obeying.
fn show_replies(stream: &TcpStream, screen: &Screen, rooms: &Rooms) -> io::Result<()> {
    todo!("stage 10: show each reply that arrives, until the stream ends")
}

/// Stage 10: show one reply that is no error, in your own words.
///
/// - [`Reply::Chat`] is shown as `[room1] alice: hello`, with the name that [`Rooms::name`] knows. Its
///   further lines are indented by two spaces, or one of them could look like a message of somebody else.
/// - [`Reply::Helo`] is shown with its text, [`Reply::Unknown`] with its line.
/// - [`Reply::Joined`] and [`Reply::Left`] say in which room one is, or is no more. A join that is answered too
///   late does not change where text goes: then [`Rooms::is_current`] is false.
fn show(reply: Reply, screen: &Screen, rooms: &Rooms) {
    todo!("stage 10: show one reply that is no error, in your own words")
}

/// Stage 10: send what is typed.
///
/// [`Terminal::read_line`] waits for a line; `None` means that the person leaves. [`Command::parse`] understands
/// it. An empty line is no message. [`Sender::send`] sends a request.
///
/// - A join is a [`Request::Join`].
/// - For text, first call [`wait_for_join`]: before the answer to a join has come, nobody knows where it goes.
///   Then [`Rooms::find`] with an empty name returns the current room's reference and the `JOIN_ID`, for a
///   [`Request::Chat`]; it asks when the line was typed, [`Terminal::typed`]. When it finds no room, show why
///   ([`Terminal::print`]), and that the text was not sent.
/// - [`obey`] (stage 11) does what other commands ask.
///
/// Stage 11 comes back to this function: who leaves, by `/quit`, Ctrl-D or Ctrl-C, says so with
/// [`Request::Disconnect`]; [`Terminal::leave`] sends it and ends the program. Before that call
/// [`Rooms::wait_a_moment`]: many servers understand only the first request of several that come together.
///
/// Stage 13 tests this function, together with the server: people leave in each of these ways.
fn type_requests(terminal: &mut Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 10: send what is typed")
}

/// Stage 11: do what a command asks; the join, the text and `/quit` are not for here.
///
/// - `/leave [ROOM]` sends [`Request::Leave`], for the room that [`Rooms::find`] finds.
/// - `/room ROOM` and `/rooms` send nothing: [`Rooms::switch_to`], [`Rooms::list`].
/// - `/helo TEXT` sends `HELO TEXT`, and `/kill` sends [`Request::Kill`].
/// - [`Command::Help`] is shown: what begins with `/` and is no command is a mistake, and nothing is sent.
///
/// The first three depend on the rooms, so they call [`wait_for_join`], too.
fn obey(command: Command, terminal: &Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 11: do what a command asks; the join, the text and /quit are not …")
}

/// Waits for the answer to a join that is under way, and says so; or that it has not come.
fn wait_for_join(terminal: &Terminal, rooms: &Rooms) {
    let Some(room) = rooms.awaited() else { return };
    let waiting = terminal.waiting_for(format!("the answer to /join {room}"));
    let is_answered = rooms.wait_for_join();
    drop(waiting);
    if !is_answered {
        terminal.print(&format!("The server does not answer /join {room}"));
        rooms.give_up();
    }
}
