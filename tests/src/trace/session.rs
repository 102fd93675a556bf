//! A session file: one line of JSON about the session and one line for each event. The file may come from an untrusted
//! source.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, LineWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::labs;
use crate::network::event::{Event, What};
use crate::network::relay::MAX_CONNECTIONS;
use crate::report::text::quoted_line;

/// Once a file is larger than this, later events are not saved.
const MOST: u64 = 64 * 1024 * 1024;

/// The maximum length of a line. An event has at most 64 KiB of data, and each byte takes up at most six characters.
const LONGEST: u64 = 512 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of the file format.
    pub version: u32,
    /// The lab number.
    pub lab: u32,
    /// The time at which the session began, in microseconds since the beginning of 1970.
    pub began: u64,
    /// The server's port.
    pub port: u16,
}

/// The current version of the file format.
pub const VERSION: u32 = 1;

/// Writes a session file.
pub struct Writer {
    file: LineWriter<File>,
    size: u64,
}

impl Writer {
    /// Creates a session file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn create(path: &Path, about: &About) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let file = LineWriter::new(File::create(path).with_context(cannot)?);
        let mut writer = Self { file, size: 0 };
        writer.write(about).with_context(cannot)?;
        Ok(writer)
    }

    /// Adds an event, unless the file is full. Returns a notice if this event filled the file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn add(&mut self, event: &Event) -> io::Result<Option<&'static str>> {
        if self.size > MOST {
            return Ok(None);
        }
        self.write(event)?;
        Ok((self.size > MOST).then_some("the session file is full: later events are not saved"))
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        self.size += line.len() as u64;
        self.file.write_all(&line)
    }
}

/// Reads a session file.
pub struct Reader {
    file: BufReader<io::Take<File>>,
    name: String,
    /// The session.
    pub about: About,
    line: usize,
    last: u64,
    count: u32,
    open: BTreeSet<u32>,
}

impl Reader {
    /// Opens a session file and reads its first line.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not a session file.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        let file = BufReader::new(file.take(MOST + 2 * LONGEST));
        let about = About { version: VERSION, lab: 1, began: 0, port: 0 };
        let (line, last, count, open) = (0, 0, 0, BTreeSet::new());
        let mut reader = Self { file, name, about, line, last, count, open };
        let about: Option<About> = reader.next_line()?;
        let about = about.with_context(|| format!("{} is empty", reader.name))?;
        if about.version != VERSION {
            bail!(
                "{} has version {}, but this kit reads version {VERSION}",
                reader.name,
                about.version
            );
        }
        if !labs::numbers().contains(&about.lab) {
            bail!("{} is for lab {}, which does not exist", reader.name, about.lab);
        }
        reader.about = about;
        Ok(reader)
    }

    /// Reads the next event.
    ///
    /// # Errors
    /// Returns an error if the next line is not an event or if the event cannot follow the previous events.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        let Some(event) = self.next_line::<Event>()? else { return Ok(None) };
        self.check(&event).map_err(|why| self.wrong(why))?;
        Ok(Some(event))
    }

    fn check(&mut self, event: &Event) -> Result<(), &'static str> {
        if event.at < self.last {
            return Err("the event is earlier than the previous event");
        }
        self.last = event.at;
        let Some(connection) = event.what.connection() else { return Ok(()) };
        if let What::Opened { .. } = event.what {
            if connection <= self.count {
                return Err("this connection has already been opened");
            }
            // One connection above the limit may be open briefly until the relay refuses it.
            if self.open.len() > MAX_CONNECTIONS {
                return Err("there are too many connections");
            }
            self.count = connection;
            self.open.insert(connection);
        } else if !self.open.contains(&connection) {
            return Err("this connection is not open");
        }
        if let What::Gone { .. } = event.what {
            self.open.remove(&connection);
        }
        Ok(())
    }

    fn next_line<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(LONGEST).read_until(b'\n', &mut line);
        let read = read.with_context(|| format!("cannot read {}", self.name))?;
        self.line += 1;
        if read == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") {
            return Err(self.wrong("the line is too long or has no newline"));
        }
        // The parser's message may quote parts of the file, which may be untrusted.
        let parsed = serde_json::from_slice(&line);
        let parsed = parsed.map_err(|error| self.wrong(quoted_line(&error.to_string())))?;
        Ok(Some(parsed))
    }

    fn wrong(&self, why: impl std::fmt::Display) -> anyhow::Error {
        anyhow!("line {} of {} is not part of a session: {why}", self.line, self.name)
    }
}
