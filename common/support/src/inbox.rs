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
pub trait Event: Sized + Send + 'static {
    /// How many bytes of text it holds.
    fn text_len(&self) -> usize;

    /// Takes in the event that came right after this one, or gives it back when it is something else.
    ///
    /// What one person has said in a row goes to the others in one piece: that is what makes a broadcast fast.
    fn merge(&mut self, next: Self) -> Option<Self> {
        Some(next)
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
/// struct Said(&'static str);
///
/// impl support::inbox::Event for Said {
///     fn text_len(&self) -> usize {
///         self.0.len()
///     }
/// }
///
/// let (room, mut inbox) = support::inbox();
/// room.send(Said("one"))?;
/// room.send(Said("two"))?;
/// assert_eq!(inbox.take_all().len(), 2);
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
    pub fn send(&self, event: E) -> Result<()> {
        while self.waiting.load(Ordering::Relaxed) > LIMIT {
            thread::sleep(PAUSE);
        }
        self.waiting.fetch_add(size_of::<E>() + event.text_len(), Ordering::Relaxed);
        self.events.send(event).map_err(|_| anyhow!("nobody takes events any more"))
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
        let Ok(first) = self.events.recv() else { return Vec::new() };
        let mut taken = size_of::<E>() + first.text_len();
        let mut all = vec![first];
        // A reader that has found one message in what it has read will find more in a moment, and one send for
        // all of them costs no more than one for the first.
        let mut misses = 0;
        while taken < LIMIT && misses < MISSES {
            let Ok(next) = self.events.try_recv() else {
                misses += 1;
                hint::spin_loop();
                continue;
            };
            misses = 0;
            taken += size_of::<E>() + next.text_len();
            let rest = all.last_mut().and_then(|last| last.merge(next));
            all.extend(rest);
        }
        self.waiting.fetch_sub(taken, Ordering::Relaxed);
        all
    }
}
