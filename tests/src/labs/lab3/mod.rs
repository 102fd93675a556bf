//! Lab 3: a header says how long a message is; the bytes no longer stick together.

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
                "How long is the header? Does the length count bytes or characters: of the line \
                 alone, or of `[ann] : ` as well?",
            )
            .hint(
                "`encode`: the payload's length in bytes (`str::len`), padded with spaces on the \
                 right to exactly 64 bytes; then the payload, no newline. `type_messages`: the \
                 payload is `[ann] : hello`.",
            )
            .hint(
                "`type_messages`: `Terminal::read_line` in a loop; make the payload from name and \
                 line, pass it to `frame::encode`, and send the result with one `write_all`.",
            )
            .client(client::sends_frames),
        stage(2, "The client reads frames however they are split", 12)
            .hint(
                "A read returns what has arrived, not what you want: do you read until you have \
                 everything? And does your loop go on after the first frame?",
            )
            .hint(
                "`read`: gather the 64 bytes of the header with `fill_buf` and `consume`, then \
                 `read_exact` as many bytes as it says. `show_frames`: make one `BufReader` before \
                 the loop; a new one loses what the old one has read.",
            )
            .hint(
                "`payload_length`: convert the header to text, trim the spaces, `parse`. First of \
                 all in `read`: if `fill_buf` returns an empty slice, the stream is over, \
                 `Ok(None)`.",
            )
            .client(client::reads_frames_however_split),
        stage(3, "The server relays frames to the other clients", 14)
            .hint(
                "Which client must not get the frame? And when one client has stopped in the middle \
                 of a frame, what do the other clients get?",
            )
            .hint(
                "`receive_frames`: an `Event::Said` for each payload that `frame::read` returns. \
                 `relay`: `log_all` of them, make a frame of each (`frame::encode`), and \
                 `Outbox::push` all frames together to everyone but the speaker.",
            )
            .hint(
                "Call `reader.restart()` after each frame. Write to no socket: only the room \
                 sends, and only whole frames, so the frames of two speakers cannot mix.",
            )
            .server(server::relays_frames),
        stage(4, "The client decides which lines are messages", 8)
            .on(&[1])
            .hint(
                "Which lines are not messages: an empty one, or one that only mentions \
                 `!DISCONNECT`? Does the name stay as it was typed?",
            )
            .hint(
                "No new function: more of `type_messages` (stage 1). Skip a line only if it is \
                 empty; leave only if the whole line is `!DISCONNECT`, in capitals. `quit` is a \
                 message here.",
            )
            .client(client::talks),
        stage(5, "The client shows messages while you type", 8)
            .on(&[1, 2])
            .hint(
                "Does a frame appear while a line is half typed, and is that line still sent \
                 whole? What if a payload contains a newline?",
            )
            .hint(
                "No new function: `show_frames` (stage 2). Each payload is one `Screen::print`, \
                 which makes a newline in it visible. Do not split it into lines, and do not use \
                 `println!`.",
            )
            .client(client::shows_frames_while_typing),
        stage(6, "Only a client that says !DISCONNECT is released", 8)
            .on(&[3])
            .hint(
                "Is it the last word of a sentence, or the whole message? Which clients still get \
                 it, and which get a frame right after it?",
            )
            .hint(
                "`receive_frames` (stage 3): it is the end when the payload is `!DISCONNECT`, or \
                 ends in `] : !DISCONNECT`. Relay it like any other, then stop reading: return \
                 `Ok(())`.",
            )
            .server(server::releases_a_client_that_disconnects),
        stage(7, "The client ends cleanly", 6)
            .on(&[2, 4])
            .hint(
                "A user can leave in three ways: what does the server get in each? And what does \
                 your client do when the server closes, or sends no frames?",
            )
            .hint(
                "`type_messages` (stage 1): a line `!DISCONNECT`, and `None` from `read_line`, end \
                 in `Terminal::leave`, with `[ann] : !DISCONNECT` as a frame. It must not be sent \
                 twice.",
            )
            .hint(
                "`show_frames` (stage 2): when `frame::read` returns `None`, return `Ok(())`; pass \
                 an error up with `?`. `main` tells the user, and ends with status 1.",
            )
            .client(client::ends_cleanly),
        stage(8, "The server counts bytes, not characters", 10)
            .on(&[3])
            .hint(
                "é is one character and two bytes: which of them does your header count? What \
                 about bytes that are not UTF-8, and about no bytes at all?",
            )
            .hint(
                "Tests `encode` and `read` (stages 1 and 2) in the server. `str::len` counts \
                 bytes. `String::from_utf8_lossy` puts U+FFFD, three bytes, for a bad one: make the \
                 new header after that.",
            )
            .hint(
                "An empty payload is a payload, and is relayed. A payload of exactly `MAX_PAYLOAD` \
                 bytes is valid; only a longer one is an error.",
            )
            .server(server::counts_bytes),
        stage(9, "Bad frames and deaf clients harm no other client", 10)
            .on(&[3])
            .hint(
                "Which bad headers does `parse` accept? Which clients are harmed when one sends \
                 nonsense, stops half-way, or does not read?",
            )
            .hint(
                "`payload_length` (stage 2): trim spaces only (`trim` removes tabs and newlines, \
                 too), nothing but digits, at most `MAX_PAYLOAD`. Anything else is \
                 `ErrorKind::InvalidData`, no panic.",
            )
            .hint(
                "Pass errors up with `?`, in `frame::read` and in `receive_frames`: then `talk` \
                 removes this client, and no other. `relay` only pushes (`Outbox::push`): a write \
                 would wait.",
            )
            .server(server::survives_bad_frames),
        stage(10, "The server counts active connections", 5)
            .on(&[3, 6])
            .hint(
                "A client closes or resets without a word: is it removed from the list, too? And \
                 does the server become idle then?",
            )
            .hint(
                "No new function: `log_count` is given. `receive_frames` (stages 3 and 6) must \
                 return at `!DISCONNECT`, at the end of the stream and on an error; `talk` tells \
                 the room.",
            )
            .hint(
                "Pass errors up with `?`, and no `unwrap`. A loop that goes on after `None` never \
                 ends, and its connection is counted for ever.",
            )
            .server(server::counts_connections),
        stage(11, "Three people talk", 3)
            .on(&[3, 4, 5])
            .hint(
                "Try it with three terminals side by side: does anyone see a line twice, or their \
                 own? Does a half-typed line stay whole?",
            )
            .hint(
                "No new function: `relay` (stage 3), `show_frames` (2) and `type_messages` (1) \
                 together. Show messages with `Screen::print`: `println!` breaks up the line that \
                 is being typed.",
            )
            .together(together::three_people_talk),
        stage(12, "People come and go", 3)
            .on(&[6, 7, 9, 10])
            .hint(
                "One user types `!DISCONNECT`: what do the other clients do? And what about a \
                 client that is killed and says nothing?",
            )
            .hint(
                "No new function: stages 6, 7, 9 and 10 together. For `show_frames`, \
                 `[guest] : !DISCONNECT` is a payload like any other: print it and go on. Only the \
                 server obeys it.",
            )
            .hint(
                "A client whose user leaves ends with status 0 (`Terminal::leave`); one that loses \
                 the server ends with status 1, through `main`. Leave `main` as it is: it ends the \
                 server on Ctrl-C.",
            )
            .together(together::people_come_and_go),
        stage(13, "Received text cannot control a terminal", 3)
            .on(&[11])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "No new function: look where `relay` (server) and `show_frames` (client) print. \
                 `log` and `Screen::print` make control characters visible; `println!` does not.",
            )
            .together(together::text_controls_no_terminal),
    ];
    Lab { number: 3, title: "messages with a length header", speaker_hears: false, stages }
}
