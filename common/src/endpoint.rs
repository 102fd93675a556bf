//! The address on which a server listens or to which a client connects.

use std::env;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};

use anyhow::{Result, anyhow};
use socket2::SockRef;

/// The maximum number of connections that wait for `accept` (listen(2)). The standard library requests a queue of 128
/// connections. If more clients connect at the same time, some of them have to wait a whole second before they try
/// again.
const BACKLOG: i32 = 4096;

/// The command-line arguments that all programs share: `[PORT]` and `--host HOST`.
///
/// ```
/// use clap::Parser;
///
/// #[derive(Parser)]
/// struct Options {
///     #[command(flatten)]
///     endpoint: common::Endpoint<9999>,
/// }
///
/// let options = Options::parse_from(["server", "0"]);
/// let listener = options.endpoint.listen()?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// assert_eq!(Options::parse_from(["server"]).endpoint.to_string(), "127.0.0.1:9999");
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(clap::Args, Clone, Debug)]
pub struct Endpoint<const DEFAULT_PORT: u16> {
    /// TCP port; with 0, a server chooses any free port
    #[arg(value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Address or name to listen on or connect to; a server on 0.0.0.0 can be reached from other computers
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
}

impl<const DEFAULT_PORT: u16> Endpoint<DEFAULT_PORT> {
    /// Opens the listening socket.
    ///
    /// # Errors
    /// See [`Endpoint::listen_with`].
    pub fn listen(&self) -> Result<TcpListener> {
        self.listen_with(|address| TcpListener::bind(address))
    }

    /// Opens the listening socket with `bind` and gives it a long queue for new connections.
    ///
    /// # Errors
    /// Returns an error if the port is in use or reserved, or if the address does not belong to this computer. The
    /// error message says what to do.
    pub fn listen_with(
        &self,
        bind: impl FnOnce((&str, u16)) -> io::Result<TcpListener>,
    ) -> Result<TcpListener> {
        // ANCHOR: listen
        let listener = bind((&self.host, self.port)).map_err(|error| self.cannot_listen(&error))?;
        // A second call to listen(2) only changes the length of the queue. If this call fails, the server still works,
        // but new clients may wait longer.
        let _ = SockRef::from(&listener).listen(BACKLOG);
        Ok(listener)
        // ANCHOR_END: listen
    }

    /// Connects to the server.
    ///
    /// # Errors
    /// See [`Endpoint::connect_with`].
    pub fn connect(&self) -> Result<TcpStream> {
        self.connect_with(|address| TcpStream::connect(address))
    }

    /// Connects to the server with `connect`. Each send is transmitted immediately (without Nagle's algorithm).
    ///
    /// # Errors
    /// Returns an error if no server is listening at the address, or if the host name is unknown. The error message
    /// says what to do.
    pub fn connect_with(
        &self,
        connect: impl FnOnce((&str, u16)) -> io::Result<TcpStream>,
    ) -> Result<TcpStream> {
        let stream =
            connect((&self.host, self.port)).map_err(|error| self.cannot_connect(&error))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn cannot_listen(&self, error: &io::Error) -> anyhow::Error {
        let Self { host, port } = self;
        // Suggests the next lower port (9998 for 9999), but never a privileged port.
        let other = if *port > 1024 { port - 1 } else { 8080 };
        let run = format!("cargo run -p {} -- {other}", program_name());
        match error.kind() {
            ErrorKind::AddrInUse => {
                anyhow!(
                    "another program is using port {port}; stop it or choose another port: {run}"
                )
            }
            ErrorKind::PermissionDenied => {
                anyhow!("port {port} is reserved by the system; choose one above 1023: {run}")
            }
            _ => anyhow!(
                "cannot listen on {host}:{port}: {error}; --host must be an address of this computer"
            ),
        }
    }

    fn cannot_connect(&self, error: &io::Error) -> anyhow::Error {
        let Self { host, port } = self;
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                let server = program_name().replace("client", "server");
                anyhow!(
                    "nobody is listening on {host}:{port}; start the server first: cargo run -p {server} -- {port}"
                )
            }
            _ => anyhow!("cannot connect to {host}:{port}: {error}; check --host and the port"),
        }
    }
}

impl<const DEFAULT_PORT: u16> fmt::Display for Endpoint<DEFAULT_PORT> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// Returns the name of this program's cargo package.
fn program_name() -> String {
    let path = env::current_exe().unwrap_or_default();
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
