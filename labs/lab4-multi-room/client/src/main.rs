//! The lab 4 client: one thread sends commands, and the other receives replies.
//!
//! A message identifies its room by a number from the server. One thread receives this number in a reply, and the
//! other thread needs it for the next request. So the two threads share the rooms (`rooms.rs`).

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
        // If sending fails, the connection is lost, and the other thread reports that.
        let _ = type_requests(&mut terminal, &sender);
    })?;
    screen.end(show_replies(&stream, &screen, &rooms))
}

/// Everything that is needed to send requests.
struct Sender<'a> {
    stream: &'a TcpStream,
    rooms: &'a Rooms,
    /// The person's name.
    name: &'a str,
}

impl Sender<'_> {
    /// Sends a request, with one `write_all`, and remembers it.
    fn send(&self, request: Request) -> io::Result<()> {
        self.rooms.ask(&request);
        let mut writer = self.stream;
        writer.write_all(request.to_string().as_bytes())
    }
}

/// Stage 10: show each reply that arrives, until the stream ends.
///
/// Create the lines before the loop, with `Lines::from_server(BufReader::new(stream))`, which accepts slightly longer
/// lines, because a server adds to the lines that it passes on. [`read_reply`] reads one reply from these lines.
///
/// - Show [`Reply::Error`] with its description. Then call [`Rooms::hear_error`], because the error may be the
///   reply to a join.
/// - For every other reply, call [`Rooms::hear`] before [`show`], because the next line that is typed may go to a
///   room that has just been joined.
///
/// Return at `None`, the end of the stream. For a [`Problem::Connection`], return the error that it contains. For
/// [`Problem::TooLong`], return an error that [`io::Error::other`] makes, because the start of the next reply is
/// unknown. After a [`Problem::Message`] the stream continues: show the complaint, and read the next reply.
///
/// Stage 12 tests this function, with three people: [`Screen::print`] leaves a half-typed line intact, and
/// `println!` would write into it.
///
/// Stage 14 tests this function: names and text may contain characters that would control a terminal.
/// [`Screen::print`] makes them visible and harmless.
fn show_replies(stream: &TcpStream, screen: &Screen, rooms: &Rooms) -> io::Result<()> {
    todo!("stage 10: show each reply that arrives, until the stream ends")
}

/// Stage 10: show one reply that is not an error, in your own words.
///
/// - Show [`Reply::Chat`] as `[room1] alice: hello`, with the room name that [`Rooms::name`] returns. Indent
///   further lines by two spaces; otherwise one of them could look like a message from another person.
/// - Show [`Reply::Helo`] with its text, and [`Reply::Unknown`] with its line.
/// - For [`Reply::Joined`] and [`Reply::Left`], show which room the person has joined or left. If the reply to a join
///   arrives too late, text still goes to the same room as before; in this case, [`Rooms::is_current`] returns false.
fn show(reply: Reply, screen: &Screen, rooms: &Rooms) {
    todo!("stage 10: show one reply that is not an error, in your own words")
}

/// Stage 10: send the lines that are typed.
///
/// [`Terminal::read_line`] waits for a line; `None` means that the person leaves. [`Command::parse`] parses the
/// line. An empty line is not a message. [`Sender::send`] sends a request.
///
/// - A join is a [`Request::Join`].
/// - For text, first call [`wait_for_join`]: until the reply to a join has arrived, it is unknown which room the
///   text goes to. Then [`Rooms::find`] with an empty name returns the current room's reference and the `JOIN_ID`,
///   for a [`Request::Chat`]. It needs the time when the line was typed: [`Terminal::typed`]. If it finds no room,
///   show why ([`Terminal::print`]), and say that the text was not sent.
/// - [`obey`] (stage 11) handles the other commands.
///
/// Stage 11 comes back to this function: when the person leaves with `/quit`, Ctrl-D or Ctrl-C, send
/// [`Request::Disconnect`]; [`Terminal::leave`] does that and ends the program. Before this, call
/// [`Rooms::wait_a_moment`], because many servers understand only the first of several requests that arrive together.
///
/// Stage 13 tests this function, together with the server: people leave in each of these ways.
fn type_requests(terminal: &mut Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 10: send the lines that are typed")
}

/// Stage 11: obey a command; join, text and `/quit` are handled elsewhere.
///
/// - `/leave [ROOM]` sends [`Request::Leave`], for the room that [`Rooms::find`] returns.
/// - `/room ROOM` and `/rooms` send nothing: [`Rooms::switch_to`], [`Rooms::list`].
/// - `/helo TEXT` sends `HELO TEXT`, and `/kill` sends [`Request::Kill`].
/// - Show the text of [`Command::Help`]: a line that begins with `/` but is not a command is a mistake, and is not
///   sent.
///
/// `/leave`, `/room` and `/rooms` depend on the rooms, so call [`wait_for_join`] for them as well.
fn obey(command: Command, terminal: &Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 11: obey a command; join, text and /quit are handled elsewhere")
}

/// Waits for the reply to a pending join. Tells the person about a long wait, and also if the reply does not arrive.
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
