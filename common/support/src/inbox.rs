//! Where the readers of all connections put what has happened, and one thread takes it out.
//!
//! [`mpsc::sync_channel`] bounds the number of events. With a small number the readers fall asleep and wake
//! up all the time; with a large one, of the longest messages, the queue takes a lot of memory. So this one is
//! bounded in bytes, and the one thread takes all that has come at once.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

/// How many bytes of events may wait. A reader that finds more waits too, and with it, by way of TCP, the
/// client that sends too fast.
const LIMIT: usize = 512 * 1024;

/// How many events may wait, however small they are. (The channel without a limit allocates memory in one thread
/// and frees it in another, which costs more than all the rest.)
const EVENTS: usize = 4096;

/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_millis(1);

/// How often the one thread looks for another event before it goes to work: for some microseconds.
const MISSES: u32 = 100;

/// What can be put in.
pub trait Event: Send + 'static {
    /// What somebody has said, if that is the event, and the number of the connection.
    ///
    /// What one person says in a row becomes one event, and can go to the others in one piece: that is what
    /// makes a broadcast fast.
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)>;

    /// How many bytes of text it holds.
    fn text_len(&mut self) -> usize {
        self.said().map_or(0, |(_, messages)| messages.iter().map(String::len).sum())
    }
}

/// The readers' end. Clones put events into the same inbox.
pub struct Sender<E> {
    events: mpsc::SyncSender<E>,
    waiting: Arc<AtomicUsize>,
}

/// The end of the thread that takes the events out.
pub struct Inbox<E> {
    events: mpsc::Receiver<E>,
    waiting: Arc<AtomicUsize>,
}

/// An inbox for events, and the end at which they are put in.
///
/// ```
/// struct Said(u64, Vec<String>);
///
/// impl support::inbox::Event for Said {
///     fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
///         Some((self.0, &mut self.1))
///     }
/// }
///
/// let (room, mut inbox) = support::inbox();
/// room.send(Said(1, vec!["one".into()]))?;
/// room.send(Said(1, vec!["two".into()]))?;
/// room.send(Said(2, vec!["three".into()]))?;
/// let said: Vec<_> = inbox.take_all().into_iter().map(|said| said.1).collect();
/// assert_eq!(said, [vec!["one", "two"], vec!["three"]]);
/// # Ok::<(), anyhow::Error>(())
/// ```
pub fn inbox<E: Event>() -> (Sender<E>, Inbox<E>) {
    let (sender, events) = mpsc::sync_channel(EVENTS);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { events: sender, waiting: Arc::clone(&waiting) }, Inbox { events, waiting })
}

impl<E: Event> Sender<E> {
    /// Puts in an event; waits for room first.
    ///
    /// # Errors
    /// When nobody takes events any more.
    pub fn send(&self, mut event: E) -> Result<()> {
        while self.waiting.load(Ordering::Relaxed) > LIMIT {
            thread::sleep(PAUSE);
        }
        self.waiting.fetch_add(size_of::<E>() + event.text_len(), Ordering::Relaxed);
        self.events.send(event).map_err(|_| {
            // Nobody shall wait for room any more.
            self.waiting.store(0, Ordering::Relaxed);
            anyhow!("nobody takes events any more")
        })
    }
}

impl<E> Clone for Sender<E> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone(), waiting: Arc::clone(&self.waiting) }
    }
}

impl<E: Event> Inbox<E> {
    /// Waits until there is an event, and takes all that are there, in the order in which they came; none when
    /// there is no sender any more.
    pub fn take_all(&mut self) -> Vec<E> {
        let Ok(mut first) = self.events.recv() else { return Vec::new() };
        let mut taken = size_of::<E>() + first.text_len();
        let mut all = vec![first];
        // A reader that has found one message in what it has read will find more in a moment, and one send for
        // all of them costs no more than one for the first.
        let mut misses = 0;
        while taken < LIMIT && misses < MISSES {
            let Ok(mut next) = self.events.try_recv() else {
                misses += 1;
                hint::spin_loop();
                continue;
            };
            misses = 0;
            taken += size_of::<E>() + next.text_len();
            match (all.last_mut().and_then(E::said), next.said()) {
                (Some((id, messages)), Some((next_id, more))) if id == next_id => {
                    messages.append(more);
                }
                _ => all.push(next),
            }
        }
        self.waiting.fetch_sub(taken, Ordering::Relaxed);
        all
    }
}

impl<E> Drop for Inbox<E> {
    fn drop(&mut self) {
        // Nobody shall wait for room any more.
        self.waiting.store(0, Ordering::Relaxed);
    }
}
