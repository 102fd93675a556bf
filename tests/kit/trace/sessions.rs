//! Tests saved sessions: they are shown unchanged, and even a hostile file does no harm.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::trace::{Trace, listener, reads, send, show};

/// The bytes that bob receives; not all of them are text.
pub const BOB: &[u8] = b"bob \xff\x00\x1b[31m \"quoted\"\n";

/// Records a session with everything that a ladder can show. Returns the ladder, the folder, and the files with the
/// session and its packets.
pub fn session() -> (Vec<String>, TempDir, [PathBuf; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["session", "packets"].map(|name| folder.path().join(name));
    let [save, pcap] = files.each_ref().map(|file| file.to_str().unwrap());
    let server = listener();
    let arguments = ["--save", save, "--pcap", pcap, "--reset-after", "3000", "--split", "1000"];
    let mut trace = Trace::before(2, &server, &arguments);
    let (alice, to_alice) = trace.pair(&server);
    let (bob, to_bob) = trace.pair(&server);
    send(&to_alice, "NICK");
    reads(&alice, "NICK");
    send(&alice, "alice\n");
    reads(&to_alice, "alice\n");
    send(&to_bob, BOB);
    trace.draws("quoted");
    send(&bob, "x".repeat(1999) + "\n");
    trace.draws("xxx");
    drop(to_alice);
    trace.draws("closes");
    drop(alice);
    trace.draws("closes");
    send(&bob, "y".repeat(1001));
    trace.draws("✗ resets the connection after 3000 bytes");
    (trace.stops(), folder, files)
}

#[test]
fn a_saved_session_is_shown_as_it_was() {
    let (ladder, folder, [saved, packets]) = session();
    assert!(ladder.len() > 10, "{ladder:#?}");
    let again = folder.path().join("again");
    let (status, shown, errors) = show(&saved, &["--pcap", again.to_str().unwrap()]);
    assert!(status.success() && errors.is_empty(), "{errors}");
    assert_eq!(shown.lines().collect::<Vec<_>>(), ladder);
    assert!(fs::read(again).unwrap() == fs::read(packets).unwrap(), "the packets differ");
}

#[test]
fn a_session_of_a_killed_trace_can_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    let save = folder.path().join("session");
    let server = listener();
    let mut trace = Trace::before(1, &server, &["--save", save.to_str().unwrap()]);
    let (client, _peer) = trace.pair(&server);
    send(&client, "hello\n");
    trace.draws("hello⏎");
    trace.signal(Signal::SIGKILL);
    trace.ends();
    let (status, shown, _) = show(&save, &[]);
    assert!(status.success() && shown.contains("hello⏎"), "{shown}");
}

#[test]
fn a_file_that_is_no_session_is_refused_in_words() {
    const FIRST: &str = r#"{"version":1,"lab":2,"began":0,"port":9}"#;
    let opened = r#"{"at":5,"event":"opened","connection":1,"from":"127.0.0.1:5"}"#;
    let event = |text: &str| format!("{FIRST}\n{opened}\n{text}\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session");
    for (text, says) in [
        (String::new(), "is empty"),
        ("\n".into(), "line 1 of"),
        ("{}\n".into(), "line 1 of"),
        (FIRST.into(), "has no newline"),
        (FIRST.replace("1,", "2,") + "\n", "has version 2"),
        (FIRST.replace("2,", "9,") + "\n", "lab 9, which does not exist"),
        ("[".repeat(100_000) + "\n", "line 1 of"),
        ("\"".to_owned() + &"x".repeat(2_000_000), "too long"),
        (event("nonsense"), "line 3 of"),
        (event(r#"{"at":5,"event":"flies","connection":1}"#), "line 3 of"),
        (event(r#"{"at":4,"event":"gone","connection":1}"#), "earlier"),
        (event(r#"{"at":5,"event":"gone","connection":2}"#), "not open"),
        (event(r#"{"at":-5,"event":"gone","connection":1}"#), "line 3 of"),
        (event(opened), "already been opened"),
        (
            event(
                r#"{"at":5,"event":"passed","connection":1,"way":"to-server","bytes":{"hex":"f"}}"#,
            ),
            "line 3",
        ),
        (
            event(
                r#"{"at":5,"event":"passed","connection":1,"way":"to-server","bytes":{"hex":"+f"}}"#,
            ),
            "line 3",
        ),
        (event("\"\\u001b]0;title\\u0007\""), "line 3 of"),
    ] {
        fs::write(&file, &text).unwrap();
        let pcap = folder.path().join("pcap");
        let (status, shown, errors) = show(&file, &["--pcap", pcap.to_str().unwrap()]);
        assert_eq!(status.code(), Some(1), "{says}: {shown}{errors}");
        assert!(errors.contains(says) && errors.len() < 2000, "{says}: {errors}");
        assert!(!errors.contains(['\x1b', '\x07']), "{errors:?}");
    }
    let (status, _, errors) = show(&folder.path().join("missing"), &[]);
    assert!(!status.success() && errors.contains("cannot read"), "{errors}");
    fs::write(
        &file,
        event(r#"{"at":18446744073709551615,"event":"named","connection":1,"name":"\u001b[2J\n"}"#),
    )
    .unwrap();
    let (status, shown, _) = show(&file, &[]);
    assert!(status.success() && !shown.contains('\x1b'), "{shown}");
}

#[test]
fn no_change_of_a_session_file_does_any_harm() {
    const TRIES: u64 = 150;
    const JSON: &[u8] = b"0123456789\"{}[],:\\\n";
    let (_, folder, [saved, _]) = session();
    let good = fs::read(saved).unwrap();
    let (file, pcap) = (folder.path().join("changed"), folder.path().join("pcap"));
    let mut shown_whole = 0;
    for seed in 0..TRIES {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..5) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] = JSON[random.random_range(..JSON.len())],
                2 => drop(bytes.splice(at..at, b"99999999999".iter().copied())),
                one => {
                    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
                    let mut lines: Vec<_> = lines.map(<[u8]>::to_vec).collect();
                    let line = random.random_range(..lines.len());
                    if one == 3 {
                        lines.remove(line);
                    } else {
                        lines.insert(line, lines[line].clone());
                    }
                    bytes = lines.concat();
                }
            }
        }
        fs::write(&file, &bytes).unwrap();
        let begin = Instant::now();
        let (status, shown, errors) = show(&file, &["--pcap", pcap.to_str().unwrap()]);
        assert!(matches!(status.code(), Some(0 | 1)), "seed {seed}: {status}\n{errors}");
        assert!(begin.elapsed() < Duration::from_secs(20), "seed {seed}");
        assert!(!shown.contains('\x1b') && !errors.contains('\x1b'), "seed {seed}");
        shown_whole += u64::from(status.success());
    }
    // Some changes make a file invalid, and others do not.
    assert!((1..TRIES).contains(&shown_whole), "{shown_whole}");
}
