//! The lab 2 client: sends its nickname when asked; then it shows and sends messages at the same time.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::Result;
use clap::Parser;
use common::{Endpoint, Messages};
use terminal::{Screen, Terminal};

/// The group chat client; type /quit to leave
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

/// Receives messages from the handshake to the end of the stream.
fn chat(
    stream: &TcpStream,
    nickname: &str,
    screen: &Screen,
    joined: &OnceLock<()>,
) -> io::Result<()> {
    let joined_line = format!("{nickname} joined!");
    let mut messages = Messages::from_server(stream, &joined_line, "Nickname refused: ");
    let waiting = screen.waiting_for("the server to let you in");
    // The server's first message after the nickname says whether the nickname has been accepted. If the nickname has
    // been refused, the server closes the connection.
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
/// Returns the first message after the nickname, or `None` if the server closes the connection instead. Neither `NICK`
/// nor the nickname ends with a newline ([`Messages::handshake`]), and the server gets nothing else. Any other text in
/// place of `NICK` is the server's refusal. The client does not reply to a refusal; the function returns the refusal as
/// the first message. The function prints nothing; [`chat`] shows the first message.
///
/// Stage 11 tests this function: a client that is refused, before or after `NICK`, shows the reason.
fn answer_nick(
    messages: &mut Messages,
    stream: &TcpStream,
    nickname: &str,
) -> io::Result<Option<String>> {
    todo!("stage 3: reply to the server's NICK with the nickname")
}

/// Stage 3: show each message that arrives, until the stream ends.
///
/// Each message appears once, in order ([`Screen::print`]). The function returns when the server has closed the
/// connection, or it returns the error that ended the connection. Bytes that arrived together with the first message
/// must not be lost.
///
/// Stage 13 tests this function with three people: a half-typed line remains intact when a message appears.
///
/// Stage 15 tests this function: a message may contain characters that would control a terminal; such characters must
/// not reach the terminal unchanged.
///
/// Stage 17 (bonus) tests this function over bad networks.
fn show_messages(messages: &mut Messages, screen: &Screen) -> io::Result<()> {
    todo!("stage 3: show each message that arrives, until the stream ends")
}

/// Stage 6: send each typed line as `alice: hello`.
///
/// The server gets each line, with the prefix and a newline, once and in order. An empty line is not a message. A line
/// that is typed early is not sent until the server's first message has arrived; otherwise, the line could become part
/// of the nickname. `joined` is set as soon as the server's first message has arrived.
///
/// Stage 11 extends this function: a user can leave at any time, even while the server is silent, with `/quit`,
/// Ctrl-D, or Ctrl-C (for these keys, [`Terminal::read_line`] returns `None`). The server sees only the end of the
/// stream, without a final message before it; the program exits with status 0 ([`Terminal::leave`]).
///
/// Stage 14 tests this function together with the server: people leave with `/quit`, Ctrl-D, and Ctrl-C.
fn type_messages(
    terminal: &mut Terminal,
    stream: &TcpStream,
    nickname: &str,
    joined: &OnceLock<()>,
) -> Result<()> {
    todo!("stage 6: send each typed line as alice: hello")
}
