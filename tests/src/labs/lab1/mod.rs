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
                "Which host and port does your server open? And when the port is taken, does \
                 `main` hear of it?",
            )
            .hint(
                "One call in `open_listener`: `TcpListener::bind`, with the `address` that it \
                 gets. Answer what `bind` answers, an error too: no `unwrap`, and no other port \
                 instead.",
            )
            .server(server::listens),
        stage(2, "It welcomes everybody who comes", 7)
            .on(&[1])
            .hint(
                "Does your loop come back to `accept` while the first client is still there? And \
                 what does everybody get before anyone speaks?",
            )
            .hint(
                "`accept_clients`: a loop around `TcpListener::accept`. Each client gets a new \
                 number and a thread of its own, which runs `talk`. `welcome` only pushes `WELCOME` \
                 (`Outbox::push`).",
            )
            .hint(
                "In the loop: `accept`, put the stream into an `Arc`, count one up, clone `room`, \
                 spawn a `move` closure that calls `talk`. As its seat any `Arc<()>` will do until \
                 stage 8.",
            )
            .server(server::welcomes),
        stage(3, "The client connects and shows what it gets", 8)
            .hint(
                "Does the loop that receives go on after the first message? Does one read always \
                 bring one whole message?",
            )
            .hint(
                "`connect` is one call: `TcpStream::connect`. In `show_messages`, \
                 `Messages::receive` finds the messages, glued, split or without a newline; \
                 `Screen::print` shows each.",
            )
            .hint(
                "Make `Messages::from_server(stream)` once, before the loop. Print each message \
                 that `receive` brings; when it answers `None`, return `Ok(())`.",
            )
            .client(client::shows_what_it_gets),
        stage(4, "It passes on what one says, to the other only", 12)
            .on(&[2])
            .hint(
                "Who must not hear the line, and how does it look when the others get it? Can both \
                 speak at the same time, and more than once?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message that `Messages::receive` \
                 brings. `relay`: `<127.0.0.1> hello` and a newline for every member whose number \
                 is not the speaker's.",
            )
            .hint(
                "`relay`: make the line with the speaker's `ip`. `log` it without its newline \
                 (`log` adds one); `Outbox::push` it with its newline. Has each client a number of \
                 its own (stage 2)?",
            )
            .server(server::passes_on),
        stage(5, "The client sends what is typed, shows what comes", 10)
            .on(&[3])
            .hint(
                "What stands at the end of each line that you send? What do you do after the first \
                 line, and with an empty one?",
            )
            .hint(
                "`type_messages` has a thread of its own, so it may wait: `Terminal::read_line` in \
                 a loop. Line and newline go out with one `write_all`; an empty line does not go \
                 out.",
            )
            .hint(
                "A shared `&TcpStream` can write, if the variable that holds it is `mut`. What \
                 comes meanwhile is up to `show_messages` (stage 3), in the other thread.",
            )
            .client(client::talks),
        stage(6, "It lets go of who says quit", 7)
            .on(&[4])
            .hint(
                "When is a message the end: when it begins with `quit`, when it contains it, or \
                 when it is nothing else? And who hears of it?",
            )
            .hint(
                "`receive_messages` (stage 4): compare the whole message with `quit`, as \
                 `Messages::receive` answers it. If it is equal, tell the room nothing and return.",
            )
            .hint(
                "Return `Ok(())` and not an error: `talk` sends an error to the client as its last \
                 words, and here nothing more may come. `talk` does the rest.",
            )
            .server(server::releases_a_client_that_quits),
        stage(7, "The client says quit when its person leaves", 6)
            .on(&[5])
            .hint(
                "In how many ways can a person leave, and what does the server get in each? What \
                 stands behind the last word?",
            )
            .hint(
                "`read_line` answers `None` for Ctrl-D and Ctrl-C. They and a typed `quit` end in \
                 the same call, `Terminal::leave`: it sends `quit`, without a newline, and shuts \
                 the sending side.",
            )
            .hint(
                "Leave the loop when the line is `quit`, before it is sent, and when there is \
                 none. Call `Terminal::leave` once, behind the loop; do not send `quit` yourself as \
                 well.",
            )
            .client(client::says_quit_on_leaving),
        stage(8, "It has two seats, and a seat is free again", 8)
            .on(&[4, 6])
            .hint(
                "Who counts the seats, and is one given back however its client goes? Does the \
                 reason reach somebody who has spoken already?",
            )
            .hint(
                "`accept_clients`: `talk` drops its seat, however the connection ends. Tell the \
                 others with `refuse`, and do not wait for it: it sends `FULL` and reads for a moment, \
                 or a reset could destroy it.",
            )
            .hint(
                "Make one `Arc` before the loop and give each `talk` a clone of it. \
                 `Arc::strong_count` minus 1 is the number of seats taken; compare it with `seats`, \
                 not with 2.",
            )
            .server(server::has_two_seats),
        stage(9, "It survives whatever its clients do", 9)
            .on(&[4])
            .hint(
                "What do your loops do when a client is gone, and when a read fails? Who waits for \
                 a client that does not read?",
            )
            .hint(
                "Tests `receive_messages` and `relay` (stage 4): return at `None`, pass errors up \
                 with `?`, and never `unwrap`. `relay` only pushes (`Outbox::push`): a write would \
                 wait.",
            )
            .hint(
                "A loop that goes on after `None` runs in circles, and the server must come to \
                 rest. An `unwrap` that panics ends the connection, and the client is told nothing of use.",
            )
            .server(server::survives_its_clients),
        stage(10, "The client ends when its server is gone", 6)
            .on(&[3])
            .hint(
                "What does your client do when the server closes, when the connection breaks, and \
                 when there is no server at all?",
            )
            .hint(
                "Tests `show_messages` and `connect` (stage 3): at `None` return `Ok(())`, and \
                 pass errors up with `?`. Then `main` tells the person and ends with status 1.",
            )
            .hint(
                "`Messages::receive` answers `None` again and again at the end: do not call it any \
                 more. No `unwrap`, and no `process::exit` of your own.",
            )
            .client(client::ends_with_its_server),
        stage(11, "It finds the messages, however the stream is cut", 9)
            .on(&[4])
            .hint(
                "One read is not one message: where does a message end? And what if it is very \
                 long, or no UTF-8?",
            )
            .hint(
                "Tests `receive_messages` (stage 4). Leave all the cutting to `Messages::receive`: \
                 it knows empty messages, `\\r`, originals, bytes that are no UTF-8, and the limit of \
                 64 KiB.",
            )
            .hint(
                "Make one `Messages` before the loop: a new one would lose what the old one has \
                 read already. Too long is an error of `receive`; pass it up with `?`, and `talk` \
                 tells the client.",
            )
            .server(server::finds_messages_in_any_cut),
        stage(12, "Three people talk", 5)
            .on(&[4, 5])
            .hint(
                "Try it with `--seats 3` and three terminals side by side: does anybody see a line \
                 twice, or their own? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `relay` (stage 4), `show_messages` (3) and \
                 `type_messages` (5) together. Show what comes with `Screen::print`: `println!` \
                 tears the line that is being typed.",
            )
            .together(together::three_people_talk),
        stage(13, "One leaves, another comes", 4)
            .on(&[6, 7, 8, 10])
            .hint(
                "Does the one who stays keep the connection, and is the seat free again? How does \
                 each client end: which status, which words?",
            )
            .hint(
                "No function of its own: stages 6, 7, 8 and 10 together. Who leaves ends with \
                 status 0 (`Terminal::leave`). Who finds the room full, or loses the server, ends \
                 with status 1.",
            )
            .hint(
                "`The chatroom is full` is a message like any other: print it and go on to the end \
                 of the stream. `main` does the rest, when `show_messages` has returned.",
            )
            .together(together::one_leaves_another_comes),
        stage(14, "Nobody's terminal can be steered", 4)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: look where `relay` (server) and `show_messages` (client) \
                 print. `log` and `Screen::print` make control characters visible; `println!` does \
                 not.",
            )
            .together(together::no_terminal_can_be_steered),
    ];
    Lab {
        number: 1,
        title: "one-to-one: two people, bytes as they come",
        speaker_hears: false,
        stages,
    }
}
