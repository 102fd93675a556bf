//! Tests that three people can chat through a relay that passes on one byte at a time.

use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::system::program::{Launch, Place};

use crate::chats::executable;
use crate::trace::{LIMIT, Trace};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn joins(lab: u32, name: &str, trace: &mut Trace, count: usize) -> Person {
    let launch = Launch {
        program: executable(&format!("solution{lab}-client")),
        arguments: vec![trace.port.to_string()],
        place: Place::Free,
        elsewhere: false,
    };
    let person = Person::start(name, &launch, Terminal::Dumb, &Journal::default()).unwrap();
    let sees = |text: &str| person.sees_soon(LIMIT, text).unwrap();
    match lab {
        1 => sees("Welcome to this chatroom!"),
        2 => {
            person.is_asked_for("nickname").unwrap();
            person.types(name).unwrap();
            sees("Connected to server!");
        }
        3 => {
            person.is_asked_for("name").unwrap();
            person.types(name).unwrap();
            trace.draws(&format!("active connections = {count}"));
        }
        _ => {
            person.is_asked_for("name").unwrap();
            person.types(name).unwrap();
            person.types("/join r").unwrap();
            sees(&format!("{name} has joined"));
        }
    }
    person
}

#[test]
fn the_finished_programs_survive_single_bytes() {
    for lab in 1..=4 {
        let server = executable(&format!("solution{lab}-server"));
        let seats = if lab == 1 { " --seats 3" } else { "" };
        let server = format!("{} {{port}}{seats}", server.display());
        let mut arguments = vec!["--server", &server, "--split", "1"];
        // In lab 2, `NICK` and the nickname do not end with a newline. If a busy machine paused within one of
        // these two messages, the receiver would take its first part for the whole message, so the test does not split
        // `NICK` and the nickname.
        if lab == 2 {
            arguments.extend(NAMES.iter().flat_map(|name| ["--only", name]));
        }
        let mut trace = Trace::start(lab, &arguments);
        let people: Vec<_> = NAMES
            .iter()
            .enumerate()
            .map(|(before, name)| joins(lab, name, &mut trace, before + 1))
            .collect();
        for (speaker, name) in people.iter().zip(NAMES) {
            // In labs 1 and 2, a pause may split the first message but no later message.
            if lab <= 2 {
                speaker.types("first").unwrap();
            }
            let text = format!("caf\u{e9}, says {name}");
            speaker.types(&text).unwrap();
            let line = match lab {
                1 => format!("<127.0.0.1> {text}"),
                2 => format!("{name}: {text}"),
                3 => format!("[{name}] : {text}"),
                _ => format!("[r] {name}: {text}"),
            };
            for listener in people.iter().filter(|one| one.name() != name) {
                let seen = listener.sees_soon(LIMIT, &line);
                seen.unwrap_or_else(|failure| panic!("lab {lab}: {failure}"));
            }
        }
        drop(people);
        let ladder = trace.stops();
        // Nearly every message was split into many pieces.
        let cut =
            ladder.iter().filter(|line| line.contains(" pieces: ") || line.contains('╎')).count();
        assert!(cut >= 9, "lab {lab}: {ladder:#?}");
    }
}
