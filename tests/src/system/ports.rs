//! Ports for servers that cannot take port 0 and say which one they got.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

/// Below the ports that the system gives to those who ask for any (32768 on Linux), so that none is taken
/// between the choice and the listening.
const FIRST: u16 = 20_000;
/// How many there are.
const COUNT: u16 = 10_000;

/// A port of the loopback on which nobody listens. No two calls answer the same one, until all were used.
pub fn unused() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..COUNT)));
    let ports = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    // (with ten thousand servers on this machine, the server itself will say that the port is taken)
    ports.into_iter().find(|&port| !is_listening(port)).unwrap_or(FIRST)
}

/// Whether somebody listens on the port. On Linux the system is asked; elsewhere this connects, and closes.
pub fn is_listening(port: u16) -> bool {
    let tables: Vec<_> = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string).into();
    if tables.iter().all(Result::is_err) {
        return TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
    }
    // `  0: 0100007F:270F 00000000:0000 0A …`: local and remote address, and 0A, the state LISTEN (proc_net_tcp).
    let is_meant = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local_port = fields.next().and_then(|local| local.rsplit(':').next());
        local_port == Some(&format!("{port:04X}")) && fields.nth(1) == Some("0A")
    };
    tables.iter().flatten().any(|table| table.lines().any(is_meant))
}

/// A port on which nobody listens, and nobody can while this lives.
///
/// A listener that was dropped will not do: a program that is being started at the same moment holds a copy
/// of its socket until it begins, and connections still succeed.
pub struct ClosedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ClosedPort {
    /// Takes any free port of the loopback.
    ///
    /// # Errors
    /// When the machine gives no socket.
    pub fn new() -> io::Result<Self> {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = bound.local_addr()?.as_socket();
        let address = address.ok_or_else(|| io::Error::other("no address"))?;
        Ok(Self { address, _bound: bound })
    }

    /// Where nobody listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{is_listening, unused};

    #[test]
    fn a_port_is_unused_until_somebody_listens() {
        let port = unused();
        assert!(!is_listening(port));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(is_listening(port));
        assert_ne!(unused(), port);
        drop(listener);
    }
}
