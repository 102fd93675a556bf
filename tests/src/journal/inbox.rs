//! Bytes that arrive from somewhere, and waiting for them without polling.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take. Generous: only a program that fails ever needs it.
pub const TIMEOUT: Duration = Duration::from_secs(4);

/// More than this, in bytes, is a flood, and no more is kept.
const FLOOD: usize = 32 * 1024 * 1024;

/// Bytes that a reading thread pushes and a script waits for.
#[derive(Default)]
pub struct Inbox {
    arrived: Mutex<Arrived>,
    changed: Condvar,
}

/// What has arrived so far.
#[derive(Default)]
pub struct Arrived {
    /// All of it.
    pub bytes: Vec<u8>,
    /// How many bytes the script has taken.
    pub taken: usize,
    /// Why nothing more will come.
    pub end: Option<&'static str>,
}

impl Arrived {
    /// What the script has not taken yet.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

impl Inbox {
    /// An empty feed.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds what arrived; false when it is a flood and the source should be left alone.
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

    /// Says that nothing more will come, and why.
    pub fn end(&self, why: &'static str) {
        self.lock().end.get_or_insert(why);
        self.changed.notify_all();
    }

    /// Looks at what has arrived, again and again until `look` answers something; `None` when nothing
    /// more can come, or after [`TIMEOUT`].
    pub fn wait<T>(&self, look: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        self.wait_for(TIMEOUT, look)
    }

    /// As [`Inbox::wait`], for at most `limit`.
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

    /// Looks once.
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
    fn what_comes_later_wakes_who_waits() {
        let inbox = Inbox::new();
        let pusher = std::sync::Arc::clone(&inbox);
        let thread = std::thread::spawn(move || pusher.push(b"late"));
        assert_eq!(inbox.wait(|arrived| (arrived.rest() == b"late").then_some(())), Some(()));
        thread.join().unwrap();
    }
}
