//! Tests that each submission is graded in its own namespaces if the system supports them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use grader::class::namespaces;
use grader::kit::files;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{TURN, record};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Reads a port from its arguments and listens on it until standard input ends.
const LISTEN: &str = "import socket, sys\n\
    here = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n\
    print('listening', flush=True)\n\
    sys.stdin.read()\n";

/// Occupies all ports from which the grader chooses.
const OCCUPY: &str = "import resource, socket, sys\n\
    resource.setrlimit(resource.RLIMIT_NOFILE, (12000, 12000))\n\
    all = [socket.create_server(('127.0.0.1', port)) for port in range(20000, 30000)]\n\
    print('listening', flush=True)\n\
    sys.stdin.read()\n";

/// Returns whether this system supports namespaces. Without namespaces, these tests prove nothing.
fn has_namespaces() -> bool {
    let works = namespaces::works(Path::new(LAB));
    if let Err(why) = &works {
        println!("NOT CHECKED: {why:#}");
    }
    works.is_ok()
}

fn apart() -> Command {
    namespaces::apart(Path::new(LAB), false)
}

/// A process that is killed when this value is dropped.
struct Running(Child);

impl Running {
    /// Starts a command, waits for its first line of output, and returns the process and that line.
    fn start(command: &mut Command) -> (Self, String) {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A class whose submissions are Python programs.
struct Class(TempDir);

impl Class {
    fn new() -> Self {
        let class = Self(tempfile::tempdir().unwrap());
        let settings = "[[language]]\nname = \"Python\"\nfile = \"server.py\"\n[language.lab.2]\n\
                        server = \"python3 server.py {port}\"\nclient = \"python3 client.py {port}\"\n";
        fs::write(class.0.path().join("grading.toml"), settings).unwrap();
        class
    }

    /// Adds a submission with correct programs or, if `server` is given, with only that server.
    fn add(&self, name: &str, server: Option<&str>) {
        let folder = self.0.path().join("class").join(name);
        if let Some(server) = server {
            return files::write(&folder.join("server.py"), server).unwrap();
        }
        let right = grader::kit::root().join("tests/kit/unusual/lab2-python");
        for file in ["server.py", "client.py"] {
            let text = fs::read_to_string(right.join(file)).unwrap();
            files::write(&folder.join(file), &text).unwrap();
        }
    }

    /// Returns the arguments for `cargo lab`.
    fn grade(&self) -> Vec<String> {
        let file = |name: &str| self.0.path().join(name).display().to_string();
        let mut words = vec!["grade".to_owned(), file("class"), "--lab=2".to_owned()];
        words.extend(["--json".to_owned(), file("class.json")]);
        words.extend(["--settings".to_owned(), file("grading.toml"), "--jobs=2".to_owned()]);
        words
    }

    fn check(&self, is_right_tier: impl Fn(&str) -> bool) {
        let record = record(&self.0.path().join("class.json"));
        assert!(is_right_tier(&record.tier), "{}", record.tier);
        for one in &record.submissions {
            assert_eq!((one.points, &one.error), (Some(110), &None), "{}", one.name);
            assert!(one.tier.as_deref().is_some_and(&is_right_tier), "{:?}", one.tier);
        }
    }
}

#[test]
fn two_commands_listen_on_the_same_port() {
    if !has_namespaces() {
        return;
    }
    let start = || Running::start(apart().args(["python3", "-c", LISTEN, "55555"]));
    let both = [start(), start()];
    assert!(both.iter().all(|(_, said)| said == "listening\n"));
}

#[test]
fn a_command_apart_sees_no_other_process_and_ends_with_it() {
    if !has_namespaces() {
        return;
    }
    let sleeper = format!("300.{}", std::process::id());
    let script = format!("setsid sleep {sleeper} & echo $$ $(ls /proc | grep -c '^[0-9]'); cat");
    let (running, said) = Running::start(apart().args(["sh", "-c", &script]));
    let words: Vec<u32> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    // The only processes are the shell, the sleeper, and the programs that count the processes.
    assert!(words[0] == 1 && words[1] <= 6, "{said}");
    wait_for(|| is_running(&sleeper));
    kill(Pid::from_raw(running.0.id().cast_signed()), Signal::SIGKILL).unwrap();
    wait_for(|| !is_running(&sleeper));
}

/// Returns whether the command line of any process contains the given word.
fn is_running(word: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|one| one == word.as_bytes()))
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        // The first grading run also builds a kit, which takes a long time.
        assert!(begin.elapsed() < Duration::from_mins(5), "the condition was never met");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_neighbor_that_occupies_all_ports_costs_nothing() {
    if !has_namespaces() {
        return;
    }
    let _turn = TURN.lock();
    let class = Class::new();
    class.add("ann", None);
    class.add("bob", None);
    // The neighbor, which occupies the ports, and the grader run in separate namespaces from the other tests, so the
    // neighbor takes no ports from these tests.
    let script = "mkfifo \"$TMPDIR/said\" && { sleep 600 | python3 -c \"$0\" > \"$TMPDIR/said\" & }\n\
                  read -r said < \"$TMPDIR/said\" && exec \"$@\"";
    let folder = tempfile::tempdir().unwrap();
    let status = apart()
        .args(["sh", "-c", script, OCCUPY, LAB])
        .args(class.grade())
        .env("TMPDIR", folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    class.check(|tier| tier == "A");
}

#[test]
fn without_namespaces_the_grading_goes_on_unless_they_are_required() {
    let _turn = TURN.lock();
    let class = Class::new();
    class.add("ann", None);
    let grade = |more: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "sh", "-c"]);
        unshare.arg("echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"");
        unshare.args(["sh", LAB]).args(class.grade()).args(more).output().unwrap()
    };
    let refused = grade(&["--require-tier", "A"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("--require-tier asks for A, but this machine has tier B: "), "{said}");
    assert!(said.contains("the kernel refuses to create namespaces: ENOSPC"), "{said}");
    assert!(said.contains("Run this as root or on a virtual machine"), "{said}");
    assert!(!class.0.path().join("class.json").exists(), "nothing was graded");
    let graded = grade(&["--require-tier", "B"]);
    assert!(graded.status.success(), "{}", String::from_utf8_lossy(&graded.stderr));
    let table = String::from_utf8_lossy(&graded.stdout).into_owned();
    assert!(
        table.contains("containment: tier B: the kernel refuses to create namespaces"),
        "{table}"
    );
    class.check(|tier| tier.starts_with("B: "));
}

/// No matter how a grading run is stopped, the programs that it was grading are stopped as well.
#[test]
fn a_killed_grading_leaves_no_process() {
    let _turn = TURN.lock();
    for (number, signal) in [Signal::SIGKILL, Signal::SIGINT].into_iter().enumerate() {
        let word = format!("301.{}{number}", std::process::id());
        let class = Class::new();
        let server = format!(
            "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    os.execlp('sleep', 'sleep', '{word}')\n\
             sys.stdin.read()\n"
        );
        class.add("mallory", Some(&server));
        let mut grade = Command::new(LAB);
        let grade = grade.args(class.grade()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut grade = Running(grade.spawn().unwrap());
        wait_for(|| is_running(&word) || grade.0.try_wait().unwrap().is_some());
        assert!(is_running(&word));
        kill(Pid::from_raw(grade.0.id().cast_signed()), signal).unwrap();
        grade.0.wait().unwrap();
        wait_for(|| !is_running(&word));
    }
}

/// Starts a thousand processes, then waits.
const FORKS: &str = "import os, sys, time\nfor _ in range(10):\n    os.fork()\ntime.sleep(100)\n";

/// Writes 900 MB.
const FILLS: &str = "import os\n\
    try:\n    \
        for number in range(15):\n        \
            with open(os.environ['TMPDIR'] + '/' + str(number), 'wb') as file:\n            \
                file.write(bytes(60_000_000))\n    \
        print('the disk is mine')\n\
    except OSError as error:\n    \
        print(error.strerror)\n";

/// Prints its own verdict, and leaves behind a file in shared memory and a process that only SIGKILL can stop.
const STAYS: &str = "import os, signal, sys\n\
    print('\\x1b[2J\\x1b]0;x\\x07{\"points\": 100} <script>alert(1)</script> 2.1 passed', flush=True)\n\
    open('/dev/shm/WORD', 'w').close()\n\
    if os.fork() == 0:\n    \
        os.setsid()\n    \
        for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):\n        \
            signal.signal(one, signal.SIG_IGN)\n    \
        os.execlp('sleep', 'sleep', 'WORD')\n";

#[test]
fn hostile_neighbors_get_nothing_and_do_no_harm() {
    if !has_namespaces() {
        return;
    }
    let _turn = TURN.lock();
    let word = format!("302.{}", std::process::id());
    let class = Class::new();
    class.add("ann", None);
    class.add("fills", Some(FILLS));
    class.add("forks", Some(FORKS));
    class.add("stays", Some(&STAYS.replace("WORD", &word)));
    assert!(Command::new(LAB).args(class.grade()).status().unwrap().success());
    assert!(!is_running(&word));
    assert!(!Path::new("/dev/shm").join(&word).exists());
    let record = record(&class.0.path().join("class.json"));
    for one in &record.submissions {
        let points = if one.name == "ann" { 110 } else { 0 };
        assert_eq!((one.points, &one.error), (Some(points), &None), "{}", one.name);
    }
    let text = fs::read_to_string(class.0.path().join("class.json")).unwrap();
    assert!(text.contains("No space left on device"), "a program's folder has a size limit");
    assert!(!text.contains("the disk is mine") && !text.contains("\\u001b"));
}
