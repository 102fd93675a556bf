//! Files that come from outside: the session that `cargo lab trace` has recorded, and the instructor's settings and
//! earlier results. The drawing of the session must not contain characters that control a terminal.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use grader::class::record::Record;
use grader::class::settings::Settings;
use grader::report::text::width;
use grader::trace::ladder::Ladder;
use grader::trace::packets::Packets;
use grader::trace::session::Reader;
use nix::sys::memfd::{MFdFlags, memfd_create};

thread_local! {
    /// A file in memory.
    static FILE: OnceCell<File> = const { OnceCell::new() };
}

/// Writes the bytes to a file in memory and returns its path.
///
/// # Errors
/// Returns an error if the file cannot be created.
pub fn written(bytes: &[u8]) -> Result<PathBuf, String> {
    FILE.with(|file| {
        if file.get().is_none() {
            let made =
                memfd_create(c"fuzz", MFdFlags::MFD_CLOEXEC).map_err(|error| error.to_string())?;
            let _ = file.set(made.into());
        }
        let mut file = file.get().ok_or("no file")?;
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes));
        written.map_err(|error| error.to_string())?;
        Ok(format!("/proc/self/fd/{}", file.as_raw_fd()).into())
    })
}

/// Typical pieces of session files, from which inputs are made.
pub const SESSION: &[&[u8]] = &[
    br#"{"version":1,"lab":2,"began":0,"port":1}"#,
    b"\n",
    br#"{"at":1,"event":"opened","connection":1,"from":"127.0.0.1:5"}"#,
    br#"{"at":2,"event":"passed","connection":1,"way":"to-server","bytes":"hi"}"#,
    br#"{"at":2,"event":"named","connection":1,"name":"\u001b[2Jal\u202e"}"#,
    br#"{"at":3,"event":"gone","connection":1}"#,
    br#"{"at":3,"event":"printed","line":"\u0007"}"#,
    br#"{"at":3,"event":"note","text":"x"}"#,
    br#""event":"closed""#,
    br#""event":"reset""#,
    br#""way":"to-client""#,
    br"\u001b[2J",
    br"\n",
    br"\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"1e400",
    b"-0",
    b"18446744073709551615",
    br#""late":5"#,
];

/// The number of columns of the terminal on which the session is drawn.
const COLUMNS: usize = 80;

/// Checks how a session is read and drawn.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_session(bytes: &[u8]) -> Result<(), String> {
    let path = written(bytes)?;
    let Ok(mut reader) = Reader::open(&path) else { return Ok(()) };
    let mut ladder = Ladder::new(reader.about.lab, Some((COLUMNS, 24)));
    let mut packets = Packets::new(Vec::new(), &reader.about).map_err(|error| error.to_string())?;
    loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                ladder.draw(&event).iter().try_for_each(|line| fits(line))?;
                packets.add(&event).map_err(|error| error.to_string())?;
            }
            Ok(None) => break,
            Err(error) => {
                is_plain(&error.to_string())?;
                break;
            }
        }
    }
    packets.finish().map_err(|error| error.to_string())?;
    ladder.finish().iter().try_for_each(|line| fits(line))
}

fn fits(line: &str) -> Result<(), String> {
    is_plain(line)?;
    let width = width(line);
    if width > COLUMNS { Err(format!("{line:?} has {width} columns")) } else { Ok(()) }
}

fn is_plain(line: &str) -> Result<(), String> {
    let steers = |char: char| {
        char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if line.contains(steers) { Err(format!("{line:?} can control a terminal")) } else { Ok(()) }
}

/// Typical pieces of settings and results, from which inputs are made.
pub const SETTINGS: &[&[u8]] = &[
    b"weights = { 1 = 1, 2 = 3 }\n",
    b"hidden = [\"2.14\"]\n",
    b"bonus = [\"1.10\"]\n",
    b"build_seconds = 60\n",
    b"[[language]]\n",
    b"name = \"Go\"\n",
    b"file = \"main.go\"\n",
    b"build = [\"go build\"]\n",
    b"[language.lab.2]\n",
    b"server = \"./chat {port}\"\n",
    b"a.b.c.d = 1\n",
    b"[[[[[[[[",
    b"\"\"\"",
    b"'''",
    b"{a={a={a=",
    b"1979-05-27T07:32:00Z",
    b"0x",
    b"inf",
    br"\u0000",
    b"\r\n",
];

/// Checks how an instructor's settings and earlier results are read.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_settings(bytes: &[u8]) -> Result<(), String> {
    if bytes.first() == Some(&b'{') {
        let Ok(record) = serde_json::from_slice::<Record>(bytes) else { return Ok(()) };
        let text = serde_json::to_vec(&record).map_err(|error| error.to_string())?;
        let again = serde_json::from_slice::<Record>(&text).map_err(|error| error.to_string())?;
        let same = serde_json::to_vec(&again).map_err(|error| error.to_string())? == text;
        return if same {
            Ok(())
        } else {
            Err("the results changed when they were written and read again".to_owned())
        };
    }
    let _ = Settings::read(&written(bytes)?);
    Ok(())
}
