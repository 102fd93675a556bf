//! Tests that a trace stays within its limits and leaves nothing behind.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use grader::system::ports;
use grader::system::ports::ClosedPort;
use nix::sys::signal::Signal;

use crate::chats::executable;
use crate::trace::{LIMIT, Trace, listener, reads, send};

#[test]
fn a_receiver_that_does_not_read_makes_the_sender_wait() {
    const MUCH: usize = 64 * 1024 * 1024;
    let server = listener();
    let trace = Trace::before(1, &server, &[]);
    let (client, peer) = trace.pair(&server);
    client.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let (line, mut sent) = ([&[b'x'; 1023][..], b"\n"].concat(), 0);
    let stopped = loop {
        match (&client).write(&line[sent % 1024..]) {
            Ok(written) if sent < MUCH => sent += written,
            Ok(_) => break false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break true;
            }
        }
    };
    assert!(stopped && sent < MUCH, "{sent} bytes were sent to a server that does not read");
    let status = fs::read_to_string(format!("/proc/{}/status", trace.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB");
    // Nothing is lost.
    let mut read = 0;
    while read < sent {
        let mut bytes = vec![0; 64 * 1024];
        let count = (&peer).read(&mut bytes).unwrap();
        assert!(count > 0, "the stream ended after {read} of {sent} bytes");
        let is_right = |(at, byte): (usize, &u8)| *byte == line[(read + at) % 1024];
        assert!(bytes[..count].iter().enumerate().all(is_right));
        read += count;
    }
}

#[test]
fn there_are_only_so_many_connections() {
    let server = listener();
    let mut trace = Trace::before(1, &server, &[]);
    let mut open: Vec<_> = (0..100).map(|_| trace.pair(&server)).collect();
    let refused = trace.connect();
    let kind = (&refused).read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::ConnectionReset));
    trace.draws("✗ there are already 100 connections");
    // All connections work, even those of the clients that share the last lane (column) of the ladder diagram.
    for (number, (client, peer)) in open.iter().enumerate() {
        send(client, format!("{number}\n"));
        reads(peer, &format!("{number}\n"));
    }
    trace.draws("#100: 99⏎");
    // When one connection has ended, another is accepted.
    open.truncate(99);
    trace.draws("closes");
    trace.draws("closes");
    let (client, peer) = trace.pair(&server);
    send(&client, "again\n");
    reads(&peer, "again\n");
}

#[test]
fn errors_name_the_port_and_what_to_do() {
    let taken = listener();
    let port = taken.local_addr().unwrap().port();
    let mut trace = Trace::start_at(3, port, &["--to", "127.0.0.1:9"]);
    trace.says(&format!("another program is using port {port}"));
    assert_eq!(trace.ends().0.code(), Some(1));

    let mut trace = Trace::start_at(3, 0, &["--to", "nonsense"]);
    trace.says("write HOST:PORT");
    assert_eq!(trace.ends().0.code(), Some(1));

    let nobody = ClosedPort::new().unwrap();
    let mut trace = Trace::start(3, &["--to", &nobody.address().to_string()]);
    let client = trace.connect();
    let kind = (&client).read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::ConnectionReset));
    trace.draws("✗ the server cannot be reached: Connection refused");

    let mut trace = Trace::start_at(3, 0, &["--server", "sh -c 'echo oh dear; exit 3' {port}"]);
    let (status, _, words) = trace.ends();
    assert_eq!(status.code(), Some(1));
    let has = |text| words.contains(text);
    assert!(has("exited before listening") && has("oh dear") && has("exit status: 3"), "{words}");
}

/// Returns the command line that starts a lab's server from `solutions/`.
fn finished(lab: u32) -> String {
    format!("{} {{port}}", executable(&format!("solution{lab}-server")).display())
}

/// Returns the process ID and port of the server that a trace has started.
fn server_of(trace: &Trace) -> (String, u16) {
    let pid = trace.child.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let server = children.trim().to_owned();
    let line = fs::read_to_string(format!("/proc/{server}/cmdline")).unwrap();
    let port = line.trim_end_matches('\0').rsplit('\0').next().unwrap().parse().unwrap();
    assert!(ports::is_listening(port), "{line}");
    (server, port)
}

fn waits_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_server_ends_with_the_trace() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mut trace = Trace::start(4, &["--server", &finished(4)]);
        let (server, port) = server_of(&trace);
        let client = trace.connect();
        send(&client, "HELO there\n");
        trace.draws("HELO there");
        trace.signal(signal);
        let status = trace.ends().0;
        assert_eq!(status.success(), signal != Signal::SIGKILL, "{signal}: {status}");
        waits_until("the server is still running", || {
            let is_same = fs::read_to_string(format!("/proc/{server}/cmdline"))
                .is_ok_and(|line| line.contains(&port.to_string()));
            !is_same && !ports::is_listening(port)
        });
        assert!(!ports::is_listening(trace.port));
    }
}

#[test]
fn the_trace_ends_with_the_server() {
    let mut trace = Trace::start(4, &["--server", &finished(4)]);
    let client = trace.connect();
    send(&client, "KILL_SERVICE\n");
    let (status, ladder, _) = trace.ends();
    assert!(status.success() && ladder.concat().contains("the server has exited"), "{ladder:#?}");

    let mut trace = Trace::start(4, &["--server", &finished(4)]);
    let (server, _) = server_of(&trace);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server.parse().unwrap()), Signal::SIGKILL)
        .unwrap();
    let (status, _, words) = trace.ends();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains("the server has exited: signal: 9"), "{words}");
}
