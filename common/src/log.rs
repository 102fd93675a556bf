//! The log of a server: lines on the standard output, which may be read slowly or not at all.
//!
//! A terminal that is stopped (Ctrl-S) and a full pipe make a write wait, for ever if need be. A server must
//! not wait with it. So a thread of its own writes, and lines that nobody reads are dropped and counted.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::inbox::{Event, Inbox, Sender, inbox};
use crate::outbox::wait_for_backlogs;
use crate::text::printable;

/// Lines are dropped only when nobody has read any for this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the thread rests after it has written. To be woken up for each line costs more than to write it.
const REST: Duration = Duration::from_millis(5);

/// How long the end of the program waits, for the backlogs and for the log.
const LAST_WORDS: Duration = Duration::from_millis(400);

static LOG: OnceLock<Sender<Entry>> = OnceLock::new();
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// When the thread has last written something, or had nothing to write.
static WRITTEN: Mutex<Option<Instant>> = Mutex::new(None);

enum Entry {
    Line(String),
    /// Everything before it is written.
    Flushed(SyncSender<()>),
}

impl Event for Entry {
    fn text_len(&self) -> usize {
        if let Self::Line(line) = self { line.len() } else { 0 }
    }
}

/// Writes what was logged when `main` ends.
pub struct Background(());

/// Prints one line about what happened, made [`printable`].
///
/// Unlike `println!` it does not panic when nobody reads the output any more.
pub fn log(line: &str) {
    print_line(&printable(line));
}

/// Prints one line as it is, for text that is our own. It does not panic either.
pub fn print_line(line: &str) {
    let Some(log) = LOG.get() else {
        // A program goes on when its output is gone; there is nobody left to tell.
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        return;
    };
    let mut entry = Entry::Line(format!("{line}\n"));
    while let Err(back) = log.try_send(entry) {
        let written = *WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_some_and(|written| written.elapsed() >= PATIENCE) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        thread::sleep(Duration::from_millis(1));
        entry = back;
    }
}

/// From now on neither [`log`] nor [`print_line`] waits for somebody to read what was printed before. Keep
/// what it returns until the end of `main`.
///
/// # Errors
/// When the system gives no thread.
pub fn log_in_background() -> Result<Background> {
    let (log, entries) = inbox();
    thread::Builder::new().name("log".to_owned()).spawn(move || write_for_ever(entries))?;
    let _ = LOG.set(log);
    Ok(Background(()))
}

fn write_for_ever(mut entries: Inbox<Entry>) {
    // Pieces of 4 KiB: a pipe that has room at all has room for one.
    let mut piece = String::new();
    loop {
        for entry in entries.take_all() {
            match entry {
                Entry::Line(line) => piece.push_str(&line),
                Entry::Flushed(done) => {
                    write(&mut piece);
                    let _ = done.try_send(());
                }
            }
            if piece.len() > 4096 {
                write(&mut piece);
            }
        }
        write(&mut piece);
        thread::sleep(REST);
    }
}

/// Writes whole lines, and how many were dropped meanwhile.
fn write(piece: &mut String) {
    let dropped = DROPPED.swap(0, Ordering::Relaxed);
    has_moved();
    let mut stdout = io::stdout().lock();
    let mut written = stdout.write_all(piece.as_bytes());
    if dropped > 0 && written.is_ok() {
        written = writeln!(stdout, "({dropped} lines of this log could not be written)");
    }
    if written.and_then(|()| stdout.flush()).is_err() {
        DROPPED.fetch_add(dropped + piece.lines().count(), Ordering::Relaxed);
    }
    has_moved();
    piece.clear();
}

fn has_moved() {
    *WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

impl Drop for Background {
    fn drop(&mut self) {
        wait_until_written();
    }
}

/// Ends the program with `status`, when all that waits to be sent or logged is gone, or within a second.
pub fn exit(status: i32) -> ! {
    wait_for_backlogs(LAST_WORDS);
    wait_until_written();
    process::exit(status)
}

fn wait_until_written() {
    let (done, written) = mpsc::sync_channel(1);
    if LOG.get().is_some_and(|log| log.try_send(Entry::Flushed(done)).is_ok()) {
        // (nobody may be reading)
        let _ = written.recv_timeout(LAST_WORDS);
    }
}
