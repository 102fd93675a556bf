//! Tests the lab 4 client when a join is refused or when the reply to a join is late or missing: typed text is sent
//! only to the room that it was meant for, or it is not sent at all. The stages do not test these cases, because they
//! would demand too much of a student's program.

use std::net::Ipv4Addr;

use grader::harness::Harness;
use grader::harness::peer::Peer;
use grader::harness::person::Person;
use grader::journal::failure::{Check, Failure};
use grader::system::program::Runnable;

use crate::LIMIT;
use crate::chats::executable;

/// A number that does not fit in any integer type, used as a room reference and as a join id.
const OLD: &str = "340282366920938463463374607431768211455";

fn gets_join(server: &Peer, room: &str) -> Check {
    let join = format!("JOIN_CHATROOM: {room}");
    server.gets_lines(&[&join, "CLIENT_IP: 0", "PORT: 0", "CLIENT_NAME: alice"])
}

fn replies_to_join(server: &Peer, room: &str, room_ref: &str) -> Check {
    let address = format!("SERVER_IP: {}\nPORT: 1", Ipv4Addr::LOCALHOST);
    server.sends(format!(
        "JOINED_CHATROOM: {room}\n{address}\nROOM_REF: {room_ref}\nJOIN_ID: {OLD}\n"
    ))
}

/// Checks that the text that alice types is sent to this room, that nothing is sent before it, and that she sees it.
fn says_in(alice: &Person, server: &Peer, room_ref: &str, text: &str) -> Check {
    alice.types(text)?;
    let (chat, id) = (format!("CHAT: {room_ref}"), format!("JOIN_ID: {OLD}"));
    server.gets_lines(&[&chat, &id, "CLIENT_NAME: alice", &format!("MESSAGE: {text}\n")])?;
    server.sends(format!("CHAT: {room_ref}\nCLIENT_NAME: alice\nMESSAGE: {text}\n\n"))?;
    alice.sees_somewhere(&format!("alice: {text}")).map(|_| ())
}

fn plays() -> Check {
    let client = Runnable::Executable(executable("solution4-client"));
    let none = Runnable::Missing(Failure::Grader("there is no server here".into()));
    let lab = Harness::new(none, client, 1);
    let listener = lab.listener()?;
    let alice = lab.client("alice", listener.address()?)?;
    alice.is_asked_for("name")?;
    alice.types("alice")?;
    let server = listener.accepts("server")?;
    alice.types("/join old")?;
    gets_join(&server, "old")?;
    replies_to_join(&server, "old", OLD)?;
    alice.sees("You are in old")?;
    says_in(&alice, &server, OLD, "one")?;
    server.sends("Already connected to this room\n\n")?;
    alice.sees("the server says: Already connected to this room")?;

    lab.step(&[], "a join is refused");
    alice.types("/join new")?;
    alice.types("for new only")?;
    alice.types("that, too")?;
    gets_join(&server, "new")?;
    // On a busy machine, the client may not read the typed text until after the refusal.
    alice.rests()?;
    server.sends("ERROR_CODE: 6\nERROR_DESCRIPTION: not you\n")?;
    alice.sees("Error 6: not you")?;
    alice.sees("You are not in room new. This was not sent: for new only")?;
    alice.sees("You are not in room new. This was not sent: that, too")?;
    says_in(&alice, &server, OLD, "two")?;

    lab.step(&[], "an error that may have another cause does not count as a refused join");
    alice.types("three")?;
    server.gets_lines(&[
        &format!("CHAT: {OLD}"),
        &format!("JOIN_ID: {OLD}"),
        "CLIENT_NAME: alice",
    ])?;
    server.gets_lines(&["MESSAGE: three\n"])?;
    alice.types("/join next")?;
    gets_join(&server, "next")?;
    server.sends("ERROR_CODE: 1\nERROR_DESCRIPTION: what was that\n")?;
    alice.sees("Error 1: what was that")?;
    alice.types("/rooms")?;
    alice.rests()?;
    replies_to_join(&server, "next", "-2")?;
    alice.sees("Your rooms: old, next (you talk here)")?;
    says_in(&alice, &server, "-2", "four")?;

    lab.step(&[], "the reply to a join arrives too late");
    alice.types("/join slow")?;
    alice.types("for slow only")?;
    gets_join(&server, "slow")?;
    alice.sees("waiting for the answer to /join slow")?;
    alice.sees_soon(LIMIT, "The server does not answer /join slow")?;
    alice.sees("You are not in room slow. This was not sent: for slow only")?;
    says_in(&alice, &server, "-2", "five")?;
    replies_to_join(&server, "slow", "3")?;
    alice.sees("You are in slow, too; use /room slow to talk there")?;
    says_in(&alice, &server, "-2", "six")?;
    alice.types("/room slow")?;
    says_in(&alice, &server, "3", "seven")?;

    lab.step(&[], "lines that were typed together are sent one by one");
    alice.types("/helo one\r/helo two\r/quit")?;
    server.gets_lines(&["HELO one"])?;
    server.sends("HELO one\nIP: 127.0.0.1\nPort: x\nStudentID: 1\n")?;
    server.gets_lines(&["HELO two", "DISCONNECT: 0", "PORT: 0", "CLIENT_NAME: alice"])?;
    server.is_closed()?;
    server.closes();
    alice.exits(0)
}

#[test]
fn text_goes_to_the_room_for_which_it_was_typed_or_nowhere() {
    if let Err(failure) = plays() {
        panic!("{failure:?}");
    }
}
