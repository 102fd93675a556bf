//! Lab 4: a real request-and-reply protocol with rooms and errors.

mod client;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 4.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server replies to HELO", 6)
            .hint(
                "Four lines: what is in each? Whose line is the first, and whose address comes \
                 after it?",
            )
            .hint(
                "`greet`: `Hall::client` has the server's address, as this client sees it; \
                 `Hall::tell` sends a `Reply::Helo`. Its `line` is the greeting as it came, `HELO` \
                 included.",
            )
            .server(server::replies_to_helo),
        stage(2, "JOIN adds a client to a room and announces it", 10)
            .on(&[1])
            .hint(
                "What does the newcomer get first, and which clients get the announcement after \
                 that? How many rooms, and how many `JOIN_ID`s, does one client have?",
            )
            .hint(
                "`read_join`: `Lines::field` for each line, in the order of the wire. \
                 `Hall::join`: find or make the room, put the client in, `tell` it `Reply::Joined` \
                 (`join_id` is its `id`), `announce`.",
            )
            .hint(
                "In `join`, three lists must agree: `room_refs`, the room's `members`, and the \
                 client's own `rooms`; also set the client's `name`. `say`: make one `Reply::Chat`, \
                 push it to each member.",
            )
            .server(server::join_adds_to_a_room),
        stage(3, "CHAT sends a message to everyone in the room", 10)
            .on(&[2])
            .hint(
                "Which clients are in the room? Is the speaker one of them? Under whose name does the message \
                 go out, and where does a text of several lines end?",
            )
            .hint(
                "`read_chat`: `JOIN_ID`, `CLIENT_NAME`, then `MESSAGE` with `Lines::text`, which \
                 reads up to the blank line. `Hall::chat` passes the text to `say`.",
            )
            .hint(
                "`say` (stage 2) uses the name of the client in the hall, never that in the \
                 message. `JOIN_ID` and `CLIENT_NAME` of a message decide nothing.",
            )
            .server(server::chat_reaches_the_room),
        stage(4, "LEAVE removes a client from a room and announces it", 8)
            .on(&[3])
            .hint(
                "What does the client that leaves get first, and which clients get the \
                 announcement? What is the reply to a client that is not in that room?",
            )
            .hint(
                "`read_leave`: `JOIN_ID`, then `CLIENT_NAME`. `Hall::leave`: always `tell` \
                 `Reply::Left`, with the `JOIN_ID` of the request. Only if the client is in that \
                 room: `announce`, then `take_out`.",
            )
            .hint(
                "After `take_out` the client is out and gets nothing more, so `announce` comes \
                 before it. The client's own list `rooms` shows whether it is in the room.",
            )
            .server(server::leave_removes_from_a_room),
        stage(5, "Rooms stay separate, and no message comes twice", 10)
            .on(&[3, 4])
            .hint(
                "Is there one list of members, or one for each room? What changes when a client \
                 joins twice? Is a room's number used again?",
            )
            .hint(
                "No new function: more of `join`, `chat` and `leave`. A second join gets the same \
                 `Reply::Joined`, and no announcement. The name is that of the client's first \
                 join.",
            )
            .hint(
                "A new room gets `last_room_ref` plus 1, never the number of rooms. `leave` calls \
                 `take_out`, which removes an empty room and its name: then the same name makes a \
                 new room.",
            )
            .server(server::keeps_rooms_apart),
        stage(6, "A client that disconnects or vanishes leaves all rooms", 9)
            .on(&[5])
            .hint(
                "In which rooms was the connection that has just ended, and in which order did it \
                 join them? Which clients learn of it?",
            )
            .hint(
                "`read_disconnect`: `PORT`, `CLIENT_NAME`. `Hall::disconnect`: for each of the \
                 client's `rooms`, `announce`, then `take_out`. Then remove it from `clients`: \
                 dropping its outbox closes.",
            )
            .hint(
                "Clone the list before the loop, since `take_out` changes it. After DISCONNECT \
                 comes a second call, at the end of the stream: then that client no longer exists, \
                 and the call does nothing.",
            )
            .server(server::releases_a_client_everywhere),
        stage(7, "The server reports errors and keeps the connection", 9)
            .on(&[3, 6])
            .hint(
                "What does your server reply for a room that does not exist, one that the speaker \
                 is not in, a field that is missing, empty or not a number?",
            )
            .hint(
                "`chat`: `Hall::complain`, with `Complaint::NO_SUCH_ROOM` or `NOT_A_MEMBER`. \
                 `read_join`: `name_of` for room and client. In each `read_…`, pass the errors of \
                 `Lines` up with `?`.",
            )
            .hint(
                "`CHAT: room` is error 4: `number` converts the value to a number, or complains. \
                 Errors 1 and 5 are given. No `unwrap` in the hall: a panic there ends the chat for \
                 everyone.",
            )
            .server(server::reports_errors),
        stage(8, "The server finds messages and waits for no client", 9)
            .on(&[4, 6])
            .hint(
                "One read is not one request: where does each end? Which thread waits for a client \
                 that stops in the middle, or that does not read?",
            )
            .hint(
                "No new function: the `read_…` functions and `say`. Read with `Lines::field`, \
                 `number` and `text` only: they handle split lines, `\\r`, and any number of spaces \
                 after the colon.",
            )
            .hint(
                "Send with `Outbox::push` only. A client that is too far behind is disconnected by \
                 its outbox, and `Hall::disconnect` (stage 6) tells the room.",
            )
            .server(server::finds_messages_however_split),
        stage(9, "KILL_SERVICE ends the server", 6)
            .on(&[1, 2])
            .hint(
                "What keeps the process alive: the listener, or a thread that still reads? With \
                 which status does it end?",
            )
            .hint(
                "`kill`: `process::exit` with 0 ends all threads, and the system closes all \
                 connections. But only if `from_anywhere`, or if the client's `peer` is a loopback \
                 address.",
            )
            .hint(
                "`Hall::client` has the `peer`; `IpAddr::is_loopback` checks it. Any other client \
                 gets `Hall::complain` with `Complaint::NOT_ALLOWED`.",
            )
            .server(server::ends_on_kill_service),
        stage(10, "The client joins rooms and sends messages", 9)
            .hint(
                "Which number in a message names its room, and which reply gave it to the client? \
                 What could the second line of a message be mistaken for?",
            )
            .hint(
                "`read_reply`: `value` recognizes the first line; `Lines::id`, `field` and `text` \
                 read the others. `show_replies`: pass each reply to `Rooms::hear`, and each error \
                 to `hear_error`, or `Rooms` cannot find the room.",
            )
            .hint(
                "`type_requests`: for text call `wait_for_join`; then `Rooms::find` returns the \
                 reference and the id for `Request::Chat`. `show`: put two spaces in front of each \
                 further line.",
            )
            .client(client::joins_and_talks),
        stage(11, "The client carries out commands", 6)
            .on(&[10])
            .hint(
                "To which room does plain text go, after /room and after /leave? What does the \
                 server get for each command?",
            )
            .hint(
                "`obey`: `Rooms::switch_to`, `list` and `find` look up the rooms; with an empty \
                 name, `find` returns the current one. `Sender::send` tells `Rooms` of each \
                 request, so after a `/leave` the next line does not go there.",
            )
            .hint(
                "`/helo hi` sends `HELO hi`. `/quit`, Ctrl-D and Ctrl-C all end in \
                 `Terminal::leave`, with `Request::Disconnect`; `/kill` does not. An unknown \
                 command sends nothing. Show your own answers with `Terminal::print`.",
            )
            .client(client::obeys_commands),
        stage(12, "Three people talk in two rooms", 3)
            .on(&[5, 10])
            .hint(
                "Try it with three terminals side by side: which of them show what is said in the \
                 other room? Does a half-typed line stay whole?",
            )
            .hint(
                "No new function: `Hall::say` (stage 2), `show_replies` and `type_requests` (10) \
                 together. The room joined last is the current one; `/room` goes back to another.",
            )
            .hint(
                "`show_replies` must show messages with `Screen::print`: `println!` breaks up the \
                 line that is being typed. The client does not print its own messages: they come \
                 back.",
            )
            .together(together::three_people_in_two_rooms),
        stage(13, "People come and go", 3)
            .on(&[6, 9, 11])
            .hint(
                "What do the remaining users see when one leaves, or is killed? And how does each \
                 client end when the server does?",
            )
            .hint(
                "No new function: `Hall::disconnect` (stage 6), `kill` (9) and the ways in which \
                 the client ends (10, 11) together. A client that loses its connection to the \
                 server exits with status 1.",
            )
            .hint(
                "That is also true for the user who typed `/kill`: send the request and go on. It \
                 may be refused; if not, `show_replies` sees the end of the stream, and `main` does \
                 the rest.",
            )
            .together(together::people_come_and_go),
        stage(14, "Received text cannot control a terminal", 2)
            .on(&[12])
            .hint(
                "What does a terminal do with an escape sequence in a message or in a name? Which \
                 of your functions print received text unchanged?",
            )
            .hint(
                "No new function: everything that `show_replies` (stage 10) shows goes through \
                 `Screen::print`, also names and further lines; in the server through `log`. \
                 `println!` makes no control character visible.",
            )
            .together(together::text_controls_no_terminal),
    ];
    Lab { number: 4, title: "many rooms, requests and replies", speaker_hears: true, stages }
}
