//! What a beginner reads when there is nobody to listen to, or no place to listen.

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

/// What is said when the system answers `kind` to a server at `port`.
fn cannot_listen(port: &str, kind: ErrorKind) -> String {
    let result = endpoint(&[port]).listen_with(|_| Err(kind.into()));
    result.unwrap_err().to_string()
}

fn cannot_connect(arguments: &[&str], kind: ErrorKind) -> String {
    let result = endpoint(arguments).connect_with(|_| Err(kind.into()));
    result.unwrap_err().to_string()
}

/// The name that cargo gave to this test.
fn program() -> String {
    let path = std::env::args().next().unwrap();
    Path::new(&path).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_command_line_says_where() {
    for (arguments, expected) in [
        (&[][..], ("127.0.0.1", 9999)),
        (&["1"], ("127.0.0.1", 1)),
        (&["--host", "::1", "65535"], ("::1", 65535)),
    ] {
        let mut asked = None;
        let _ = endpoint(arguments).listen_with(|(host, port)| {
            asked = Some((host.to_owned(), port));
            Err(io::Error::other("enough"))
        });
        assert_eq!(asked, Some((expected.0.to_owned(), expected.1)));
    }
}

#[test]
fn a_taken_port_is_named_and_another_offered() {
    let program = program();
    // Below 1024 a port needs a privilege.
    for (port, other) in [("9999", 9998), ("1025", 1024), ("1024", 8080), ("80", 8080)] {
        assert_eq!(
            cannot_listen(port, AddrInUse),
            format!(
                "another program is using port {port}; stop it or choose a port: cargo run -p {program} -- {other}"
            )
        );
    }

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = endpoint(&[&port]).listen().unwrap_err().to_string();
    assert!(error.starts_with(&format!("another program is using port {port};")), "{error}");
}

#[test]
fn a_reserved_port_is_named_and_another_offered() {
    let program = program();
    assert_eq!(
        cannot_listen("80", PermissionDenied),
        format!(
            "port 80 is reserved by the system; choose one above 1023: cargo run -p {program} -- 8080"
        )
    );
}

#[test]
fn an_address_of_another_computer_is_named() {
    let error = cannot_listen("9999", AddrNotAvailable);
    assert!(error.starts_with("cannot listen on 127.0.0.1:9999: "), "{error}");
    assert!(error.ends_with("; --host takes an address of this computer"), "{error}");
}

#[test]
fn who_finds_nobody_is_told_to_start_the_server() {
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
fn who_connects_is_heard_and_waits_for_nothing() {
    let listener = endpoint(&["0"]).listen().unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let stream = endpoint(&[&port]).connect().unwrap();
    assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    assert!(stream.nodelay().unwrap());
}
