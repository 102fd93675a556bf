//! Ways to get points without work, or to hurt the grader, a neighbour, or the machine. Each of them succeeds when
//! nothing holds the program back, and none does when it is confined.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::system::confinement;
use grader::system::ports;
use grader::system::program::{Launch, Place, Runnable};

const ATTACKS: &str = include_str!("attacks.py");

/// Attempts that also fail where nothing holds them back: in a container, for example, or with an older kernel.
const NOT_EVERYWHERE: [&str; 8] = [
    "connects by multipath TCP",
    "connects while it sends",
    "opens a ring of the kernel",
    "gets namespaces of its own",
    "leaves a key",
    "leaves a queue of messages",
    "reads the memory of a process",
    "changes the grader's scheduling",
];

/// Runs the attacks, and returns how each ended.
fn attempts(launch: &Launch) -> BTreeMap<String, String> {
    let journal = Journal::default();
    let person = Person::start("mallory", launch, Terminal::Dumb, &journal).unwrap();
    let seen = person.sees_soon(Duration::from_mins(1), "all tried");
    let shown = journal.shown().remove("mallory").unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    seen.unwrap_or_else(|failure| panic!("{failure}\n{shown}"));
    let line = |line: &str| line.trim().split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    let is_attempt = |(_, end): &(String, String)| end == "done" || end.starts_with("held, ");
    shown.lines().filter_map(line).filter(is_attempt).collect()
}

#[test]
fn what_succeeds_freely_does_not_when_confined() {
    if confinement::tier() != "B" {
        println!("NOT CHECKED: {}", confinement::tier());
        return;
    }
    let [own, neighbour] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    fs::write(own.path().join("chat.py"), ATTACKS).unwrap();
    fs::write(neighbour.path().join("work"), "work").unwrap();
    fs::copy("/bin/true", neighbour.path().join("program")).unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = neighbour.path().join("socket");
    let _socket = UnixListener::bind(&socket).unwrap();
    let command = format!(
        "python3 {}/chat.py {{port}} {} {} {} {}",
        own.path().display(),
        grader::kit::root().display(),
        neighbour.path().display(),
        other.local_addr().unwrap().port(),
        socket.display()
    );
    let launch = |place: &dyn Fn(Place) -> Place| {
        let launch = Runnable::Command(command.clone()).launch(ports::unused(), &[]).unwrap();
        Launch { place: place(launch.place), ..launch }
    };

    // The paths of others are arguments here, but a command line does not name them in reality.
    let others = [grader::kit::root(), neighbour.path().to_owned()];
    let confined = attempts(&launch(&|place| match place {
        Place::Here { port, reads } => {
            let is_own = |path: &std::path::PathBuf| {
                !others.iter().any(|other| path.starts_with(other) || other.starts_with(path))
            };
            Place::Here { port, reads: reads.into_iter().filter(is_own).collect() }
        }
        place => place,
    }));
    let free = launch(&|_| Place::Free);
    let folder = tempfile::tempdir().unwrap();
    let arguments = free.arguments.iter().map(|one| {
        one.replace("exec python3", &format!("TMPDIR={} exec python3", folder.path().display()))
    });
    let free = attempts(&Launch { arguments: arguments.collect(), ..free });

    assert!(confined.len() >= 40, "{confined:#?}");
    let succeeded: Vec<_> = confined.iter().filter(|(_, end)| *end == "done").collect();
    assert!(succeeded.is_empty(), "{succeeded:#?}");
    let failed: Vec<_> = free
        .iter()
        .filter(|(name, end)| *end != "done" && !NOT_EVERYWHERE.contains(&name.as_str()))
        .collect();
    assert!(failed.is_empty(), "these prove nothing: {failed:#?}");
    assert_eq!(confined.len(), free.len());
}
