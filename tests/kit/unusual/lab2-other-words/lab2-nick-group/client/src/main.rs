//! Unusual: different questions, a `>>> ` prompt, colors on every terminal, and stars in front of every line that is
//! not a chat line.

use std::io::{self, BufRead, Write};
use std::net::Shutdown;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::{Endpoint, Messages, printable};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use rustyline::{Config, DefaultEditor, ExternalPrinter};

const QUESTION: &str = "\x1b[1;35mGood evening!\x1b[0m Under this roof, type a nickname: ";
const PROMPT: &str = "\x1b[1;35m>>> \x1b[0m";

static LEFT: AtomicBool = AtomicBool::new(false);

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<55555>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mode = tcgetattr(io::stdin()).ok().map(Mutex::new);
    let restore = Arc::new(move || {
        if let Some(mode) = mode.as_ref().and_then(|mode| mode.lock().ok()) {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &mode);
        }
    });
    let restores = Arc::clone(&restore);
    // A line editor receives Ctrl-C as a key; this handler is for plain terminals.
    ctrlc::set_handler(move || {
        restores();
        process::exit(0)
    })?;

    let config = Config::builder().bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config)?;
    let mut printer = editor.create_external_printer().ok();
    let mut ask: Box<dyn FnMut(&str) -> Option<String> + Send> = if printer.is_some() {
        Box::new(move |prompt| editor.readline(prompt).ok())
    } else {
        Box::new(|prompt| {
            print!("\r{prompt}");
            let _ = io::stdout().flush();
            io::stdin().lock().lines().next()?.ok()
        })
    };

    let mut nickname = String::new();
    while nickname.is_empty() {
        let Some(answer) = ask(QUESTION) else { return Ok(()) };
        nickname = answer;
    }
    let stream = Arc::new(options.endpoint.connect()?);
    let (joined, wait_until_joined) = mpsc::sync_channel(1);
    let (writer, name) = (Arc::clone(&stream), nickname.clone());
    thread::spawn(move || {
        let mut is_in = false;
        while let Some(line) = ask(PROMPT).filter(|line| line != "/quit") {
            if line.is_empty() {
                continue;
            }
            is_in = is_in || wait_until_joined.recv().is_ok();
            let _ = (&*writer).write_all(format!("{name}: {line}\n").as_bytes());
        }
        LEFT.store(true, Ordering::SeqCst);
        let _ = writer.shutdown(Shutdown::Write);
        thread::sleep(Duration::from_secs(1));
        process::exit(0);
    });

    let mut show = |text: &str| {
        let text = printable(text);
        let line = match text.split_once(": ") {
            Some((name, text)) if !name.contains(' ') => format!("\x1b[36m{name}\x1b[0m: {text}"),
            _ => format!("\x1b[33m*** {text}\x1b[0m"),
        };
        match &mut printer {
            Some(printer) => drop(printer.print(format!("{line}\n"))),
            None => {
                // The prompt for the next line is already on the screen.
                print!("\r\x1b[K{line}\n{PROMPT}");
                let _ = io::stdout().flush();
            }
        }
    };
    let greeting = format!("{nickname} joined!");
    let mut messages = Messages::from_server(&stream, &greeting, "Nickname refused: ");
    let mut next = messages.handshake(None);
    if let Ok(Some("NICK")) = next.as_ref().map(Option::as_deref) {
        (&*stream).write_all(nickname.as_bytes())?;
        next = messages.receive();
    }
    let why = loop {
        match next {
            Ok(Some(message)) => show(&message),
            Ok(None) => break "the server has hung up".to_owned(),
            Err(error) => break format!("can no longer receive from the server: {error}"),
        }
        let _ = joined.try_send(());
        next = messages.receive();
    };
    if LEFT.load(Ordering::SeqCst) {
        process::exit(0);
    }
    // The line editor may still have a line to show.
    thread::sleep(Duration::from_millis(100));
    restore();
    eprintln!("\n\x1b[31m{why}\x1b[0m");
    process::exit(1)
}
