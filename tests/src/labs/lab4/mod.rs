//! Lab 4: a real request-and-reply protocol with rooms and errors.

mod client;
mod errors;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 4.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server replies to HELO", 10)
            .hint(
                "What has arrived when a read returns: a line, half a line, or a line and the \
                 beginning of the next? Where are the remaining bytes kept until the next call? \
                 Which lines does the reply consist of, and what follows each colon?",
            )
            .hint(
                "In `next_line`, if `put_back` holds a line, return that line. Otherwise, clear \
                 `bytes` and call `BufRead::read_until`. It reads into `bytes` up to and including \
                 the newline, no matter how many reads that takes, and leaves the bytes after the \
                 newline in the reader. Bytes that do not end with a newline are not a line.",
            )
            .hint(
                "In `greet`, `Hall::client` returns the client, with the server's address as this \
                 client sees it. `tell` the client a `Reply::Helo`, whose `line` is the greeting \
                 as it arrived, including `HELO`.",
            )
            .server(server::replies_to_helo),
        stage(2, "JOIN adds a member and tells the whole room", 12)
            .on(&[1])
            .hint(
                "What must the newcomer's client know before it can show the announcement? Which \
                 lists say who is in which room, and do they agree when `join` returns? Which lines \
                 does a message consist of, in which order, and how does it end?",
            )
            .hint(
                "In `field`, pass the next line to `value`. In `read_join`, call `Lines::field` \
                 for each line, in the order of the wire format. In `Hall::join`, find the \
                 reference in `room_refs` or use the next one; put the client into the room; \
                 `tell` it `Reply::Joined` (`join_id` is its `id`); then `announce`.",
            )
            .hint(
                "In `join`, update `room_refs`, the room's `members`, the client's own `rooms` and \
                 its `name`, and `last_room_ref`. In `say`, call `push_said` if `said` holds \
                 messages for another room; then set the room of `said` and let `write_chat` \
                 append the message to the text of `said`.",
            )
            .server(server::join_adds_to_a_room),
        stage(3, "CHAT sends a message to everyone in the room", 10)
            .on(&[2])
            .hint(
                "Which clients are in the room, and is the speaker one of them? Which name is sent \
                 with the message? Which line marks the end of a multiline message?",
            )
            .hint(
                "In `text`, read the first line with `field` and the others with `next_line`, up \
                 to an empty one. In `read_chat`, read `JOIN_ID` and `CLIENT_NAME` with `field`, \
                 then `MESSAGE` with `text`. `Hall::chat` passes the text to `say`.",
            )
            .hint(
                "`say` (stage 2) uses the name that the hall has stored for the client, never the \
                 name in the message. The `JOIN_ID` and the `CLIENT_NAME` in a message must have \
                 no effect.",
            )
            .server(server::chat_reaches_the_room),
        stage(4, "LEAVE removes a member and tells the whole room", 8)
            .on(&[3])
            .hint(
                "Which client must still be a member when its departure is announced, but must be \
                 removed right after that? Which of the request's numbers have an effect, and \
                 which are only repeated in the reply?",
            )
            .hint(
                "In `read_leave`, read `JOIN_ID`, then `CLIENT_NAME`, and only then check both \
                 numbers with `number`. In `Hall::leave`, always `tell` the client `Reply::Left`, \
                 with the request's `JOIN_ID`. Call `announce` and then `take_out` only if the \
                 client is in that room.",
            )
            .hint(
                "In `take_out`, call `push_said` while the client is still a member. Then remove \
                 the client from the room's `members`, and the room from the client's `rooms`. If \
                 no member is left, remove the room from `rooms` and its name from `room_refs`. \
                 `Hall::room` finds a room by its reference.",
            )
            .server(server::leave_removes_from_a_room),
        stage(5, "Rooms stay separate; no message arrives twice", 8)
            .on(&[3, 4])
            .hint(
                "Is there one list of members or one list for each room? What changes when a \
                 client joins twice? If a client still uses the number of a room that no longer \
                 exists, which messages could it receive?",
            )
            .hint(
                "This stage needs no new function, only more code in `join` and `take_out`. A \
                 second JOIN gets the same `Reply::Joined` and no announcement. A client keeps the \
                 name that it gave in its first JOIN.",
            )
            .hint(
                "The reference of a new room is `last_room_ref` plus 1, never the number of rooms. \
                 `take_out` removes an empty room from `rooms`, and its name from `room_refs`. A \
                 later JOIN with the same name creates a new room.",
            )
            .server(server::keeps_rooms_apart),
        stage(6, "A client that disconnects or vanishes leaves all rooms", 8)
            .on(&[5])
            .hint(
                "Which rooms had the client joined when its connection ended, and in which order? \
                 What must happen if the client has already sent DISCONNECT?",
            )
            .hint(
                "In `read_disconnect`, read `PORT`, then `CLIENT_NAME`. In `Hall::disconnect`, \
                 call `announce` and then `take_out` for each of the client's `rooms`. Then remove \
                 the client from `clients`: dropping its outbox closes the connection.",
            )
            .hint(
                "Clone the list before the loop, because `take_out` changes it. After a \
                 DISCONNECT, `disconnect` is called again at the end of the stream. By then the \
                 client no longer exists, so this second call must do nothing.",
            )
            .server(server::releases_a_client_everywhere),
        stage(7, "The server reports errors and keeps the connection", 9)
            .on(&[3, 6])
            .hint(
                "Which requests can be invalid, and how? After each invalid request, where does \
                 the next request begin?",
            )
            .hint(
                "In `chat`, call `Hall::complain` with `Complaint::NO_SUCH_ROOM` or \
                 `NOT_A_MEMBER`. In `read_join`, call `name_of` for both the room and the client. \
                 If a line is not the expected field, `field` puts it into `put_back`. In each \
                 `read_…`, pass errors up with `?`; in `read_chat`, call `number` only after the \
                 last line.",
            )
            .hint(
                "In `next_line`, `Read::take` limits how much `read_until` reads: `limit` bytes, \
                 plus two for the end of the line. If that much has arrived without a newline, the \
                 line is too long. In `text`, check the length after each line. In `Hall::join`, \
                 check the number of rooms before anything changes. Do not `unwrap` in the hall: a \
                 panic there ends the chat for everyone.",
            )
            .server(errors::reports_errors),
        stage(8, "The server finds messages and waits for no client", 8)
            .on(&[4, 6])
            .hint(
                "One read does not always return exactly one request, and text arrives as bytes. \
                 What may appear between two requests or right before `⏎`? Which thread waits for \
                 a client that stops in the middle of a request or does not read?",
            )
            .hint(
                "This stage needs no new function, only more code in `next_line`: `Vec::pop_if` \
                 removes each `\\r` at the end, and `String::from_utf8_lossy` accepts any bytes; \
                 `read_line` and `lines` accept only UTF-8. Create one `Lines` for each connection \
                 and read only through it. `value` skips the spaces after the colon.",
            )
            .hint(
                "`say` only adds to `said`; `push_said` and `flush` use the outboxes, which never \
                 wait for a client. The outbox disconnects a client that is too far behind, and \
                 `Hall::disconnect` (stage 6) tells the room.",
            )
            .server(server::finds_messages_however_split),
        stage(9, "KILL_SERVICE stops the server", 4)
            .on(&[1, 2])
            .hint(
                "What keeps the process alive: the listener, or a thread that is still reading or \
                 waiting? Which clients are disconnected, and with which status does the process \
                 exit?",
            )
            .hint(
                "In `kill`, call `Hall::flush`, then `common::exit` with 0: it stops all threads, \
                 and the system closes all connections. Stop the server only if `from_anywhere` is \
                 set or if the client's `peer` is a loopback address.",
            )
            .hint(
                "`Hall::client` returns the client, whose address is in `peer`. Check `peer` with \
                 `ip()`, `to_canonical`, and `IpAddr::is_loopback`. For any other client, call \
                 `Hall::complain` with `Complaint::NOT_ALLOWED`.",
            )
            .server(server::ends_on_kill_service),
        stage(10, "The client joins rooms and sends messages", 9)
            .hint(
                "Which number in a message identifies its room, and which reply gave it to the \
                 client? What could a user mistake the second line of a message for?",
            )
            .hint(
                "Write `read_reply` like `read_request`: recognize the first line with `value` and \
                 read the others with `Lines::id`, `field`, and `text`. In `show_replies`, create \
                 one `Lines::from_server` from a `BufReader` before the loop. Pass each reply to \
                 `Rooms::hear`, then to `show`. Show each error, then call `Rooms::hear_error`.",
            )
            .hint(
                "In `type_requests`, call `Terminal::read_line` in a loop. Call `wait_for_join` \
                 before sending text. Then call `Rooms::find` with an empty name: it returns the \
                 reference and the id for `Request::Chat`. In `show`, call `Screen::print` for \
                 each line of a message, with two spaces in front of every line after the first.",
            )
            .client(client::joins_and_talks),
        stage(11, "The client runs commands", 6)
            .on(&[10])
            .hint(
                "To which room is plain text sent after `/room` and after `/leave`? What does the \
                 server receive for each command? Which room does the client name when it shows a \
                 reply?",
            )
            .hint(
                "In `obey`, look up the rooms with `Rooms::switch_to`, `list`, and `find`; with an \
                 empty name, `find` returns the current room. Before you look up a room, call \
                 `wait_for_join`. `Sender::send` tells `Rooms` about each request, so a line that \
                 is typed after `/leave` is not sent to the old room.",
            )
            .hint(
                "`/helo hi` sends `HELO hi`. On `/quit`, Ctrl-D, and Ctrl-C, but not on `/kill`, \
                 first call `Rooms::wait_a_moment` and then `Terminal::leave`, with \
                 `Request::Disconnect` as its `last_words`. For an unknown command, send nothing. \
                 Show your client's own replies with `Terminal::print`.",
            )
            .client(client::obeys_commands),
        stage(12, "Three people talk in two rooms", 3)
            .on(&[5, 11])
            .hint(
                "Try your chat with three terminals side by side. Which terminals show what is \
                 said in the other room? Does any terminal show a line twice? Does a half-typed \
                 line stay intact?",
            )
            .hint(
                "This stage needs no new function: it tests `Hall::say` (stage 2), `show_replies` \
                 and `type_requests` (10), and `obey` (11) together. The last room that the user \
                 joined is the current room; `/room` switches to another one.",
            )
            .hint(
                "`show_replies` must show messages with `Screen::print`, because `println!` breaks \
                 up the line that is being typed. The client does not print its own messages, \
                 because the server sends them back.",
            )
            .together(together::three_people_in_two_rooms),
        stage(13, "People come and go", 3)
            .on(&[6, 11])
            .hint(
                "What do the other users see when one user leaves or when a client is killed? How \
                 does each client exit when the server exits?",
            )
            .hint(
                "This stage needs no new function: it tests `Hall::disconnect` (stage 6), `kill` \
                 (9), and the ways in which the client exits (10, 11) together. A client that \
                 loses its connection to the server exits with status 1.",
            )
            .hint(
                "On `/kill`, send the request and continue. If the server does not refuse the \
                 request, it exits, and `show_replies` sees the end of the stream. Then `main` \
                 makes the client exit with status 1.",
            )
            .together(together::people_come_and_go),
        stage(14, "Received text cannot control a terminal", 2)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence in a message or in a name? Which \
                 of your functions print received text unchanged?",
            )
            .hint(
                "This stage needs no new function. `show_replies` (stage 10) must print everything \
                 with `Screen::print`, including names and all lines of a message. The server must \
                 print received text with `log`. `println!` does not make control characters \
                 visible.",
            )
            .together(together::text_controls_no_terminal),
        stage(15, "A crowd talks", 5)
            .bonus()
            .on(&[2, 3, 4, 5, 6, 7, 8])
            .hint("What can happen between two steps of your server while many people join, talk, and leave at the same time? Does the report's ladder diagram show a message that is missing, duplicated, out of order, or sent to the wrong person?")
            .hint("`rooms`, `room_refs`, and each client's list of rooms must always agree. In `say`, if `said` holds messages for another room, push those messages before you add the new message. In `take_out`, call `push_said` before you change the members.")
            .server(server::a_crowd_talks),
        stage(16, "The network is unreliable", 5)
            .bonus()
            .on(&[12, 13])
            .hint("Which of your functions assumes that a message arrives in one piece, or that it arrives quickly? What does each program do while only half of a message has arrived?")
            .hint("A request may take up to `--request-timeout` seconds, so do not set a shorter timeout anywhere. Read lines until the message is complete, no matter how many pieces it arrives in or how long that takes.")
            .together(together::network_is_bad),
    ];
    Lab { number: 4, title: "many rooms, requests and replies", speaker_hears: true, stages }
}
