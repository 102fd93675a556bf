//! Tests hostile submissions. Each submission must get the right verdict in time, leave nothing behind, and change no
//! file outside its folder. The tests also show what the kit cannot prevent (see `docs/src/limits.md`).
//!
//! Some systems do not confine submissions. So that the hostile submissions do no harm on such a system, they run for
//! at most two minutes, use at most 3 GB of memory, write only markers, signal only the grader that the test started
//! for them, and connect only to a listener that the test owns.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::{Graded, Verdict};
use grader::kit::files;
use grader::labs;
use grader::report::failure::Report;
use grader::report::html::Page;
use grader::report::scoreboard::Points;
use grader::system::confinement::holds;
use tempfile::TempDir;

use crate::lab_in;

/// The maximum time to build and grade a submission. A stage can take up to 30 s.
const IN_TIME: Duration = Duration::from_secs(40);

/// The time limit for a build. Every build that finishes at all takes less time than this.
const BUILD_LIMIT: Duration = Duration::from_mins(2);

/// A time limit that a build is meant to exceed.
const SHORT: Duration = Duration::from_secs(8);

/// A small kit with only the two lab 1 programs and a few files that a submission must not change.
struct Kit {
    folder: TempDir,
    /// A string that appears only in the command lines of processes started by the submission.
    mark: String,
    /// A loopback address that nothing else uses.
    address: Ipv4Addr,
    /// A folder outside the kit that contains a file.
    outside: TempDir,
}

const SERVER: &str = "labs/lab1-one-to-one/server/src/main.rs";
const CLIENT: &str = "labs/lab1-one-to-one/client/src/main.rs";
const BUILD_SCRIPT: &str = "labs/lab1-one-to-one/server/build.rs";

impl Kit {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let [.., high, low] = pid.to_be_bytes();
        let address = Ipv4Addr::new(127, 1 + high % 250, low, u8::try_from(number).unwrap() + 2);
        let mark = format!("sleep 100.{pid:07}{number:03}");
        let folder = tempfile::tempdir().unwrap();
        let kit = Self { folder, mark, address, outside: tempfile::tempdir().unwrap() };
        kit.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"labs/*/*\"]\n");
        for program in ["server", "client"] {
            let manifest = format!(
                "[package]\nname = \"lab1-{program}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"
            );
            kit.write(&format!("labs/lab1-one-to-one/{program}/Cargo.toml"), &manifest);
        }
        kit.serves("hangs()");
        kit.write(CLIENT, "fn main() {}");
        let script = "tests/src/labs/lab1/server.rs";
        kit.write(script, &fs::read_to_string(grader::kit::root().join(script)).unwrap());
        fs::write(kit.outside.path().join("file"), "mine").unwrap();
        kit
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, text: &str) {
        files::write(&self.path().join(path), text).unwrap();
    }

    /// Writes a server that listens as lab 1 requires, waits for the first client, and then runs `what_it_does`.
    fn serves(&self, what_it_does: &str) {
        let mark = &self.mark;
        let common = common(mark, self.address);
        let source = format!(
            r#"{common}
fn main() {{
    let port = env::args().nth(1).unwrap_or_default();
    let Ok(listener) = net::TcpListener::bind(format!("127.0.0.1:{{port}}")) else {{
        println!("port {{port}} is taken");
        process::exit(1);
    }};
    println!("my folder is {{}}", env::current_dir().unwrap().display());
    println!("listening on {{}}", listener.local_addr().unwrap());
    #[allow(unused_mut)]
    let mut first = listener.accept().unwrap().0;
    {what_it_does}
}}
"#
        );
        self.write(SERVER, &source);
    }

    fn client(&self, what_it_does: &str) {
        let common = common(&self.mark, self.address);
        self.write(CLIENT, &format!("{common}\nfn main() {{ {what_it_does} }}"));
    }

    fn build_script(&self, what_it_does: &str) {
        let common = common(&self.mark, self.address);
        self.write(BUILD_SCRIPT, &format!("{common}\nfn main() {{ {what_it_does} }}"));
    }

    /// Returns the contents of the kit's files, its compiled programs, and the folder outside the kit.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut contents = BTreeMap::new();
        for folder in [self.path(), self.outside.path()] {
            for path in files::below(folder).unwrap() {
                let is_cargos = path.starts_with("target") && path.components().count() > 3;
                if !is_cargos {
                    let path = folder.join(path);
                    let content = fs::read(&path).unwrap();
                    contents.insert(path, content);
                }
            }
        }
        contents
    }

    /// Returns the submission's remaining processes.
    fn left(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let commands = processes.filter_map(|process| {
            let command = fs::read(process.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let executable = fs::read_link(process.path().join("exe")).unwrap_or_default();
            let is_ours = command.contains(&self.mark) || executable.starts_with(self.path());
            is_ours.then(|| format!("{} {command}", process.path().display()))
        });
        commands.collect()
    }

    /// Returns whether a process is listening on the kit's address.
    fn is_listening(&self) -> bool {
        let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let address = format!("{:08X}:", u32::from_ne_bytes(self.address.octets()));
        table.lines().any(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            fields.next().is_some_and(|local| local.starts_with(&address))
                && fields.nth(1) == Some("0A")
        })
    }
}

/// Returns the source text of the hostile programs' helper functions.
fn common(mark: &str, address: Ipv4Addr) -> String {
    format!(
        r#"#![allow(dead_code, unused_imports)]
use std::io::{{Read, Write}};
use std::os::fd::AsRawFd;
use std::process::{{self, Command, Stdio}};
use std::{{env, fs, net, path, thread, time}};

const MARK: &str = "{mark}";
const ADDRESS: &str = "{address}:0";

unsafe extern "C" {{
    safe fn kill(pid: i32, signal: i32) -> i32;
    safe fn getppid() -> i32;
    safe fn signal(signal: i32, handler: usize) -> usize;
    safe fn dup(fd: i32) -> i32;
    safe fn close(fd: i32) -> i32;
}}

/// Hangs for a long time but not forever.
fn hangs() -> ! {{
    thread::sleep(time::Duration::from_secs(100));
    process::exit(3)
}}

fn for_a_while(mut what: impl FnMut()) -> ! {{
    let begin = time::Instant::now();
    while begin.elapsed() < time::Duration::from_secs(60) {{
        what();
    }}
    process::exit(3)
}}

/// Starts a process that has its own session and continues to run. The process inherits all open files that are not
/// marked close-on-exec.
fn lives_on() {{
    let mut sleep = Command::new("setsid");
    sleep.args(MARK.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = sleep.spawn();
}}

fn kit() -> path::PathBuf {{
    env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}}

/// Returns the name of the parent process, which is the only process that may be signaled.
fn parent() -> String {{
    let comm = fs::read_to_string(format!("/proc/{{}}/comm", getppid()));
    comm.unwrap_or_default().trim().to_owned()
}}
"#
    )
}

/// Everything that the test has observed about a submission.
struct Seen<'a> {
    grader: &'a Grader,
    stage: usize,
    report: String,
    /// Everything that the programs printed on their terminals.
    shown: String,
    /// The report as an HTML page.
    page: String,
}

/// One kind of hostile submission.
struct Case {
    name: &'static str,
    /// Writes the submission.
    write: fn(&Kit),
    /// The time limit for building the submission.
    build_limit: Duration,
    /// The stage to grade. Stage 2 is the first stage in which a client connects to the server.
    stage: usize,
    verdict: Verdict,
    /// The strings that the report must contain.
    told: &'static [&'static str],
    /// Further checks.
    also: fn(&Seen),
}

fn case(name: &'static str, told: &'static [&'static str], write: fn(&Kit)) -> Case {
    Case {
        name,
        write,
        build_limit: BUILD_LIMIT,
        stage: 2,
        verdict: Verdict::Failed,
        told,
        also: |_| (),
    }
}

impl Case {
    fn takes_too_long_to_build(mut self) -> Self {
        self.build_limit = SHORT;
        self
    }

    fn at(mut self, stage: usize) -> Self {
        self.stage = stage;
        self
    }

    fn is(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    fn also(mut self, also: fn(&Seen)) -> Self {
        self.also = also;
        self
    }

    fn is_met(&self) {
        let Self { name, write, build_limit, stage, verdict, told, also } = self;
        let kit = Kit::new();
        write(&kit);
        let begin = Instant::now();
        let grader = Grader::new(kit.path(), &[1], Some(1)).with_build_limit(*build_limit);
        grader.build(Author::Student).as_ref().unwrap();
        let before = kit.contents();
        let asked = &grader.labs[0].stages[stage - 1];
        grader.grade(Author::Student, 1, asked, |graded| {
            let took = begin.elapsed();
            let (left, listens) = (kit.left(), kit.is_listening());
            let seen = Seen::new(&kit, &grader, graded, *stage);
            let report = &seen.report;
            println!("{name}, in {took:.1?}\n{report}\n");
            assert_eq!(graded.verdict, *verdict, "{name}\n{report}");
            assert_eq!(Points::of([(asked, &graded.verdict)]).won, 0, "{name}");
            for told in *told {
                assert!(
                    report.contains(told),
                    "{name}: the report should contain {told}\n{report}"
                );
            }
            assert!(took < IN_TIME, "{name}: took {took:?}");
            assert!(left.is_empty(), "{name}: {left:?}");
            assert!(!listens, "{name}: a process is still listening");
            seen.is_harmless(name);
            if holds().writing {
                assert!(kit.contents() == before, "{name}: a file was changed");
            }
            also(&seen);
        });
    }
}

impl<'a> Seen<'a> {
    fn new(kit: &Kit, grader: &'a Grader, result: &Graded, stage: usize) -> Self {
        let lab = &grader.labs[0];
        let report = Report::new(lab, &lab.stages[stage - 1], result, "again".into());
        let mut page = Page::new();
        page.add_stage(lab, &lab.stages[stage - 1], &result.verdict);
        page.add_report(&report, kit.path());
        let record = result.outcome.as_ref().map(|outcome| outcome.journal.shown());
        let shown = record.unwrap_or_default().into_values().flatten().collect::<Vec<_>>();
        Self {
            grader,
            stage,
            report: report.to_text(kit.path()),
            shown: String::from_utf8_lossy(&shown).into_owned(),
            page: page.finish("0 points"),
        }
    }

    /// People read reports on terminals and in browsers, so a program's output must be harmless there.
    fn is_harmless(&self, name: &str) {
        let Self { report, page, .. } = self;
        for text in [report, page] {
            let steers = |char: char| char.is_control() && char != '\n' || char == '\u{202e}';
            assert!(!text.contains(steers), "{name}: {text}");
        }
        let is_verdict = |line: &str| line.trim_start().starts_with(['✓', '✗', '·', '!']);
        let is_points = |line: &str| line.trim_start().starts_with("labs ");
        let title = format!("1.{}", self.stage);
        for line in report.lines().filter(|line| is_verdict(line) || is_points(line)) {
            assert!(line.contains(&title), "{name}: «{line}» is not from the grader\n{report}");
        }
        assert_eq!(page.matches("</pre>").count(), page.matches("<pre").count(), "{name}");
        assert!(!page.contains("<script") && !page.contains("<img"), "{name}: {page}");
        // The program's folder has been removed.
        for line in self.shown.lines() {
            let folder = line.trim_end().strip_prefix("my folder is ").map(Path::new);
            assert!(
                folder.is_none_or(|folder| !folder.exists()),
                "{name}: {folder:?} still exists"
            );
        }
    }
}

/// Text that imitates a report, to be shown in the middle of a real report.
const FORGERY: &str = r#""\x1b[2J\x1b[H\x1b[31m\x1b]0;title\x07\u{9b}1m\u{202e}\r\n\n ✓ 1.1   The server listens   5/5\n ✗ 1.9 no\n labs  400/400 points\n{\"verdict\":\"passed\",\"points\":400}\n</pre></section><script>alert(1)</script><img src=x onerror=alert(1)>\n]]>\n   control  passes\n""#;

#[allow(clippy::too_many_lines)] // a list
fn programs() -> Vec<Case> {
    vec![
        case("hangs", &["nothing"], |kit| kit.serves("hangs()")),
        case("spins", &["of processor time"], |kit| kit.serves("for_a_while(|| std::hint::spin_loop())")),
        case("panics in a thread", &["oh dear"], |kit| {
            kit.serves("let _ = thread::spawn(|| panic!(\"oh dear\")).join(); hangs()");
        }),
        case("is killed", &["SIGABRT"], |kit| kit.serves("process::abort()")),
        case("exits as if all were well", &["should have"], |kit| kit.serves("process::exit(0)")),
        case("exits with the status of a panic", &["with status 101"], |kit| {
            kit.serves("process::exit(101)");
        }),
        case("prints without end", &["flood"], |kit| {
            kit.serves("for_a_while(|| print!(\"{}\", \"flood \".repeat(1000)))");
        }),
        case("sends without end", &["flood"], |kit| {
            kit.serves("for_a_while(|| if first.write_all(&b\"flood \".repeat(1000)).is_err() { hangs() })");
        }),
        case("forks again and again", &["nothing"], |kit| {
            let mark = &kit.mark;
            kit.serves(&format!(
                r#"for _ in 0..50 {{
                    let _ = Command::new("setsid").args(["sh", "-c", "{mark} & {mark} & (setsid {mark} &)"]).spawn();
                }}
                hangs()"#
            ));
        }),
        case("eats memory", &["memory"], |kit| {
            kit.serves("let all: Vec<Vec<u8>> = (0..48).map(|_| vec![1; 64 << 20]).collect(); println!(\"{}\", all.len()); hangs()");
        }),
        case("ignores every signal", &["nothing"], |kit| {
            let mark = &kit.mark;
            kit.serves(&format!(
                r#"for number in 1..=64 {{ signal(number, 1); }}
                let _ = Command::new("sh").args(["-c", "trap '' HUP INT QUIT TERM; {mark}; {mark}"]).status();
                hangs()"#
            ));
        }),
        case("exits while its child processes listen", &["the connection was closed"], |kit| {
            kit.serves(
                r#"let other = net::TcpListener::bind(ADDRESS).unwrap();
                println!("also listening");
                for fd in [other.as_raw_fd(), listener.as_raw_fd()] { dup(fd); }
                for _ in 0..3 { lives_on(); }
                process::exit(0)"#,
            );
        })
        .also(|seen| assert!(seen.shown.contains("also listening"))),
        case("closes its terminal", &["nothing"], |kit| {
            kit.serves("for fd in 0..3 { close(fd); } hangs()");
        }),
        case("opens another listener", &["nothing"], |kit| {
            kit.serves("let _other = net::TcpListener::bind(ADDRESS).unwrap(); println!(\"also listening\"); hangs()");
        })
        .also(|seen| assert!(seen.shown.contains("also listening"))),
        case("kills its group", &["was terminated by SIGKILL"], |kit| {
            kit.serves("lives_on(); kill(0, 9); hangs()");
        }),
        case("prints like a report", &["│"], |kit| {
            kit.serves(&format!("let text = {FORGERY}; print!(\"{{text}}\"); let _ = first.write_all(text.as_bytes()); panic!(\"{{text}}\")"));
        }),
        case("looks as if the stage has not been started", &[], |kit| {
            kit.serves("println!(\"thread 'main' panicked at src/main.rs:1:1:\\nnot yet implemented: stage 2\"); hangs()");
        })
        .is(Verdict::NotStarted),
        case("looks as if an earlier stage has not been started", &[], |kit| {
            kit.serves("println!(\"not yet implemented: stage 1: this and that\"); hangs()");
        })
        .is(Verdict::Blocked(1)),
        // Even if a program can read the grader's script, it cannot know the words of the messages, because they are
        // random.
        case("sends all the texts in the grader's script", &["should have heard"], |kit| {
            kit.serves(
                r#"let script = fs::read_to_string(kit().join("tests/src/labs/lab1/server.rs")).unwrap_or_default();
                println!("read {} bytes of the grader", script.len());
                let mut clients = Vec::new();
                for client in [Ok(first)].into_iter().chain(listener.incoming()).take(9) {
                    let mut client = client.unwrap();
                    client.write_all(b"Welcome to this chatroom!\n").unwrap();
                    println!("127.0.0.1 connected");
                    clients.push(client);
                    // Stage 2 starts its server with an option. In that case, send nothing more.
                    if clients.len() == 2 && env::args().len() == 2 {
                        for text in script.split('"').skip(1).step_by(2) {
                            for client in &mut clients {
                                let _ = client.write_all(format!("<127.0.0.1> {text}\n").as_bytes());
                            }
                        }
                    }
                }
                hangs()"#,
            );
        })
        .at(4)
        .also(|seen| {
            assert!(seen.shown.contains("bytes of the grader"));
            assert_eq!(seen.shown.contains("read 0 bytes"), holds().reading, "{}", seen.shown);
        }),
        case("fills its folder", &["SIGXFSZ"], |kit| {
            kit.serves(
                r#"let mut depth = 0;
                while depth < 3000 && fs::create_dir("deep").is_ok() && env::set_current_dir("deep").is_ok() { depth += 1; }
                println!("{depth} folders");
                let _ = fs::File::create("large").and_then(|file| file.set_len(100 << 20));
                hangs()"#,
            );
        })
        .also(|seen| {
            assert!(seen.shown.contains("3000 folders"), "{}", seen.shown);
        }),
        case("a client that connects again and again", &["should have seen"], |kit| {
            kit.client(&format!(
                r#"let port = env::args().nth(1).unwrap();
                let text = {FORGERY};
                print!("{{text}}");
                let all: Vec<_> = (0..300).map(|_| net::TcpStream::connect(format!("127.0.0.1:{{port}}"))).collect();
                println!("{{}} connections", all.len());
                lives_on();
                hangs()"#
            ));
        })
        .at(3),
    ]
}

fn builds() -> Vec<Case> {
    vec![
        case("compiles for very long", &["should compile", "and was stopped"], |kit| {
            // The compilation takes about 80 s unless it is stopped earlier.
            kit.write(
                SERVER,
                "#![allow(long_running_const_eval)]\n\
                 const SLOW: u64 = { let mut n = 0; while n < 100_000_000 { n += 1; } n };\n\
                 fn main() { println!(\"{SLOW}\"); }",
            );
        })
        .takes_too_long_to_build()
        .at(1)
        .also(others_are_built),
        case("fails to compile, with a forged report as the error", &["should compile", "│ error"], |kit| {
            kit.write(SERVER, &format!("compile_error!({FORGERY});\nfn main() {{}}"));
        })
        .at(1)
        .also(others_are_built),
        case("recurses in macros", &["should compile", "recursion limit"], |kit| {
            kit.write(SERVER, "macro_rules! more { ($($t:tt)*) => { more!($($t)* x) }; }\nfn main() { more!(x) }");
        })
        .at(1)
        .also(others_are_built),
        case("a build.rs that hangs", &["should compile", "and was stopped"], |kit| {
            kit.build_script("lives_on(); let _ = Command::new(\"sh\").args([\"-c\", MARK]).status();");
        })
        .takes_too_long_to_build()
        .at(1)
        .also(others_are_built),
        case("a build.rs that leaves a process running", &["nothing"], |kit| {
            kit.build_script("lives_on();");
        }),
        case("a build.rs that fails and prints a forged report", &["should compile", "│ error: failed to run custom build"], |kit| {
            kit.build_script(&format!("let text = {FORGERY}; print!(\"{{text}}\"); for _ in 0..9999 {{ eprint!(\"{{text}}\"); }} process::exit(1)"));
        })
        .at(1)
        .also(others_are_built),
        case("a build.rs that kills cargo", &["should compile", "SIGTERM terminated cargo"], |kit| {
            kit.build_script("if parent() == \"cargo\" { kill(getppid(), 15); } hangs()");
        })
        .at(1)
        .also(others_are_built),
    ]
}

/// The client must still be built, because the problem is in the server.
fn others_are_built(seen: &Seen) {
    assert!(seen.grader.build(Author::Student).as_ref().unwrap()["lab1-client"].is_ok());
}

#[test]
fn a_hostile_submission_ends_in_a_verdict_and_leaves_nothing() {
    console::set_colors_enabled(false);
    let cases = Mutex::new(programs().into_iter().chain(builds()).collect::<Vec<_>>().into_iter());
    let failed = Mutex::new(Vec::new());
    // The cases spend most of their time waiting, so they run at the same time.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().next() } {
                    if catch_unwind(AssertUnwindSafe(|| case.is_met())).is_err() {
                        failed.lock().unwrap().push(case.name);
                    }
                }
            });
        }
    });
    assert!(failed.lock().unwrap().is_empty(), "{failed:?}");
}

/// If the kernel can restrict writes, a program can write only to its own folder.
#[test]
fn no_file_outside_of_its_folder_is_changed() {
    console::set_colors_enabled(false);
    let kit = Kit::new();
    let name = format!("chat-lab-marker-{}", kit.mark.replace("sleep ", ""));
    let mut outside = vec![kit.outside.path().to_owned(), std::env::temp_dir()];
    outside.extend(std::env::home_dir());
    let outside: Vec<_> = outside.iter().map(|folder| folder.join(&name)).collect();
    let victim = kit.outside.path().join("file");
    let code = format!(
        r#"let own = env::current_dir().unwrap();
        println!("own folder: {{:?}}", fs::write("own", "x").and_then(|()| fs::read("own")).is_ok());
        for name in ["HOME", "TMPDIR"] {{
            println!("{{name}} is the current folder: {{}}", env::var_os(name).unwrap() == own);
        }}
        let (name, victim) = ({name:?}, path::Path::new({victim:?}));
        let append = |path: &path::Path| {{
            fs::OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(b"\n# hostile\n"))
        }};
        let mut done = Vec::new();
        for path in {outside:?} {{
            done.push(("a new file outside", fs::write(path, "x")));
        }}
        for folder in ["", "labs", "tests/src", "target/debug"] {{
            done.push(("a new file in the kit", fs::write(kit().join(folder).join(name), "x")));
            done.push(("a new folder in the kit", fs::create_dir(kit().join(folder).join("folder"))));
        }}
        for file in ["Cargo.toml", "labs/lab1-one-to-one/server/src/main.rs", "tests/src/labs/lab1/server.rs"] {{
            done.push(("a file of the kit", append(&kit().join(file))));
        }}
        let own_program = env::current_exe().unwrap();
        done.push(("its own program", fs::rename(&own_program, own_program.with_extension("old"))));
        done.push(("a file, through a link", std::os::unix::fs::symlink(victim, "link").and_then(|()| append("link".as_ref()))));
        done.push(("a file, through another name", fs::hard_link(victim, "hard").and_then(|()| append("hard".as_ref()))));
        let child = Command::new("sh").args(["-c", &format!("echo more >> '{{}}'", victim.display())]).status();
        done.push(("a file, by a child", child.and_then(|status| if status.success() {{ Ok(()) }} else {{ Err(std::io::ErrorKind::Other.into()) }})));
        done.push(("a file, moved", fs::rename(victim, "moved")));
        done.push(("a file, removed", fs::remove_file(victim)));
        for (what, done) in &done {{
            if done.is_ok() {{ println!("CHANGED {{what}}"); }}
        }}
        println!("tried {{}} things", done.len());
        hangs()"#
    );
    kit.serves(&code);
    let grader = Grader::new(kit.path(), &[1], Some(1));
    grader.build(Author::Student).as_ref().unwrap();
    let before = kit.contents();
    let stage = &grader.labs[0].stages[1];
    grader.grade(Author::Student, 1, stage, |graded| {
        let after = kit.contents();
        let markers: Vec<_> = outside.iter().filter(|path| fs::remove_file(path).is_ok()).collect();
        let seen = Seen::new(&kit, &grader, graded, 2);
        let shown = &seen.shown;
        for line in [
            "own folder: true",
            "HOME is the current folder: true",
            "TMPDIR is the current folder: true",
            "tried ",
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
        seen.is_harmless("writes everywhere");
        // If the kernel cannot restrict writes, the program can change files outside its folder (see
        // `docs/src/limits.md`).
        let is_changed = before != after || !markers.is_empty() || shown.contains("CHANGED");
        assert_eq!(is_changed, !holds().writing, "{:?} {markers:?}\n{shown}", holds());
    });
}

/// As `docs/src/limits.md` says, a server that chooses its own port can connect to any TCP port. In this test, a server
/// connects to a listener that is not part of the stage, but does not pass the stage because of this connection.
#[test]
fn a_connection_of_a_server_to_another_program_is_not_prevented() {
    let kit = Kit::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (port, mark) = (listener.local_addr().unwrap().port(), &kit.mark);
    kit.serves(&format!(
        "let mut other = net::TcpStream::connect(\"127.0.0.1:{port}\").unwrap(); other.write_all(b\"{mark}\").unwrap(); hangs()"
    ));
    let reader = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    let grader = Grader::new(kit.path(), &[1], Some(1));
    grader.grade(Author::Student, 1, &labs::all()[0].stages[1], |graded| {
        assert_eq!(graded.verdict, Verdict::Failed);
    });
    assert_eq!(reader.join().unwrap(), kit.mark);
}

/// If the kernel can block a program's signals to other processes, the grader survives a program that tries to kill it.
#[test]
fn a_program_does_not_end_its_grader() {
    let kit = Kit::new();
    kit.serves(
        r#"lives_on();
        // A program that is not allowed to read `/proc` cannot learn its parent's name.
        if ["lab", ""].contains(&&*parent()) {
            for number in [15, 10, 2, 1] { println!("signaled the grader: {}", kill(getppid(), number) == 0); }
        }
        hangs()"#,
    );
    let output = lab_in(kit.path()).args(["check", "1.2"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    if holds().signals {
        assert!(kit.left().is_empty(), "{:?}", kit.left());
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("✗ 1.2") && text.contains("signaled the grader: false"), "{text}");
        assert!(!text.contains("signaled the grader: true"), "{text}");
        // The grader stopped at the first failure, while other stages were still running. The folders of those stages
        // are also removed.
        let folder = text.lines().find_map(|line| line.split_once("my folder is ")).unwrap().1;
        let all = Path::new(folder.split_whitespace().next().unwrap()).parent().unwrap();
        assert!(all.starts_with(std::env::temp_dir()), "{text}");
        let begin = Instant::now();
        while all.exists() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{} is left", all.display());
            thread::sleep(Duration::from_millis(10));
        }
    } else {
        // The program killed the grader, so there is no verdict. The processes that the program started are still
        // running.
        assert_eq!(output.status.code(), None, "{text}");
    }
}
