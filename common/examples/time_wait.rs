//! `TIME_WAIT`: a server's port stays in use if the server was the first to close a connection.

mod loopback;
#[macro_use]
mod prediction;

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;

use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    let prediction = prediction::ask(
        "A server closes a connection first, and then the client closes it. The server\n\
         exits and is restarted immediately on the same port, without SO_REUSEADDR.\n\
         What does bind report?",
        &["success", "an error: the address is in use"],
    );
    prediction.compare(
        run(),
        "The side that sent the first FIN keeps the connection in the TIME_WAIT state\n\
         (60 s on Linux) so that a new connection cannot receive late segments of the\n\
         old one. On Unix, Rust's TcpListener sets SO_REUSEADDR, which allows the\n\
         bind; a plain socket.socket() in Python does not.\n\
         Source: RFC 9293, section 3.6; socket(7), SO_REUSEADDR.\n\
         Chapter: docs/src/sockets.md#the-end-fin-and-time_wait",
    )
}

/// Returns the letter of the choice that describes what happened.
fn run() -> io::Result<char> {
    let (mut client, mut server) = loopback::connection()?;
    let address = server.local_addr()?;
    server.shutdown(Shutdown::Write)?;
    say!("The server sent the first FIN; the client read {} bytes.", client.read(&mut [0])?);
    drop(client);
    say!("The client sent the second FIN; the server read {} bytes.", server.read(&mut [0])?);
    drop(server);

    let without = bind(address, false);
    say!("bind without SO_REUSEADDR: {}.", show(&without));
    let happened = if without.is_ok() { 'a' } else { 'b' };
    drop(without);
    if cfg!(unix) {
        say!("bind with SO_REUSEADDR: {}.", show(&bind(address, true)));
    } else {
        say!("SO_REUSEADDR has a different meaning on this system, so it is not tried.");
    }
    Ok(happened)
}

/// `std::net` cannot bind without `SO_REUSEADDR`, because on Unix it always sets this option.
fn bind(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn show(result: &io::Result<Socket>) -> String {
    result.as_ref().map_or_else(|error| error.kind().to_string(), |_| "success".to_owned())
}
