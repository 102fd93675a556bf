//! Tests the finished programs' command lines.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::LazyLock;

use assert_cmd::Command;
use grader::system::cargo::{BUILD_LIMIT, Built, build};
use grader::system::ports::ClosedPort;
use predicates::prelude::*;
use predicates::str::contains;

use crate::LIMIT;

/// Each lab's number and default port.
const LABS: [(u32, u16); 4] = [(1, 9999), (2, 55555), (3, 9095), (4, 8080)];

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let packages = LABS.iter().flat_map(|(lab, _)| {
        ["server", "client"].map(|program| format!("solution{lab}-{program}"))
    });
    build(&grader::kit::root(), &packages.collect::<Vec<_>>(), BUILD_LIMIT)
        .expect("cargo builds the solutions")
});

/// Returns the path of a finished program.
pub fn executable(package: &str) -> PathBuf {
    BUILT[package].clone().expect("the solutions compile")
}

fn server(lab: u32) -> Command {
    command(&format!("solution{lab}-server"))
}

/// Returns a client whose input answers the prompt for a name.
fn client(lab: u32) -> Command {
    let mut command = command(&format!("solution{lab}-client"));
    command.write_stdin("alice\n");
    command
}

fn command(package: &str) -> Command {
    let mut command = Command::new(executable(package));
    command.timeout(LIMIT);
    command
}

#[test]
fn help_shows_port_and_host() {
    for (lab, port) in LABS {
        for mut command in [server(lab), client(lab)] {
            let tells = contains("[PORT]").and(contains("--host")).and(contains(port.to_string()));
            command.arg("--help").assert().success().stdout(tells);
        }
    }
}

#[test]
fn an_invalid_port_is_refused_and_named() {
    for (lab, _) in LABS {
        for bad in ["99999", "abc", "-1"] {
            server(lab).arg(bad).assert().code(2).stderr(contains(bad));
            client(lab).arg(bad).assert().code(2).stderr(contains(bad));
        }
    }
}

#[test]
fn a_taken_port_is_named_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (lab, _) in LABS {
        let says = contains(format!("another program is using port {port}"))
            .and(contains(format!("cargo run -p solution{lab}-server -- {}", port - 1)));
        server(lab).arg(port.to_string()).assert().code(1).stderr(says);
    }
}

#[test]
fn an_address_of_another_computer_is_refused() {
    for (lab, _) in LABS {
        let says = contains("cannot listen on 203.0.113.7:0").and(contains("--host"));
        server(lab).args(["0", "--host", "203.0.113.7"]).assert().code(1).stderr(says);
    }
}

#[test]
fn a_missing_server_is_named_with_advice() {
    let nobody = ClosedPort::new().unwrap();
    let port = nobody.address().port();
    for (lab, _) in LABS {
        let says = contains(format!("nobody is listening on 127.0.0.1:{port}"))
            .and(contains(format!("cargo run -p solution{lab}-server -- {port}")));
        client(lab).arg(port.to_string()).assert().code(1).stderr(says);
    }
}
