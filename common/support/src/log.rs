//! The log of a server: lines on the standard output, which may be read slowly or not at all.
//!
//! A terminal that is stopped (Ctrl-S) and a full pipe make a write wait, for ever if need be. A server must
//! not wait with it. So a thread of its own writes, and lines that nobody reads are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::text::printable;

/// How many bytes of lines may wait for the thread.
const LIMIT: usize = 1024 * 1024;

/// Lines are dropped only when nobody has read any for this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the thread rests after it has written: to be woken up for each line costs more than to write it.
const REST: Duration = Duration::from_millis(5);

static LOG: OnceLock<Sender<Entry>> = OnceLock::new();
static WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// When the thread has last begun or ended a write.
static WRITTEN: Mutex<Option<Instant>> = Mutex::new(None);

enum Entry {
    /// Each with its newline.
    Lines(String),
    /// Somebody waits until all before this is written.
    Flush(SyncSender<()>),
}

/// Writes what was logged when `main` ends.
pub struct Background(());

impl Drop for Background {
    fn drop(&mut self) {
        flush_log();
    }
}

/// Prints one line about what happened, made [`printable`].
///
/// Unlike `println!` it does not panic when nobody reads the output any more.
pub fn log(line: &str) {
    print_line(&printable(line));
}

/// As [`log`], for several lines: hardly slower than for one.
pub fn log_all(lines: &[impl AsRef<str>]) {
    let mut text = String::new();
    for line in lines {
        text += &printable(line.as_ref());
        text.push('\n');
    }
    print(text);
}

/// Prints one line as it is, for text that is our own. It does not panic either.
pub fn print_line(line: &str) {
    print(format!("{line}\n"));
}

fn print(lines: String) {
    let Some(log) = LOG.get() else {
        // A program goes on when its output is gone; there is nobody left to tell.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
        return;
    };
    while WAITING.load(Ordering::Relaxed) > LIMIT {
        if written().is_some_and(|written| written.elapsed() >= PATIENCE) {
            DROPPED.fetch_add(lines.lines().count(), Ordering::Relaxed);
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    WAITING.fetch_add(lines.len(), Ordering::Relaxed);
    let _ = log.send(Entry::Lines(lines));
}

/// From now on neither [`log`] nor [`print_line`] waits for somebody to read what was printed before. Keep
/// what it returns until the end of `main`.
///
/// # Errors
/// When the system gives no thread.
pub fn log_in_background() -> Result<Background> {
    let (log, entries) = mpsc::channel();
    thread::Builder::new().name("log".to_owned()).spawn(move || write_for_ever(entries))?;
    let _ = LOG.set(log);
    Ok(Background(()))
}

/// Waits until all that was logged is written, but not for long: nobody may be reading.
pub fn flush_log() {
    let (done, flushed) = mpsc::sync_channel(1);
    if let Some(log) = LOG.get()
        && log.send(Entry::Flush(done)).is_ok()
    {
        let _ = flushed.recv_timeout(Duration::from_millis(400));
    }
}

fn write_for_ever(entries: Receiver<Entry>) {
    let mut piece = String::new();
    while let Ok(first) = entries.recv() {
        for entry in [first].into_iter().chain(entries.try_iter()) {
            match entry {
                Entry::Lines(lines) => {
                    WAITING.fetch_sub(lines.len(), Ordering::Relaxed);
                    piece += &lines;
                }
                Entry::Flush(done) => {
                    write(&mut piece);
                    let _ = done.send(());
                }
            }
            // A pipe that has room at all has room for this much.
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
    *written() = Some(Instant::now());
    let mut stdout = io::stdout().lock();
    let mut result = stdout.write_all(piece.as_bytes());
    if dropped > 0 && result.is_ok() {
        result = writeln!(stdout, "({dropped} lines of this log could not be written)");
    }
    if result.and_then(|()| stdout.flush()).is_err() {
        DROPPED.fetch_add(dropped + piece.lines().count(), Ordering::Relaxed);
    }
    *written() = Some(Instant::now());
    piece.clear();
}

fn written() -> MutexGuard<'static, Option<Instant>> {
    WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}
