//! Lab 3: a header says how long a message is; the bytes stop sticking.

mod client;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 3.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "What is typed leaves as a frame", 10)
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
                "`type_messages`: `Terminal::read_line` in a loop; make the text with name and \
                 line, give it to `frame::encode`, and send what comes out with one `write_all`.",
            )
            .client(client::sends_frames),
        stage(2, "Frames come in, however the stream is cut", 12)
            .hint(
                "A read answers what there is, not what you want: do you read until you have all? \
                 And does your loop go on after the first frame?",
            )
            .hint(
                "`read`: `read_exact` for the 64 bytes of the header, and again for as many bytes \
                 as it says. `show_frames`: make one `BufReader` before the loop; a new one loses \
                 what the old has read.",
            )
            .hint(
                "`payload_length`: make text of the header, trim the spaces, `parse`. First of all \
                 in `read`: if `fill_buf` answers an empty slice, the stream is over, `Ok(None)`.",
            )
            .client(client::reads_frames_in_any_cut),
        stage(3, "The server passes frames on, to the others only", 14)
            .hint(
                "Who must not get the frame? And while one client has stopped in the middle of a \
                 frame, what do the others get?",
            )
            .hint(
                "`receive_frames`: an `Event::Said` for each payload that `frame::read` brings. \
                 `relay`: `log` it, make a frame of it (`frame::encode`), and `Outbox::push` that \
                 to all but the speaker.",
            )
            .hint(
                "Make the `BufReader` once, before the loop. Write to no socket: only the room \
                 sends, and only whole frames, so that those of two speakers cannot mix.",
            )
            .server(server::passes_frames_on),
        stage(4, "The client talks", 8)
            .on(&[1])
            .hint(
                "Which lines are no message: an empty one, or one that only mentions \
                 `!DISCONNECT`? Does the name stay as it was typed?",
            )
            .hint(
                "No function of its own: more of `type_messages` (stage 1). Skip a line only if it \
                 is empty; leave only if the whole line is `!DISCONNECT`, in capitals. `quit` is a \
                 message here.",
            )
            .client(client::talks),
        stage(5, "The client shows what comes while one types", 8)
            .on(&[1, 2])
            .hint(
                "Does a frame show up while a line is half typed, and does that line still leave \
                 whole? What if a payload has a newline in it?",
            )
            .hint(
                "No function of its own: `show_frames` (stage 2). Each payload is one \
                 `Screen::print`, which makes a newline in it visible. Do not cut it into lines, \
                 and do not use `println!`.",
            )
            .client(client::shows_frames_while_typing),
        stage(6, "Who says !DISCONNECT is let go, and nobody else", 8)
            .on(&[3])
            .hint(
                "Is it the last word of a sentence, or the whole message? Who still hears it, and \
                 who hears a frame right behind it?",
            )
            .hint(
                "`receive_frames` (stage 3): it is the end when the payload is `!DISCONNECT`, or \
                 ends in `] : !DISCONNECT`. Pass it on like any other, then read no more: return \
                 `Ok(())`.",
            )
            .server(server::releases_a_client_that_disconnects),
        stage(7, "The client ends well", 6)
            .on(&[2, 4])
            .hint(
                "Three ways out for the person: what does the server get in each? And what does \
                 your client do when the server closes, or sends no frames?",
            )
            .hint(
                "`type_messages` (stage 1): a line `!DISCONNECT`, and `None` from `read_line`, end \
                 in `Terminal::leave`, with `[ann] : !DISCONNECT` as a frame. It must not be sent \
                 twice.",
            )
            .hint(
                "`show_frames` (stage 2): when `frame::read` answers `None`, return `Ok(())`; pass \
                 an error up with `?`. `main` tells the person, and ends with status 1.",
            )
            .client(client::ends_well),
        stage(8, "Bytes, not characters", 10)
            .on(&[3])
            .hint(
                "é is one character and two bytes: which of them does your header count? What \
                 about bytes that are no UTF-8, and about no bytes at all?",
            )
            .hint(
                "Tests `encode` and `read` (stages 1 and 2) in the server. `str::len` counts \
                 bytes. `String::from_utf8_lossy` puts U+FFFD, three bytes, for a bad one: make the \
                 new header after that.",
            )
            .hint(
                "An empty payload is a payload, and is passed on. One of exactly `MAX_PAYLOAD` \
                 bytes is right; only a longer one is an error.",
            )
            .server(server::counts_bytes),
        stage(9, "Bad frames and deaf clients hurt nobody else", 10)
            .on(&[3])
            .hint(
                "Which headers does `parse` take that are none? Who is hurt when one client sends \
                 nonsense, stops half-way, or does not read?",
            )
            .hint(
                "`payload_length` (stage 2): trim spaces only (`trim` takes tabs and newlines, \
                 too), nothing but digits, at most `MAX_PAYLOAD`. Anything else is \
                 `ErrorKind::InvalidData`, no panic.",
            )
            .hint(
                "Pass errors up with `?`, in `frame::read` and in `receive_frames`: then `talk` \
                 takes out this client, and no other. `relay` only pushes (`Outbox::push`): a write \
                 would wait.",
            )
            .server(server::survives_bad_frames),
        stage(10, "Active connections are counted", 5)
            .on(&[3, 6])
            .hint(
                "Somebody closes without a word, or resets: is that one taken off the list, too? \
                 And does the server come to rest then?",
            )
            .hint(
                "No function of its own, `log_count` is given. `receive_frames` (stages 3 and 6) \
                 must return at `!DISCONNECT`, at the end of the stream and on an error; `talk` \
                 tells the room.",
            )
            .hint(
                "Pass errors up with `?`, and no `unwrap`: a thread that panics tells the room \
                 nothing. A loop that goes on after `None` runs in circles.",
            )
            .server(server::counts_connections),
        stage(11, "Three people talk", 3)
            .on(&[3, 4, 5])
            .hint(
                "Try it with three terminals side by side: does anybody see a line twice, or their \
                 own? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `relay` (stage 3), `show_frames` (2) and `type_messages` \
                 (1) together. Show what comes with `Screen::print`: `println!` tears the line that \
                 is being typed.",
            )
            .together(together::three_people_talk),
        stage(12, "People leave, and others stay", 3)
            .on(&[6, 7, 9, 10])
            .hint(
                "One says `!DISCONNECT`: what do the clients of the others do? And what about one \
                 who is killed and says nothing?",
            )
            .hint(
                "No function of its own: stages 6, 7, 9 and 10 together. For `show_frames`, \
                 `[guest] : !DISCONNECT` is a payload like any other: print it and go on. Only the \
                 server obeys it.",
            )
            .hint(
                "Who leaves ends with status 0 (`Terminal::leave`); who loses the server ends with \
                 status 1, by `main`. Leave `main` as it is: it ends the server on Ctrl-C.",
            )
            .together(together::people_leave),
        stage(13, "Nobody's terminal can be steered", 3)
            .on(&[11])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: look where `relay` (server) and `show_frames` (client) \
                 print. `log` and `Screen::print` make control characters visible; `println!` does \
                 not.",
            )
            .together(together::no_terminal_can_be_steered),
    ];
    Lab { number: 3, title: "messages with a length header", speaker_hears: false, stages }
}
