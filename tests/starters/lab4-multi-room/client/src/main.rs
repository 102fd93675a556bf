//! The lab 4 client: one thread sends commands, and the other receives replies.
//!
//! A message identifies its room by a number that the server has chosen. The receiving thread gets this number in a
//! reply, and the sending thread needs it for the next request, so both threads share the list of rooms (`rooms.rs`).

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

/// The multi-room chat client; type /help for its commands
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

/// Everything needed to send requests.
struct Sender<'a> {
    stream: &'a TcpStream,
    rooms: &'a Rooms,
    /// The user's name.
    name: &'a str,
}

impl Sender<'_> {
    /// Sends a request with one `write_all` and remembers it.
    fn send(&self, request: Request) -> io::Result<()> {
        self.rooms.ask(&request);
        let mut writer = self.stream;
        writer.write_all(request.to_string().as_bytes())
    }
}

/// Stage 10: show each reply that arrives, until the stream ends.
///
/// Replies may arrive in pieces or together; each is shown once. Replies may have slightly longer lines than requests
/// ([`Lines::from_server`]), because a server adds to the lines that it passes on.
///
/// [`Rooms`] records each reply before it is shown, because the next typed line may go to a room that has just been
/// joined ([`Rooms::hear`]). An error is shown with its description and then recorded ([`Rooms::hear_error`]), because
/// it may be the reply to a join.
///
/// The end of the stream is not an error. If the connection fails ([`Problem::Connection`]), that error is returned;
/// [`Problem::TooLong`] is also an error, because the start of the next reply is unknown. After a
/// [`Problem::Message`], the complaint is shown, and the stream continues.
///
/// Stage 12 tests this function with three people: a half-typed line remains intact ([`Screen::print`]).
///
/// Stage 14 tests this function: names and text may contain characters that would control a terminal. Such characters
/// must appear on the screen as visible, harmless symbols.
///
/// Stage 16 (bonus) tests this function over bad networks.
fn show_replies(stream: &TcpStream, screen: &Screen, rooms: &Rooms) -> io::Result<()> {
    todo!("stage 10: show each reply that arrives, until the stream ends")
}

/// Stage 10: show one reply that is not an error.
///
/// A [`Reply::Chat`] is shown as `[room1] alice: hello`, with the name that [`Rooms`] has for the room. The other lines
/// of the message are indented by two spaces; otherwise, such a line could look like a message from another person.
///
/// The wording of all other replies is up to you. A [`Reply::Helo`] is shown with its text, and a [`Reply::Unknown`]
/// with its line, after `the server says:`. For [`Reply::Joined`] and [`Reply::Left`], the screen names the room. If
/// the reply to a join arrives too late, the screen also says that text still goes to the same room as before
/// ([`Rooms::is_current`]).
fn show(reply: Reply, screen: &Screen, rooms: &Rooms) {
    todo!("stage 10: show one reply that is not an error")
}

/// Stage 10: send the typed lines.
///
/// [`Command::parse`] parses a line. A join is sent as a [`Request::Join`], and text as a [`Request::Chat`] to the
/// current room; an empty line is not sent. The current room is unknown until the replies to all joins have arrived
/// ([`wait_for_join`]). Then call [`Rooms::find`] with the time when the line was typed ([`Terminal::typed`]) to get
/// the room's reference and the `JOIN_ID`. If [`Rooms::find`] returns an error, the screen shows the error and says
/// that the text was not sent. [`Sender::send`] sends a request. [`obey`] (stage 11) handles all other commands.
///
/// Stage 11 extends this function: when the user leaves with `/quit`, Ctrl-D, or Ctrl-C, the server gets
/// [`Request::Disconnect`], and the program exits ([`Terminal::leave`]). Many servers understand only the first of
/// several requests that arrive together, so this request must not immediately follow the previous request
/// ([`Rooms::wait_a_moment`]).
///
/// Stage 13 tests this function together with the server: people leave with `/quit`, Ctrl-D, and Ctrl-C.
fn type_requests(terminal: &mut Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 10: send the typed lines")
}

/// Stage 11: obey a command; join, text, and `/quit` are handled elsewhere.
///
/// `/leave [ROOM]`, `/helo TEXT`, and `/kill` each send one request, and the client continues. `/room ROOM` and
/// `/rooms` send nothing: they change or show [`Rooms`]. If the user is not in the room, a line on the screen says
/// so, and nothing is sent.
///
/// A [`Command::Help`] means that the line begins with `/` but is not a command: the help text is shown, and nothing is
/// sent.
///
/// `/leave`, `/room`, and `/rooms` depend on the rooms, so they wait for the reply to a join, as text does.
fn obey(command: Command, terminal: &Terminal, sender: &Sender) -> Result<()> {
    todo!("stage 11: obey a command; join, text, and /quit are handled elsewhere")
}

/// Waits for the reply to a pending join. Tells the user if the wait is long or the reply does not arrive.
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
