//! The accept loop: how many it serves, and what it tells the others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, thread};

const FULL: &[u8] = b"The server is full\n";

/// A server that tells each client that it is in, and is done with it when it has said something.
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
fn whoever_finds_it_full_is_told_so_even_while_speaking() {
    let address = server(0);
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"is anybody there?").unwrap();
            client
        })
        .collect();
    for mut client in clients {
        let mut told = Vec::new();
        client.read_to_end(&mut told).unwrap();
        assert_eq!(told, FULL);
    }
}

#[test]
fn a_place_is_free_when_its_client_is_done_although_that_lingers() {
    let address = server(1);
    let begin = Instant::now();
    let mut lingering = Vec::new();
    while lingering.len() < 20 {
        let mut client = TcpStream::connect(address).unwrap();
        let mut told = [0; 2];
        client.read_exact(&mut told).unwrap();
        if &told == b"in" {
            client.write_all(b"x").unwrap();
            lingering.push(client);
        }
    }
    // If each kept its place for the second that it lingers, it would take 20.
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

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server of the next test.
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
fn without_descriptors_it_says_so_and_goes_on_when_there_are_some() {
    let server = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 20; exec \"$0\" --ignored --nocapture --exact serves_with_few_descriptors",
        ])
        .arg(env::current_exe().unwrap())
        .stdout(Stdio::piped())
        .spawn();
    let mut server = Running(server.unwrap());
    let (said, hears) = mpsc::channel();
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    thread::spawn(move || lines.try_for_each(|line| said.send(line)));
    let hears = |text: &str| loop {
        let line = hears.recv_timeout(Duration::from_secs(20)).unwrap();
        if let Some((_, rest)) = line.split_once(text) {
            return rest.to_owned();
        }
    };
    let address = hears("listening on ");
    let clients: Vec<_> = (0..30).map(|_| TcpStream::connect(&address).unwrap()).collect();
    hears("cannot accept a connection: Too many open files");
    drop(clients);
    hears("accepting connections again");
}
