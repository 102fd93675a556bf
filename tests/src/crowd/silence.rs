//! Decides how long to wait for a server that sends nothing.

use std::time::{Duration, Instant};

/// The interval between two checks of a silent server.
pub const LOOK: Duration = Duration::from_millis(20);

/// The options for running a plan.
pub struct Manner<'a> {
    /// If a server that is not busy is silent for longer than this, no more messages are expected.
    pub patience: Duration,
    /// The additional time that every plan may take.
    pub limit: Duration,
    /// Returns whether the server is busy rather than waiting.
    pub is_busy: &'a dyn Fn() -> bool,
    /// Called with the number of the plan's events that have begun so far.
    pub progress: &'a dyn Fn(usize),
    /// Called when a rule is broken, before the connections are closed.
    pub found_wrong: &'a dyn Fn(),
}

/// A busy server may be silent for this many times as long as a server that is not busy.
const BUSY: u32 = 10;

/// Measures how long it has been since anything happened. At most [`LOOK`] of the time between two checks is counted,
/// because both programs may have been suspended during a longer gap.
pub struct Silence {
    idle: Duration,
    busy: Duration,
    looked: Instant,
}

impl Silence {
    /// Starts to measure a silence that begins now.
    pub fn begin() -> Self {
        Self { idle: Duration::ZERO, busy: Duration::ZERO, looked: Instant::now() }
    }

    /// Adds the time since the last check. Returns whether nothing has happened for so long that no more messages are
    /// expected.
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
