//! Lab 2: a chat for many people, with a handshake; messages can now run together.

mod client;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 2.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 3)
            .hint(
                "Exactly which characters must the server print, and when does it know that this \
                 text is true? If the port is taken, which function gets the error?",
            )
            .hint(
                "In `open_listener`, call `Endpoint::listen`, which does what you wrote in lab 1, \
                 and pass its error up with `?`. Print `SERVER WORKING` in `green`, with \
                 `print_line`.",
            )
            .server(server::listens),
        stage(2, "The server asks every client for a nickname", 6)
            .hint(
                "Exactly which bytes does a client compare with `NICK`? When is a reply without a \
                 newline complete, and which clients have to wait while one user is still choosing \
                 a nickname?",
            )
            .hint(
                "In `ask_nickname`, send the four letters `NICK` without a newline (`write_all`). \
                 Then wait for the reply with `Messages::handshake`; the reply has no newline \
                 either. Return the reply.",
            )
            .hint(
                "Do not call `Messages::receive` here: it skips an empty nickname and waits \
                 forever. Tell `handshake` how long to wait: `Some(patience)`. If it returns \
                 `None`, the client is gone, so return `Ok(None)`.",
            )
            .server(server::asks_for_a_nickname),
        stage(3, "The client replies with its nickname", 8)
            .hint(
                "Which side sends first, and what can it send instead of `NICK`? What exactly is \
                 the client's reply, and where do you keep bytes that arrive right after `NICK`?",
            )
            .hint(
                "In `answer_nick`, `Messages::handshake(None)` returns `NICK`. Reply with the \
                 nickname, without a newline, and return what `Messages::receive` returns next. If \
                 the first message is not `NICK`, return that message.",
            )
            .hint(
                "Print neither `NICK` nor the message after it: `chat` prints that message. \
                 `show_messages` continues with the same `Messages`; a second `Messages` would \
                 lose what the first has read.",
            )
            .client(client::answers_nick),
        stage(4, "The server announces each client that joins", 13)
            .on(&[2])
            .hint(
                "When the round ends, exactly which bytes are in each member's outbox, and what \
                 sends them? Is the newcomer in the list when `joined!` is pushed?",
            )
            .hint(
                "In `join`, first put the newcomer into `members`, then `broadcast` `alice \
                 joined!`, then push `Connected to server!` to the newcomer alone. Each line ends \
                 with a newline. Return `true`. In `broadcast`, create `Bytes` from the text once \
                 and push a clone into each member's outbox.",
            )
            .hint(
                "In `run_room`, `match` each event. For `Event::Join`, call `join` and send its \
                 result through the channel; ignore an error from this send. After the loop, flush \
                 every member's outbox, not only the newcomer's.",
            )
            .hint(
                "After `insert`, the map owns the newcomer. So clone the nickname before `insert`, \
                 then get the newcomer's outbox again with `BTreeMap::get_mut`. \
                 `BTreeMap::values_mut` iterates over all members.",
            )
            .server(server::announces_a_newcomer),
        stage(5, "The server broadcasts each message to everyone", 10)
            .on(&[4])
            .hint(
                "How do messages get from alice's thread to every member's socket, and what can \
                 stop or reorder them on the way? If the server receives nothing from alice, has \
                 her thread received the result of `join` (stage 4)?",
            )
            .hint(
                "In `receive_messages`, send an `Event::Said` for each message until \
                 `Messages::receive` returns `None`. The client has already put `alice: ` in front \
                 of its message, so until stage 10 asks for more, `line` can be just the message \
                 and a newline.",
            )
            .hint(
                "In `run_room`, find the speaker with `BTreeMap::get`; if there is none, do \
                 nothing. Create a `line` from each message in the event, join all lines into one \
                 `String`, and `broadcast` it. The flush at the end of the round sends the \
                 lines.",
            )
            .server(server::broadcasts_to_everyone),
        stage(6, "The client sends typed lines and shows messages", 9)
            .on(&[3])
            .hint(
                "How does each line that you send begin, and how does it end? When is it safe to \
                 send the first line, and which thread knows this? When does your client show a \
                 message, and how much of the message does it show?",
            )
            .hint(
                "In `type_messages`, call `Terminal::read_line` in a loop. Send `alice: `, the \
                 line, and a newline with one `write_all`. Skip an empty line. Call \
                 `joined.wait()` right before you send: it waits for the server's first \
                 message.",
            )
            .hint(
                "Meanwhile, `show_messages` (stage 3) shows messages: `Messages::receive` returns a \
                 whole message, even if it arrives in two pieces. Show each message with \
                 `Screen::print`.",
            )
            .client(client::talks),
        stage(7, "The server announces each client that leaves", 10)
            .on(&[5])
            .hint(
                "In how many ways can a connection end, and what does your server do in each case? \
                 Which clients are still in the list when `left!` is pushed, and what sends this \
                 line if no client speaks? What does the server still keep for the client that has \
                 left?",
            )
            .hint(
                "A clean close is not an error: `Messages::receive` returns `None`, and \
                 `receive_messages` returns. In `run_room`, call `leave` on `Event::Left`; the \
                 round ends with the same flush as any other. In `leave`, remove the member from \
                 `members`, then `broadcast` `alice left!` and a newline.",
            )
            .hint(
                "`BTreeMap::remove` returns the member; if it returns `None`, there is nothing to \
                 announce. Push the `last_words` into the member's outbox. When `leave` returns, \
                 the outbox is dropped, which sends these words and closes the connection.",
            )
            .server(server::announces_a_departure),
        stage(8, "The server refuses confusing nicknames", 8)
            .on(&[4, 5, 7])
            .hint(
                "Which nicknames could be mistaken for another nickname or for something else? Do \
                 you count characters or bytes? Which clients are told about a refusal?",
            )
            .hint(
                "Before anything else in `join`, refuse a nickname that is empty, has more than \
                 `MAX_NICKNAME` `chars()`, contains a `:` or a control character \
                 (`char::is_control`), or is already taken (compare both names after \
                 `to_lowercase`). Does an empty nickname reach `join`? `handshake` (stage 2) \
                 returns it; `receive` skips it.",
            )
            .hint(
                "Push `Nickname refused: `, the reason, and a newline into the newcomer's outbox, \
                 and return `false`, which `run_room` passes on to the newcomer's thread. Then the \
                 newcomer is dropped, which sends the line and closes the connection. The other \
                 clients must notice neither the refusal nor what the refused client sends \
                 afterward.",
            )
            .server(server::refuses_bad_nicknames),
        stage(9, "Silent and deaf clients do not delay others", 7)
            .on(&[4, 5, 7])
            .hint(
                "Which thread of your server waits for the nickname, and for how long? What does a \
                 client receive if its nickname never ends? When a client does not read, does any \
                 thread wait for it, and which other clients wait for that thread?",
            )
            .hint(
                "In `ask_nickname` (stage 2), pass `Some(patience)` to `Messages::handshake`. If \
                 it fails with the `ErrorKind` `TimedOut` or `InvalidData`, write the refusal, \
                 shut down the sending side, and return `Ok(None)`. Never write to a member's \
                 socket; only push to its outbox.",
            )
            .hint(
                "The outbox disconnects a client that falls too far behind. Then \
                 `receive_messages` (stage 5) sees the end of the stream, and `leave` (stage 7) \
                 broadcasts `deaf left!`.",
            )
            .server(server::waits_for_no_client),
        stage(10, "No client can pretend to be another", 6)
            .on(&[5])
            .hint(
                "How does the server know who is speaking: from the message or from the \
                 connection? Which lines can remain unchanged?",
            )
            .hint(
                "In `line` (stage 5), only a message that begins with exactly the speaker's \
                 nickname, a colon, and a space remains unchanged. Put these in front of every \
                 other message, including `Alice: hi`, `alice:hi`, `NICK`, and `bob left!`.",
            )
            .hint(
                "`str::strip_prefix` returns the text after `alice: `, or `None`. Put `alice: ` in \
                 front of that text, or in front of the whole message if the result is `None`, and \
                 a newline at the end.",
            )
            .server(server::guards_names),
        stage(11, "The client exits cleanly", 6)
            .on(&[6])
            .hint(
                "In what ways can a user leave, and in what ways can the server end the chat? \
                 What does the other side receive, and what is your client's exit status?",
            )
            .hint(
                "In `type_messages`, call `Terminal::leave` with empty `last_words`, both on \
                 `/quit` and when `read_line` returns `None`. `answer_nick` returns a refusal, and \
                 `main` exits with status 1.",
            )
            .hint(
                "When the server closes the connection, `show_messages` returns `Ok(())`, and \
                 `main` tells the user. For `/quit`, send nothing to the server, not even the word \
                 itself.",
            )
            .client(client::ends_cleanly),
        stage(12, "The server finds messages however they are split", 5)
            .on(&[5, 7])
            .hint(
                "One read does not always return exactly one message. Where does a message end? \
                 What must happen if a nickname and a line arrive together, or if a line is too \
                 long?",
            )
            .hint(
                "This stage tests `ask_nickname` and `receive_messages` (stages 2 and 5) again. \
                 Both must use the `Messages` that they receive and must leave the splitting to \
                 it: a second `Messages` would lose what the first has read.",
            )
            .hint(
                "Read the nickname with `handshake`: `receive` would treat a client that \
                 sends no newlines as an original client. If a message is too long, `receive` \
                 returns an error; pass it up with `?`. Then `leave` pushes `last_words`, which \
                 tell the client the reason.",
            )
            .server(server::finds_messages_however_split),
        stage(13, "Three people talk", 3)
            .on(&[5, 6])
            .hint(
                "Try your chat with three terminals side by side. Does anyone see a line twice or \
                 not at all? Does a half-typed line stay intact?",
            )
            .hint(
                "This stage needs no new function: it tests `line` (stage 5), `show_messages` (3), \
                 and `type_messages` (6) together. A speaker sees her own line once, when the \
                 server sends it back; the client itself does not print it.",
            )
            .hint(
                "Show messages with `Screen::print`, because `println!` breaks up the line that is \
                 being typed.",
            )
            .together(together::three_people_talk),
        stage(14, "People come and go", 3)
            .on(&[7, 8, 11])
            .hint(
                "Does a nickname always become free again, no matter how its owner leaves? Which \
                 clients show `left!`, and what is each program's exit status?",
            )
            .hint(
                "This stage needs no new function: it tests `leave` (stage 7), `join` (8), and the \
                 ways in which the client exits (11) together. A client whose user leaves exits \
                 with status 0. A client that is refused or loses its connection exits with status \
                 1.",
            )
            .hint(
                "Do not change `main`: it makes the server exit with status 0 on Ctrl-C and makes \
                 the client say that its server is gone.",
            )
            .together(together::people_come_and_go),
        stage(15, "Received text cannot control a terminal", 3)
            .on(&[8, 13])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "This stage needs no new function. `show_messages` (stage 3) must show messages \
                 with `Screen::print`, and the server must print nicknames with `log`. \
                 `Screen::print` and `log` make control characters visible; `println!` does not.",
            )
            .hint(
                "One client has an escape sequence in its nickname: `join` (stage 8) must refuse \
                 this nickname, like any other with a control character.",
            )
            .together(together::text_controls_no_terminal),
        stage(16, "A crowd talks", 5)
            .bonus()
            .on(&[4, 5, 7, 8, 9, 10, 12])
            .hint("What can happen between two steps of your server while many people join, talk, and leave at the same time? Does the report's ladder diagram show a message that is missing, duplicated, out of order, or sent to the wrong person?")
            .hint("Only `run_room` may change `members`, and it must do so in the order of the events. `broadcast` must push to every member that is in the list at that moment, and `leave` must remove exactly the member with this number.")
            .server(server::a_crowd_talks),
        stage(17, "The network is unreliable", 5)
            .bonus()
            .on(&[13, 14])
            .hint("Which of your functions assumes that a message arrives in one piece, or that it arrives quickly? What does each program do while only half of a message has arrived?")
            .hint("`Messages::receive` waits as long as it takes, so do not set a read timeout on the socket, and do not use `handshake` for messages: only `NICK` and the nickname end without a newline.")
            .together(together::network_is_bad),
    ];
    Lab { number: 2, title: "a group with nicknames: a handshake", speaker_hears: true, stages }
}
