//! Checks that an event happens immediately.
//!
//! A busy machine delays even correct programs. So the check fails only if the event takes more than a second three
//! times in a row, while an echo inside the grader is fast each time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::journal::failure::Check;

/// The time after which an event is late.
const LATE: Duration = Duration::from_secs(1);
/// The maximum time for an echo. If an echo takes longer, the machine is too busy for a fair verdict on the program.
const BUSY: Duration = Duration::from_millis(100);
/// The number of times that an event must be late for the check to fail.
const TIMES: usize = 3;
/// The maximum number of attempts, including attempts that do not count because the machine is busy.
const ATTEMPTS: usize = 6;

impl Harness {
    /// Checks that an event happens immediately. `event` triggers the event, waits until the event has happened, and
    /// returns the time of the trigger. If the event takes more than a second, the function `event` is called again.
    /// `who` names the participant that waits and the event that it waits for, as in [`Failure::Wrong`].
    ///
    /// [`Failure::Wrong`]: crate::journal::failure::Failure::Wrong
    pub fn promptly(&self, who: &str, mut event: impl FnMut() -> Check<Instant>) -> Check {
        let (mut shortest, mut slowest, mut times) = (Duration::MAX, Duration::ZERO, 0);
        for _ in 0..ATTEMPTS {
            let echo = Echo::start()?;
            let took = event()?.elapsed();
            let slow = echo.slowest();
            if took <= LATE {
                return Ok(());
            }
            if slow < BUSY {
                (shortest, slowest) = (shortest.min(took), slowest.max(slow));
                times += 1;
            }
            if times == TIMES {
                break;
            }
        }
        if times < TIMES {
            return Ok(());
        }
        // Rounded down, because the event took at least this long.
        let late = shortest.as_millis() / 100;
        let echo = slowest.as_millis().max(1);
        let expected = format!("within {} s (an echo took at most {echo} ms)", LATE.as_secs());
        let came = format!("after {}.{} s or more, {TIMES} times in a row", late / 10, late % 10);
        Err(self.journal().wrong(who, expected, came))
    }
}

/// A connection inside the grader that echoes one byte at a time.
struct Echo {
    /// The echo continues while this value exists.
    goes_on: Arc<()>,
    measuring: JoinHandle<Duration>,
}

impl Echo {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        // This thread ends when the other end of the connection is closed.
        thread::Builder::new().spawn(move || io::copy(&mut far.try_clone()?, &mut far))?;
        let goes_on = Arc::new(());
        let still: Weak<()> = Arc::downgrade(&goes_on);
        let measuring = thread::Builder::new().spawn(move || {
            // The sleep is part of the measurement, because a busy machine wakes the thread up late.
            const PAUSE: Duration = Duration::from_millis(10);
            let mut slowest = Duration::ZERO;
            while still.strong_count() > 0 {
                let begin = Instant::now();
                thread::sleep(PAUSE);
                if near.write_all(b"x").and_then(|()| near.read_exact(&mut [0])).is_err() {
                    return Duration::MAX;
                }
                slowest = slowest.max(begin.elapsed().saturating_sub(PAUSE));
            }
            slowest
        })?;
        Ok(Self { goes_on, measuring })
    }

    /// Stops the echo and returns the longest time that the echo of a byte took.
    fn slowest(self) -> Duration {
        drop(self.goes_on);
        self.measuring.join().unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::failure::Failure;
    use crate::system::program::Runnable;

    fn harness() -> Harness {
        let none = || Runnable::Missing(Failure::Grader("no program".into()));
        Harness::new(none(), none(), 1)
    }

    /// Returns the verdict on an event that is late in the first `late` attempts, and the number of attempts.
    fn verdict(late: usize) -> (Check, usize) {
        let mut times = 0;
        let long_ago = Instant::now().checked_sub(LATE * 2).unwrap();
        let verdict = harness().promptly("bob should have heard", || {
            times += 1;
            Ok(if times <= late { long_ago } else { Instant::now() })
        });
        (verdict, times)
    }

    #[test]
    fn an_event_is_late_only_if_it_is_late_every_time() {
        assert_eq!(verdict(0), (Ok(()), 1));
        assert_eq!(verdict(TIMES - 1), (Ok(()), TIMES));
    }
}
