//! Checks that an idle program uses no processor time.

use std::thread;
use std::time::{Duration, Instant};

use crate::journal::Journal;
use crate::journal::failure::Check;
use crate::journal::timeout::TIMEOUT;
use crate::system::process::Process;

/// Waits until a program is idle: it runs or is ready to run for less than a tenth of a short interval.
pub fn comes_to_rest(process: &Process, journal: &Journal) -> Check {
    const LOOK: Duration = Duration::from_millis(100);
    let name = process.name();
    let begin = Instant::now();
    loop {
        let looked = Instant::now();
        let before = process.busy_time()?;
        // A sleep is correct here, because the check measures the processor time that the program uses during the
        // sleep.
        thread::sleep(LOOK);
        let after = process.busy_time()?;
        let used = after.saturating_sub(before);
        let is_idle = used < looked.elapsed() / 10 && !process.is_running()?;
        if is_idle {
            return Ok(());
        }
        if begin.elapsed() > TIMEOUT {
            let child = process.busiest_child().map(|child| format!("its child process {child}"));
            let who = child.unwrap_or_else(|| "it".to_owned());
            let elapsed = looked.elapsed();
            // The measured time includes all threads and the time that they wait for a processor. The system may also
            // report some running or waiting time only after the interval to which it belongs. So the measured time can
            // be longer than the interval.
            let used = used.min(elapsed);
            let came = format!("busy for {used:.0?} in {elapsed:.0?}: {who} is in a busy loop");
            let who = format!("while idle, {name}'s program should have used");
            return Err(journal.wrong(who, "no processor time", came));
        }
    }
}
