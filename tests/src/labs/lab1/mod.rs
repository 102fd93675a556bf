//! Lab 1: a chat for two people; the programs handle bytes as they arrive.

mod client;
mod server;
mod together;
mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 1.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 4)
            .hint(
                "What must the program do with its host and port before a client can connect, and \
                 which part of the program should get the error if that fails?",
            )
            .hint(
                "In `open_listener`, call `TcpListener::bind` with `address` and return the \
                 result, even if it is an error. Do not `unwrap`, and do not try another port.",
            )
            .server(server::listens),
        stage(2, "The server welcomes every client", 10)
            .hint(
                "Your server waits both for the next client and for messages from the clients that \
                 it already has. How many threads does the server need, and what does each of them \
                 own? How does the room tell two clients apart? If a socket accepts only some \
                 of a message's bytes, which part of the program must know how many?",
            )
            .hint(
                "In `accept_clients`, call `TcpListener::accept` in a loop. Give each client a new \
                 number and its own thread, which runs `talk` and then `drain`. In `welcome`, only \
                 push `WELCOME` (`Outbox::push`). In `send`, call `send_now` once and return its \
                 result, but return 0 for `ErrorKind::WouldBlock`.",
            )
            .hint(
                "In the loop, call `set_nodelay`, put the stream into an `Arc`, increment the \
                 number, and clone `room`. Then spawn a `move` closure with `thread::Builder`, \
                 whose `spawn` returns an error instead of panicking. If `accept` fails, log the \
                 first error, sleep for a second, and `continue`.",
            )
            .server(server::welcomes),
        stage(3, "The client connects and shows messages", 7)
            .hint(
                "Can you tell from the bytes of one read whether they are exactly one message? \
                 When does your client show a message, how much of the message does it show, and \
                 when does it stop reading?",
            )
            .hint(
                "In `connect`, only call `TcpStream::connect`. In `show_messages`, find each \
                 message with `Messages::receive`, even if the message is split, arrives together \
                 with another one, or has no newline. Show each message with `Screen::print`.",
            )
            .hint(
                "Call `Messages::from_server` once, before the loop, with `WELCOME` and `FULL`. \
                 `while let Some(message) = messages.receive()?` runs once for each message; when \
                 `receive` returns `None`, return `Ok(())`.",
            )
            .client(client::shows_messages),
        stage(4, "The server relays messages to the other clients", 12)
            .on(&[2])
            .hint(
                "One thread has the message, and another thread, the room, has the list of \
                 members. How does the message get to the room, which members must receive it, \
                 and which one must not?",
            )
            .hint(
                "In `receive_messages`, create one `Messages` before the loop and send an \
                 `Event::Said` (`Room::send`) for each message that `Messages::receive` returns. \
                 In `relay`, push `<127.0.0.1> hello` and a newline to every member whose number \
                 is not the speaker's.",
            )
            .hint(
                "In `relay`, create the lines with the speaker's `ip`. Pass them to `log_all` \
                 without their newlines. Then join them, with their newlines, into one `Bytes`. \
                 Push a `clone` of this `Bytes` to every other member. Does each client have its \
                 own number (stage 2)?",
            )
            .server(server::relays),
        stage(5, "The client sends typed lines and shows messages", 9)
            .on(&[3])
            .hint(
                "How does the server know where your line ends? What does your client do after the \
                 first line, with an empty line, and while nothing is typed?",
            )
            .hint(
                "`type_messages` runs in its own thread and may wait, so call \
                 `Terminal::read_line` in a loop. Send each line and its newline with one \
                 `write_all`, because the bytes of two calls could arrive separately. Do not send \
                 an empty line.",
            )
            .hint(
                "You can write to a shared `&TcpStream` if the variable that holds it is `mut`. \
                 Meanwhile, `show_messages` (stage 3) shows messages in the other thread.",
            )
            .client(client::talks),
        stage(6, "A client that says quit is disconnected", 6)
            .on(&[4])
            .hint(
                "Which message ends the connection: one that begins with `quit`, one that contains \
                 `quit`, or only `quit` itself? Which clients receive that message?",
            )
            .hint(
                "In `receive_messages` (stage 4), compare the whole message that \
                 `Messages::receive` returns with `quit`. If they are equal, return without \
                 telling the room.",
            )
            .hint(
                "Return `Ok(())`, not an error: `talk` would send the error to the client, but \
                 this client must receive nothing more. After `Ok(())`, `talk` does the rest.",
            )
            .server(server::releases_a_client_that_quits),
        stage(7, "The client says quit when its user leaves", 6)
            .on(&[5])
            .hint(
                "In how many ways can a user leave, and what does the server receive in each case? \
                 Which byte, if any, follows `quit`?",
            )
            .hint(
                "`read_line` returns `None` for Ctrl-D and Ctrl-C. Both keys and a typed `quit` \
                 must lead to the same call: `Terminal::leave` sends `quit` without a newline and \
                 shuts down the sending side.",
            )
            .hint(
                "If there is no line, or if the line is `quit`, leave the loop before you send \
                 anything. Call `Terminal::leave` once, after the loop; do not also send `quit` \
                 yourself.",
            )
            .client(client::says_quit_on_leaving),
        stage(8, "The server has two seats and frees them again", 12)
            .on(&[4, 6])
            .hint(
                "When is a seat taken, and when does it become free again, no matter how its \
                 client leaves? Which thread waits while a client is turned away, and for how long? \
                 When you close a socket that holds unread bytes, what happens to the bytes that \
                 you have already sent?",
            )
            .hint(
                "In `accept_clients`, a seat becomes free again when `talk` returns. In \
                 `turn_away`, send `FULL`, shut down the sending side (`Shutdown::Write`), and \
                 then read what still arrives (`drain`), so that a reset cannot discard `FULL`. \
                 `drain` takes up to a second; which thread may wait that long?",
            )
            .hint(
                "Create one `Arc<AtomicUsize>` before the loop. Call `fetch_add` before a thread \
                 starts. Call `fetch_sub` in the thread after `talk` and also if the thread cannot \
                 be started. Compare the count with `seats`, not with 2. In `turn_away`, spawn a \
                 thread whose `move` closure does everything.",
            )
            .server(server::has_two_seats),
        stage(9, "The server survives anything its clients do", 12)
            .on(&[4])
            .hint(
                "If a slow client's socket accepts only half of a message, which bytes must be \
                 sent later, which part of the program must know this, and which thread waits in \
                 the meantime? When a client is gone, what do your loops do, and what does the \
                 server still keep for that client?",
            )
            .hint(
                "This stage tests `send` (stage 2) and `receive_messages` (stage 4) again. `send` \
                 returns the number that `send_now` returns, or 0 for `ErrorKind::WouldBlock`: it \
                 neither tries again nor returns that error. `receive_messages` returns on `None`, \
                 passes errors up with `?`, and never unwraps.",
            )
            .hint(
                "If a byte is missing, `send` has returned a larger number than the socket \
                 accepted; if bytes arrive twice, it has returned a smaller one. If `send` uses \
                 `write` or `write_all`, the room waits for the slow client. A loop that continues \
                 after `None` never ends.",
            )
            .server(server::survives_its_clients),
        stage(10, "The client exits when the server is gone", 5)
            .on(&[3])
            .hint(
                "What does your client do when the server closes the connection, when the \
                 connection breaks, and when there is no server at all?",
            )
            .hint(
                "This stage tests `show_messages` and `connect` (stage 3) again. On `None`, return \
                 `Ok(())`; pass errors up with `?`. Then `main` tells the user and exits with \
                 status 1.",
            )
            .hint(
                "After the end of the stream, every call to `Messages::receive` returns `None`, so \
                 do not call it again. Do not `unwrap`, and do not call `process::exit` yourself.",
            )
            .client(client::ends_with_its_server),
        stage(11, "The server finds messages however they are split", 6)
            .on(&[4])
            .hint(
                "One read does not always return exactly one message. Where does a message end? \
                 What must happen if a message is very long or is not UTF-8?",
            )
            .hint(
                "This stage tests `receive_messages` (stage 4) again. Leave the splitting to \
                 `Messages::receive`, which handles empty messages, `\\r`, original clients, bytes \
                 that are not UTF-8, and the 64 KiB limit.",
            )
            .hint(
                "Create one `Messages` before the loop: a second one would lose what the first has \
                 read. If a message is too long, `receive` returns an error; pass it up with `?`, \
                 and `talk` tells the client.",
            )
            .server(server::finds_messages_however_split),
        stage(12, "Three people talk", 4)
            .on(&[4, 5])
            .hint(
                "Try your chat with `--seats 3` and three terminals side by side. Does anyone see \
                 a line twice or see their own line? Does a half-typed line stay intact?",
            )
            .hint(
                "This stage needs no new function: it tests `relay` (stage 4), `show_messages` \
                 (3), and `type_messages` (5) together. Show messages with `Screen::print`, \
                 because `println!` breaks up the line that is being typed.",
            )
            .together(together::three_people_talk),
        stage(13, "People come and go", 4)
            .on(&[6, 7, 8, 10])
            .hint(
                "When one client leaves, does the other keep its connection, and is the seat free \
                 again? What does each client print before it exits, and what is each program's \
                 exit status?",
            )
            .hint(
                "This stage needs no new function: it tests stages 6, 7, 8, and 10 together. A \
                 client whose user leaves exits with status 0 (`Terminal::leave`). A client that \
                 finds the room full or loses its connection exits with status 1.",
            )
            .hint(
                "`The chatroom is full` is a message like any other: print it and keep reading to \
                 the end of the stream. After `show_messages` has returned, `main` does the rest.",
            )
            .together(together::people_come_and_go),
        stage(14, "Received text cannot control a terminal", 3)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "This stage needs no new function. Check how `relay` in the server and \
                 `show_messages` in the client print text. `log` and `Screen::print` make control \
                 characters visible; `println!` does not.",
            )
            .together(together::text_controls_no_terminal),
        stage(15, "A crowd talks", 5)
            .bonus()
            .on(&[2, 4, 6, 8, 9, 11])
            .hint("What can happen between two steps of your server while many people join, talk, and leave at the same time? Does the report's ladder diagram show a message that is missing, duplicated, out of order, or sent to the wrong person?")
            .hint("`run_room` sees one event after another, so a list of members that only `run_room` changes is never wrong. If your own code keeps anything else, for example a count or a copy of the list, does this data still agree with `members` after many people have joined and left?")
            .server(server::a_crowd_talks),
        stage(16, "The network is unreliable", 5)
            .bonus()
            .on(&[12, 13])
            .hint("Which of your functions assumes that a message arrives in one piece, or that it arrives quickly? What does each program do while only half of a message has arrived?")
            .hint("`Messages::receive` waits as long as it takes, so do not set a read timeout on the socket. A message ends at its newline, no matter how many pieces it arrives in or how long that takes.")
            .together(together::network_is_bad),
    ];
    Lab {
        number: 1,
        title: "one-to-one: two people, bytes as they arrive",
        speaker_hears: false,
        stages,
    }
}
