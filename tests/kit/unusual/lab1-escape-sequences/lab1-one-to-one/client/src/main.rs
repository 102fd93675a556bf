//! Unusual: moves the cursor with escape sequences, even on a dumb terminal, as Go's x/term does. The client edits the
//! typed line and asks the terminal where the cursor is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, mem, process, thread};

use nix::sys::termios::{self, LocalFlags, OutputFlags, SetArg, Termios};

static LEFT: AtomicBool = AtomicBool::new(false);

/// The line that is being typed. A thread must hold the lock on this line to show anything.
struct Editor {
    found: Option<Termios>,
    typed: Vec<char>,
    /// The position of the cursor in the typed text.
    at: usize,
}

const PROMPT: &str = ">>> ";

impl Editor {
    fn open() -> Self {
        let found = termios::tcgetattr(io::stdin()).ok();
        if let Some(mut mode) = found.clone() {
            mode.local_flags &= !(LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::ECHO);
            mode.output_flags &= !OutputFlags::OPOST;
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &mode);
        }
        // The terminal's reply is read from the keyboard, as if it were a key press.
        write("\x1b[6n");
        Self { found, typed: Vec::new(), at: 0 }
    }

    /// Returns escape sequences that move the cursor to the beginning of the line and erase the line.
    fn erase(&self) -> String {
        format!("\x1b[{}D\x1b[J", PROMPT.len() + self.at)
    }

    fn line(&self) -> String {
        let back = self.typed.len() - self.at;
        let back = if back > 0 { format!("\x1b[{back}D") } else { String::new() };
        format!("{PROMPT}{}{back}", self.typed.iter().collect::<String>())
    }

    fn show(&self, text: &str) {
        let text = text.replace(|char: char| char.is_control(), "\u{FFFD}");
        write(&format!("{}{text}\r\n{}", self.erase(), self.line()));
    }

    fn key(&mut self, key: &str) {
        let before = self.erase();
        match key {
            "\x1b[D" => self.at = self.at.saturating_sub(1),
            "\x1b[C" => self.at = self.typed.len().min(self.at + 1),
            "\x7f" if self.at > 0 => {
                self.at -= 1;
                self.typed.remove(self.at);
            }
            key => {
                for char in key.chars().filter(|char| !char.is_control()) {
                    self.typed.insert(self.at, char);
                    self.at += 1;
                }
            }
        }
        write(&format!("{before}{}", self.line()));
    }

    fn close(&self) {
        if let Some(found) = &self.found {
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, found);
        }
    }
}

fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn main() {
    let port = env::args().nth(1).unwrap_or("9999".into());
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap_or_else(|error| {
        eprintln!("no server at 127.0.0.1:{port}: {error}");
        process::exit(1)
    });
    let _ = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let editor = Arc::new(Mutex::new(Editor::open()));
    write(PROMPT);
    let (writer, types) = (Arc::clone(&stream), Arc::clone(&editor));
    thread::spawn(move || type_messages(&writer, &types));
    let why = show_messages(&stream, &editor);
    let editor = editor.lock().unwrap();
    editor.close();
    if !LEFT.load(Ordering::SeqCst) {
        eprintln!("\r\nthe server {why}");
    }
    process::exit(i32::from(!LEFT.load(Ordering::SeqCst)))
}

fn type_messages(mut stream: &TcpStream, editor: &Mutex<Editor>) {
    let mut keys = Vec::new();
    let mut has_reply = false;
    for byte in io::stdin().bytes().map_while(Result::ok) {
        keys.push(byte);
        let is_sequence = keys.starts_with(b"\x1b");
        let is_begun = keys.len() < 3 || !keys[keys.len() - 1].is_ascii_alphabetic();
        let Ok(key) = str::from_utf8(&keys) else { continue };
        if is_sequence && is_begun {
            continue;
        }
        match key {
            "\r" | "\n" => {
                let mut editor = editor.lock().unwrap();
                let line: String = mem::take(&mut editor.typed).into_iter().collect();
                editor.at = 0;
                if line == "quit" {
                    break;
                }
                write(&format!("\r\n{PROMPT}"));
                if !line.is_empty() {
                    assert!(has_reply, "the terminal does not say where the cursor is");
                    let _ = stream.write_all(format!("{line}\n").as_bytes());
                }
            }
            "\x03" | "\x04" => break,
            key if is_sequence && key.ends_with('R') => has_reply = true,
            key => editor.lock().unwrap().key(key),
        }
        keys.clear();
    }
    LEFT.store(true, Ordering::SeqCst);
    let _ = stream.write_all(b"quit");
    let _ = stream.shutdown(Shutdown::Write);
    thread::sleep(Duration::from_secs(1));
    editor.lock().unwrap().close();
    process::exit(0)
}

/// Shows messages until the stream ends, and returns the reason for its end.
fn show_messages(mut stream: &TcpStream, editor: &Mutex<Editor>) -> String {
    let (mut begun, mut buffer, mut ends_in_silence) = (Vec::new(), [0; 16384], None);
    loop {
        let may_be_silent = !begun.is_empty() && ends_in_silence != Some(false);
        let _ = stream.set_read_timeout(may_be_silent.then_some(Duration::from_millis(50)));
        let mut end = None;
        match stream.read(&mut buffer) {
            Ok(0) => end = Some("has closed the connection".to_owned()),
            Ok(read) => begun.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ends_in_silence.get_or_insert(true);
                begun.push(b'\n');
            }
            Err(error) => end = Some(format!("is lost: {error}")),
        }
        if end.is_some() && !begun.is_empty() {
            begun.push(b'\n');
        }
        while let Some(at) = begun.iter().position(|&byte| byte == b'\n') {
            ends_in_silence.get_or_insert(false);
            let message: Vec<u8> = begun.drain(..=at).collect();
            let text = String::from_utf8_lossy(&message);
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() && !LEFT.load(Ordering::SeqCst) {
                editor.lock().unwrap().show(text);
            }
        }
        if let Some(end) = end {
            return end;
        }
    }
}
