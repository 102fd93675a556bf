//! Provides ports for servers that do not support port 0. With port 0, the system chooses the port, and the server
//! prints it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

/// The first port in the range for servers. The range is below the ports that the system assigns for port 0 (on Linux,
/// 32768 and above). Therefore, the system never assigns a port that [`unused`] has returned.
const FIRST: u16 = 20_000;
/// The number of ports in the range for servers.
const COUNT: u16 = 10_000;

/// The files in which Linux lists connections and listeners.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Returns a loopback port on which no program is listening. No two calls return the same port until all ports in the
/// range have been returned.
pub fn unused() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    let ports = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    // If all ten thousand ports are in use, the server itself reports that the port is taken.
    ports.into_iter().find(|&port| !is_listening(port)).unwrap_or(FIRST)
}

/// Returns whether a program is listening on the port. Reads the system's tables on Linux. On other systems, connects
/// to the port and closes the connection.
pub fn is_listening(port: u16) -> bool {
    if TABLES.iter().any(|table| Path::new(table).exists()) {
        !listeners(port).is_empty()
    } else {
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
    }
}

/// Returns whether a program is listening on the port at every address of this computer. On systems other than Linux,
/// always returns `false`.
pub fn is_open_to_all(port: u16) -> bool {
    listeners(port).iter().any(|(address, _)| address.chars().all(|digit| digit == '0'))
}

/// Returns whether one of these programs is listening on the port. Another program may have started to use the port
/// since it was found to be unused. On systems other than Linux, always returns `false`.
pub fn is_listener(port: u16, programs: &[Pid]) -> bool {
    let sockets: Vec<_> =
        listeners(port).into_iter().map(|(_, number)| format!("socket:[{number}]")).collect();
    let is_one = |file: PathBuf| {
        fs::read_link(file).is_ok_and(|to| sockets.iter().any(|socket| to == Path::new(socket)))
    };
    let files = programs.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok());
    !sockets.is_empty() && files.flatten().flatten().any(|file| is_one(file.path()))
}

/// For each listener on the port, returns its address, as hexadecimal digits, and its socket's inode number. On systems
/// other than Linux, which do not have the files in [`TABLES`], returns an empty list.
fn listeners(port: u16) -> Vec<(String, String)> {
    // `  0: 0100007F:270F 00000000:0000 0A …`: the local and the remote address, and the state 0A, LISTEN. The last of
    // the next six fields is the socket's inode number (see proc_net_tcp in the kernel's documentation).
    let tables = TABLES.map(fs::read_to_string);
    let address = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (address, local_port) = fields.next()?.rsplit_once(':')?;
        let is_it = local_port == format!("{port:04X}") && fields.nth(1) == Some("0A");
        Some((address.to_owned(), fields.nth(5)?.to_owned())).filter(|_| is_it)
    };
    tables.iter().flatten().flat_map(|table| table.lines().filter_map(address)).collect()
}

/// Returns how many bytes sent from one port to the other on a loopback connection have not been read yet. Returns
/// `None` if there is no such connection, or if the system does not report this number.
pub fn unread(from: u16, to: u16) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    // `  0: 0100007F:270F 0100007F:8C1E 01 00000000:00000000 …`: the two addresses, the state, and how many bytes are
    // waiting to be sent and to be read (see proc_net_tcp in the kernel's documentation).
    let waiting = |local: u16, remote: u16| {
        table.lines().find_map(|line| {
            let fields: Vec<_> = line.split_ascii_whitespace().collect();
            let is_port = |at: usize, port: u16| fields[at].ends_with(&format!(":{port:04X}"));
            if fields.len() < 5 || !is_port(1, local) || !is_port(2, remote) {
                return None;
            }
            let (sent, received) = fields[4].split_once(':')?;
            let bytes = |field| usize::from_str_radix(field, 16).ok();
            Some((bytes(sent)?, bytes(received)?))
        })
    };
    let ((unsent, _), (_, unread)) = (waiting(from, to)?, waiting(to, from)?);
    Some(unsent + unread)
}

/// A port on which no program can listen while this value exists.
///
/// Dropping a listener is not enough to close its port. A program that is being started at the same moment keeps a copy
/// of the listener's socket until it calls exec, and connections still succeed until then.
pub struct ClosedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ClosedPort {
    /// Binds a free loopback port.
    pub fn new() -> io::Result<Self> {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = bound.local_addr()?.as_socket();
        let address = address.ok_or_else(|| io::Error::other("no address"))?;
        Ok(Self { address, _bound: bound })
    }

    /// Returns the address that refuses connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use nix::unistd::Pid;

    use super::{is_listener, is_listening, unused};

    #[test]
    fn a_port_is_unused_until_a_listener_is_bound() {
        let port = unused();
        assert!(!is_listening(port));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(is_listening(port));
        if cfg!(target_os = "linux") {
            assert!(is_listener(port, &[Pid::this()]) && !is_listener(port, &[Pid::parent()]));
        }
        assert_ne!(unused(), port);
        drop(listener);
    }
}
