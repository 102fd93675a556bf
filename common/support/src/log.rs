//! A server's log: lines on standard output, which may be read slowly or not at all.
//!
//! A write to a paused terminal (Ctrl-S) or to a full pipe blocks, possibly forever. A server must not wait for such a
//! write. So a separate thread writes the log, and lines that cannot be written are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::text::printable;

/// The maximum total length, in bytes, of the lines that are waiting to be written.
const LIMIT: usize = 1024 * 1024;

/// The time after which lines are dropped if writing makes no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the log thread sleeps after a write. Waking the log thread for each line would cost more than writing the
/// line.
const REST: Duration = Duration::from_millis(5);

static LOG: OnceLock<Sender<Entry>> = OnceLock::new();
static WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// The time when the log thread last started or finished a write.
static WRITTEN: Mutex<Option<Instant>> = Mutex::new(None);

enum Entry {
    /// Each line ends with a newline.
    Lines(String),
    /// When all earlier entries have been written, notifies the thread that sent this entry.
    Flush(SyncSender<()>),
}

/// Writes the rest of the log when this value is dropped, at the end of `main`.
pub struct Background(());

impl Drop for Background {
    fn drop(&mut self) {
        flush_log();
    }
}

/// Prints a line that describes an event, after making the line [`printable`].
///
/// Unlike `println!`, this function does not panic when the output is closed.
pub fn log(line: &str) {
    print_line(&printable(line));
}

/// Like [`log`], but for several lines. Printing several lines together takes hardly any longer than printing one.
pub fn log_all(lines: &[impl AsRef<str>]) {
    let mut text = String::new();
    for line in lines {
        text += &printable(line.as_ref());
        text.push('\n');
    }
    print(text);
}

/// Prints one line unchanged. Use this function only for text that does not come from the network. Like [`log`], this
/// function does not panic.
pub fn print_line(line: &str) {
    print(format!("{line}\n"));
}

fn print(lines: String) {
    let Some(log) = LOG.get() else {
        // An error means that the output is closed. The program continues without output.
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

/// Starts a thread that writes the log, so that [`log`] and [`print_line`] need not wait for a reader. Keep the
/// returned value until the end of `main`.
///
/// # Errors
/// Returns an error if the thread cannot be started.
pub fn log_in_background() -> Result<Background> {
    let (log, entries) = mpsc::channel();
    thread::Builder::new().name("log".to_owned()).spawn(move || write_forever(entries))?;
    let _ = LOG.set(log);
    Ok(Background(()))
}

/// Waits briefly for the rest of the log to be written. The wait is limited, because the output may never be read.
pub fn flush_log() {
    let (done, flushed) = mpsc::sync_channel(1);
    if let Some(log) = LOG.get()
        && log.send(Entry::Flush(done)).is_ok()
    {
        let _ = flushed.recv_timeout(Duration::from_millis(400));
    }
}

fn write_forever(entries: Receiver<Entry>) {
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
            // A pipe that is ready for writing accepts at least this many bytes.
            if piece.len() > 4096 {
                write(&mut piece);
            }
        }
        write(&mut piece);
        thread::sleep(REST);
    }
}

/// Writes complete lines, followed by the number of lines that were dropped in the meantime.
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
