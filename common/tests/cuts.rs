//! Tests that the messages of labs 1 and 2 are received unchanged, no matter where the stream is split or how long the
//! pauses are.

use std::io::{Read, Write};
use std::iter;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::Messages;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// After a pause of this length, a message that may be complete is considered complete.
const SILENCE: Duration = Duration::from_millis(50);

/// The points at which the text is split. Each point has a position in the text, a flag that says whether to move this
/// position to just before the next newline, and a pause in microseconds.
type Cuts = Vec<(Index, bool, u64)>;

/// Limits the number of cases, because each case needs a connection and some time.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: 24, max_shrink_iters: 32, failure_persistence: None, ..default }
}

fn line() -> impl Strategy<Value = String> {
    let short = "[^\r\n]{1,40}";
    prop_oneof![20 => short, 1 => short.prop_map(|text| text.repeat(40))]
}

fn cuts() -> impl Strategy<Value = Cuts> {
    vec((any::<Index>(), any::<bool>(), 0..2000_u64), 0..10)
}

/// Generates split points, some with pauses that are longer than [`SILENCE`].
fn cuts_with_silence() -> impl Strategy<Value = Cuts> {
    vec((any::<Index>(), any::<bool>(), prop_oneof![4 => 0..2000_u64, 1 => Just(60_000)]), 0..10)
}

/// Returns the two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    (peer, listener.accept().unwrap().0)
}

/// Sends `text` in pieces. Returns how long it took to send the first line: until that line ends, the receiver cannot
/// tell what kind of program the peer is.
fn send(peer: &mut TcpStream, text: &str, cuts: &Cuts) -> Duration {
    let bytes = text.as_bytes();
    let first_line = text.find('\n').map_or(bytes.len(), |newline| newline + 1);
    let place = |(at, is_before_newline, pause): &(Index, bool, u64)| {
        let at = at.index(bytes.len() + 1);
        let newline = bytes[at..].iter().position(|&byte| byte == b'\n');
        (at + newline.filter(|_| *is_before_newline).unwrap_or(0), *pause)
    };
    let mut cuts: Vec<_> = cuts.iter().map(place).collect();
    cuts.sort_unstable();
    cuts.push((bytes.len(), 0));
    let (begin, mut took, mut sent) = (Instant::now(), None, 0);
    for (at, pause) in cuts {
        peer.write_all(&bytes[sent..at]).unwrap();
        sent = at;
        if sent >= first_line {
            took.get_or_insert_with(|| begin.elapsed());
        }
        thread::sleep(Duration::from_micros(pause));
    }
    took.unwrap()
}

fn receive_all(messages: &mut Messages) -> Vec<String> {
    iter::from_fn(|| messages.receive().unwrap()).collect()
}

/// Returns the lines, each with its newline.
fn written(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// Sends each message in one piece. Waits until the message has been received and then pauses before sending the
/// next one.
fn one_by_one(sent: Vec<(String, u64)>, read: fn(&TcpStream) -> Messages<'_>) -> Vec<String> {
    let (mut peer, stream) = connection();
    let (received, was_received) = mpsc::channel();
    let sender = thread::spawn(move || {
        for (message, pause) in sent {
            peer.write_all(message.as_bytes()).unwrap();
            if was_received.recv_timeout(Duration::from_secs(2)).is_err() {
                return;
            }
            thread::sleep(Duration::from_micros(pause));
        }
    });
    let mut messages = read(&stream);
    let all = iter::from_fn(|| {
        let message = messages.receive().unwrap();
        let _ = received.send(());
        message
    });
    let all = all.collect();
    sender.join().unwrap();
    all
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn our_client_on_wire_1(mut lines in vec(line(), 1..6), cuts in cuts_with_silence()) {
        let (mut peer, stream) = connection();
        let text = written(&lines) + "quit";
        let sender = thread::spawn(move || send(&mut peer, &text, &cuts));
        let received = receive_all(&mut Messages::new(&stream, &()));
        // If sending the first line took too long, the receiver may have mistaken a pause for the end of that message.
        prop_assume!(sender.join().unwrap() < SILENCE);
        lines.push("quit".to_owned());
        prop_assert_eq!(received, lines);
    }

    #[test]
    fn our_client_on_wire_2(
        name in "[^\r\n]{1,32}",
        lines in vec(line(), 1..6),
        (name_cuts, cuts) in (cuts(), cuts_with_silence()),
    ) {
        let (mut peer, stream) = connection();
        let lines: Vec<_> = lines.iter().map(|line| format!("{name}: {line}")).collect();
        let greeting = format!("{name} joined!\n");
        let (sent_name, mut answer) = (name.clone(), greeting.clone().into_bytes());
        let text = written(&lines);
        let sender = thread::spawn(move || {
            let took = send(&mut peer, &sent_name, &name_cuts);
            peer.read_exact(&mut answer).unwrap();
            took.max(send(&mut peer, &text, &cuts))
        });
        let mut messages = Messages::new(&stream, &());
        let received_name = messages.handshake(None).unwrap();
        (&stream).write_all(greeting.as_bytes()).unwrap();
        let received = receive_all(&mut messages);
        prop_assume!(sender.join().unwrap() < SILENCE);
        prop_assert_eq!(received_name, Some(name));
        prop_assert_eq!(received, lines);
    }

    #[test]
    fn our_server_on_wire_1(
        is_full in any::<bool>(),
        lines in vec(line(), 0..6),
        cuts in cuts_with_silence(),
    ) {
        let (mut peer, stream) = connection();
        let mut expected = vec!["The chatroom is full".to_owned()];
        if !is_full {
            expected = vec!["Welcome to this chatroom!".to_owned()];
            expected.extend(lines.iter().map(|line| format!("<127.0.0.1> {line}")));
        }
        let text = written(&expected);
        let sender = thread::spawn(move || send(&mut peer, &text, &cuts));
        let mut messages =
            Messages::from_server(&stream, "Welcome to this chatroom!", "The chatroom is full");
        prop_assert_eq!(receive_all(&mut messages), expected);
        sender.join().unwrap();
    }

    #[test]
    fn our_server_on_wire_2(
        refusal in proptest::option::of(line()),
        lines in vec(line(), 0..6),
        (first_cuts, cuts) in (cuts(), cuts_with_silence()),
    ) {
        let (mut peer, stream) = connection();
        let mut expected = vec!["alice joined!".to_owned(), "Connected to server!".to_owned()];
        expected.extend(lines);
        if let Some(reason) = refusal {
            expected = vec![format!("Nickname refused: {reason}")];
        }
        let text = written(&expected);
        let sender = thread::spawn(move || {
            let took = send(&mut peer, "NICK", &first_cuts);
            peer.read_exact(&mut [0; "alice".len()]).unwrap();
            send(&mut peer, &text, &cuts);
            took
        });
        let mut messages = Messages::from_server(&stream, "alice joined!", "Nickname refused: ");
        let asked = messages.handshake(None).unwrap();
        (&stream).write_all(b"alice").unwrap();
        let received = receive_all(&mut messages);
        prop_assume!(sender.join().unwrap() < SILENCE);
        prop_assert_eq!(asked.as_deref(), Some("NICK"));
        prop_assert_eq!(received, expected);
    }

    /// The original clients do not mark the ends of their messages, so the stream is split only between two messages.
    #[test]
    fn an_original_client(sent in vec((line(), 0..2000_u64), 1..6)) {
        let expected: Vec<_> = sent.iter().map(|(message, _)| message.clone()).collect();
        let received = one_by_one(sent, |stream| Messages::new(stream, &()));
        prop_assert_eq!(received, expected);
    }

    /// Although the original server of lab 2 forwards the newlines that our clients send, it must not be mistaken for
    /// our server.
    #[test]
    fn an_original_server(sent in vec((line(), any::<bool>(), 0..2000_u64), 1..6)) {
        let mut expected = vec!["alice joined!".to_owned()];
        let mut all = vec![("alice joined!".to_owned(), 0)];
        for (message, has_newline, pause) in sent {
            all.push((if has_newline { message.clone() + "\n" } else { message.clone() }, pause));
            expected.push(message);
        }
        let read: fn(&TcpStream) -> Messages<'_> =
            |stream| Messages::from_server(stream, "alice joined!", "Nickname refused: ");
        prop_assert_eq!(one_by_one(all, read), expected);
    }
}
