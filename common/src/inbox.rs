//! Where the readers of all connections put what has happened, and one thread takes it out.
//!
//! [`std::sync::mpsc::sync_channel`] bounds the number of events. With a small number the readers stop and
//! wake up all the time; with a large one, of the longest messages, the queue would take a lot of memory.
//! What is bounded here is memory. And the one thread takes all that has come at once.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow};

/// How many bytes of events may wait. A reader that finds more waits too, and with it, by way of TCP, the
/// client that sends too fast.
const LIMIT: usize = 256 * 1024;

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
pub struct Sender<E>(Arc<Shared<E>>);

/// The end of the thread that takes the events out.
pub struct Inbox<E>(Arc<Shared<E>>);

struct Shared<E> {
    state: Mutex<State<E>>,
    arrived: Condvar,
    taken: Condvar,
}

struct State<E> {
    events: Vec<E>,
    bytes: usize,
    /// Whether the inbox waits for events, and how many readers wait for room: a wake-up costs a system call.
    is_waiting: bool,
    waiting_readers: usize,
    is_closed: bool,
}

/// An inbox for events, and the end at which they are put in.
///
/// ```
/// enum Event { Said(String) }
///
/// impl common::inbox::Event for Event {
///     fn text_len(&self) -> usize {
///         let Event::Said(text) = self;
///         text.len()
///     }
/// }
///
/// let (room, mut inbox) = common::inbox();
/// room.send(Event::Said("one".into()))?;
/// room.send(Event::Said("two".into()))?;
/// assert_eq!(inbox.take_all().len(), 2);
/// # Ok::<(), anyhow::Error>(())
/// ```
pub fn inbox<E: Event>() -> (Sender<E>, Inbox<E>) {
    let state = State {
        events: Vec::new(),
        bytes: 0,
        is_waiting: false,
        waiting_readers: 0,
        is_closed: false,
    };
    let shared =
        Arc::new(Shared { state: state.into(), arrived: Condvar::new(), taken: Condvar::new() });
    (Sender(Arc::clone(&shared)), Inbox(shared))
}

impl<E: Event> Sender<E> {
    /// Puts in an event; waits for room first.
    ///
    /// # Errors
    /// When nobody takes events any more.
    pub fn send(&self, event: E) -> Result<()> {
        let mut state = self.0.lock();
        while state.bytes > LIMIT && !state.is_closed {
            state.waiting_readers += 1;
            state = self.0.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting_readers -= 1;
        }
        if state.is_closed {
            return Err(anyhow!("nobody takes events any more"));
        }
        self.put(state, event);
        Ok(())
    }

    /// As [`Sender::send`], but gives the event back instead of waiting.
    ///
    /// # Errors
    /// The event, when there is no room for it.
    pub fn try_send(&self, event: E) -> Result<(), E> {
        let state = self.0.lock();
        if state.bytes > LIMIT || state.is_closed {
            return Err(event);
        }
        self.put(state, event);
        Ok(())
    }

    fn put(&self, mut state: MutexGuard<'_, State<E>>, event: E) {
        state.bytes += mem::size_of::<E>() + event.text_len();
        let event = match state.events.last_mut() {
            Some(last) => last.merge(event),
            None => Some(event),
        };
        state.events.extend(event);
        if mem::take(&mut state.is_waiting) {
            self.0.arrived.notify_one();
        }
    }
}

impl<E> Clone for Sender<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Event> Inbox<E> {
    /// Waits until there is an event, and takes all that are there, in the order in which they came.
    pub fn take_all(&mut self) -> Vec<E> {
        let mut state = self.0.lock();
        while state.events.is_empty() {
            state.is_waiting = true;
            state = self.0.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes = 0;
        if state.waiting_readers > 0 {
            self.0.taken.notify_all();
        }
        mem::take(&mut state.events)
    }
}

impl<E> Drop for Inbox<E> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.taken.notify_all();
    }
}

impl<E> Shared<E> {
    /// A thread that panicked while it held the lock cannot have left half an event there.
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
