//! Lab 1: two people, bytes as they come.

mod client;
mod server;
mod together;
mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 1.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 5)
            .hint(
                "Which host and port does your server open? And when the port is taken, does the \
                 error reach `main`?",
            )
            .hint(
                "One call in `open_listener`: `TcpListener::bind`, with the `address` that it \
                 gets. Return what `bind` returns, even an error: no `unwrap`, and no other port \
                 instead.",
            )
            .server(server::listens),
        stage(2, "The server welcomes every client", 7)
            .on(&[1])
            .hint(
                "Does your loop return to `accept` while the first client is still connected? And \
                 what does every client get before anyone speaks?",
            )
            .hint(
                "`accept_clients`: a loop around `TcpListener::accept`. Each client gets a new \
                 number and its own thread, which runs `talk`. `welcome` only pushes `WELCOME` \
                 (`Outbox::push`).",
            )
            .hint(
                "In the loop: `accept`, put the stream into an `Arc`, increase the number, clone \
                 `room`, spawn a `move` closure that calls `talk` and then `drain`.",
            )
            .server(server::welcomes),
        stage(3, "The client connects and shows messages", 8)
            .hint(
                "Does your receiving loop go on after the first message? Does one read always \
                 return one whole message?",
            )
            .hint(
                "`connect` is one call: `TcpStream::connect`. In `show_messages`, \
                 `Messages::receive` finds the messages, whether glued, split or without a \
                 newline; `Screen::print` shows each.",
            )
            .hint(
                "Make `Messages::from_server` once, before the loop, with `WELCOME` and `FULL`. \
                 Print each message that `receive` returns; when it returns `None`, return \
                 `Ok(())`.",
            )
            .client(client::shows_messages),
        stage(4, "The server relays messages to the other clients", 12)
            .on(&[2])
            .hint(
                "Which client must not get the line, and what does the line look like for the \
                 other clients? Can both speak at the same time, and more than once?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message that `Messages::receive` \
                 returns. `relay`: `<127.0.0.1> hello` and a newline for every member whose number \
                 is not the speaker's.",
            )
            .hint(
                "`relay`: make the line with the speaker's `ip`. `log` it without its newline \
                 (`log` adds one); `Outbox::push` it with its newline. Does each client have a \
                 number of its own (stage 2)?",
            )
            .server(server::relays),
        stage(5, "The client sends typed lines and shows messages", 10)
            .on(&[3])
            .hint(
                "How does each line that you send end? What do you do after the first line, and \
                 with an empty one?",
            )
            .hint(
                "`type_messages` has its own thread, so it may wait: `Terminal::read_line` in a \
                 loop. Send line and newline with one `write_all`; do not send an empty line.",
            )
            .hint(
                "A shared `&TcpStream` can write, if the variable that holds it is `mut`. \
                 Meanwhile `show_messages` (stage 3) shows messages in the other thread.",
            )
            .client(client::talks),
        stage(6, "A client that says quit is released", 7)
            .on(&[4])
            .hint(
                "When is a message the end: when it begins with `quit`, when it contains it, or \
                 when it is nothing else? And which clients get it?",
            )
            .hint(
                "`receive_messages` (stage 4): compare the whole message that `Messages::receive` \
                 returns with `quit`. If they are equal, tell the room nothing and return.",
            )
            .hint(
                "Return `Ok(())` and not an error: `talk` sends an error to the client as its last \
                 words, and here nothing more may come. `talk` does the rest.",
            )
            .server(server::releases_a_client_that_quits),
        stage(7, "The client says quit when its user leaves", 6)
            .on(&[5])
            .hint(
                "In how many ways can a user leave, and what does the server get in each case? \
                 What comes after the last word?",
            )
            .hint(
                "`read_line` returns `None` for Ctrl-D and Ctrl-C. These and a typed `quit` end in \
                 the same call, `Terminal::leave`: it sends `quit`, without a newline, and shuts \
                 down the sending side.",
            )
            .hint(
                "Leave the loop when the line is `quit`, before you send it, and when there is no \
                 line. Call `Terminal::leave` once, after the loop; do not also send `quit` \
                 yourself.",
            )
            .client(client::says_quit_on_leaving),
        stage(8, "The server has two seats and frees them again", 8)
            .on(&[4, 6])
            .hint(
                "Which part counts the seats, and is a seat given back however its client leaves? \
                 Does the reason reach a client that has already spoken?",
            )
            .hint(
                "`accept_clients`: a seat is free when `talk` has returned, however the connection ended. Turn other \
                 clients away with `refuse`, and do not wait for it: it sends `FULL` and then reads \
                 for a moment, or a reset could destroy the message.",
            )
            .hint(
                "Make one `Arc<AtomicUsize>` before the loop: `fetch_add` before a thread starts, \
                 `fetch_sub` in it after `talk`, and also when it could not start. Compare with \
                 `seats`, not with 2.",
            )
            .server(server::has_two_seats),
        stage(9, "The server survives anything its clients do", 9)
            .on(&[4])
            .hint(
                "What do your loops do when a client is gone, and when a read fails? Which thread \
                 waits for a client that does not read?",
            )
            .hint(
                "Tests `receive_messages` and `relay` (stage 4): return at `None`, pass errors up \
                 with `?`, and never `unwrap`. `relay` only pushes (`Outbox::push`): a write would \
                 wait.",
            )
            .hint(
                "A loop that goes on after `None` never ends, but the server must become idle. An \
                 `unwrap` that panics ends the connection, and the client does not learn why.",
            )
            .server(server::survives_its_clients),
        stage(10, "The client ends when the server is gone", 6)
            .on(&[3])
            .hint(
                "What does your client do when the server closes, when the connection breaks, and \
                 when there is no server at all?",
            )
            .hint(
                "Tests `show_messages` and `connect` (stage 3): at `None` return `Ok(())`, and \
                 pass errors up with `?`. Then `main` tells the user and ends with status 1.",
            )
            .hint(
                "At the end `Messages::receive` returns `None` again and again: stop calling it. \
                 No `unwrap`, and no `process::exit` of your own.",
            )
            .client(client::ends_with_its_server),
        stage(11, "The server finds messages however they are split", 9)
            .on(&[4])
            .hint(
                "One read is not one message: where does a message end? And what if it is very \
                 long, or not UTF-8?",
            )
            .hint(
                "Tests `receive_messages` (stage 4). Leave all the splitting to \
                 `Messages::receive`: it handles empty messages, `\\r`, originals, bytes that are \
                 not UTF-8, and the limit of 64 KiB.",
            )
            .hint(
                "Make one `Messages` before the loop: a new one would lose what the old one has \
                 already read. A message that is too long is an error of `receive`; pass it up with \
                 `?`, and `talk` tells the client.",
            )
            .server(server::finds_messages_however_split),
        stage(12, "Three people talk", 5)
            .on(&[4, 5])
            .hint(
                "Try it with `--seats 3` and three terminals side by side: does anyone see a line \
                 twice, or their own? Does a half-typed line stay whole?",
            )
            .hint(
                "No new function: `relay` (stage 4), `show_messages` (3) and `type_messages` (5) \
                 together. Show messages with `Screen::print`: `println!` breaks up the line that \
                 is being typed.",
            )
            .together(together::three_people_talk),
        stage(13, "People come and go", 4)
            .on(&[6, 7, 8, 10])
            .hint(
                "Does the client that stays keep its connection, and is the seat free again? How \
                 does each client end: which status, which words?",
            )
            .hint(
                "No new function: stages 6, 7, 8 and 10 together. A client whose user leaves ends \
                 with status 0 (`Terminal::leave`). A client that finds the room full, or loses the \
                 server, ends with status 1.",
            )
            .hint(
                "`The chatroom is full` is a message like any other: print it and go on to the end \
                 of the stream. `main` does the rest after `show_messages` has returned.",
            )
            .together(together::people_come_and_go),
        stage(14, "Received text cannot control a terminal", 4)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "No new function: look where `relay` (server) and `show_messages` (client) print. \
                 `log` and `Screen::print` make control characters visible; `println!` does not.",
            )
            .together(together::text_controls_no_terminal),
    ];
    Lab {
        number: 1,
        title: "one-to-one: two people, bytes as they come",
        speaker_hears: false,
        stages,
    }
}
