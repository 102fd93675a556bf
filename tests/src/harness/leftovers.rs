//! Checks that a server keeps no open files or threads for clients that have disconnected.
//!
//! A server may keep some threads or files to reuse them, but it must not keep a thread or file for each client. So
//! this check makes more and more clients connect and disconnect until it can distinguish the two cases.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::server::Server;
use crate::journal::Journal;
use crate::journal::failure::Check;

/// The number of clients that connect and disconnect in each round. The server passes the check as soon as it passes
/// one round.
const ROUNDS: [usize; 3] = [20, 60, 180];
/// The maximum time that the clients in one round may take. If the clients take longer than this, the machine is too
/// busy for a fair verdict on the server.
const BUSY: Duration = Duration::from_secs(5);
/// The maximum time that a server may take to release the resources of clients that have disconnected.
const RELEASE: Duration = Duration::from_secs(2);

/// Checks that the server keeps nothing for clients that have disconnected. `visit` makes one client connect and
/// disconnect.
pub fn keeps_nothing(server: &Server, journal: &Journal, visit: impl Fn() -> Check) -> Check {
    const KINDS: [&str; 2] = ["open files (such as sockets)", "threads"];
    let process = server.terminal().process();
    let held = || Some([process.open_files()?, process.threads()?]);
    // The server may open a file or start a thread for its very first client and keep it.
    visit()?;
    let first = held();
    let mut grows = [true; KINDS.len()];
    let mut clients = 0;
    for round in ROUNDS {
        let (before, begin) = (held(), Instant::now());
        for _ in 0..round {
            visit()?;
            if begin.elapsed() > BUSY {
                return Ok(());
            }
        }
        clients += round;
        let deadline = Instant::now() + RELEASE;
        loop {
            // If the system does not report open files and threads, the server passes the check.
            let (Some(before), Some(now)) = (before, held()) else { return Ok(()) };
            let grew = |kind: usize| now[kind] >= before[kind] + round * 9 / 10;
            if !(0..KINDS.len()).any(|kind| grows[kind] && grew(kind)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                grows = [0, 1].map(|kind| grows[kind] && grew(kind));
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    let kept = |kind: usize| {
        let more = held()?[kind].saturating_sub(first?[kind]);
        grows[kind].then(|| format!("{more} more {}", KINDS[kind]))
    };
    let kept: Vec<_> = (0..KINDS.len()).filter_map(kept).collect();
    let who = format!("after {clients} clients had come and gone, the server should have kept");
    let came = format!("{} than before", kept.join(" and "));
    Err(journal.wrong(who, "no open files or threads for them", came))
}
