//! Events come out in their order, and no more wait than there is memory for.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::inbox;
use support::inbox::Event;

/// Only a broken inbox takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

enum Message {
    Joined(u64),
    Said(u64, Vec<String>),
}

impl Event for Message {
    fn said(&mut self) -> Option<(u64, &mut Vec<String>)> {
        if let Self::Said(id, texts) = self { Some((*id, texts)) } else { None }
    }
}

fn said(id: u64, text: &str) -> Message {
    Message::Said(id, vec![text.to_owned()])
}

#[test]
fn what_one_says_in_a_row_is_one_event_and_the_order_stays() {
    let (room, mut inbox) = inbox();
    for message in
        [said(1, "a"), said(1, "b"), said(2, "c"), Message::Joined(3), said(2, "d"), said(2, "e")]
    {
        room.send(message).unwrap();
    }
    let shown = inbox.take_all().into_iter().map(|message| match message {
        Message::Joined(id) => format!("{id} joined"),
        Message::Said(id, texts) => format!("{id}: {}", texts.join(" ")),
    });
    assert_eq!(shown.collect::<Vec<_>>(), ["1: a b", "2: c", "3 joined", "2: d e"]);
}

#[test]
fn a_sender_waits_for_room_and_gets_it() {
    let (room, mut inbox) = inbox();
    let (sent, progress) = mpsc::channel();
    let sender = thread::spawn(move || {
        for number in 0..100 {
            room.send(said(number, &"x".repeat(60 * 1024))).unwrap();
            sent.send(number).unwrap();
        }
    });
    let mut texts = 0;
    let mut most = 0;
    while texts < 100 {
        let messages = inbox.take_all();
        texts += messages.len();
        most = most.max(messages.len());
    }
    sender.join().unwrap();
    assert_eq!(progress.iter().count(), 100);
    // 512 KiB, and the last one that began below that, twice: what is taken, and what has come meanwhile.
    assert!(most <= 20, "{most} messages of 60 KiB at a time");
}

#[test]
fn nobody_waits_for_an_inbox_that_is_gone() {
    let (room, inbox) = inbox();
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        while room.send(said(1, &"x".repeat(60 * 1024))).is_ok() {}
        // Not the second time either.
        done.send((0..20).all(|_| room.send(said(1, &"x".repeat(60 * 1024))).is_err()))
    });
    drop(inbox);
    assert!(wait.recv_timeout(PATIENCE).unwrap());
}
