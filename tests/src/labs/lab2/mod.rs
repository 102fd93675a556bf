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
                "What does the server print, letter by letter? And when the port is taken, does `main` \
                 hear of it?",
            )
            .hint(
                "`open_listener`: `Endpoint::listen` does what you wrote in lab 1; pass its error \
                 up with `?`. Print `SERVER WORKING` with `print_line`, in `green`.",
            )
            .server(server::listens),
        stage(2, "It asks everybody for a nickname", 6)
            .on(&[1])
            .hint(
                "Which bytes exactly does a client compare with `NICK`? And who waits while one \
                 client thinks about its name?",
            )
            .hint(
                "`ask_nickname`: send four letters and no newline (`write_all`). Then \
                 `Messages::handshake` waits for the answer, which has no newline either; return \
                 it.",
            )
            .hint(
                "Not `Messages::receive`: it skips an empty nickname, and waits for ever. \
                 `handshake` takes how long it may wait, `Some(patience)`; when it answers `None`, \
                 the client is gone: `Ok(None)`.",
            )
            .server(server::asks_for_a_nickname),
        stage(3, "The client answers with its nickname", 8)
            .hint(
                "Who speaks first? What exactly is the answer? And does your client show all that \
                 comes after it?",
            )
            .hint(
                "`answer_nick`: `Messages::handshake(None)` brings `NICK`. Answer with the \
                 nickname, no newline, and return what `Messages::receive` brings next. If it was \
                 not `NICK`, return that.",
            )
            .hint(
                "Print neither `NICK` nor the first message: `chat` prints that. `show_messages` \
                 goes on with the same `Messages`; a second one would lose what the first has read.",
            )
            .client(client::answers_nick),
        stage(4, "It announces who joins", 8)
            .on(&[2])
            .hint(
                "Who hears `joined!`, and who hears `Connected to server!`? In which order, and \
                 where does each line end?",
            )
            .hint(
                "`join`: first put the newcomer into `members`, then `broadcast` `alice joined!`, \
                 then push `Connected to server!` to the newcomer alone. A newline behind each. \
                 Answer `true`.",
            )
            .hint(
                "After `insert` the newcomer belongs to the map: clone its nickname before that, \
                 and find its outbox again with `BTreeMap::get_mut`.",
            )
            .server(server::announces_a_newcomer),
        stage(5, "Everyone hears what one says", 10)
            .on(&[4])
            .hint(
                "`alice: hello` comes in: what exactly goes out, and who gets it? Does the server \
                 still listen to her after that?",
            )
            .hint(
                "`receive_messages`: an `Event::Said` for each message, until `Messages::receive` \
                 answers `None`. `line`: `alice: ` once in front, a newline behind; the room sends \
                 it to everybody.",
            )
            .hint(
                "The client has written `alice: ` in front already. Until stage 10 asks for more, \
                 `line` may be just the message and a newline.",
            )
            .server(server::passes_on_to_all),
        stage(6, "The client writes, and shows what comes meanwhile", 9)
            .on(&[3])
            .hint(
                "What stands in front of each line that you send, and what behind it? What do you \
                 do with an empty line?",
            )
            .hint(
                "`type_messages`: `Terminal::read_line` in a loop, and one `write_all` with \
                 `alice: `, the line and a newline. Nothing may come before it: no newline behind \
                 the nickname (stage 3).",
            )
            .hint(
                "What comes meanwhile is up to `show_messages` (stage 3): `Messages::receive` puts \
                 a message together that came in two pieces. Show it with `Screen::print`.",
            )
            .client(client::talks),
        stage(7, "It announces at once who leaves, however one goes", 9)
            .on(&[5])
            .hint(
                "What ends the loop that receives: a clean close, a reset, a close within a line? \
                 Who is told, and when?",
            )
            .hint(
                "A clean close is no error: `Messages::receive` answers `None`, and \
                 `receive_messages` returns. `leave`: take the member out of `members`, then \
                 `broadcast` `alice left!` and a newline.",
            )
            .hint(
                "`BTreeMap::remove` gives you the member. Push the `last_words` into its outbox; \
                 it is dropped at the end of `leave`, and that sends them and closes.",
            )
            .server(server::announces_a_departure),
        stage(8, "It refuses nicknames that would confuse people", 8)
            .on(&[4, 5, 7])
            .hint(
                "Which names could be taken for another, or for something else than a name? Do you \
                 count characters or bytes? Who hears of a refusal?",
            )
            .hint(
                "`join`, before anything else: empty, over `MAX_NICKNAME` of `chars()`, a `:`, a \
                 control character (`char::is_control`), or somebody's name already (compare both \
                 `to_lowercase`). Does an empty one come to `join`? `handshake` (stage 2) answers it; \
                 `receive` skips it.",
            )
            .hint(
                "Push `Nickname refused: `, the reason and a newline into the newcomer's outbox, \
                 and answer `false`. The newcomer is dropped then: that sends and closes. Nobody \
                 else hears of it.",
            )
            .server(server::refuses_bad_nicknames),
        stage(9, "Who is silent, or does not read, holds up nobody", 7)
            .on(&[4, 5, 7])
            .hint(
                "In which thread does your server wait for the nickname, and for how long? And who \
                 waits for a client that does not read?",
            )
            .hint(
                "`ask_nickname` (stage 2): give `Messages::handshake` `Some(patience)`. Its errors \
                 `TimedOut` and `InvalidData` (`ErrorKind`) mean: `refuse`, and answer `Ok(None)`. \
                 Never write to members, only push.",
            )
            .hint(
                "Who is too far behind is disconnected by its outbox; then `receive_messages` \
                 (stage 5) sees the end, and `leave` (stage 7) tells the others `deaf left!`.",
            )
            .server(server::is_held_up_by_nobody),
        stage(10, "Nobody speaks in another's name", 6)
            .on(&[5])
            .hint(
                "Who decides what stands in front of a line: the client that sends it? Which lines \
                 may stay as they are?",
            )
            .hint(
                "`line` (stage 5): only what begins with exactly the speaker's nickname, a colon \
                 and a space stays. All else gets that in front, also `Alice: hi`, `alice:hi`, \
                 `NICK` and `bob left!`.",
            )
            .hint(
                "`str::strip_prefix` answers the text behind `alice: `, or `None`. Put `alice: ` \
                 in front of the one, or of the whole message; a newline behind.",
            )
            .server(server::guards_names),
        stage(11, "The client ends well", 6)
            .on(&[6])
            .hint(
                "In which ways does a person leave, and in which does the server end it? What does \
                 the other side get, and which status has your client?",
            )
            .hint(
                "`type_messages`: `/quit`, and `None` from `read_line`, end in `Terminal::leave`, \
                 with no last words. `answer_nick` returns a refusal, and `main` ends with status \
                 1.",
            )
            .hint(
                "When the server closes, `show_messages` returns `Ok(())`, and `main` tells the \
                 person. Nothing goes to the server for `/quit`, not even the word.",
            )
            .client(client::ends_well),
        stage(12, "It finds the messages, however the stream is cut", 7)
            .on(&[5, 7])
            .hint(
                "One read is not one message: where does a message end? What if nickname and line \
                 come together, or a line is too long?",
            )
            .hint(
                "Tests `ask_nickname` and `receive_messages` (stages 2 and 5). Both must use the \
                 `Messages` that they get, and leave the cutting to it: a second one would lose \
                 what the first has read.",
            )
            .hint(
                "Take the nickname with `handshake`; after `receive` a client without newlines \
                 counts as an original. Too long is an error of `receive`: pass it up with `?`, and \
                 `leave` pushes the last words.",
            )
            .server(server::finds_messages_in_any_cut),
        stage(13, "Three people talk", 4)
            .on(&[5, 6])
            .hint(
                "Try it with three terminals side by side: does anybody see a line twice, or not \
                 at all? Does a half-typed line stay whole?",
            )
            .hint(
                "No function of its own: `line` (stage 5), `show_messages` (3) and `type_messages` \
                 (6) together. The speaker sees her line once, when it comes back; the client does \
                 not print it itself.",
            )
            .hint(
                "Show what comes with `Screen::print`: `println!` tears the line that is being \
                 typed.",
            )
            .together(together::three_people_talk),
        stage(14, "People come and go", 4)
            .on(&[7, 8, 11])
            .hint(
                "Is a nickname free again however its owner has gone? Who sees `left!`, and how \
                 does each client end?",
            )
            .hint(
                "No function of its own: `leave` (stage 7), `join` (8) and the ends of the client \
                 (11) together. Leaving is status 0; a refusal and a lost server are status 1.",
            )
            .hint(
                "Leave `main` as it is: there the server learns to end on Ctrl-C with status 0, \
                 and the client to say that its server is gone.",
            )
            .together(together::people_come_and_go),
        stage(15, "Nobody's terminal can be steered", 4)
            .on(&[8, 13])
            .hint(
                "What does a terminal do with an escape sequence that somebody sends? Who prints \
                 what came from the network as it is?",
            )
            .hint(
                "No function of its own: `show_messages` (stage 3) must show with `Screen::print`, \
                 the server with `log`. Both make control characters visible; `println!` does not.",
            )
            .hint(
                "One comes with an escape sequence in her nickname: `join` must refuse her (stage \
                 8), with any control character.",
            )
            .together(together::no_terminal_can_be_steered),
    ];
    Lab { number: 2, title: "a group with nicknames: a handshake", speaker_hears: true, stages }
}
