//! What the client knows of rooms. The client is no library, so its file is a part of this test.

#[path = "../src/rooms.rs"]
mod rooms;

use rooms::Rooms;

/// In the rooms `1` to `last`, each joined as it was asked for.
fn joined(last: i64) -> Rooms {
    let rooms = Rooms::default();
    for room_ref in 1..=last {
        rooms.asked_to_join();
        rooms.joined(room_ref.to_string(), room_ref, 7);
    }
    rooms
}

#[test]
fn the_room_joined_last_is_the_current_one() {
    let rooms = joined(3);
    assert_eq!(rooms.find(""), Some((3, 7)));
    assert!(rooms.switch_to("1"));
    assert_eq!(rooms.list(), "2, 3, 1 (you talk here)");
    rooms.left(1);
    assert_eq!(rooms.find(""), Some((3, 7)));
    assert_eq!(rooms.find("1"), None);
    assert!(!rooms.switch_to("1"));
    assert_eq!((rooms.name(1), rooms.name(4)), ("1".to_owned(), "room 4".to_owned()));
}

#[test]
fn the_oldest_of_too_many_rooms_is_forgotten() {
    let rooms = joined(200);
    assert_eq!(rooms.find("1"), Some((1, 7)));
    rooms.joined("201".into(), 201, 7);
    assert_eq!(rooms.find("1"), None);
    for room in [2, 201] {
        assert_eq!(rooms.find(&room.to_string()), Some((room, 7)));
    }
    assert_eq!(rooms.list().split(", ").count(), 200);
}
