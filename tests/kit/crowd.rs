//! Tests the broadcast checker: it finds no mistake in a finished server and finds each of the classic mistakes.

use std::fs;
use std::time::{Duration, Instant};

use grader::crowd::game::{Game, Limits as GameLimits, game, game_of};
use grader::crowd::plan::{Extent, Plan};
use grader::crowd::shrink::{Limits, shrink};
use grader::crowd::slice::{MOST, slice};
use grader::harness::Harness;
use grader::journal::failure::Failure;
use grader::journal::timeout::TIMEOUT;
use grader::report::crowd::to_text;
use grader::report::screens::screens;
use grader::system::cargo::{BUILD_LIMIT, build};
use grader::system::program::Runnable;
use predicates::prelude::*;
use predicates::str::contains;

use crate::export::{students_kit, write_bodies};
use crate::lab;

const EXTENT: Extent = Extent { people: 12, events: 260, time: Duration::from_millis(250) };

/// The number of seeds with which each finished server is tested.
const SEEDS: u64 = 25;

/// The number of seeds within which each mistake must be found.
const SEEDS_FOR_A_MISTAKE: u64 = 4;

const LIMITS: Limits = Limits {
    runs: 60,
    time: Duration::from_secs(10),
    patience: Duration::from_millis(200),
    last_patience: Duration::from_secs(1),
};

/// Asserts that the server breaks no rule with any of the first `seeds` seeds.
pub fn accuses_nobody(lab: u32, server: &Runnable, seeds: u64) {
    for seed in 0..seeds {
        let plan = Plan::new(lab, EXTENT, seed);
        assert!(plan.people() >= 12 && plan.events.len() >= 200);
        let game = game(server, &plan, TIMEOUT, &|_| ()).unwrap();
        assert_eq!(game.played.violation, None, "lab {lab}, seed {seed}");
    }
}

fn accuses_no_finished_server(lab: u32) {
    let program = crate::chats::executable(&format!("solution{lab}-server"));
    accuses_nobody(lab, &Runnable::Executable(program), SEEDS);
}

#[test]
fn the_crowd_accuses_no_finished_server_of_lab_1() {
    accuses_no_finished_server(1);
}

#[test]
fn the_crowd_accuses_no_finished_server_of_lab_2() {
    accuses_no_finished_server(2);
}

#[test]
fn the_crowd_accuses_no_finished_server_of_lab_3() {
    accuses_no_finished_server(3);
}

#[test]
fn the_crowd_accuses_no_finished_server_of_lab_4() {
    accuses_no_finished_server(4);
}

/// One mistake.
struct Mutant {
    name: String,
    file: String,
    lab: u32,
    rules: Vec<String>,
    find: String,
    replace: String,
}

fn mutants() -> Vec<Mutant> {
    let text = fs::read_to_string(grader::kit::root().join("tests/crowd-mutants.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let of = |mutant: &toml::Value| {
        let field = |name: &str| mutant[name].as_str().unwrap().to_owned();
        let rules = mutant["rules"].as_array().unwrap().iter();
        let name = field("name");
        Mutant {
            lab: name.split('-').next().unwrap().parse().unwrap(),
            name,
            file: field("file").strip_prefix("solutions/").unwrap().to_owned(),
            rules: rules.map(|rule| rule.as_str().unwrap().to_owned()).collect(),
            find: field("find"),
            replace: field("replace"),
        }
    };
    table["mutant"].as_array().unwrap().iter().map(of).collect()
}

/// Asserts that `cargo lab crowd` reports the mistake and the command that reproduces it.
fn reports_and_fails(number: u32, seed: u64, server: &str) {
    let (number, seed) = (number.to_string(), seed.to_string());
    let arguments = ["crowd", &number, "--seed", &seed, "--seconds", "1", "--server", server];
    let again = format!("again   cargo lab crowd {number} --people 12 --seconds 1 --seed {seed}");
    lab().args(arguments).assert().code(1).stdout(contains("✗ lab").and(contains(again)));
}

#[test]
fn a_crowd_comes_to_the_finished_servers_and_not_to_an_unwritten_one() {
    let crowd = |number: &str| {
        let mut lab = lab();
        lab.args(["crowd", number, "--seconds", "0.5", "--runs", "2", "--seed", "7"]);
        lab
    };
    crowd("2").arg("--finished").assert().success().stdout(contains("seeds 7 to 8"));
    crowd("2").assert().code(1).stderr(contains("stage 2.1 is not written yet"));
    crowd("5").assert().code(2).stderr(contains("there is no lab 5"));
}

/// A lab 1 server that disconnects the first client that says something, and prints `gone` when a client closes its
/// connection.
const THROWS_OUT: &str = r#"
import selectors, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
ready = selectors.DefaultSelector()
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is listener:
            peer = listener.accept()[0]
            peer.sendall(b"Welcome to this chatroom!\n")
            ready.register(peer, selectors.EVENT_READ)
            continue
        peer = key.fileobj
        if not peer.recv(65536):
            print("gone", flush=True)
        ready.unregister(peer)
        peer.close()
"#;

/// When a rule is broken, the crowd closes all its connections. What the server prints then has nothing to do with the
/// mistake.
#[test]
fn a_server_s_screen_ends_before_the_crowd_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.py");
    fs::write(&file, THROWS_OUT).unwrap();
    let server = Runnable::Command(format!("python3 {} {{port}}", file.display()));
    let harness = Harness::new(server, Runnable::Missing(Failure::Grader("no client".into())), 1);
    let limits = GameLimits { patience: TIMEOUT, limit: Duration::from_secs(8) };
    let game = game_of(&harness, &Plan::new(1, EXTENT, 1), &limits, &|_| ()).unwrap();
    assert!(game.played.violation.is_some());
    for screen in screens(&harness.journal().events(), 100) {
        assert!(!screen.lines.join("\n").contains("gone"), "{}", screen.lines.join("\n"));
    }
}

/// When `cargo lab crowd` exits for any reason, the server exits as well.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_the_server_of_a_crowd() {
    use std::process::{Command, Stdio};
    use std::thread;

    use grader::system::orphans;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let server = crate::chats::executable("solution1-server");
    // A program that a script starts in the background ignores Ctrl-C by default.
    let mut lab = Command::new("env")
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_lab")])
        .args(["crowd", "1", "--finished", "--seconds", "60"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(lab.id().cast_signed());
    let begin = Instant::now();
    let is_server = |pid: &Pid| {
        fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program == server)
    };
    let started = loop {
        if let Some(started) = orphans::family(pid).into_iter().find(is_server) {
            break started;
        }
        // In a new clone, other tests may be building, and cargo waits for them.
        assert!(begin.elapsed() < Duration::from_mins(10), "no server was started");
        thread::sleep(Duration::from_millis(20));
    };
    kill(pid, Signal::SIGINT).unwrap();
    assert!(!lab.wait().unwrap().success());
    let begin = Instant::now();
    while is_server(&started) {
        assert!(begin.elapsed() < crate::LIMIT, "the server is still running");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_mistake_of_broadcasting_is_found_and_shown_with_few_messages() {
    let kit = students_kit();
    // If `MUTANTS` is set, only the mistakes whose names contain its value are tested.
    let named = std::env::var("MUTANTS").unwrap_or_default();
    let (mut wrong, mut shown) = (Vec::new(), Vec::new());
    for mutant in mutants().iter().filter(|mutant| mutant.name.contains(&named)) {
        let (lab, name) = (mutant.lab, &mutant.name);
        write_bodies(kit.path(), |_, _| true);
        let file = kit.path().join("labs").join(&mutant.file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(&mutant.find).count(), 1, "{name} does not apply");
        fs::write(&file, text.replace(&mutant.find, &mutant.replace)).unwrap();
        let package = format!("lab{lab}-server");
        let built = build(kit.path(), std::slice::from_ref(&package), BUILD_LIMIT);
        let server = match built.as_ref().map(|built| &built[&package]) {
            Ok(Ok(server)) => Runnable::Executable(server.clone()),
            Ok(Err(said)) | Err(said) => panic!("{name} does not compile:\n{said}"),
        };
        let begin = Instant::now();
        let replay = |plan: &Plan, patience| game(&server, plan, patience, &|_| ()).ok();
        let first = (0..SEEDS_FOR_A_MISTAKE).find_map(|seed| {
            let plan = Plan::new(lab, EXTENT, seed);
            let game: Game = replay(&plan, LIMITS.last_patience)?;
            game.played.violation.is_some().then_some((plan, game))
        });
        let Some((plan, game)) = first else {
            wrong.push(format!("{name} was not found"));
            continue;
        };
        let shrunk = shrink(&plan, game, LIMITS, &mut |plan, patience| replay(plan, patience));
        let violation = shrunk.game.played.violation.as_ref().unwrap();
        let messages = slice(&shrunk.game.played.record, violation).messages;
        let report = to_text(&plan, &shrunk, "again", 100);
        println!(
            "{name}: {:?}, seed {}, {messages} messages, {} people, {} events, {} runs, returned {}, {:.1} s",
            violation.rule,
            plan.seed,
            shrunk.plan.people(),
            shrunk.plan.events.len(),
            shrunk.runs,
            shrunk.returned,
            begin.elapsed().as_secs_f64()
        );
        println!("{report}\n");
        if !mutant.rules.contains(&format!("{:?}", violation.rule)) {
            wrong.push(format!("{name}: {:?}\n{report}", violation.rule));
        }
        if messages > MOST {
            wrong.push(format!("{name}: {messages} messages\n{report}"));
        }
        if shown.is_empty() {
            let Runnable::Executable(program) = &server else { unreachable!() };
            reports_and_fails(lab, plan.seed, &format!("{} {{port}}", program.display()));
        }
        shown.push(messages);
    }
    shown.sort_unstable();
    println!(
        "{} mistakes; median number of messages shown: {:?}",
        shown.len(),
        shown.get(shown.len() / 2)
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
