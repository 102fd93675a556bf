//! Closes connections without losing the last bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::outbox::wait_for_backlogs;

/// The maximum time that a connection remains open after the decision to close it.
pub const LINGER: Duration = Duration::from_secs(1);

/// The maximum number of connections that linger at the same time. Further connections are closed immediately.
const MAX_LINGERING: usize = 1000;

/// Tells a peer why it is not served and closes the connection. This function never blocks, so the accept loop can call
/// it, but `reason` must fit into an empty send buffer.
///
/// ```
/// # use std::io::{Read, Write};
/// # use std::net::{TcpListener, TcpStream};
/// # use std::sync::Arc;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// client.write_all(b"is there a seat?")?; // the server never reads this
/// common::refuse(Arc::new(stream), b"The chatroom is full\n");
///
/// let mut reason = String::new();
/// client.read_to_string(&mut reason)?;
/// assert_eq!(reason, "The chatroom is full\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn refuse(stream: Arc<TcpStream>, reason: &[u8]) {
    let mut sender = &*stream;
    if sender.write_all(reason).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok() {
        // Even if no thread can be started to drain the stream, the peer usually receives `reason`.
        let _ = thread::Builder::new().spawn(move || drain(&stream));
    }
}

/// Reads and discards everything that the peer sends, until the peer closes its side, but for at most [`LINGER`].
///
/// Closing a socket that holds unread input sends a reset (RFC 9293, section 3.6.1). Bytes that are still in the send
/// buffer or in the network are then lost. On Linux, the peer can still read the bytes that arrived before the reset;
/// other systems may discard even these bytes.
pub fn drain(mut stream: &TcpStream) {
    static LINGERING: AtomicUsize = AtomicUsize::new(0);
    if LINGERING.fetch_add(1, Ordering::Relaxed) < MAX_LINGERING {
        let end = Instant::now() + LINGER;
        let left = || end.saturating_duration_since(Instant::now());
        // When no time is left, the timeout is zero, which `set_read_timeout` rejects, so the loop ends.
        while stream.set_read_timeout(Some(left())).is_ok()
            && stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0)
        {}
    }
    LINGERING.fetch_sub(1, Ordering::Relaxed);
}

/// Makes a server exit with status 0 on Ctrl-C or SIGTERM, after it has sent all pending data and written the log. The
/// system closes the connections, so every client sees the end of the stream.
///
/// # Errors
/// Returns an error if the signal handler cannot be installed.
pub fn exit_on_ctrl_c() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| exit(0))?)
}

/// Exits with `status` as soon as all pending data has been sent and the log has been written, but waits for at most
/// one second.
pub fn exit(status: i32) -> ! {
    wait_for_backlogs(Duration::from_millis(400));
    support::flush_log();
    process::exit(status)
}
