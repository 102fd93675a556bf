//! How long a person, a peer, or the grader waits for an event.

use std::time::Duration;

/// The timeout for a wait. The timeout is so long that only a failing program ever reaches it.
pub const TIMEOUT: Duration = Duration::from_secs(4);

/// The timeout for the first sign that a program has started: it prints something, starts listening, or connects. On a
/// busy machine, an interpreter can take several seconds to start.
pub const START_TIMEOUT: Duration = Duration::from_secs(12);
