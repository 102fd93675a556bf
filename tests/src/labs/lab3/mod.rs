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
                "How long is the header? Does the length count bytes or characters? Does it count \
                 only the line, or `[ann] : ` as well?",
            )
            .hint(
                "`encode` returns the payload's length in bytes (`str::len`), padded with spaces \
                 on the right to exactly 64 bytes, then the payload, without a newline. In \
                 `type_messages`, the payload is `[ann] : hello`.",
            )
            .hint(
                "In `type_messages`, call `Terminal::read_line` in a loop. Make the payload from \
                 the name and the line, pass it to `frame::encode`, and send the result with one \
                 `write_all`.",
            )
            .client(client::sends_frames),
        stage(2, "The client reads frames however they are split", 12)
            .hint(
                "A read returns what has arrived, not what you want. Do you read until you have \
                 everything? Does your loop continue after the first frame?",
            )
            .hint(
                "In `read`, gather the 64 bytes of the header with `fill_buf` and `consume`, then \
                 `read_exact` as many bytes as the header says. In `show_frames`, make one \
                 `BufReader` before the loop; a new one loses what the old one has read.",
            )
            .hint(
                "In `payload_length`, convert the header to text, trim the spaces, and `parse` the \
                 rest. At the beginning of `read`, if `fill_buf` returns an empty slice, the \
                 stream has ended, so return `Ok(None)`.",
            )
            .client(client::reads_frames_however_split),
        stage(3, "The server relays frames to the other clients", 14)
            .hint(
                "Which client must not receive the frame? When one client has stopped in the \
                 middle of a frame, what do the other clients receive?",
            )
            .hint(
                "In `receive_frames`, send an `Event::Said` for each payload that `frame::read` \
                 returns. In `relay`, pass the payloads to `log_all`, make a frame from each \
                 (`frame::encode`), and `Outbox::push` all frames together to everyone but the \
                 speaker.",
            )
            .hint(
                "Call `reader.restart()` after each frame. Do not write to a socket: only the room \
                 sends, and it sends only whole frames, so the frames of two speakers cannot \
                 mix.",
            )
            .server(server::relays_frames),
        stage(4, "The client decides which lines are messages", 8)
            .on(&[1])
            .hint(
                "Which line is not a message: an empty one, or one that only mentions \
                 `!DISCONNECT`? Is the name sent exactly as it was typed?",
            )
            .hint(
                "This stage needs no new function, only more code in `type_messages` (stage 1). \
                 Skip a line only if it is empty. Leave only if the whole line is `!DISCONNECT`, \
                 in capitals. `quit` is a message here.",
            )
            .client(client::talks),
        stage(5, "The client shows messages while you type", 8)
            .on(&[1, 2])
            .hint(
                "Does a frame appear while a line is half typed, and is that line still sent in \
                 full? What if a payload contains a newline?",
            )
            .hint(
                "This stage needs no new function. It tests `show_frames` (stage 2) again. Show \
                 each payload with one `Screen::print`, which makes a newline in it visible. Do \
                 not split it into lines, and do not use `println!`.",
            )
            .client(client::shows_frames_while_typing),
        stage(6, "Only a client that says !DISCONNECT is released", 8)
            .on(&[3])
            .hint(
                "Is `!DISCONNECT` the last word of a sentence, or the whole message? Which clients \
                 still receive it, and which receive a frame that comes right after it?",
            )
            .hint(
                "In `receive_frames` (stage 3), a client leaves if its payload is `!DISCONNECT`, \
                 or ends in `] : !DISCONNECT`. Relay that payload like any other, then stop \
                 reading: return `Ok(())`.",
            )
            .server(server::releases_a_client_that_disconnects),
        stage(7, "The client ends cleanly", 6)
            .on(&[2, 4])
            .hint(
                "A user can leave in three ways. What does the server receive in each case? What \
                 does your client do when the server closes the connection, or sends bytes that \
                 are not frames?",
            )
            .hint(
                "In `type_messages` (stage 1), a `!DISCONNECT` line and a `None` from `read_line` \
                 lead to `Terminal::leave`, with `[ann] : !DISCONNECT` as a frame. Do not send \
                 this frame twice.",
            )
            .hint(
                "In `show_frames` (stage 2), return `Ok(())` when `frame::read` returns `None`, \
                 and pass an error up with `?`. `main` tells the user, and exits with status 1.",
            )
            .client(client::ends_cleanly),
        stage(8, "The server counts bytes, not characters", 10)
            .on(&[3])
            .hint(
                "é is one character and two bytes. Which of them does your header count? What \
                 about bytes that are not UTF-8, and about an empty payload?",
            )
            .hint(
                "This stage tests `encode` and `read` (stages 1 and 2) in the server. `str::len` \
                 counts bytes. `String::from_utf8_lossy` replaces an invalid byte with U+FFFD, \
                 which has three bytes, so make the new header after that.",
            )
            .hint(
                "An empty payload is a payload, and is relayed. A payload of exactly `MAX_PAYLOAD` \
                 bytes is valid; only a longer one is an error.",
            )
            .server(server::counts_bytes),
        stage(9, "Bad frames and deaf clients harm no other client", 10)
            .on(&[3])
            .hint(
                "Which bad headers does `parse` accept? Which clients are harmed when one client \
                 sends nonsense, stops in the middle of a frame, or does not read?",
            )
            .hint(
                "In `payload_length` (stage 2), trim only spaces (`trim` also removes tabs and \
                 newlines), and accept only digits, up to `MAX_PAYLOAD`. For anything else, return \
                 `ErrorKind::InvalidData`; do not panic.",
            )
            .hint(
                "Pass errors up with `?` in `frame::read` and in `receive_frames`. Then `talk` \
                 removes this client and no other. `relay` must only push (`Outbox::push`), \
                 because a write would wait.",
            )
            .server(server::survives_bad_frames),
        stage(10, "The server counts active connections", 5)
            .on(&[3, 6])
            .hint(
                "When a client closes or resets its connection without a word, is it also removed \
                 from the list? Does the server become idle after that?",
            )
            .hint(
                "This stage needs no new function: `log_count` is given. `receive_frames` (stages \
                 3 and 6) must return at `!DISCONNECT`, at the end of the stream and on an error. \
                 `talk` tells the room.",
            )
            .hint(
                "Pass errors up with `?`, and do not `unwrap`. A loop that continues after `None` \
                 never ends, and its connection is counted forever.",
            )
            .server(server::counts_connections),
        stage(11, "Three people talk", 3)
            .on(&[3, 4, 5])
            .hint(
                "Try it with three terminals side by side. Does anyone see a line twice, or see \
                 their own line? Does a half-typed line stay intact?",
            )
            .hint(
                "This stage needs no new function. It tests `relay` (stage 3), `show_frames` (2) \
                 and `type_messages` (1) together. Show messages with `Screen::print`, because \
                 `println!` breaks up the line that is being typed.",
            )
            .together(together::three_people_talk),
        stage(12, "People come and go", 3)
            .on(&[6, 7, 9, 10])
            .hint(
                "When one user types `!DISCONNECT`, what do the other clients do? What about a \
                 client that is killed and says nothing?",
            )
            .hint(
                "This stage needs no new function. It tests stages 6, 7, 9 and 10 together. For \
                 `show_frames`, `[guest] : !DISCONNECT` is a payload like any other: print it and \
                 continue. Only the server obeys it.",
            )
            .hint(
                "A client whose user leaves exits with status 0 (`Terminal::leave`). A client that \
                 loses its connection exits with status 1, through `main`. Do not change `main`: \
                 it ends the server on Ctrl-C.",
            )
            .together(together::people_come_and_go),
        stage(13, "Received text cannot control a terminal", 3)
            .on(&[11])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "This stage needs no new function. Check how `relay` (server) and `show_frames` \
                 (client) print. `log` and `Screen::print` make control characters visible; \
                 `println!` does not.",
            )
            .together(together::text_controls_no_terminal),
    ];
    Lab { number: 3, title: "messages with a length header", speaker_hears: false, stages }
}
