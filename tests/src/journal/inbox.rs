//! Receives bytes from a thread that reads them, and waits for them without polling.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::journal::timeout::{START_TIMEOUT, TIMEOUT};

/// If a program sends more bytes than this, the grader stops reading.
const FLOOD: usize = 32 * 1024 * 1024;

/// Content that is built from the bytes that have arrived.
pub trait Content {
    /// Adds bytes.
    ///
    /// # Errors
    /// Returns an error if too many bytes have arrived. The error says why no more bytes are accepted.
    fn add(&mut self, bytes: &[u8]) -> Result<(), &'static str>;

    /// Returns whether the sender may still be starting, in which case its first bytes may take [`START_TIMEOUT`].
    fn may_be_starting(&self) -> bool {
        false
    }

    /// Returns the time at which to call [`Content::settle`] if nothing more arrives before then.
    fn settles_at(&self) -> Option<Instant> {
        None
    }

    /// Called when nothing has arrived for a while.
    fn settle(&mut self) {}
}

/// The bytes that have arrived so far.
#[derive(Default)]
pub struct Stream {
    /// All bytes that have arrived.
    pub bytes: Vec<u8>,
    /// The number of bytes that the script has accepted.
    pub taken: usize,
}

impl Stream {
    /// Returns the bytes that the script has not accepted yet.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

impl Content for Stream {
    fn add(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > FLOOD { Err("it sent more than 32 MiB") } else { Ok(()) }
    }
}

/// Bytes that a thread reads and adds, and that a script waits for.
#[derive(Default)]
pub struct Inbox<C = Stream> {
    arrived: Mutex<Arrived<C>>,
    changed: Condvar,
}

/// The content that has arrived so far and whether more can arrive.
#[derive(Default)]
pub struct Arrived<C = Stream> {
    content: C,
    /// The reason why nothing more will arrive.
    pub end: Option<&'static str>,
}

impl<C> Deref for Arrived<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.content
    }
}

impl<C> DerefMut for Arrived<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.content
    }
}

impl<C: Content> Inbox<C> {
    /// Creates an inbox that adds arriving bytes to `content`.
    pub fn new(content: C) -> Arc<Self> {
        let arrived = Arrived { content, end: None };
        Arc::new(Self { arrived: Mutex::new(arrived), changed: Condvar::new() })
    }

    /// Adds bytes that have arrived. Returns false if too many bytes have arrived; the caller must then stop reading.
    pub fn push(&self, bytes: &[u8]) -> bool {
        self.push_and(bytes, |_| {})
    }

    /// Like [`Inbox::push`], but also calls `react` before any waiting thread sees the bytes.
    pub fn push_and(&self, bytes: &[u8], react: impl FnOnce(&mut C)) -> bool {
        let mut arrived = self.lock();
        let is_flood = arrived.add(bytes).map_err(|why| arrived.end = Some(why)).is_err();
        react(&mut arrived);
        self.changed.notify_all();
        !is_flood
    }

    /// Records the reason why nothing more will arrive.
    pub fn end(&self, why: &'static str) {
        let mut arrived = self.lock();
        arrived.settle();
        arrived.end.get_or_insert(why);
        self.changed.notify_all();
    }

    /// Returns a value that, when dropped, records that nothing more will arrive, unless this has already been
    /// recorded. The thread that reads holds this value, so that nothing waits for a thread that has panicked.
    pub fn ends_with_reader(self: &Arc<Self>) -> impl Drop + Send + use<C>
    where
        C: Send,
    {
        struct Reader<C: Content>(Arc<Inbox<C>>);
        impl<C: Content> Drop for Reader<C> {
            fn drop(&mut self) {
                self.0.end("the grader stopped reading");
            }
        }
        Reader(Arc::clone(self))
    }

    /// Calls `look` with the bytes that have arrived and again after each change, until `look` returns a value. Returns
    /// `None` if nothing more can arrive, or once [`TIMEOUT`] has passed. The time in which the sender is still
    /// starting does not count.
    pub fn wait<T>(&self, look: impl FnMut(&mut Arrived<C>) -> Option<T>) -> Option<T> {
        self.wait_for(START_TIMEOUT, |arrived| (!arrived.may_be_starting()).then_some(()));
        self.wait_for(TIMEOUT, look)
    }

    /// Like [`Inbox::wait`], but with another timeout.
    pub fn wait_for<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&mut Arrived<C>) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut arrived = self.lock();
        loop {
            let found = look(&mut arrived);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || arrived.end.is_some() || left.is_zero() {
                return found;
            }
            let settles_in =
                arrived.settles_at().map(|at| at.saturating_duration_since(Instant::now()));
            if settles_in.is_some_and(|settles_in| settles_in.is_zero()) {
                arrived.settle();
                continue;
            }
            let left = left.min(settles_in.unwrap_or(left));
            let waited = self.changed.wait_timeout(arrived, left);
            arrived = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Calls `look` once.
    pub fn look<T>(&self, look: impl FnOnce(&mut Arrived<C>) -> T) -> T {
        look(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arrived<C>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, Stream};

    #[test]
    fn waiting_ends_when_nothing_more_can_come() {
        let inbox = Inbox::new(Stream::default());
        inbox.push(b"one");
        inbox.end("closed");
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"one").then_some(1)), Some(1));
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"two").then_some(2)), None);
    }

    #[test]
    fn late_bytes_wake_the_waiting_thread() {
        let inbox = Inbox::new(Stream::default());
        let pusher = std::sync::Arc::clone(&inbox);
        let thread = std::thread::spawn(move || pusher.push(b"late"));
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"late").then_some(())), Some(()));
        thread.join().unwrap();
    }
}
