//! Tests the error messages that a beginner sees when no server is listening, or when the server cannot listen.

use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, ConnectionRefused, PermissionDenied};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::Path;

use clap::Parser;
use common::Endpoint;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
}

fn endpoint(arguments: &[&str]) -> Endpoint<9999> {
    Options::parse_from([&["program"], arguments].concat()).endpoint
}

/// Returns the error message of a server on `port` if the system reports an error of this `kind`.
fn cannot_listen(port: &str, kind: ErrorKind) -> String {
    let result = endpoint(&[port]).listen_with(|_| Err(kind.into()));
    result.unwrap_err().to_string()
}

fn cannot_connect(arguments: &[&str], kind: ErrorKind) -> String {
    let result = endpoint(arguments).connect_with(|_| Err(kind.into()));
    result.unwrap_err().to_string()
}

/// Returns the name that cargo gave to this test program.
fn program() -> String {
    let path = std::env::args().next().unwrap();
    Path::new(&path).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_command_line_sets_host_and_port() {
    for (arguments, expected) in [
        (&[][..], ("127.0.0.1", 9999)),
        (&["1"], ("127.0.0.1", 1)),
        (&["--host", "::1", "65535"], ("::1", 65535)),
    ] {
        let mut requested = None;
        let _ = endpoint(arguments).listen_with(|(host, port)| {
            requested = Some((host.to_owned(), port));
            Err(io::Error::other("stop here"))
        });
        assert_eq!(requested, Some((expected.0.to_owned(), expected.1)));
    }
}

#[test]
fn the_error_for_a_port_in_use_suggests_another() {
    let program = program();
    // Ports below 1024 are privileged.
    for (port, other) in [("9999", 9998), ("1025", 1024), ("1024", 8080), ("80", 8080)] {
        assert_eq!(
            cannot_listen(port, AddrInUse),
            format!(
                "another program is using port {port}; stop it or choose another port: cargo run -p {program} -- {other}"
            )
        );
    }

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = endpoint(&[&port]).listen().unwrap_err().to_string();
    assert!(error.starts_with(&format!("another program is using port {port};")), "{error}");
}

#[test]
fn the_error_for_a_reserved_port_suggests_another() {
    let program = program();
    assert_eq!(
        cannot_listen("80", PermissionDenied),
        format!(
            "port 80 is reserved by the system; choose one above 1023: cargo run -p {program} -- 8080"
        )
    );
}

#[test]
fn the_error_for_an_address_of_another_computer_names_it() {
    let error = cannot_listen("9999", AddrNotAvailable);
    assert!(error.starts_with("cannot listen on 127.0.0.1:9999: "), "{error}");
    assert!(error.ends_with("; --host must be an address of this computer"), "{error}");
}

#[test]
fn a_refused_client_is_told_to_start_the_server() {
    let program = program();
    assert_eq!(
        cannot_connect(&["4711"], ConnectionRefused),
        format!(
            "nobody is listening on 127.0.0.1:4711; start the server first: cargo run -p {program} -- 4711"
        )
    );
    let error = cannot_connect(&["--host", "nowhere.invalid"], ErrorKind::NotFound);
    assert!(error.starts_with("cannot connect to nowhere.invalid:9999: "), "{error}");
    assert!(error.ends_with("; check --host and the port"), "{error}");
}

#[test]
fn a_client_connects_without_a_nagle_delay() {
    let listener = endpoint(&["0"]).listen().unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let stream = endpoint(&[&port]).connect().unwrap();
    assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    assert!(stream.nodelay().unwrap());
}
