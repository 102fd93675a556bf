//! Creates a connection over the loopback interface.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Returns the client's end and the server's end of a connection. A read or a write that has waited for 10 s returns an
/// error, so an experiment never hangs.
pub fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_read_timeout(Some(Duration::from_secs(10)))?;
        end.set_write_timeout(Some(Duration::from_secs(10)))?;
    }
    Ok((client, server))
}
