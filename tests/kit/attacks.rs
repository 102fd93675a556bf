//! Tests the protection against attempts to gain points without doing the work or to harm the grader, another
//! submission, or the machine. Each attempt succeeds if the program is not confined. In tier A, no attempt succeeds; in
//! tier B, only a few succeed.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grader::class::namespaces;
use grader::harness::person::Person;
use grader::journal::Journal;
use grader::journal::terminal::Terminal;
use grader::system::confinement;
use grader::system::ports;
use grader::system::program::{Launch, Place, Runnable};
use nix::pty::{OpenptyResult, openpty};
use nix::unistd::ttyname;
use tempfile::TempDir;

const ATTACKS: &str = include_str!("attacks.py");

/// Attempts that can fail even if the program is not confined: some need root, and some do not work in a container or
/// on every kernel or processor.
const NOT_EVERYWHERE: [&str; 25] = [
    "changes its root",
    "changes the grader's scheduling",
    "clones itself into a new namespace with clone3",
    "clones itself into a new namespace",
    "connects by sending",
    "connects over multipath TCP",
    "counts processor events",
    "gets a whole processor",
    "gets namespaces of its own",
    "handles its own page faults",
    "keeps a file from being removed",
    "leaves a key",
    "leaves a message queue",
    "makes a 32-bit system call",
    "makes a BPF map",
    "mounts a file system",
    "opens a packet socket",
    "opens a raw socket",
    "opens an io_uring",
    "opens the disk",
    "raises its own limits",
    "reads the memory of a process",
    "runs before other programs",
    "sees the computer's network",
    "types into another program's terminal",
];

/// The attempts that succeed in tier B. The chapter for instructors lists them.
const OPEN_IN_B: [&str; 4] = [
    "connects to its port at another address",
    "opens a neighbor's shared memory",
    "sees other programs' ports",
    "sees the computer's network",
];

/// The environment variable that passes the port and the command line to the test [`inside`].
const COMMAND: &str = "ATTACKS";

/// The outcome of each attempt, by name.
type Ends = BTreeMap<String, String>;

/// The attacks' targets, all of which belong to the test.
struct Targets {
    own: TempDir,
    work: TempDir,
    port: u16,
    listener: TcpListener,
    _elsewhere: TcpListener,
    _socket: UnixListener,
    _abstract: UnixListener,
    neighbor: Child,
    terminal: OpenptyResult,
    memory: PathBuf,
}

impl Targets {
    fn new() -> Self {
        let [own, work] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        fs::write(own.path().join("chat.py"), ATTACKS).unwrap();
        fs::write(work.path().join("work"), "work").unwrap();
        fs::copy("/bin/true", work.path().join("program")).unwrap();
        let port = ports::unused();
        let memory = Path::new("/dev/shm").join(work.path().file_name().unwrap());
        File::create(&memory).unwrap();
        let name = SocketAddr::from_abstract_name(memory.file_name().unwrap().as_encoded_bytes());
        Self {
            _socket: UnixListener::bind(work.path().join("socket")).unwrap(),
            _abstract: UnixListener::bind_addr(&name.unwrap()).unwrap(),
            _elsewhere: TcpListener::bind(("127.0.0.77", port)).unwrap(),
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            neighbor: Command::new("sleep").arg("600").spawn().unwrap(),
            terminal: openpty(None, None).unwrap(),
            own,
            work,
            port,
            memory,
        }
    }

    /// Returns the command line that starts the attacks.
    fn command(&self) -> String {
        format!(
            "python3 {}/chat.py {{port}} {} {} {} {} {} {} {}",
            self.own.path().display(),
            grader::kit::root().display(),
            self.work.path().display(),
            self.listener.local_addr().unwrap().port(),
            self.work.path().join("socket").display(),
            self.neighbor.id(),
            ttyname(&self.terminal.slave).unwrap().display(),
            self.memory.file_name().unwrap().display(),
        )
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        let _ = self.neighbor.kill();
        let _ = self.neighbor.wait();
        let _ = fs::remove_file(&self.memory);
    }
}

/// Runs the attacks.
fn attempts(launch: &Launch) -> Ends {
    let journal = Journal::default();
    let person = Person::start("mallory", launch, Terminal::Dumb, &journal).unwrap();
    let seen = person.sees_soon(Duration::from_mins(1), "all tried");
    let shown = journal.shown().remove("mallory").unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    seen.unwrap_or_else(|failure| panic!("{failure}\n{shown}"));
    ends(&shown)
}

fn ends(shown: &str) -> Ends {
    let line = |line: &str| line.trim().split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    let is_attempt = |(_, end): &(String, String)| end == "done" || end.starts_with("held, ");
    shown.lines().filter_map(line).filter(is_attempt).collect()
}

/// Runs the attacks with the same confinement as a submission.
fn confined(command: &str, port: u16) -> Ends {
    let launch = Runnable::Command(command.to_owned()).launch(port, &[]).unwrap();
    let words: Vec<_> = command.split(' ').collect();
    // These arguments are paths to other people's files. A program may read the files named on its command line, but a
    // real submission's command line would not name these files, so the attacks must not be allowed to read them.
    let others = [Path::new(words[3]), Path::new(words[4])];
    let place = match launch.place {
        Place::Here { port, reads } => {
            let is_own = |path: &PathBuf| {
                !others.iter().any(|other| path.starts_with(other) || other.starts_with(path))
                    && !path.starts_with("/dev")
            };
            Place::Here { port, reads: reads.into_iter().filter(is_own).collect() }
        }
        place => place,
    };
    attempts(&Launch { place, ..launch })
}

fn free(targets: &Targets) -> Ends {
    let launch = Runnable::Command(targets.command()).launch(targets.port, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = launch.arguments.iter().map(|one| {
        one.replace("exec python3", &format!("TMPDIR={} exec python3", folder.path().display()))
    });
    attempts(&Launch { arguments: arguments.collect(), place: Place::Free, ..launch })
}

fn done(ends: &Ends) -> Vec<&str> {
    ends.iter().filter(|(_, end)| *end == "done").map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_succeeds_freely_does_not_when_confined() {
    if confinement::tier() != "B" {
        println!("NOT CHECKED: {}", confinement::tier());
        return;
    }
    // The attacks damage their targets when they run without confinement, so they get new targets before they run with
    // confinement.
    let free = free(&Targets::new());
    let failed: Vec<_> = free
        .iter()
        .filter(|(name, end)| *end != "done" && !NOT_EVERYWHERE.contains(&name.as_str()))
        .collect();
    assert!(failed.is_empty(), "these attacks prove nothing: {failed:#?}");

    let targets = Targets::new();
    let confined = confined(&targets.command(), targets.port);
    for (name, end) in &confined {
        println!("{name}: unconfined {}; in tier B {end}", free[name]);
    }
    assert!(confined.len() >= 70, "{confined:#?}");
    assert_eq!(confined.len(), free.len());
    let open: Vec<_> =
        done(&confined).into_iter().filter(|name| !OPEN_IN_B.contains(name)).collect();
    assert!(open.is_empty(), "{open:#?}");

    let lab = Path::new(env!("CARGO_BIN_EXE_lab"));
    if let Err(why) = namespaces::works(lab) {
        println!("NOT CHECKED: containment tier A (namespaces): {why:#}");
        return;
    }
    let targets = Targets::new();
    let inside = namespaces::apart(lab, false)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "attacks::inside", "--ignored", "--nocapture"])
        .env(COMMAND, format!("{} {}", targets.port, targets.command()))
        .env("TMPDIR", tempfile::tempdir().unwrap().path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let apart = ends(&String::from_utf8_lossy(&inside.stdout));
    for (name, end) in &apart {
        println!("{name}: in tier A {end}");
    }
    assert_eq!(apart.len(), free.len(), "{inside:?}");
    assert!(done(&apart).is_empty(), "{:#?}", done(&apart));
}

/// Runs the attacks in namespaces. The test above starts this test.
#[test]
#[ignore = "another test starts this test"]
fn inside() {
    let variable = env::var(COMMAND).unwrap();
    let (port, command) = variable.split_once(' ').unwrap();
    for (name, end) in confined(command, port.parse().unwrap()) {
        println!("{name}: {end}");
    }
}
