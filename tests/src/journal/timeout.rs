//! How long a person, a peer or the grader waits for an event.

use std::time::Duration;

/// The timeout of every wait. The timeout is so long that only a failing program ever reaches it.
pub const TIMEOUT: Duration = Duration::from_secs(4);
