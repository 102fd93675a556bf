//! Unusual: sends and reads byte by byte.

use std::process;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use common::Endpoint;
use terminal::Terminal;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut terminal = Terminal::open("!DISCONNECT")?;
    terminal.print("Welcome to chatroom");
    let Some(name) = terminal.ask("Enter your name : ") else { process::exit(0) };
    let stream = Arc::new(options.endpoint.connect()?);
    stream.set_nodelay(true)?;
    let (screen, writer) = (terminal.screen(), Arc::clone(&stream));
    thread::spawn(move || {
        let frame = |line: &str| frame::encode(&format!("[{name}] : {line}"));
        while let Some(line) = terminal.read_line().filter(|line| line != "!DISCONNECT") {
            if !line.is_empty() {
                let _ = frame::write(&mut &*writer, &frame(&line));
            }
        }
        let last = frame("!DISCONNECT");
        let (most, end) = last.split_at(last.len() - 1);
        let _ = frame::write(&mut &*writer, most);
        let _ = terminal.leave(&writer, end);
    });
    loop {
        match frame::read(&mut &*stream) {
            Ok(Some(payload)) => screen.print(&payload),
            Ok(None) => screen.end(Ok(())),
            Err(error) => screen.end(Err(error)),
        }
    }
}
