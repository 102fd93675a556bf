//! The log of a student's checks, for `cargo lab stats`. The student turns the log on. Each line is a JSON object that
//! records when a stage was graded and what its verdict was, or when one of its hints was shown.
//!
//! The log cannot affect a verdict. If the log cannot be read or written, the command prints a message about the
//! problem and continues.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::grading::verdict::Verdict;
use crate::harness::stage::Lab;
use crate::journal::panics::caught;
use crate::labs;

/// The path of the log file while logging is turned on. `cargo clean` does not remove the file, and git ignores it.
pub const ON: &str = ".kept/stats.log";

/// The path to which the log file is moved when logging is turned off.
pub const OFF: &str = ".kept/stats-off.log";

/// The maximum size of a log. If a log would exceed this size, its older half is removed.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// The events that a line can describe, each with its name in the log.
const EVENTS: [(Event, &str); 4] = [
    (Event::Passed, "passed"),
    (Event::Failed, "failed"),
    (Event::NotStarted, "not started"),
    (Event::Hint, "hint"),
];

/// The kinds of events that the log records for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stage passed for the first time, or for the first time since it last failed.
    Passed,
    /// The stage failed.
    Failed,
    /// The stage is not written yet, and every earlier stage has passed.
    NotStarted,
    /// Another hint for the stage was shown.
    Hint,
}

/// A line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The time, in seconds since 1970.
    pub time: u64,
    /// The numbers of the lab and the stage.
    pub stage: (u32, u32),
    /// What happened.
    pub event: Event,
}

impl Line {
    /// Parses a line. The line could have been written by anyone, so only events for existing stages are accepted.
    fn parse(text: &[u8], labs: &[Lab]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let number = |name: &str| u32::try_from(value.get(name)?.as_u64()?).ok();
        let (lab, stage) = (number("lab")?, number("stage")?);
        let found = labs.iter().find(|one| one.number == lab)?;
        found.stages.iter().find(|one| one.number == stage)?;
        let word = value.get("event")?.as_str()?;
        let (event, _) = EVENTS.into_iter().find(|(_, written)| *written == word)?;
        Some(Self { time: value.get("time")?.as_u64()?, stage: (lab, stage), event })
    }

    fn to_text(self) -> String {
        let (lab, stage) = self.stage;
        let word = EVENTS.into_iter().find(|(event, _)| *event == self.event).map(|(_, word)| word);
        format!("{}\n", json!({"time": self.time, "lab": lab, "stage": stage, "event": word}))
    }
}

/// The lines of a log.
#[derive(Debug, Default)]
pub struct Lines {
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// The number of lines that this kit cannot have written, for example lines about unknown stages.
    pub broken: usize,
}

impl Lines {
    /// Reads at most the last [`MAX_BYTES`] bytes of a log. The log could have been written by anyone.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if the file cannot be read.
    pub fn read(file: &Path) -> io::Result<Self> {
        let (bytes, labs) = (newest(file, MAX_BYTES)?, labs::all());
        let mut lines = Self::default();
        for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            match Line::parse(text, &labs) {
                Some(line) => lines.lines.push(line),
                None => lines.broken += 1,
            }
        }
        Ok(lines)
    }
}

/// Returns the last lines of a file, but at most `most` bytes.
fn newest(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would block until the other end is opened.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut file = File::open(file)?;
    let skipped = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if skipped > 0 {
        let first = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.drain(..first);
    }
    Ok(bytes)
}

/// Writes this kit's log. Does nothing if the log is turned off.
#[derive(Default)]
pub struct Log {
    file: Option<PathBuf>,
    passed: BTreeSet<(u32, u32)>,
    /// The labs in which this command has found a stage that did not pass.
    stopped: BTreeSet<u32>,
    /// The reason why the log could not be written, if any.
    trouble: Option<String>,
}

impl Log {
    /// Opens the kit's log if it is turned on.
    pub fn open(kit: &Path) -> Self {
        let mut log = Self::default();
        let file = kit.join(ON);
        if fs::symlink_metadata(&file).is_ok() {
            log.try_to(|log| {
                for Line { stage, event, .. } in Lines::read(&file)?.lines {
                    match event {
                        Event::Passed => drop(log.passed.insert(stage)),
                        Event::Failed => drop(log.passed.remove(&stage)),
                        Event::NotStarted | Event::Hint => {}
                    }
                }
                log.file = Some(file);
                Ok(())
            });
        }
        log
    }

    /// Records a verdict if it is new information. Repeated passes, blocked stages, and grader errors are not recorded.
    /// A stage that has not been started is recorded only if it is the first stage of its lab that did not pass,
    /// because students work on the stages in order.
    pub fn graded(&mut self, lab: u32, stage: u32, verdict: &Verdict) {
        let event = match verdict {
            Verdict::Passed if self.passed.insert((lab, stage)) => Event::Passed,
            Verdict::Failed => Event::Failed,
            Verdict::NotStarted if !self.stopped.contains(&lab) => Event::NotStarted,
            _ => return,
        };
        if event == Event::Failed {
            self.passed.remove(&(lab, stage));
        }
        if event != Event::Passed {
            self.stopped.insert(lab);
        }
        self.add((lab, stage), event);
    }

    /// Records that another hint was shown.
    pub fn hint(&mut self, lab: u32, stage: u32) {
        self.add((lab, stage), Event::Hint);
    }

    /// Returns a message if something could not be recorded.
    pub fn trouble(&self) -> Option<String> {
        let why = self.trouble.as_ref()?;
        Some(format!("Not everything was recorded in {ON}: {why}. No verdict depends on this log."))
    }

    fn add(&mut self, stage: (u32, u32), event: Event) {
        let Some(file) = self.file.clone() else { return };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.try_to(|_| append(&file, &Line { time, stage, event }.to_text()));
    }

    /// Calls `work` unless an earlier call has failed.
    fn try_to(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.trouble.is_none() {
            let done = caught("the log", || work(self).map_err(|error| error.to_string()));
            self.trouble = done.flatten().err();
        }
    }
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    let size = fs::metadata(file)?.len();
    if size + line.len() as u64 > MAX_BYTES {
        let kept = newest(file, MAX_BYTES / 2)?;
        // A full disk must not destroy the whole log.
        let newer = file.with_extension("new");
        fs::write(&newer, kept)?;
        fs::rename(newer, file)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).open(file)?;
    // A line that was cut off because the disk was full must not make the next line invalid.
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    let line = if last == [b'\n'] { line.to_owned() } else { format!("\n{line}") };
    file.write_all(line.as_bytes())
}
