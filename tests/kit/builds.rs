//! Tests that a submission's build cannot read the finished programs, the grader, or other people's work; connect to a
//! server; write outside its folder; or leave a process running. Each attempt succeeds if the build is not confined.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use grader::class::other;
use grader::class::settings::Language;
use grader::kit::files;
use grader::system::{cargo, confinement, reads};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The time limit for a build. Every build in these tests takes only seconds.
const LIMIT: Duration = Duration::from_mins(3);

const SERVER: &str = "labs/lab1-one-to-one/server/src/main.rs";

/// Files of the kit that a submission's source code must not include, for example with `include_str!`. The paths are
/// relative to the kit's folder.
const OTHERS: [&str; 4] = [
    "solutions/lab1-one-to-one/server/src/main.rs",
    "tests/src/labs/lab1/server.rs",
    "tests/kit/mutants.rs",
    ".git/config",
];

/// Creates a small kit with a student's server and a finished server.
fn small_kit() -> tempfile::TempDir {
    let kit = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| files::write(&kit.path().join(path), text).unwrap();
    let members = r#"members = ["labs/*/*", "solutions/*/*"]"#;
    write("Cargo.toml", &format!("[workspace]\nresolver = \"3\"\n{members}\n"));
    for (folder, name) in [("labs", "lab1-server"), ("solutions", "solution1-server")] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(&format!("{folder}/lab1-one-to-one/server/Cargo.toml"), &manifest);
    }
    for path in OTHERS {
        write(path, "fn main() {}\n");
    }
    kit
}

#[test]
fn a_build_reads_nothing_of_others() {
    if !confinement::holds().reading {
        println!("NOT CHECKED: {}", confinement::tier());
        return;
    }
    let neighbor = tempfile::tempdir().unwrap();
    let work = neighbor.path().join("work.rs");
    fs::write(&work, "fn main() {}\n").unwrap();
    let kit = small_kit();
    let link = kit.path().join("labs/lab1-one-to-one/server/src/link.rs");
    files::write(&kit.path().join(SERVER), "").unwrap();
    symlink(&work, &link).unwrap();
    let mut paths: Vec<_> = OTHERS.iter().map(|path| kit.path().join(path)).collect();
    paths.extend([work, link, "../../../../tests/kit/mutants.rs".into()]);
    let mut attempts: Vec<String> = Vec::new();
    for path in &paths {
        attempts.push(format!("const A: &str = include_str!({path:?});\nfn main() {{}}\n"));
    }
    attempts.push(format!("#[path = {:?}] mod other;\nfn main() {{}}\n", paths[0]));
    attempts.push(format!("mod other {{ include!({:?}); }}\nfn main() {{}}\n", paths[1]));
    for source in &attempts {
        files::write(&kit.path().join(SERVER), source).unwrap();
        let built = cargo::build(kit.path(), &["lab1-server".to_owned()], LIMIT).unwrap();
        let said = built["lab1-server"].as_ref().expect_err(source);
        assert!(said.contains("Permission denied"), "{source}\n{said}");
        let free = cargo::command(kit.path(), &kit.path().join("target"))
            .args(["build", "--offline", "-p", "lab1-server"])
            .output();
        assert!(
            free.unwrap().status.success(),
            "this also fails without confinement, so the test proves nothing: {source}"
        );
    }
    // A submission's source code may include the submission's own files.
    files::write(&kit.path().join("labs/lab1-one-to-one/words"), "words").unwrap();
    let source = "const A: &str = include_str!(\"../../words\");\nfn main() {}\n";
    files::write(&kit.path().join(SERVER), source).unwrap();
    let built = cargo::build(kit.path(), &["lab1-server".to_owned()], LIMIT).unwrap();
    assert!(built["lab1-server"].is_ok(), "{built:?}");
    // The grader also builds the finished programs.
    let built = cargo::build(kit.path(), &["solution1-server".to_owned()], LIMIT).unwrap();
    assert!(built["solution1-server"].is_ok(), "{built:?}");
}

#[test]
fn a_build_does_not_learn_the_home_folder() {
    let kit = small_kit();
    let home = std::env::home_dir().unwrap();
    let source = format!(
        "const A: () = assert!(!matches!(env!(\"HOME\").as_bytes(), b{:?}));\nfn main() {{ A }}\n",
        home.display().to_string()
    );
    files::write(&kit.path().join(SERVER), &source).unwrap();
    let built = cargo::build(kit.path(), &["lab1-server".to_owned()], LIMIT).unwrap();
    assert!(built["lab1-server"].is_ok(), "{built:?}");
}

/// What the `Makefile` attempts to do.
const ATTEMPTS: [&str; 8] = [
    "reads a file in another submission",
    "lists the files in another submission",
    "writes to a file in another submission",
    "reads the finished programs",
    "lists the home folder",
    "connects",
    "listens",
    "signals the grader",
];

#[test]
fn a_makefile_reaches_nothing_of_others() {
    if confinement::tier() != "B" {
        println!("NOT CHECKED: {}", confinement::tier());
        return;
    }
    let [own, neighbor] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    fs::write(neighbor.path().join("work"), "work").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // No other process has this string in its command line.
    let mark = format!("100.{}7", std::process::id());
    let makefile = include_str!("builds.mk")
        .replace("OTHER", &neighbor.path().to_string_lossy())
        .replace("SOLUTIONS", &grader::kit::root().join("solutions").to_string_lossy())
        .replace("HOME", &std::env::home_dir().unwrap().to_string_lossy())
        .replace("PORT", &listener.local_addr().unwrap().port().to_string())
        .replace("GRADER", &std::process::id().to_string())
        .replace("MARK", &mark);
    let connects =
        "import socket, sys\nsocket.create_connection(('127.0.0.1', int(sys.argv[1])))\n";
    let listens = "import socket\nsocket.create_server(('127.0.0.1', 0))\n";
    for (name, text) in
        [("Makefile", &*makefile), ("connects.py", connects), ("listens.py", listens)]
    {
        fs::write(own.path().join(name), text).unwrap();
    }

    // A build's output is reported only if the build fails.
    let language = Language {
        name: "Make".to_owned(),
        file: "Makefile".to_owned(),
        build: vec!["make --silent; false".to_owned()],
        lab: BTreeMap::new(),
    };
    let said = other::build(&language, own.path(), LIMIT).unwrap_err();
    assert!(said.contains("built\nstarted\n"), "a build needs this: {said}");
    for name in ATTEMPTS {
        assert!(said.contains(&format!("{name}: held\n")), "{name}\n{said}");
    }
    assert!(!said.contains("it has a terminal"), "{said}");
    assert!(running(&mark).is_empty(), "{mark} is left");

    // An unconfined build can do everything that the `Makefile` attempts.
    let free = Command::new("make").arg("-s").arg("-C").arg(own.path()).output().unwrap();
    let free = String::from_utf8_lossy(&free.stdout);
    let begin = Instant::now();
    let left = loop {
        let left = running(&mark);
        if !left.is_empty() || begin.elapsed() > LIMIT {
            break left;
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(
        !left.is_empty(),
        "an unconfined build leaves no process either, so the test proves nothing"
    );
    for pid in left {
        // This process may already have exited: `setsid` may start `sleep` in another process and then exit.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    for name in ATTEMPTS {
        assert!(
            free.contains(&format!("{name}: done\n")),
            "this also fails without confinement, so the test proves nothing: {name}\n{free}"
        );
    }
}

/// Returns the processes that have this word in their command line.
fn running(word: &str) -> Vec<i32> {
    let has_word = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    let names = fs::read_dir("/proc").unwrap().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has_word).collect()
}

/// The instructor's command line may name a file in a submission. If this file is a link or a script, programs must not
/// be allowed to read the files that it refers to.
#[test]
fn what_a_submission_says_gives_no_rights() {
    let [own, neighbor] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let secret = neighbor.path().join("work");
    fs::write(&secret, "work").unwrap();
    symlink(&secret, own.path().join("link.py")).unwrap();
    let script = own.path().join("chat");
    fs::write(&script, format!("#!/usr/bin/env -S cat {}\n", secret.display())).unwrap();
    let command = format!("python3 {}/link.py {} {{port}}", own.path().display(), script.display());
    let reads_secret = || {
        let all = reads::of_command(&command);
        all.iter().filter_map(|path| path.canonicalize().ok()).any(|path| secret.starts_with(path))
    };
    assert!(
        reads_secret(),
        "the secret is refused even before `distrust`, so the test proves nothing"
    );
    reads::distrust(own.path());
    assert!(!reads_secret());
}
