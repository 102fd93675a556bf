//! The room: the state that all connections' threads share. Only one thread at a time works in the room.
//!
//! A thread that has an event for the room processes the event itself, unless another thread is working in the room. In
//! that case, the other thread also processes this event. So no thread has to be woken for a message. The more people
//! speak, the more messages one round handles and sends together. See Hendler et al., "Flat combining", SPAA 2010.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::vec::Drain;

use anyhow::{Result, ensure};

use crate::panics::exit_on_panic;

/// The maximum total size, in bytes, of the waiting events. When this limit is exceeded, the thread that adds an event
/// waits for the room. As a result, TCP slows down a client that sends too fast.
const LIMIT: usize = 512 * 1024;

/// The number of rounds after which a thread leaves the room and returns to its own client.
const ROUNDS: usize = 64;

/// The maximum number of times that a thread yields before each round.
const YIELDS: usize = 16;

/// An event in a room.
pub trait Event: Send + 'static {
    /// If the event consists of one or more messages, returns the connection's number and the messages.
    ///
    /// Consecutive messages from one connection become one event, so they can be sent to the other members together,
    /// which makes a broadcast fast.
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)>;

    /// Returns how many bytes of text the event holds.
    fn text_len(&mut self) -> usize {
        self.said().map_or(0, |(_, messages)| messages.iter().map(String::len).sum())
    }
}

/// Receives a notification when bytes have been read from a connection and when its thread is about to wait for more
/// bytes. [`Room`] implements this trait. The implementation for `()` does nothing.
pub trait Gather {
    /// Begins to gather events. Called after bytes have been read: these bytes may contain several events, which can
    /// then reach the room together.
    fn gather(&self);

    /// Hands the gathered events over to the room. Called when the thread is about to wait for its client.
    fn hand_over(&self);
}

impl Gather for () {
    fn gather(&self) {}
    fn hand_over(&self) {}
}

/// One connection's handle to the room. Clone the handle for another connection.
///
/// ```
/// struct Said(u64, Vec<String>);
///
/// impl support::room::Event for Said {
///     fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
///         Some((self.0, &mut self.1))
///     }
/// }
///
/// let (all, heard) = std::sync::mpsc::channel();
/// let room = support::Room::new(move |events| {
///     for Said(_, messages) in events {
///         all.send(messages).unwrap();
///     }
/// });
/// let (alice, bob) = (room.clone(), room);
/// bob.send(Said(2, vec!["one".into()]))?;
/// assert_eq!(heard.recv()?, ["one"]);
///
/// use support::room::Gather; // `Messages` and `TimedReader` call its functions
/// alice.gather();
/// alice.send(Said(1, vec!["two".into()]))?;
/// alice.send(Said(1, vec!["three".into()]))?;
/// alice.hand_over();
/// assert_eq!(heard.recv()?, ["two", "three"]);
/// # Ok::<(), anyhow::Error>(())
/// ```
pub struct Room<E: Event> {
    shared: Arc<Shared<E>>,
    gathered: Mutex<Gathered<E>>,
}

/// One connection's events that have not been handed over yet.
struct Gathered<E> {
    events: Vec<E>,
    is_gathering: bool,
}

struct Shared<E> {
    waiting: Mutex<Waiting<E>>,
    worker: Mutex<Worker<E>>,
    is_gone: AtomicBool,
}

type Round<E> = Box<dyn FnMut(Drain<'_, E>) + Send>;

struct Worker<E> {
    /// The function that processes a round's events, or `None` after it has reached a `todo!`.
    round: Option<Round<E>>,
    /// The events of this round. The vector is reused to avoid an allocation for each round.
    events: Vec<E>,
}

struct Waiting<E> {
    events: Vec<E>,
    bytes: usize,
}

impl<E: Event> Room<E> {
    /// Creates a room. Each call to `round` processes all events that have arrived since the last call, in the order of
    /// their arrival. `round` must never block.
    ///
    /// If `round` panics, the program exits with status 101, because the server is useless without the room. After a
    /// panic from a `todo!`, only the room is lost, and the other parts of the program continue.
    pub fn new(round: impl FnMut(Drain<'_, E>) + Send + 'static) -> Self {
        let round: Round<E> = Box::new(round);
        let waiting = Mutex::new(Waiting { events: Vec::new(), bytes: 0 });
        let worker = Mutex::new(Worker { round: Some(round), events: Vec::new() });
        let shared = Shared { waiting, worker, is_gone: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), gathered: Mutex::default() }
    }

    /// Sends an event to the room. While bytes that arrived together are being processed (see [`Gather`]), events are
    /// gathered. All gathered events reach the room together, before this connection's thread waits for its client
    /// again.
    ///
    /// # Errors
    /// Returns an error if the room is gone.
    pub fn send(&self, mut event: E) -> Result<()> {
        ensure!(!self.shared.is_gone.load(Ordering::Relaxed), "the room is gone");
        let mut gathered = lock(&self.gathered);
        match (gathered.events.last_mut().and_then(E::said), event.said()) {
            (Some((last, messages)), Some((id, more))) if last == id => messages.append(more),
            _ => gathered.events.push(event),
        }
        let is_gathering = gathered.is_gathering;
        drop(gathered);
        if !is_gathering {
            self.hand_over();
        }
        Ok(())
    }

    /// Adds an event to the gathered events and hands all of them over to the room immediately.
    ///
    /// # Errors
    /// Returns an error if the room is gone.
    pub fn send_now(&self, event: E) -> Result<()> {
        self.send(event)?;
        self.hand_over();
        Ok(())
    }
}

impl<E: Event> Gather for Room<E> {
    fn gather(&self) {
        lock(&self.gathered).is_gathering = true;
    }

    fn hand_over(&self) {
        let gathered = mem::take(&mut *lock(&self.gathered));
        if !gathered.events.is_empty() {
            self.shared.put_in(gathered.events);
        }
    }
}

impl<E> Default for Gathered<E> {
    fn default() -> Self {
        Self { events: Vec::new(), is_gathering: false }
    }
}

impl<E: Event> Clone for Room<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), gathered: Mutex::default() }
    }
}

impl<E: Event> Drop for Room<E> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl<E: Event> Shared<E> {
    fn put_in(self: &Arc<Self>, mut events: Vec<E>) {
        let bytes: usize = events.iter_mut().map(|event| size_of::<E>() + event.text_len()).sum();
        let is_too_much = {
            let mut waiting = lock(&self.waiting);
            waiting.events.append(&mut events);
            waiting.bytes += bytes;
            waiting.bytes > LIMIT
        };
        if is_too_much {
            drop(lock(&self.worker));
        }
        self.work_off(ROUNDS);
    }

    /// Yields once, and again as long as other threads add events, so that all of these events need only one send for
    /// each receiver.
    fn let_others_add(&self) {
        let added = || lock(&self.waiting).events.len();
        let mut before = added();
        for _ in 0..YIELDS {
            thread::yield_now();
            let after = added();
            if after == before {
                return;
            }
            before = after;
        }
    }

    /// Processes the waiting events, unless another thread is already processing events.
    fn work_off(self: &Arc<Self>, rounds: usize) {
        for _ in 0..rounds {
            {
                // The lock is never poisoned, because no panic escapes from a round.
                let Ok(mut worker) = self.worker.try_lock() else { return };
                let Worker { round, events } = &mut *worker;
                self.let_others_add();
                lock(&self.waiting).swap(events);
                if !events.is_empty() {
                    let result =
                        round.as_mut().map(|round| exit_on_panic(|| round(events.drain(..))));
                    if let Some(Err(unwritten)) = result {
                        self.is_gone.store(true, Ordering::Relaxed);
                        *round = None;
                        drop(worker);
                        std::panic::resume_unwind(unwritten);
                    }
                }
            }
            // Checks again, because another thread may have added an event and found the room locked.
            if lock(&self.waiting).events.is_empty() {
                return;
            }
        }
        // This thread must return to its own client, so a new thread processes the remaining events.
        let shared = Arc::clone(self);
        if thread::Builder::new().spawn(move || shared.work_off(usize::MAX)).is_err() {
            self.work_off(usize::MAX);
        }
    }
}

impl<E> Waiting<E> {
    fn swap(&mut self, events: &mut Vec<E>) {
        self.bytes = 0;
        mem::swap(&mut self.events, events);
    }
}

/// Locks a mutex. A poisoned lock does no harm, because no panic can leave an event half added.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
