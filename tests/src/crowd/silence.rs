//! How long to wait for a server that says nothing.

use std::time::{Duration, Instant};

/// How often a silent server is looked at.
pub const LOOK: Duration = Duration::from_millis(20);

/// How a plan is played.
pub struct Manner<'a> {
    /// After this much silence of a server that is not busy, nothing more is expected.
    pub patience: Duration,
    /// Whether the server's program is running, rather than waiting.
    pub is_busy: &'a dyn Fn() -> bool,
    /// Is called with the number of events that have begun.
    pub progress: &'a dyn Fn(usize),
}

/// While the server is busy, silence may last this many times longer.
const BUSY: u32 = 10;

/// How long nothing has happened, as far as the player has looked. While the player or the server is not given a
/// processor, nothing can happen.
pub struct Silence {
    idle: Duration,
    busy: Duration,
    looked: Instant,
}

impl Silence {
    /// Begins now.
    pub fn begin() -> Self {
        Self { idle: Duration::ZERO, busy: Duration::ZERO, looked: Instant::now() }
    }

    /// Looks once more. Returns whether nothing more is expected.
    pub fn is_over(&mut self, manner: &Manner) -> bool {
        let now = Instant::now();
        let passed = (now - self.looked).min(LOOK);
        self.looked = now;
        if (manner.is_busy)() {
            self.busy += passed;
        } else {
            self.idle += passed;
        }
        self.idle > manner.patience || self.busy > manner.patience * BUSY
    }
}
