//! Endings in which the last words arrive.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::outbox::wait_for_backlogs;

/// How long a connection may linger after its end was decided.
pub const LINGER: Duration = Duration::from_secs(1);

/// How many connections may linger at a time. Further ones are closed at once.
const MAX_LINGERING: usize = 1000;

/// Tells a peer why it is not served, and closes the connection. The caller waits for nothing: the accept
/// loop can do it.
///
/// Only at the beginning of a connection: `reason` must fit into the send buffer, which is as good as empty.
///
/// ```
/// # use std::io::{Read, Write};
/// # use std::net::{TcpListener, TcpStream};
/// # use std::sync::Arc;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// client.write_all(b"is there a seat?")?; // nobody reads this
/// common::refuse(Arc::new(stream), b"The chatroom is full\n");
///
/// let mut reason = String::new();
/// client.read_to_string(&mut reason)?;
/// assert_eq!(reason, "The chatroom is full\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn refuse(stream: Arc<TcpStream>, reason: &[u8]) {
    // ANCHOR: refuse
    let mut sender = &*stream;
    // A peer that is gone already needs no reason.
    if sender.write_all(reason).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok() {
        // (without a thread for it, the reason arrives all the same, most of the time)
        let _ = thread::Builder::new().spawn(move || drain(&stream));
    }
    // ANCHOR_END: refuse
}

/// Reads and forgets what the peer still sends, until it closes too, for at most [`LINGER`].
///
/// Closing a socket that holds unread input sends a reset (RFC 9293, section 3.6.1). Then whatever of our
/// last words is still in the send buffer, or on its way, is lost. On Linux the peer can still read what had
/// arrived before the reset; other systems may throw that away, too.
pub fn drain(stream: &TcpStream) {
    static LINGERING: AtomicUsize = AtomicUsize::new(0);
    if LINGERING.fetch_add(1, Ordering::Relaxed) < MAX_LINGERING {
        read_to_end(stream);
    }
    LINGERING.fetch_sub(1, Ordering::Relaxed);
}

fn read_to_end(stream: &TcpStream) {
    let mut receiver = stream;
    let end = Instant::now() + LINGER;
    let mut forgotten = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // (when no time is left, zero is an error)
        if stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match receiver.read(&mut forgotten) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Lets Ctrl-C (and SIGTERM) end a server with status 0, after what it has still to send and to log. The system
/// closes its connections, which tells everybody.
///
/// # Errors
/// When the system gives no signal handler.
pub fn exit_on_ctrl_c() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| exit(0))?)
}

/// Ends the program with `status`, when all that waits to be sent or logged is gone, or within a second.
pub fn exit(status: i32) -> ! {
    wait_for_backlogs(Duration::from_millis(400));
    support::flush_log();
    process::exit(status)
}
