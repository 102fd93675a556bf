//! Receives bytes from a reading thread, and waits for them without polling.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::journal::timeout::TIMEOUT;

/// If more bytes than this arrive, they are a flood, and no more are kept.
const FLOOD: usize = 32 * 1024 * 1024;

/// Bytes that a reading thread pushes and a script waits for.
#[derive(Default)]
pub struct Inbox {
    arrived: Mutex<Arrived>,
    changed: Condvar,
}

/// The bytes that have arrived so far.
#[derive(Default)]
pub struct Arrived {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// The number of bytes that the script has accepted.
    pub taken: usize,
    /// Why nothing more will arrive.
    pub end: Option<&'static str>,
}

impl Arrived {
    /// The bytes that the script has not accepted yet.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds bytes that have arrived. Returns false if they are a flood, so that the caller stops reading.
    pub fn push(&self, bytes: &[u8]) -> bool {
        let mut arrived = self.lock();
        arrived.bytes.extend_from_slice(bytes);
        let is_flood = arrived.bytes.len() > FLOOD;
        if is_flood {
            arrived.end = Some("it sent more than 32 MiB");
        }
        self.changed.notify_all();
        !is_flood
    }

    /// Records that nothing more will arrive, and why.
    pub fn end(&self, why: &'static str) {
        self.lock().end.get_or_insert(why);
        self.changed.notify_all();
    }

    /// Ends the inbox when the returned value is dropped, unless it has ended before. The reading thread holds this
    /// value, so that nothing waits for a thread that has panicked.
    pub fn ends_with_reader(self: &Arc<Self>) -> impl Drop + Send + use<> {
        struct Reader(Arc<Inbox>);
        impl Drop for Reader {
            fn drop(&mut self) {
                self.0.end("the grader stopped reading");
            }
        }
        Reader(Arc::clone(self))
    }

    /// Calls `look` with the bytes that have arrived, until it returns something. Returns `None` if nothing more can
    /// arrive, or after [`TIMEOUT`].
    pub fn wait<T>(&self, look: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        self.wait_for(TIMEOUT, look)
    }

    /// Like [`Inbox::wait`], but with another timeout.
    pub fn wait_for<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&mut Arrived) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut arrived = self.lock();
        loop {
            let found = look(&mut arrived);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || arrived.end.is_some() || left.is_zero() {
                return found;
            }
            let waited = self.changed.wait_timeout(arrived, left);
            arrived = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Calls `look` once.
    pub fn look<T>(&self, look: impl FnOnce(&mut Arrived) -> T) -> T {
        look(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Inbox;

    #[test]
    fn waiting_ends_when_nothing_more_can_come() {
        let inbox = Inbox::new();
        inbox.push(b"one");
        inbox.end("closed");
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"one").then_some(1)), Some(1));
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"two").then_some(2)), None);
    }

    #[test]
    fn late_bytes_wake_the_waiting_thread() {
        let inbox = Inbox::new();
        let pusher = std::sync::Arc::clone(&inbox);
        let thread = std::thread::spawn(move || pusher.push(b"late"));
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"late").then_some(())), Some(()));
        thread.join().unwrap();
    }
}
