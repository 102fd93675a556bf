//! The room: what the threads of all connections share, and where only one of them is at a time.
//!
//! A thread that has an event for the room does itself what the room does with it, unless another one is in there:
//! then that one does both. So no thread has to be woken up for a message, and the more people speak, the more
//! messages one round takes: one send for all of them. (Hendler et al., "Flat combining", SPAA 2010.)

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Result, ensure};

use crate::panics::survive_unwritten;

/// How many bytes of events may wait. A thread that finds more waits for the room and, with it, by way of TCP,
/// the client that sends too fast.
const LIMIT: usize = 512 * 1024;

/// How many rounds a thread works for others before it returns to its own client.
const ROUNDS: usize = 64;

/// What can happen in a room.
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

/// What is told how the reading of a connection goes on: a [`Room`], or `()`, which does nothing.
pub trait Gather {
    /// Something has been read, and more than one event may come of it.
    fn gather(&self);

    /// The thread is about to wait for its client.
    fn hand_over(&self);
}

impl Gather for () {
    fn gather(&self) {}
    fn hand_over(&self) {}
}

/// The room, as one connection sees it. A clone is for another connection.
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
/// use support::room::Gather; // `Messages` and `TimedReader` do this
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

/// What a connection has sent, and not handed over yet.
struct Gathered<E> {
    events: Vec<E>,
    is_gathering: bool,
}

struct Shared<E> {
    waiting: Mutex<Waiting<E>>,
    /// What a round does. None when a function that it needs is not written yet.
    round: Mutex<Option<Round<E>>>,
    is_gone: AtomicBool,
}

type Round<E> = Box<dyn FnMut(Vec<E>) + Send>;

struct Waiting<E> {
    events: Vec<E>,
    bytes: usize,
}

impl<E: Event> Room<E> {
    /// A room in which `round` does what events ask, in the order in which they came: once for all that have come since
    /// it was called last. It must never wait for anything.
    ///
    /// When it panics, the program ends with status 101: without it the server is of no use. (With a `todo!` only
    /// the room is gone: what is written already goes on without it.)
    pub fn new(round: impl FnMut(Vec<E>) + Send + 'static) -> Self {
        let round: Round<E> = Box::new(round);
        let waiting = Mutex::new(Waiting { events: Vec::new(), bytes: 0 });
        let round = Mutex::new(Some(round));
        let shared = Shared { waiting, round, is_gone: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), gathered: Mutex::default() }
    }

    /// Sends the room an event. While what was read at once is worked off (see [`Gather`]), events are gathered:
    /// they go together, at the latest when this connection's thread waits for its client again.
    ///
    /// # Errors
    /// When the room is gone.
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

    /// Sends the room an event at once, after those that were gathered before.
    ///
    /// # Errors
    /// When the room is gone.
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
            drop(lock(&self.round));
        }
        self.work_off(ROUNDS);
    }

    /// Does what the events ask that wait, if no other thread is doing it.
    fn work_off(self: &Arc<Self>, rounds: usize) {
        for _ in 0..rounds {
            {
                // (it is never poisoned: a panic does not get out of a round)
                let Ok(mut round) = self.round.try_lock() else { return };
                // Others who are about to put in events do it first: one send serves all.
                thread::yield_now();
                let events = lock(&self.waiting).take();
                if !events.is_empty() {
                    let result = round.as_mut().map(|round| survive_unwritten(|| round(events)));
                    if let Some(Err(unwritten)) = result {
                        self.is_gone.store(true, Ordering::Relaxed);
                        *round = None;
                        drop(round);
                        std::panic::resume_unwind(unwritten);
                    }
                }
            }
            // Somebody may have put in an event, and found this thread here, after the last look.
            if lock(&self.waiting).events.is_empty() {
                return;
            }
        }
        // This thread's own client has waited long enough.
        let shared = Arc::clone(self);
        if thread::Builder::new().spawn(move || shared.work_off(usize::MAX)).is_err() {
            self.work_off(usize::MAX);
        }
    }
}

impl<E> Waiting<E> {
    fn take(&mut self) -> Vec<E> {
        self.bytes = 0;
        mem::take(&mut self.events)
    }
}

/// No panic can have left half an event there.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
