//! Tests the client's rooms. The client is not a library, so this test includes its source file.

#[path = "../src/rooms.rs"]
mod rooms;

use std::time::Instant;

use protocol::{Reply, Request};
use rooms::Rooms;

fn join(room: &str) -> Request {
    Request::Join { room: room.into(), name: "alice".into() }
}

fn joined(room: &str) -> Reply {
    let server = "127.0.0.1:8080".parse().unwrap();
    Reply::Joined { room: room.into(), server, room_ref: reference(room), join_id: "-7".into() }
}

fn chat(room: &str, message: &str) -> Request {
    let (room_ref, join_id) = (reference(room), "-7".into());
    Request::Chat { room_ref, join_id, name: "alice".into(), message: message.into() }
}

fn echo(room: &str, message: &str) -> Reply {
    Reply::Chat { room_ref: reference(room), name: "alice".into(), message: message.into() }
}

/// Returns a room's reference: a number that is too large for any integer type.
fn reference(room: &str) -> String {
    format!("340282366920938463463374607431768211455{room}")
}

fn found(room: &str) -> (String, String) {
    (reference(room), "-7".into())
}

/// Returns the state of a client that has joined the rooms `names` one after another.
fn in_rooms(names: impl IntoIterator<Item = impl AsRef<str>>) -> Rooms {
    let rooms = Rooms::default();
    for name in names {
        rooms.ask(&join(name.as_ref()));
        rooms.hear(&joined(name.as_ref()));
    }
    rooms
}

#[test]
fn the_last_room_joined_is_the_current_one() {
    let rooms = in_rooms(["1", "2", "3"]);
    assert_eq!(rooms.find("", Instant::now()), Ok(found("3")));
    assert!(rooms.switch_to("1"));
    assert_eq!(rooms.list(), "2, 3, 1 (you talk here)");
    rooms.ask(&Request::Leave {
        room_ref: reference("1"),
        join_id: "-7".into(),
        name: "alice".into(),
    });
    assert_eq!(rooms.find("", Instant::now()), Ok(found("3")));
    assert!(rooms.find("1", Instant::now()).is_err());
    assert!(!rooms.switch_to("1"));
    assert_eq!((rooms.name(&reference("1")), rooms.name("4")), ("1".into(), "room 4".to_owned()));
}

#[test]
fn the_oldest_of_too_many_rooms_is_forgotten() {
    let rooms = in_rooms((1..=200).map(|room| room.to_string()));
    assert_eq!(rooms.find("1", Instant::now()), Ok(found("1")));
    rooms.hear(&joined("201"));
    assert!(rooms.find("1", Instant::now()).is_err());
    for room in ["2", "201"] {
        assert_eq!(rooms.find(room, Instant::now()), Ok(found(room)));
    }
    assert_eq!(rooms.list().split(", ").count(), 200);
}

#[test]
fn text_typed_before_a_refusal_goes_to_no_other_room() {
    let rooms = in_rooms(["old"]);
    rooms.ask(&join("new"));
    let before = Instant::now();
    rooms.hear_error();
    assert!(rooms.wait_for_join());
    assert!(rooms.find("", before).unwrap_err().contains("new"));
    assert_eq!(rooms.find("", Instant::now()), Ok(found("old")));
    // If the command names a room, it cannot mean any other room.
    assert_eq!(rooms.find("old", before), Ok(found("old")));
    assert!(rooms.switch_to("old"));
    assert_eq!(rooms.find("", before), Ok(found("old")));
}

#[test]
fn an_error_that_may_belong_to_another_request_refuses_no_join() {
    let rooms = in_rooms(["old"]);
    rooms.ask(&chat("old", "hello"));
    rooms.ask(&join("new"));
    rooms.hear_error();
    assert_eq!(rooms.awaited().as_deref(), Some("new"));
    // A second error can only be the reply to the join.
    rooms.hear_error();
    assert_eq!(rooms.awaited(), None);

    // The reply to this request has arrived, so the request cannot have caused the error.
    let rooms = in_rooms(["old"]);
    rooms.ask(&chat("old", " hello"));
    rooms.ask(&join("new"));
    rooms.hear_error();
    assert_eq!(rooms.awaited().as_deref(), Some("new"));
    rooms.hear(&echo("old", "hello"));
    assert_eq!(rooms.awaited(), None);
    assert!(rooms.wait_for_join());

    // When the reply to a join arrives, the server has handled all earlier requests.
    let rooms = in_rooms(["old"]);
    rooms.ask(&Request::Kill);
    rooms.ask(&join("new"));
    rooms.hear(&joined("new"));
    rooms.ask(&join("newer"));
    rooms.hear_error();
    assert_eq!(rooms.awaited(), None);
}

#[test]
fn a_late_reply_to_a_join_does_not_change_the_current_room() {
    let rooms = in_rooms(["old"]);
    rooms.ask(&join("new"));
    rooms.leave();
    assert!(!rooms.wait_for_join());
    let before = Instant::now();
    rooms.give_up();
    assert!(rooms.find("", before).unwrap_err().contains("new"));
    rooms.hear(&joined("new"));
    assert!(!rooms.is_current(&reference("new")));
    assert_eq!(rooms.find("", Instant::now()), Ok(found("old")));
    assert_eq!(rooms.list(), "new, old (you talk here)");
}
