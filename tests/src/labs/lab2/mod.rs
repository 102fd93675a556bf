//! Lab 2: many people and a handshake; the bytes begin to stick together.

mod client;
mod server;
mod together;
pub mod wire;

use crate::harness::stage::{Lab, stage};

/// The stages of lab 2.
#[allow(clippy::too_many_lines)] // a list
pub fn lab() -> Lab {
    let stages = vec![
        stage(1, "The server listens", 4)
            .hint(
                "What does the server print, letter by letter? And when the port is taken, does the \
                 error reach `main`?",
            )
            .hint(
                "`open_listener`: `Endpoint::listen` does what you wrote in lab 1; pass its error \
                 up with `?`. Print `SERVER WORKING` with `print_line`, in `green`.",
            )
            .server(server::listens),
        stage(2, "The server asks every client for a nickname", 6)
            .on(&[1])
            .hint(
                "Which bytes exactly does a client compare with `NICK`? And which clients wait \
                 while one user thinks about a nickname?",
            )
            .hint(
                "`ask_nickname`: send four letters and no newline (`write_all`). Then \
                 `Messages::handshake` waits for the reply, which has no newline either; return \
                 it.",
            )
            .hint(
                "Not `Messages::receive`: it skips an empty nickname, and waits forever. \
                 `handshake` needs to know how long it may wait, `Some(patience)`; when it returns \
                 `None`, the client is gone: `Ok(None)`.",
            )
            .server(server::asks_for_a_nickname),
        stage(3, "The client replies with its nickname", 8)
            .hint(
                "Which side speaks first? What exactly is the reply? And does your client show \
                 everything that comes after it?",
            )
            .hint(
                "`answer_nick`: `Messages::handshake(None)` returns `NICK`. Reply with the \
                 nickname, no newline, and return what `Messages::receive` returns next. If it was \
                 not `NICK`, return that.",
            )
            .hint(
                "Print neither `NICK` nor the first message: `chat` prints that. `show_messages` \
                 goes on with the same `Messages`; a second one would lose what the first has read.",
            )
            .client(client::answers_nick),
        stage(4, "The server announces each client that joins", 8)
            .on(&[2])
            .hint(
                "Which clients get `joined!`, and which get `Connected to server!`? In which order, \
                 and where does each line end?",
            )
            .hint(
                "`join`: first put the newcomer into `members`, then `broadcast` `alice joined!`, \
                 then push `Connected to server!` to the newcomer alone. Each ends with a newline. \
                 Return `true`.",
            )
            .hint(
                "After `insert` the newcomer belongs to the map: clone its nickname before that, \
                 and get its outbox again with `BTreeMap::get_mut`.",
            )
            .server(server::announces_a_newcomer),
        stage(5, "The server broadcasts each message to everyone", 10)
            .on(&[4])
            .hint(
                "`alice: hello` comes in: what exactly goes out, and to which clients? Does the \
                 server go on reading from alice after that?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message, until `Messages::receive` \
                 returns `None`. `line`: `alice: ` once at the beginning, a newline at the end; the \
                 room sends it to everyone.",
            )
            .hint(
                "The client has already put `alice: ` in front. Until stage 10 asks for more, \
                 `line` may be just the message and a newline.",
            )
            .server(server::broadcasts_to_everyone),
        stage(6, "The client sends typed lines and shows messages", 9)
            .on(&[3])
            .hint(
                "How does each line that you send begin, and how does it end? What do you do with \
                 an empty line?",
            )
            .hint(
                "`type_messages`: `Terminal::read_line` in a loop, and one `write_all` with \
                 `alice: `, the line and a newline. Nothing may come before it: no newline after \
                 the nickname (stage 3).",
            )
            .hint(
                "Meanwhile `show_messages` (stage 3) shows messages: `Messages::receive` joins a \
                 message that came in two pieces. Show it with `Screen::print`.",
            )
            .client(client::talks),
        stage(7, "The server announces each client that leaves", 9)
            .on(&[5])
            .hint(
                "What ends the receiving loop: a clean close, a reset, a close in the middle of a \
                 line? Which clients are told, and when?",
            )
            .hint(
                "A clean close is no error: `Messages::receive` returns `None`, and \
                 `receive_messages` returns. `leave`: remove the member from `members`, then \
                 `broadcast` `alice left!` and a newline.",
            )
            .hint(
                "`BTreeMap::remove` returns the member. Push the `last_words` into its outbox; the \
                 outbox is dropped at the end of `leave`, which sends them and closes.",
            )
            .server(server::announces_a_departure),
        stage(8, "The server refuses confusing nicknames", 8)
            .on(&[4, 5, 7])
            .hint(
                "Which nicknames could be mistaken for another one, or for something else? Do you \
                 count characters or bytes? Which clients learn of a refusal?",
            )
            .hint(
                "`join`, before anything else: empty, over `MAX_NICKNAME` of `chars()`, a `:`, a \
                 control character (`char::is_control`), or already taken (compare both \
                 `to_lowercase`). Does an empty one reach `join`? `handshake` (stage 2) returns it; \
                 `receive` skips it.",
            )
            .hint(
                "Push `Nickname refused: `, the reason and a newline into the newcomer's outbox, \
                 and return `false`. The newcomer is dropped then, which sends and closes. The \
                 other clients learn nothing of it.",
            )
            .server(server::refuses_bad_nicknames),
        stage(9, "Silent and deaf clients hold up no other client", 7)
            .on(&[4, 5, 7])
            .hint(
                "In which thread does your server wait for the nickname, and for how long? And \
                 which thread waits for a client that does not read?",
            )
            .hint(
                "`ask_nickname` (stage 2): give `Messages::handshake` `Some(patience)`. On its \
                 errors `TimedOut` and `InvalidData` (`ErrorKind`), write the refusal, shut down the sending side, and \
                 return `Ok(None)`. \
                 Never write to members, only push.",
            )
            .hint(
                "A client that is too far behind is disconnected by its outbox; then \
                 `receive_messages` (stage 5) sees the end, and `leave` (stage 7) broadcasts \
                 `deaf left!`.",
            )
            .server(server::waits_for_no_client),
        stage(10, "No client can speak in another's name", 6)
            .on(&[5])
            .hint(
                "What decides how a line begins: the client that sends it? Which lines may stay as \
                 they are?",
            )
            .hint(
                "`line` (stage 5): only a message that begins with exactly the speaker's nickname, \
                 a colon and a space stays as it is. Every other gets that in front, also \
                 `Alice: hi`, `alice:hi`, `NICK` and `bob left!`.",
            )
            .hint(
                "`str::strip_prefix` returns the text after `alice: `, or `None`. Put `alice: ` in \
                 front of that text, or of the whole message, and a newline at the end.",
            )
            .server(server::guards_names),
        stage(11, "The client ends cleanly", 6)
            .on(&[6])
            .hint(
                "In which ways does a user leave, and in which does the server end the chat? What \
                 does the other side get, and what is your client's status?",
            )
            .hint(
                "`type_messages`: `/quit`, and `None` from `read_line`, end in `Terminal::leave`, \
                 with no last words. `answer_nick` returns a refusal, and `main` ends with status \
                 1.",
            )
            .hint(
                "When the server closes, `show_messages` returns `Ok(())`, and `main` tells the \
                 user. Send nothing to the server for `/quit`, not even the word.",
            )
            .client(client::ends_cleanly),
        stage(12, "The server finds messages however they are split", 7)
            .on(&[5, 7])
            .hint(
                "One read is not one message: where does a message end? What if nickname and line \
                 come together, or a line is too long?",
            )
            .hint(
                "Tests `ask_nickname` and `receive_messages` (stages 2 and 5). Both must use the \
                 `Messages` that they get, and leave the splitting to it: a second one would lose \
                 what the first has read.",
            )
            .hint(
                "Read the nickname with `handshake`; after `receive` a client without newlines \
                 counts as an original. A message that is too long is an error of `receive`: pass \
                 it up with `?`, and `leave` pushes the last words.",
            )
            .server(server::finds_messages_however_split),
        stage(13, "Three people talk", 4)
            .on(&[5, 6])
            .hint(
                "Try it with three terminals side by side: does anyone see a line twice, or not at \
                 all? Does a half-typed line stay whole?",
            )
            .hint(
                "No new function: `line` (stage 5), `show_messages` (3) and `type_messages` (6) \
                 together. A speaker sees her own line once, when it comes back; the client does \
                 not print it itself.",
            )
            .hint(
                "Show messages with `Screen::print`: `println!` breaks up the line that is being \
                 typed.",
            )
            .together(together::three_people_talk),
        stage(14, "People come and go", 4)
            .on(&[7, 8, 11])
            .hint(
                "Is a nickname free again however its owner has left? Which clients show `left!`, \
                 and how does each client end?",
            )
            .hint(
                "No new function: `leave` (stage 7), `join` (8) and the ways in which the client \
                 ends (11) together. Leaving is status 0; a refusal and a lost server are status 1.",
            )
            .hint(
                "Leave `main` as it is: it makes the server end on Ctrl-C with status 0, and makes \
                 the client say that its server is gone.",
            )
            .together(together::people_come_and_go),
        stage(15, "Received text cannot control a terminal", 4)
            .on(&[8, 13])
            .hint(
                "What does a terminal do with an escape sequence in a message? Which of your \
                 functions print received text unchanged?",
            )
            .hint(
                "No new function: `show_messages` (stage 3) must show messages with \
                 `Screen::print`, the server with `log`. Both make control characters visible; \
                 `println!` does not.",
            )
            .hint(
                "One client has an escape sequence in its nickname: `join` must refuse it (stage \
                 8), as it refuses any control character.",
            )
            .together(together::text_controls_no_terminal),
    ];
    Lab { number: 2, title: "a group with nicknames: a handshake", speaker_hears: true, stages }
}
