//! Generates more bytes than a system can buffer for a peer that does not read.

use std::fs;

/// The number of long lines that fill the system's buffers, which hold about 4 MB for a peer that does not read.
pub const FLOOD_LINES: usize = 120;

/// The number of long lines that are sent while a slow client is not reading. Together, these lines exceed what the
/// client's socket can hold, but not the maximum backlog.
pub const LAG: usize = 10;

/// Returns a line that is almost as long as the limit allows.
pub fn long_line(number: usize) -> String {
    format!("{number} {}", "x".repeat(60_000))
}

/// Returns more bytes than most systems can buffer for a peer that does not read, but less than the 1 MiB that a
/// server must keep for such a peer.
pub fn backlog() -> impl Iterator<Item = String> {
    const LINES: usize = 15;
    (0..LINES).map(long_line)
}

/// Returns so many long lines that the system cannot buffer them all for a peer that does not read.
///
/// The buffer size of a new connection, in bytes, is the second of the three numbers in `tcp_wmem` (see tcp(7)). On
/// most machines, this buffer is small.
pub fn flood() -> impl Iterator<Item = String> {
    const LINES_THAT_A_PEER_CAN_KEEP: usize = 480;
    let settings = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    let kept = settings.split_whitespace().nth(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let lines = FLOOD_LINES + kept / long_line(0).len();
    (0..lines.min(LINES_THAT_A_PEER_CAN_KEEP)).map(long_line)
}
