//! Checks the parsers of lab 4: they read the same requests and replies no matter how the stream is split; a message
//! stays the same when it is written and read again; and a reader holds only a few lines' worth of memory.

// The client is not a library, so two of its source files are included here as modules.
#[path = "../../../../solutions/lab4-multi-room/client/src/command.rs"]
mod command;
#[path = "../../../../solutions/lab4-multi-room/client/src/rooms.rs"]
#[allow(dead_code)] // Only some of the functions are used here.
mod rooms;

use std::fmt::{Debug, Display};
use std::io::BufRead;

use protocol::{Lines, MAX_LINE, Problem, Reply, Request, read_reply, read_request};

use self::command::Command;
use self::rooms::Rooms;
use crate::memory::peak_of;
use crate::targets::cut::Cut;

/// A source of lines.
type Source<'a> = Lines<&'a mut dyn BufRead>;

/// A function that reads a message.
type Read<M> = fn(&mut Source) -> Result<Option<M>, Problem>;

/// The maximum memory for two readers, in bytes. Each holds the bytes of a line, the line's text (up to three times as
/// long), the text of a message, and the spare capacity of growing strings.
const MOST: usize = 24 * MAX_LINE;

/// Checks the finished server's request reader.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_requests(bytes: &[u8]) -> Result<(), String> {
    let (result, peak) = peak_of(|| {
        let (mut whole, mut cut) = (bytes, Cut::new(bytes));
        let (whole, cut): (&mut dyn BufRead, &mut dyn BufRead) = (&mut whole, &mut cut);
        let read: Read<Request> = |lines| read_request(lines);
        agree([Lines::new(whole, |_| {}), Lines::new(cut, |_| {})], read, |request| {
            let text = request.to_string();
            let mut reader = text.as_bytes();
            let reader: &mut dyn BufRead = &mut reader;
            is_same(request, read(&mut Lines::new(reader, |_| {})), &text)
        })
    });
    bounded(peak).and(result)
}

/// Checks the finished client's reply reader and its rooms.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_replies(bytes: &[u8]) -> Result<(), String> {
    let (result, peak) = peak_of(|| {
        let (mut whole, mut cut) = (bytes, Cut::new(bytes));
        let (whole, cut): (&mut dyn BufRead, &mut dyn BufRead) = (&mut whole, &mut cut);
        let rooms = Rooms::default();
        rooms.ask(&Request::Join { room: "r".to_owned(), name: "alice".to_owned() });
        let read: Read<Reply> = |lines| read_reply(lines);
        agree([Lines::from_server(whole), Lines::from_server(cut)], read, |reply| {
            match reply {
                Reply::Error(_) => rooms.hear_error(),
                _ => rooms.hear(reply),
            }
            // The reader has replaced an invalid IP address with 0.0.0.0 and an invalid port with 0.
            let text = reply.to_string();
            let mut reader = text.as_bytes();
            let reader: &mut dyn BufRead = &mut reader;
            is_same(reply, read(&mut Lines::from_server(reader)), &text)
        })
    });
    // The client remembers 200 rooms, whose names may be long.
    let most = MOST + bytes.len() * 4;
    if peak > most { Err(format!("the reader held {peak} bytes")) } else { result }
}

fn bounded(peak: usize) -> Result<(), String> {
    if peak > MOST { Err(format!("the reader held {peak} bytes")) } else { Ok(()) }
}

/// Reads the same messages from both sources and calls `each` for each message.
fn agree<M: PartialEq + Debug>(
    [mut whole, mut cut]: [Source; 2],
    read: Read<M>,
    each: impl Fn(&M) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        let (one, other) = (read(&mut whole), read(&mut cut));
        let is_last = matches!(one, Ok(None) | Err(Problem::TooLong | Problem::Connection(_)));
        let text = |problem: Problem| problem.to_string();
        let (one, other) = (one.map_err(text), other.map_err(text));
        if one != other {
            return Err(format!("read {one:?} as a whole, but {other:?} in pieces")
                .chars()
                .take(300)
                .collect());
        }
        if let Ok(Some(message)) = &one {
            each(message)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

fn is_same<M: PartialEq + Debug + Display>(
    message: &M,
    again: Result<Option<M>, Problem>,
    text: &str,
) -> Result<(), String> {
    match again {
        Ok(Some(again)) if again == *message => Ok(()),
        again => Err(format!("{message:?} was written as {text:?} and read as {again:?}")
            .chars()
            .take(600)
            .collect()),
    }
}

/// Checks the finished client's commands.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_commands(bytes: &[u8]) -> Result<(), String> {
    let line = String::from_utf8_lossy(bytes).replace(['\r', '\n'], " ");
    let is_right = match Command::parse(&line) {
        Command::Text(text) => text == line && !line.starts_with('/'),
        Command::Nothing => line.trim().is_empty(),
        Command::Join(room) | Command::Switch(room) => {
            !room.is_empty() && room.trim() == room && line.starts_with('/')
        }
        Command::Leave(text) | Command::Helo(text) => text.trim() == text && line.starts_with('/'),
        Command::Help(text) => !text.is_empty() && line.starts_with('/'),
        Command::List | Command::Kill | Command::Quit => line.starts_with('/'),
    };
    if is_right { Ok(()) } else { Err(format!("{line:?} became {:?}", Command::parse(&line))) }
}
