//! Tests that events are processed in order and one round at a time, and that only a limited amount of text can be
//! waiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use support::Room;
use support::room::{Event, Gather};

/// The time limit for each wait. Only a bug in [`Room`], such as a lost event, makes a wait take this long.
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

/// Returns a room and a channel that receives the events of each round.
fn room() -> (Room<Message>, mpsc::Receiver<Vec<Message>>) {
    let (sender, rounds) = mpsc::channel();
    (Room::new(move |events| sender.send(events.collect()).unwrap()), rounds)
}

#[test]
fn consecutive_messages_become_one_event_and_the_order_stays() {
    let (room, rounds) = room();
    room.gather();
    for message in
        [said(1, "a"), said(1, "b"), said(2, "c"), Message::Joined(3), said(2, "d"), said(2, "e")]
    {
        room.send(message).unwrap();
    }
    assert!(rounds.try_recv().is_err(), "events are handed over too early");
    room.hand_over();
    let shown = rounds.recv_timeout(PATIENCE).unwrap().into_iter().map(|message| match message {
        Message::Joined(id) => format!("{id} joined"),
        Message::Said(id, texts) => format!("{id}: {}", texts.join(" ")),
    });
    assert_eq!(shown.collect::<Vec<_>>(), ["1: a b", "2: c", "3 joined", "2: d e"]);
}

#[test]
fn gathered_events_are_handed_over_with_an_urgent_one_and_on_drop() {
    let (room, rounds) = room();
    let connection = room.clone();
    connection.send(said(1, "not gathered")).unwrap();
    assert_eq!(rounds.recv_timeout(PATIENCE).unwrap().len(), 1);
    connection.gather();
    connection.send(said(1, "a")).unwrap();
    connection.send_now(Message::Joined(2)).unwrap();
    assert_eq!(rounds.recv_timeout(PATIENCE).unwrap().len(), 2);
    connection.gather();
    connection.send(said(1, "b")).unwrap();
    drop(connection);
    assert_eq!(rounds.recv_timeout(PATIENCE).unwrap().len(), 1);
}

#[test]
fn many_threads_lose_no_event_and_only_one_is_in_the_room() {
    const THREADS: usize = 8;
    const MESSAGES: u64 = 2000;
    let inside = AtomicBool::new(false);
    let (sender, heard) = mpsc::channel();
    let room = Room::new(move |events| {
        assert!(!inside.swap(true, Ordering::SeqCst), "two threads are in the room");
        for event in events {
            if let Message::Said(id, texts) = event {
                for text in texts {
                    sender.send((id, text)).unwrap();
                }
            }
        }
        inside.store(false, Ordering::SeqCst);
    });
    for id in 0..THREADS as u64 {
        let room = room.clone();
        thread::spawn(move || {
            for number in 0..MESSAGES {
                room.send(said(id, &number.to_string())).unwrap();
                // One thread sends each message immediately; the others send up to eight messages together.
                if number % (id + 1) == 0 {
                    room.hand_over();
                    if id > 0 {
                        room.gather();
                    }
                }
            }
        });
    }
    let mut next = [0; THREADS];
    while next != [MESSAGES; THREADS] {
        let (id, text) = heard.recv_timeout(PATIENCE).expect("a message is lost");
        let next = &mut next[usize::try_from(id).unwrap()];
        assert_eq!(text, next.to_string(), "of {id}");
        *next += 1;
    }
}

#[test]
fn events_that_arrive_during_a_round_are_processed_after_it() {
    let (open, door) = mpsc::channel::<()>();
    let (sender, rounds) = mpsc::channel();
    let room = Room::new(move |events| {
        sender.send(events.len()).unwrap();
        let _ = door.recv();
    });
    let first = room.clone();
    thread::spawn(move || first.send_now(Message::Joined(1)));
    assert_eq!(rounds.recv_timeout(PATIENCE).unwrap(), 1);
    // Neither call waits for the current round to finish. No later event starts another round, so the thread that is
    // processing `Joined(1)` must also process `Joined(2)` and `Joined(3)`.
    room.send_now(Message::Joined(2)).unwrap();
    room.send_now(Message::Joined(3)).unwrap();
    drop(open);
    assert_eq!(rounds.recv_timeout(PATIENCE).expect("the events are lost"), 2);
}

#[test]
fn a_thread_waits_when_too_many_bytes_wait_for_the_room() {
    let (open, door) = mpsc::channel::<()>();
    let (sender, rounds) = mpsc::channel();
    let room = Room::new(move |events| {
        sender.send(events.len()).unwrap();
        // When the test is over, this call returns an error.
        let _ = door.recv();
    });
    let (first, second) = (room.clone(), room.clone());
    thread::spawn(move || first.send_now(Message::Joined(1)));
    assert_eq!(rounds.recv_timeout(PATIENCE).unwrap(), 1);

    let put_in = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&put_in);
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..100 {
            second.send_now(said(2, &"x".repeat(60 * 1024))).unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
        }
        done.send(()).unwrap();
    });
    // Eight messages fit in 512 KiB; the ninth has to wait.
    while put_in.load(Ordering::SeqCst) < 8 {
        thread::yield_now();
    }
    assert!(wait.recv_timeout(Duration::from_millis(100)).is_err());
    assert_eq!(put_in.load(Ordering::SeqCst), 8);
    drop(open);
    wait.recv_timeout(PATIENCE).expect("the thread waits forever");
}

#[test]
fn a_thread_does_not_work_in_the_room_forever() {
    let again: Arc<Mutex<Option<Room<Message>>>> = Arc::default();
    let others = Arc::clone(&again);
    // Each round adds the next event.
    let room = Room::new(move |_| {
        if let Some(room) = &*others.lock().unwrap() {
            room.send_now(Message::Joined(2)).unwrap();
        }
    });
    *again.lock().unwrap() = Some(room.clone());
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        room.send_now(Message::Joined(1)).unwrap();
        done.send(()).unwrap();
    });
    wait.recv_timeout(PATIENCE).expect("the thread runs forever");
    // Dropping the room locks the mutex, so the guard must be dropped first.
    let last = again.lock().unwrap().take();
    drop(last);
}

#[test]
fn an_unwritten_room_is_gone_and_no_thread_waits_for_it() {
    let room = Room::new(|_| -> () { todo!() });
    let unwritten = room.clone();
    assert!(thread::spawn(move || unwritten.send_now(Message::Joined(1))).join().is_err());
    assert_eq!(room.send(Message::Joined(2)).unwrap_err().to_string(), "the room is gone");
}
