//! The lab 2 client: sends its nickname when asked, and then shows and sends messages at the same time.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Messages};
use terminal::{Screen, Terminal};

/// The client of the group chat; type /quit to leave
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<55555>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open("/quit")?;
    let Some(nickname) = terminal.ask("Choose your nickname: ") else {
        return Ok(());
    };
    let (screen, joined) = (terminal.screen(), Arc::new(OnceLock::new()));
    let waiting = screen.waiting_for(format!("{} to accept the connection", options.endpoint));
    let stream = Arc::new(options.endpoint.connect()?);
    drop(waiting);

    let (writer, has_joined, name) = (Arc::clone(&stream), Arc::clone(&joined), nickname.clone());
    thread::Builder::new().spawn(move || {
        // If sending fails, the connection is lost, and the other thread reports that.
        let _ = type_messages(&mut terminal, &writer, &name, &has_joined);
    })?;
    screen.end(chat(&stream, &nickname, &screen, &joined))
}

/// The receiving side, from the handshake to the end.
fn chat(
    stream: &TcpStream,
    nickname: &str,
    screen: &Screen,
    joined: &OnceLock<()>,
) -> io::Result<()> {
    let joined_line = format!("{nickname} joined!");
    let mut messages = Messages::from_server(stream, &joined_line, "Nickname refused: ");
    let waiting = screen.waiting_for("the server to let you in");
    // The first message after the nickname says whether the server accepts it. If not, the server closes the
    // connection.
    let Some(first) = answer_nick(&mut messages, stream, nickname)? else {
        return Ok(());
    };
    drop(waiting);
    screen.print(&first);
    let _ = joined.set(());
    show_messages(&mut messages, screen)
}

/// Stage 3: reply to the server's `NICK` with the nickname.
///
/// Return the first message after the nickname. [`Messages::handshake`] waits for `NICK`. Neither `NICK` nor the
/// nickname has a newline at its end. If something else arrives instead of `NICK`, it is the server's reason for a
/// refusal: return it as the first message. [`Messages::receive`] waits for an ordinary message, and returns
/// `None` when the server has closed the connection.
fn answer_nick(
    messages: &mut Messages,
    stream: &TcpStream,
    nickname: &str,
) -> io::Result<Option<String>> {
    todo!("stage 3: reply to the server's NICK with the nickname")
}

/// Stage 3: show each message that arrives, until the stream ends.
///
/// As in lab 1, [`Messages::receive`] returns `None` when the server has closed the connection.
///
/// Stage 13 tests this function, with three people: [`Screen::print`] leaves a half-typed line intact, and
/// `println!` would write into it.
///
/// Stage 15 tests this function: a message may contain characters that would control a terminal.
/// [`Screen::print`] makes them visible and harmless.
fn show_messages(messages: &mut Messages, screen: &Screen) -> io::Result<()> {
    todo!("stage 3: show each message that arrives, until the stream ends")
}

/// Stage 6: send each line that is typed, as `alice: hello`.
///
/// Put a newline at the end of each line. An empty line is not a message. Send nothing before the first message
/// from the server has arrived, or your line could stick to the nickname: `joined.wait()` waits for that message.
/// Call it just before you send, so that a person who wants to leave does not have to wait.
///
/// Stage 11 comes back to this function: `/quit` leaves, and so do Ctrl-D and Ctrl-C, for which
/// [`Terminal::read_line`] returns `None`. [`Terminal::leave`] ends the program; on this wire, a client sends no
/// last words.
///
/// Stage 14 tests this function, together with the server: people leave in each of these ways.
fn type_messages(
    terminal: &mut Terminal,
    stream: &TcpStream,
    nickname: &str,
    joined: &OnceLock<()>,
) -> Result<()> {
    todo!("stage 6: send each line that is typed, as alice: hello")
}
