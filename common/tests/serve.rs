//! Tests the accept loop: how many clients it serves and how it refuses other clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, thread};

const FULL: &[u8] = b"The server is full\n";

/// Starts a server that sends `in` to each client and closes the connection when the client has sent a byte.
fn server(max_clients: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        common::serve(&listener, max_clients, FULL, |_, stream| {
            let mut stream = &**stream;
            stream.write_all(b"in")?;
            stream.read_exact(&mut [0])?;
            Ok(())
        })
    });
    address
}

#[test]
fn a_client_of_a_full_server_reads_the_reason_even_while_sending() {
    let address = server(0);
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"is there a seat?").unwrap();
            client
        })
        .collect();
    for mut client in clients {
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received, FULL);
    }
}

#[test]
fn a_seat_is_free_again_while_its_last_client_lingers() {
    let address = server(1);
    let begin = Instant::now();
    let mut lingering = Vec::new();
    while lingering.len() < 20 {
        let mut client = TcpStream::connect(address).unwrap();
        let mut received = [0; 2];
        client.read_exact(&mut received).unwrap();
        if &received == b"in" {
            client.write_all(b"x").unwrap();
            lingering.push(client);
        }
    }
    // If each client kept its seat for the second that it lingers, this loop would take 20 s.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn connections_are_counted_from_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        common::serve(&listener, 3, FULL, |number, stream| {
            Ok((&**stream).write_all(&[u8::try_from(number)?])?)
        })
    });
    for expected in 1..=3 {
        let mut number = [0];
        TcpStream::connect(address).unwrap().read_exact(&mut number).unwrap();
        assert_eq!(number, [expected]);
    }
}

/// A program that is killed when the test that started it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test, but the server that the next test starts as a separate process.
#[test]
#[ignore = "never ends"]
fn serves_with_few_descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    common::serve(&listener, 100, FULL, |_, stream| {
        (&**stream).read_exact(&mut [0])?;
        Ok(())
    })
}

#[test]
fn a_server_without_descriptors_logs_it_and_recovers() {
    let server = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 20; exec \"$0\" --ignored --nocapture --exact serves_with_few_descriptors",
        ])
        .arg(env::current_exe().unwrap())
        .stdout(Stdio::piped())
        .spawn();
    let mut server = Running(server.unwrap());
    let (sender, printed) = mpsc::channel();
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    thread::spawn(move || lines.try_for_each(|line| sender.send(line)));
    let wait_for = |text: &str| loop {
        let line = printed.recv_timeout(Duration::from_secs(20)).unwrap();
        if let Some((_, rest)) = line.split_once(text) {
            return rest.to_owned();
        }
    };
    let address = wait_for("listening on ");
    let clients: Vec<_> = (0..30).map(|_| TcpStream::connect(&address).unwrap()).collect();
    wait_for("cannot accept a connection: Too many open files");
    drop(clients);
    wait_for("accepting connections again");
}
