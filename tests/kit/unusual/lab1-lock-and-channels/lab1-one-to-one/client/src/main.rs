//! Unusual: both threads only report events to `main`, which handles them one after another.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use common::{Endpoint, Messages};
use terminal::Terminal;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
}

enum Event {
    Typed(String),
    Leaves,
    Came(String),
    Closed(io::Result<()>),
}

fn main() -> anyhow::Result<()> {
    let stream = Arc::new(Options::parse().endpoint.connect()?);
    let mut terminal = Terminal::open("quit")?;
    let screen = terminal.screen();
    let (tell, events) = mpsc::channel();
    let (tells_too, reader) = (tell.clone(), Arc::clone(&stream));
    thread::spawn(move || {
        let result = receive(&reader, &tells_too);
        let _ = tells_too.send(Event::Closed(result));
    });
    thread::spawn(move || {
        while let Some(line) = terminal.read_line().filter(|line| line != "quit") {
            let _ = tell.send(Event::Typed(line));
        }
        let _ = tell.send(Event::Leaves);
    });
    let mut patience = None;
    loop {
        let left = patience.map(|end: Instant| end.saturating_duration_since(Instant::now()));
        match events.recv_timeout(left.unwrap_or(Duration::from_hours(1))) {
            Ok(Event::Typed(line)) if line.is_empty() => {}
            // If sending fails, the other thread reports the reason.
            Ok(Event::Typed(line)) => drop((&*stream).write_all(format!("{line}\n").as_bytes())),
            Ok(Event::Came(message)) if patience.is_none() => screen.print(&message),
            Ok(Event::Came(_)) => {}
            Ok(Event::Leaves) => {
                let _ = (&*stream).write_all(b"quit");
                let _ = stream.shutdown(Shutdown::Write);
                patience = Some(Instant::now() + Duration::from_secs(1));
            }
            Ok(Event::Closed(result)) if patience.is_none() => screen.end(result),
            Err(RecvTimeoutError::Timeout) if patience.is_none() => {}
            Ok(Event::Closed(_)) | Err(_) => process::exit(0),
        }
    }
}

fn receive(stream: &TcpStream, tell: &Sender<Event>) -> io::Result<()> {
    let mut messages = Messages::from_server(stream, "Welcome to this chatroom!", "The chatroom is full");
    while let Some(message) = messages.receive()? {
        let _ = tell.send(Event::Came(message));
    }
    Ok(())
}
