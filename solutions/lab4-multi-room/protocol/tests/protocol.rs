//! Tests that valid messages are read as they were written and that invalid messages are reported.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use solution4_protocol::{
    Complaint, Lines, MAX_LINE, Problem, Reply, Request, read_reply, read_request,
};

/// Returns the requests in the text, in order, with an error code in place of each invalid request.
fn requests(text: &str) -> Vec<Result<Request, u32>> {
    let mut lines = Lines::new(text.as_bytes(), |_| {});
    std::iter::from_fn(|| match read_request(&mut lines) {
        Ok(request) => request.map(Ok),
        Err(Problem::Message(complaint)) => Some(Err(complaint.code)),
        Err(Problem::TooLong) => Some(Err(Complaint::TOO_LONG)),
        Err(Problem::Connection(_)) => None,
    })
    .take(100)
    .collect()
}

fn helo(text: &str) -> Request {
    Request::Helo(format!("HELO {text}"))
}

#[test]
fn requests_are_read_as_they_were_written() {
    let all = [
        Request::Helo("HELO there".into()),
        Request::Kill,
        Request::Join { room: "room 1".into(), name: "alice".into() },
        Request::Leave { room_ref: "1".into(), join_id: "7".into(), name: "alice".into() },
        Request::Chat {
            room_ref: "1".into(),
            join_id: "-7".into(),
            name: "alice".into(),
            message: "a\nCHAT: 1".into(),
        },
        Request::Disconnect { name: "alice".into() },
    ];
    let text: String = all.iter().map(ToString::to_string).collect();
    assert_eq!(requests(&text), all.map(Ok));
}

#[test]
fn replies_are_read_as_they_were_written() {
    let server = "127.0.0.1:8080".parse().unwrap();
    let all = [
        Reply::Helo { line: "HELO there".into(), server },
        Reply::Joined { room: "r".into(), server, room_ref: "1".into(), join_id: "-7".into() },
        Reply::Left { room_ref: "1".into(), join_id: "7".into() },
        Reply::Chat { room_ref: "1".into(), name: "alice".into(), message: "two\nlines".into() },
        Reply::Error(Complaint::new(Complaint::NO_SUCH_ROOM, "no room 99")),
        Reply::Unknown("Already connected to room1".into()),
    ];
    let text: String = all.iter().map(ToString::to_string).collect();
    let mut lines = Lines::new(text.as_bytes(), |_| {});
    for reply in all {
        assert_eq!(read_reply(&mut lines).unwrap(), Some(reply));
    }
    assert!(read_reply(&mut lines).unwrap().is_none());
}

#[test]
fn spaces_carriage_returns_and_blank_lines_do_not_matter() {
    let text = "\n\r\nLEAVE_CHATROOM:1\r\nJOIN_ID:    7 \r\nCLIENT_NAME:alice\r\n\nHELO a\n";
    let leave = Request::Leave { room_ref: "1".into(), join_id: "7".into(), name: "alice".into() };
    assert_eq!(requests(text), [Ok(leave), Ok(helo("a"))]);
}

/// Some published servers use 128-bit numbers as references, and some clients use a room's name instead.
#[test]
fn references_are_text() {
    let large = "-340282366920938463463374607431768211455";
    let chat = |room_ref: &str, join_id: &str| {
        let (room_ref, join_id) = (room_ref.into(), join_id.into());
        let (name, message) = ("a".into(), "KILL_SERVICE\nHELO b".into());
        Request::Chat { room_ref, join_id, name, message }
    };
    let request = chat(large, large);
    assert_eq!(requests(&request.to_string()), [Ok(request)]);
    for bad in ["room1", "", "-", "1 2", "0x1"] {
        assert_eq!(requests(&chat(bad, "1").to_string()), [Err(4)], "{bad}");
        assert_eq!(requests(&chat("1", bad).to_string()), [Err(4)], "{bad}");
    }
    let text = chat("room1", "1").to_string();
    let problem = read_request(&mut Lines::new(text.as_bytes(), |_| {})).unwrap_err();
    assert_eq!(problem.to_string(), "CHAT needs a ROOM_REF, which is a number");
    // A client accepts any text as a reference.
    let left = Reply::Left { room_ref: "room1".into(), join_id: "x y".into() };
    let text = left.to_string().replace('\n', " \n");
    assert_eq!(read_reply(&mut Lines::from_server(text.as_bytes())).unwrap(), Some(left));
}

/// A stream that counts how many times it is notified that a request may begin.
struct Counting<'a>(&'a [u8], Rc<Cell<usize>>);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Counting<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, read: usize) {
        self.0.consume(read);
    }
}

#[test]
fn the_time_of_a_request_starts_with_its_first_line() {
    let times = |text: &str| {
        let count = Rc::new(Cell::new(0));
        let begin = |reader: &mut Counting| reader.1.set(reader.1.get() + 1);
        let mut lines = Lines::new(Counting(text.as_bytes(), Rc::clone(&count)), begin);
        let _ = read_request(&mut lines);
        count.get()
    };
    assert_eq!(times("DISCONNECT: 0\nPORT: 0\nCLIENT_NAME: a\n"), 1);
    // Blank lines are not part of any request.
    assert_eq!(times("\n\nHELO a\n"), 3);
    // A line that was put back counts as the beginning of a request.
    let (text, count) = ("DISCONNECT: 0\nHELO a\nHELO b\n", Rc::new(Cell::new(0)));
    let begin = |reader: &mut Counting| reader.1.set(reader.1.get() + 1);
    let mut lines = Lines::new(Counting(text.as_bytes(), Rc::clone(&count)), begin);
    let counts = [1, 1, 2].map(|_| {
        let _ = read_request(&mut lines);
        count.get()
    });
    assert_eq!(counts, [1, 1, 2]);
}

#[test]
fn consecutive_invalid_lines_are_reported_once() {
    assert_eq!(requests("what\nis\nthis\nHELO a\n"), [Err(1), Ok(helo("a"))]);
    assert_eq!(requests("HELOX\nwhat\nHELO a\nagain\n"), [Err(1), Ok(helo("a")), Err(1)]);
}

#[test]
fn a_line_that_breaks_a_message_may_begin_the_next() {
    assert_eq!(requests("JOIN_CHATROOM: r\nHELO a\n"), [Err(4), Ok(helo("a"))]);
    assert_eq!(requests("JOIN_CHATROOM: r\nPORT: 0\nrest\nHELO a\n"), [Err(4), Ok(helo("a"))]);
    assert_eq!(
        requests("CHAT: x\nJOIN_ID: 1\nCLIENT_NAME: a\nMESSAGE: HELO b\n\nHELO a\n"),
        [Err(4), Ok(helo("a"))]
    );
}

#[test]
fn names_must_not_be_empty_and_have_a_limit() {
    let join = |room: &str, name: &str| {
        requests(&Request::Join { room: room.into(), name: name.into() }.to_string())
    };
    let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
    for bad in ["", &too_long] {
        assert_eq!(join(bad, "alice"), [Err(4)]);
        assert_eq!(join("room", bad), [Err(4)]);
    }
    assert!(join(&longest, &longest)[0].is_ok());
}

#[test]
fn a_line_has_a_limit() {
    let helo = |length: usize, end: &str| format!("HELO {}{end}", "x".repeat(length - 5));
    for end in ["\n", "\r\n"] {
        assert!(requests(&helo(MAX_LINE, end))[0].is_ok());
        assert_eq!(requests(&helo(MAX_LINE + 1, end))[0], Err(5));
    }
    // The error is reported before the line has ended.
    assert_eq!(requests(&helo(MAX_LINE + 2, ""))[0], Err(5));
}

#[test]
fn a_text_has_a_limit() {
    let chat = |length: usize| {
        let message = format!("first\n{}", "x".repeat(length - 6));
        Request::Chat { room_ref: "1".into(), join_id: "1".into(), name: "a".into(), message }
    };
    let longest = chat(MAX_LINE);
    assert_eq!(requests(&longest.to_string()), [Ok(longest)]);
    assert_eq!(requests(&chat(MAX_LINE + 1).to_string())[0], Err(5));
}

#[test]
fn a_client_accepts_slightly_longer_lines_from_a_server() {
    let read = |length: usize| {
        let chat =
            Reply::Chat { room_ref: "1".into(), name: "a".into(), message: "x".repeat(length) };
        read_reply(&mut Lines::from_server(chat.to_string().as_bytes()))
    };
    assert!(matches!(read(MAX_LINE), Ok(Some(Reply::Chat { .. }))));
    assert!(matches!(read(2 * MAX_LINE), Err(Problem::TooLong)));
}

#[test]
fn every_problem_has_a_message() {
    let problems = [
        Problem::from(Complaint::new(Complaint::BAD_FIELD, "PORT is missing")),
        Problem::TooLong,
        Problem::from(io::Error::other("the wire is cut")),
    ];
    let texts = problems.map(|problem| problem.to_string());
    assert_eq!(
        texts,
        ["PORT is missing", "a line or a message's text is longer than 64 KiB", "the wire is cut"]
    );
}

#[test]
fn an_unfinished_message_is_not_a_message() {
    assert_eq!(requests("JOIN_CHATROOM: r\nCLIENT_IP: 0\n"), []);
    assert_eq!(requests("HELO a"), []);
}
