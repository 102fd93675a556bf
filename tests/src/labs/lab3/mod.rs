//! Lab 3: a header says how long a message is; messages no longer stick together.

mod client;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 3.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The client sends each line as a frame", 10)
            .hint(
                "How long is the header? Is the length in bytes or in characters? Does it cover \
                 only the line, or `[ann] : ` as well?",
            )
            .hint(
                "`encode` returns the payload's length in bytes (`str::len`), padded on the right \
                 with spaces to exactly 64 bytes, followed by the payload, without a newline. In \
                 `type_messages`, the payload is `[ann] : hello`.",
            )
            .hint(
                "In `type_messages`, call `Terminal::read_line` in a loop. Create the payload from \
                 the name and the line, pass it to `frame::encode`, and send the result with one \
                 `write_all`.",
            )
            .client(client::sends_frames),
        stage(2, "The client reads frames however they are split", 15)
            .hint(
                "A read returns what has arrived, not what you asked for. How do you know that you \
                 have the whole header and the whole payload? Where do you keep the next frame's \
                 bytes in the meantime?",
            )
            .hint(
                "In `read_header`, call `read` in a loop, each time with the part of the header \
                 that is not filled yet, until all 64 bytes have arrived. `read` returns how many \
                 bytes it has filled; 0 means that the stream has ended. For the payload, call \
                 `read_exact`, which contains such a loop.",
            )
            .hint(
                "In `payload_length`, convert the header to text, trim the spaces, and `parse` the \
                 rest. `String::from_utf8_lossy` turns the payload into text. In `show_frames`, \
                 create one `BufReader` before the loop; a new one for each frame would lose the \
                 bytes that the previous one had buffered.",
            )
            .client(client::reads_frames_however_split),
        stage(3, "The server relays frames to the other clients", 18)
            .hint(
                "Which function tells the room what happens to a client, and in which order? Which \
                 client must not receive the frame? When are the pushed bytes sent?",
            )
            .hint(
                "In `talk`, send `Event::Joined`, call `receive_frames`, and send `Event::Left`. \
                 In `receive_frames`, send an `Event::Said` for each payload that `frame::read` \
                 returns, and call `reader.restart()` after each frame.",
            )
            .hint(
                "In `run_room`, `match` each event: insert into `members`, `relay`, or remove. \
                 After the last event of a round, `flush` every outbox. In `relay`, pass the \
                 payloads to `log_all`, create a frame for each payload (`frame::encode`), and \
                 push the frames to everyone but the speaker.",
            )
            .server(server::relays_frames),
        stage(4, "The client decides which lines are messages", 5)
            .on(&[1])
            .hint(
                "Which line is not a message: an empty one or one that only mentions \
                 `!DISCONNECT`? Is the name sent exactly as it was typed?",
            )
            .hint(
                "This stage needs no new function, only more code in `type_messages` (stage 1). \
                 Skip a line only if it is empty. Leave only if the whole line is `!DISCONNECT`, \
                 in capitals. In this lab, `quit` is a message.",
            )
            .client(client::talks),
        stage(5, "The client shows messages while you type", 5)
            .on(&[1, 2])
            .hint(
                "Does a frame appear while a line is half typed, and is that line still sent in \
                 full? What if a payload contains a newline?",
            )
            .hint(
                "This stage needs no new function: it tests `show_frames` (stage 2) again. Show \
                 each payload with a single call to `Screen::print`, which makes any newline in it \
                 visible. Do not split a payload into lines, and do not use `println!`.",
            )
            .client(client::shows_frames_while_typing),
        stage(6, "Only !DISCONNECT ends a client's connection", 8)
            .on(&[3])
            .hint(
                "Is `!DISCONNECT` the last word of a sentence or the whole message? Which clients \
                 still receive that message, and which receive a frame that its sender sends right \
                 after it?",
            )
            .hint(
                "In `is_disconnect`, compare the payload with `!DISCONNECT`, and its end \
                 (`ends_with`) with `] : !DISCONNECT`. In `receive_frames` (stage 3), send such a \
                 payload to the room like any other, then stop reading: return `Ok(())`.",
            )
            .server(server::releases_a_client_that_disconnects),
        stage(7, "The client exits cleanly", 7)
            .on(&[2, 4])
            .hint(
                "A user can leave in three ways: what does the server receive in each case? What \
                 does your client do when the server closes the connection or sends bytes that are \
                 not frames?",
            )
            .hint(
                "In `type_messages` (stage 1), call `Terminal::leave` with `[ann] : !DISCONNECT` \
                 as a frame, both when the user types `!DISCONNECT` and when `read_line` returns \
                 `None`. Do not send this frame twice.",
            )
            .hint(
                "In `show_frames` (stage 2), return `Ok(())` when `frame::read` returns `None`; \
                 pass an error up with `?`. In both cases, `main` tells the user and exits with \
                 status 1; after `Terminal::leave`, the status is 0. The client must not exit in \
                 any other way.",
            )
            .client(client::ends_cleanly),
        stage(8, "The server counts bytes, not characters", 6)
            .on(&[3])
            .hint(
                "é is one character but two bytes. Which of these does your header count? What \
                 must the server do with bytes that are not UTF-8 and with an empty payload?",
            )
            .hint(
                "This stage tests `encode` and `read` (stages 1 and 2) in the server. `str::len` \
                 counts bytes. `String::from_utf8_lossy` replaces an invalid byte with U+FFFD, \
                 which is three bytes long, so create the new header after the replacement.",
            )
            .hint(
                "An empty payload is still a payload and is relayed. A payload of exactly \
                 `MAX_PAYLOAD` bytes is valid; only a longer one is an error.",
            )
            .server(server::counts_bytes),
        stage(9, "Bad frames and deaf clients do not harm others", 10)
            .on(&[3])
            .hint(
                "Which bad headers does `parse` accept? What does your code do with a length \
                 before checking it? When a client sends a bad frame, which function tells the \
                 room that the client has left?",
            )
            .hint(
                "In `payload_length` (stage 2), trim only spaces (`trim` also removes tabs and \
                 newlines), and accept only digits and a value of at most `MAX_PAYLOAD`. For \
                 anything else, return `ErrorKind::InvalidData`; do not panic.",
            )
            .hint(
                "Pass errors up with `?` in `frame::read` and in `receive_frames`, but not in \
                 `talk` before it has sent `Event::Left`. In `read_header`, call `payload_length` \
                 after each read, unless all bytes so far are spaces. In `relay`, never write to a \
                 member's socket; only push to its outbox, which keeps the bytes for a client that \
                 is slow to read.",
            )
            .server(server::survives_bad_frames),
        stage(10, "The server counts active connections", 7)
            .on(&[3, 6])
            .hint(
                "In what ways can a connection end, and do they all lead to the same point in \
                 your code? Is the number printed after the list has changed?",
            )
            .hint(
                "This stage needs no new function. In `run_room` (stage 3), print the line with \
                 `log` after a client has been inserted or removed. The number of connections is \
                 `members.len()`.",
            )
            .hint(
                "`receive_frames` (stages 3 and 6) must return after `!DISCONNECT`, at the end of \
                 the stream, and on an error; `talk` must then tell the room. A loop that \
                 continues after `None` never ends, so its connection is counted forever.",
            )
            .server(server::counts_connections),
        stage(11, "Three people talk", 3)
            .on(&[3, 4, 5])
            .hint(
                "Try your chat with three terminals side by side. Does anyone see a line twice or \
                 see their own line? Does a half-typed line stay intact?",
            )
            .hint(
                "This stage needs no new function: it tests `relay` (stage 3), `show_frames` (2), \
                 and `type_messages` (1) together. Show messages with `Screen::print`, because \
                 `println!` breaks up the line that is being typed.",
            )
            .together(together::three_people_talk),
        stage(12, "People come and go", 3)
            .on(&[6, 7, 9])
            .hint(
                "What do the other clients do when one user types `!DISCONNECT`, and what do they \
                 do when a client is killed and sends nothing?",
            )
            .hint(
                "This stage needs no new function: it tests stages 6, 7, 9, and 10 together. For \
                 `show_frames`, `[guest] : !DISCONNECT` is a payload like any other: print it and \
                 continue, because only the server obeys it.",
            )
            .hint(
                "A client whose user leaves exits with status 0 (`Terminal::leave`). A client that \
                 loses its connection exits with status 1 (`main`). Do not change `main`: it stops \
                 the server on Ctrl-C.",
            )
            .together(together::people_come_and_go),
        stage(13, "Received text cannot control a terminal", 3)
            .on(&[11])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "This stage needs no new function. Check how `relay` in the server and \
                 `show_frames` in the client print text. `log` and `Screen::print` make control \
                 characters visible; `println!` does not.",
            )
            .together(together::text_controls_no_terminal),
        stage(14, "A crowd talks", 5)
            .bonus()
            .on(&[3, 6, 8, 9])
            .hint("What can happen between two steps of your server while many people join, talk, and leave at the same time? Does the report's ladder diagram show a message that is missing, duplicated, out of order, or sent to the wrong person?")
            .hint("Only `run_room` may change `members`, and it must do so in the order of the events. `relay` must push every frame to every other member, and `Event::Left` must remove exactly the member with this number.")
            .server(server::a_crowd_talks),
        stage(15, "The network is unreliable", 5)
            .bonus()
            .on(&[11, 12])
            .hint("Which of your functions assumes that a message arrives in one piece, or that it arrives quickly? What does each program do while only half of a message has arrived?")
            .hint("A frame may take up to `--frame-timeout` seconds, so do not set a shorter timeout anywhere. `frame::read` reads until the frame is complete, no matter how many pieces it arrives in or how long that takes.")
            .together(together::network_is_bad),
    ];
    Lab { number: 3, title: "messages with a length header", speaker_hears: false, stages }
}
