//! Puts mistakes into copies of the finished programs and checks that the fuzzer finds each of them over the network.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use fuzz::wire::{Kind, Playing};
use grader::cli::export::export;
use grader::cli::starters;
use grader::kit::files;
use grader::system::cargo::{BUILD_LIMIT, build, share_target};

/// The time within which a mistake must be found. Usually, each takes less than five seconds.
const LIMIT: Duration = Duration::from_mins(2);

/// A mistake in a program, and what the fuzzer must say about it.
struct Mistake {
    kind: Kind,
    lab: u32,
    /// The file's path relative to `labs/`.
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    says: &'static str,
}

impl Mistake {
    fn is_found(&self, program: &Path) {
        let begin = Instant::now();
        let mut playing = Playing::new(self.kind, self.lab, 1, 0, Some(program)).unwrap();
        let finding = playing.turn(begin + LIMIT, u64::MAX).expect_err(self.says);
        println!("found in {:.1?}: {finding}", begin.elapsed());
        assert!(finding.why.contains(self.says), "{finding}\ninstead of: {}", self.says);
    }
}

const MISTAKES: [Mistake; 7] = [
    // After a client's stream has ended, the thread that serves the client goes on running.
    Mistake {
        kind: Kind::Server,
        lab: 1,
        file: "lab1-one-to-one/server/src/main.rs",
        find: "    while let Some(message) = messages.receive()? {",
        replace: "    loop {\n        let Some(message) = messages.receive()? else { continue };",
        says: "threads",
    },
    // The server dies because of bytes that are not UTF-8.
    Mistake {
        kind: Kind::Server,
        lab: 2,
        file: "lab2-nick-group/server/src/main.rs",
        find: "    let prefix = format!(\"{nickname}: \");",
        replace: "    assert!(!message.contains('\\u{fffd}'));\n    let prefix = format!(\"{nickname}: \");",
        says: "assertion failed",
    },
    // The server never closes a descriptor.
    Mistake {
        kind: Kind::Server,
        lab: 3,
        file: "lab3-length-header/server/src/main.rs",
        find: "        let (outbox, room)",
        replace: "        std::mem::forget(stream.try_clone());\n        let (outbox, room)",
        says: "descriptors",
    },
    // A client can speak in a room that it is not in.
    Mistake {
        kind: Kind::Server,
        lab: 4,
        file: "lab4-multi-room/server/src/hall.rs",
        find: "if room.members.contains(&id) => self.say",
        replace: "if room.members.contains(&id) || !room.members.is_empty() => self.say",
        says: "neither of the two has sent this",
    },
    // The client ignores the end of the stream.
    Mistake {
        kind: Kind::Client,
        lab: 1,
        file: "lab1-one-to-one/client/src/main.rs",
        find: "    while let Some(message) = messages.receive()? {\n        screen.print(&message);\n    }\n    Ok(())",
        replace: "    loop {\n        if let Some(message) = messages.receive()? {\n            screen.print(&message);\n        }\n    }",
        says: "the client is still running",
    },
    // The client passes escape sequences on to the terminal.
    Mistake {
        kind: Kind::Client,
        lab: 3,
        file: "lab3-length-header/client/src/main.rs",
        find: "        screen.print(&payload);",
        replace: "        println!(\"{payload}\");",
        says: "it printed a raw control character",
    },
    // The client panics when the stream ends within a message.
    Mistake {
        kind: Kind::Client,
        lab: 4,
        file: "lab4-multi-room/client/src/main.rs",
        find: "            Err(Problem::Connection(error)) => return Err(error),",
        replace: "            Err(Problem::Connection(error)) => panic!(\"{error}\"),",
        says: "it panicked",
    },
];

#[test]
fn every_mistake_is_found_through_the_wire() {
    let kit = tempfile::tempdir().unwrap();
    let root = grader::kit::root();
    export(&root, kit.path()).unwrap();
    share_target(kit.path(), &root.join("target/students")).unwrap();
    for (path, text) in starters::make(&root.join("solutions"), |_, _| true).unwrap() {
        files::write(&kit.path().join("labs").join(path), &text).unwrap();
    }
    for Mistake { file, find, replace, .. } in &MISTAKES {
        let file = kit.path().join("labs").join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(find).count(), 1, "{find} in {}", file.display());
        fs::write(&file, text.replace(find, replace)).unwrap();
    }
    let package = |mistake: &Mistake| format!("lab{}-{}", mistake.lab, mistake.kind.name());
    let built = build(kit.path(), &MISTAKES.each_ref().map(package), BUILD_LIMIT).unwrap();
    thread::scope(|scope| {
        for mistake in &MISTAKES {
            let program = built[&package(mistake)].as_ref().unwrap();
            scope.spawn(|| mistake.is_found(program));
        }
    });
}
