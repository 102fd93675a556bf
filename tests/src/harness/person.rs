//! A person at a terminal, who sees lines, types lines, and presses keys.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::wait::WaitStatus;

use crate::harness::decoration::{Decorations, looks_like};
use crate::harness::foreign;
use crate::harness::idle::comes_to_rest;
use crate::journal::failure::{Check, Evidence, Failure, NOTHING};
use crate::journal::screen::Screen;
use crate::journal::terminal::Terminal;
use crate::journal::timeout::TIMEOUT;
use crate::journal::unwritten::without_unwritten;
use crate::journal::visible::visible;
use crate::journal::{EventKind, Journal, is_server};
use crate::system::process::Process;
use crate::system::program::{Launch, Program};

/// A person who runs a program in a terminal. A server's terminal is also represented as a person.
pub struct Person {
    name: String,
    program: Program,
    terminal: Terminal,
    journal: Journal,
    /// The decorations that the program has shown in front of messages.
    decorations: Mutex<BTreeSet<String>>,
}

/// Keys that do not enter text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ends the input.
    CtrlD,
    /// Interrupts the program.
    CtrlC,
}

impl Person {
    /// Starts a program for a person called `name`.
    pub fn start(
        name: &str,
        launch: &Launch,
        terminal: Terminal,
        journal: &Journal,
    ) -> Check<Self> {
        let arguments = &launch.arguments;
        let command = match &arguments[..] {
            // The shell only calls `exec`, so the report shows the program that the shell executes.
            [shell, command] if shell == "-c" => command.trim_start_matches("exec ").to_owned(),
            _ => {
                let program = launch.program.file_name().unwrap_or_default().to_string_lossy();
                format!("{program} {}", arguments.join(" "))
            }
        };
        journal.note(name, EventKind::Started(terminal, command));
        let program = Program::start(name, launch, terminal, journal)?;
        let (name, journal, decorations) = (name.to_owned(), journal.clone(), Mutex::default());
        Ok(Self { name, program, terminal, journal, decorations })
    }

    /// The person's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The running program.
    pub fn process(&self) -> &Arc<Process> {
        self.program.process()
    }

    /// Types a line and presses Enter.
    pub fn types(&self, line: &str) -> Check {
        self.program.begin_line();
        self.press(format!("{line}\r").as_bytes())
    }

    /// Types text without pressing Enter. If the terminal echoes, waits until the text is on the screen, because only a
    /// message that arrives after the text can split it.
    pub fn begins_to_type(&self, text: &str) -> Check {
        self.press(text.as_bytes())?;
        if self.terminal == Terminal::Dumb { Ok(()) } else { self.has_typed(text) }
    }

    /// Presses a key.
    pub fn presses(&self, key: Key) -> Check {
        self.press(match key {
            Key::CtrlC => &[3],
            Key::CtrlD => &[4],
        })
    }

    /// Presses keys without waiting for the result.
    pub fn press(&self, keys: &[u8]) -> Check {
        self.program.wait_for_editor();
        self.journal.note(&self.name, EventKind::Typed(keys.to_vec()));
        if self.terminal == Terminal::Dumb && self.program.reads_lines() {
            self.journal.note(&self.name, EventKind::Unechoed(keys.to_vec()));
        }
        self.program.press(keys).map_err(|error| {
            let who = format!("{} should have been able to type", self.name);
            self.journal.wrong(who, visible(keys), format!("the terminal is gone: {error}"))
        })
    }

    /// Changes the window size.
    pub fn resizes(&self, columns: NonZero<u16>, rows: NonZero<u16>) -> Check {
        self.journal.note(&self.name, EventKind::Resized(columns, rows));
        Ok(self.program.resize(columns, rows)?)
    }

    /// Waits until the line is on the screen, below the lines seen before. A decoration may precede the line.
    pub fn sees(&self, line: &str) -> Check {
        self.sees_one_of(&[line]).map(|_| ())
    }

    /// Like [`Person::sees`], but for a long line, which the program may divide into rows at any point.
    pub fn sees_wrapped(&self, line: &str) -> Check {
        let found = self.program.output.wait(|screen| screen.take_wrapped(line));
        found.ok_or_else(|| self.wrong(self.should_have_seen(), &format!("{line}⏎")))
    }

    /// Like [`Person::sees`], but for one of several lines. Returns the index of the line.
    pub fn sees_one_of(&self, lines: &[&str]) -> Check<usize> {
        let found = self.program.output.wait(|screen| {
            let decorations = Decorations::new(&self.journal);
            let which = |shown: &str| {
                lines
                    .iter()
                    .enumerate()
                    .find_map(|(at, line)| Some((at, decorations.before(shown, line)?.to_owned())))
            };
            which(&screen.take(|shown| which(shown).is_some())?)
        });
        let (at, decoration) = found.ok_or_else(|| self.wrong_line(&lines.join("⏎ or ")))?;
        self.decorations().insert(decoration);
        Ok(at)
    }

    /// Like [`Person::sees`], but for a line that contains `text`. Returns the line.
    pub fn sees_somewhere(&self, text: &str) -> Check<String> {
        self.sees_together(&[text])
    }

    /// Like [`Person::sees_somewhere`], but for a line that contains all of `texts`.
    pub fn sees_together(&self, texts: &[&str]) -> Check<String> {
        let expected = format!("…{}…", texts.join("…"));
        let has_all = |shown: &str| texts.iter().all(|text| shown.contains(text));
        let found = self.program.output.wait(|screen| screen.take(has_all));
        found.ok_or_else(|| self.wrong_line(&expected))
    }

    /// Waits until a line on the screen contains all of `texts`. The line may be above the lines seen before, because
    /// its position is not specified.
    pub fn has_somewhere(&self, texts: &[&str]) -> Check {
        let found = self.program.output.wait(|screen| {
            screen.has(|shown| texts.iter().all(|text| shown.contains(text))).then_some(())
        });
        let expected = format!("…{}…⏎", texts.join("…"));
        found.ok_or_else(|| self.wrong_below(0, "should have shown", &expected))
    }

    /// Waits at most `limit` for `text` to appear anywhere on the screen. Use this function for a program that may have
    /// to build other programs first.
    pub fn sees_soon(&self, limit: Duration, text: &str) -> Check {
        let found = self
            .program
            .output
            .wait_for(limit, |screen| screen.has(|line| line.contains(text)).then_some(()));
        found.ok_or_else(|| self.wrong(self.should_have_seen(), &format!("…{text}…")))
    }

    /// Repeats `call` until the line is on the screen, but for at most [`TIMEOUT`].
    pub fn sees_when(&self, line: &str, call: impl Fn() -> Check) -> Check {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            call()?;
            let found = self.program.output.wait_for(Duration::from_millis(50), |screen| {
                let decorations = Decorations::new(&self.journal);
                screen.was_seen(|shown| decorations.before(shown, line).is_some()).then_some(())
            });
            if found.is_some() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.wrong_line(line));
            }
        }
    }

    /// Returns the verb for a failure message. People *see* output, but a server, which is a program, *shows* output.
    fn should_have_seen(&self) -> &'static str {
        if is_server(&self.name) { "should have shown" } else { "should have seen" }
    }

    fn wrong_line(&self, expected: &str) -> Failure {
        self.wrong(self.should_have_seen(), &format!("{expected}⏎"))
    }

    fn decorations(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.decorations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a question. The screen must end with `word` and a colon, without a newline.
    pub fn is_asked_for(&self, word: &str) -> Check {
        let asks = |input: &String| {
            let input = input.trim_end().to_lowercase();
            input.strip_suffix(':').is_some_and(|question| question.trim_end().ends_with(word))
        };
        let found =
            self.program.output.wait(|screen| screen.inputs().iter().any(asks).then_some(()));
        found.ok_or_else(|| self.wrong("should have been asked for", &format!("…{word}:")))
    }

    /// Waits until the line that is being typed is `text`. Any prompt may precede the text, even one that contains a
    /// nickname.
    pub fn has_typed(&self, text: &str) -> Check {
        let is_typed = |input: &String| input.trim_end().ends_with(text.trim_end());
        let found =
            self.program.output.wait(|screen| screen.inputs().iter().any(is_typed).then_some(()));
        found.ok_or_else(|| self.wrong("should still see the typed text", text))
    }

    /// Checks how many times the line appears on the screen. Call this function only when every copy of the line is
    /// certain to have arrived.
    ///
    /// If `expected` is 0, a copy of the line is counted only if it has no decoration or has a decoration that the
    /// program has used before. Otherwise, this function could count the second line of a longer message, which may be
    /// indented or marked.
    pub fn has_seen(&self, expected: usize, line: &str) -> Check {
        let known = self.decorations().clone();
        let count = |screen: &mut Screen| {
            let decorations = Decorations::new(&self.journal);
            screen.count(|shown| {
                decorations.before(shown, line).is_some_and(|decoration| {
                    let is_known = || known.iter().any(|known| looks_like(known, decoration));
                    expected > 0 || decoration.is_empty() || is_known()
                })
            })
        };
        // A program that draws its own screen may be partway through a redraw.
        let is_right = self.program.output.wait(|screen| {
            let is_right = count(screen) == expected;
            if screen.is_plain() {
                Some(is_right)
            } else {
                (is_right && screen.is_complete()).then_some(true)
            }
        });
        if is_right == Some(true) {
            return Ok(());
        }
        let count = self.program.output.look(|screen| count(screen));
        let who = format!("{}'s screen should have shown the line «{line}»", self.name);
        let times = |count| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        Err(self.journal.wrong(who, times(expected), times(count)))
    }

    /// Checks that the program never passed on `bytes` that another participant sent. A program may write the same
    /// bytes for its own purposes, for example to clear its screen.
    pub fn never_got(&self, bytes: &[u8]) -> Check {
        let all = self.program.output.look(|screen| screen.bytes().to_vec());
        let at = foreign::find(&self.name, &all, bytes, &self.journal.events());
        let Some(at) = at else { return Ok(()) };
        let begin = all[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let line = all[begin..].split(|&byte| byte == b'\n').next().unwrap_or(bytes);
        // The terminal puts a \r before each newline.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let who = format!("{}'s terminal should never have received {}", self.name, visible(bytes));
        Err(self.journal.wrong(who, "harmless characters instead", visible(line)))
    }

    /// Waits until the program exits with this status.
    pub fn exits(&self, code: i32) -> Check {
        self.ends(&format!("exit status {code}"), |found| found == code)
    }

    /// Waits until the program exits with a status other than 0. Checks that the output after the lines that have
    /// already been seen contains `text`, ignoring case.
    pub fn fails_saying(&self, text: &str) -> Check {
        self.ends("an exit status other than 0", |found| found != 0)?;
        // The terminal may not have delivered the last output yet.
        let lower = text.to_lowercase();
        let count = |shown: &str| shown.to_lowercase().matches(&lower).count();
        let said = self.program.output.wait(|screen| {
            let (before, after) = screen.seen();
            let is_said = if screen.is_plain() {
                let seen: usize = before.iter().map(|line| count(line)).sum();
                count(&String::from_utf8_lossy(screen.bytes())) > seen
            } else {
                // If a program draws its screen, its output repeats lines that were seen before.
                after.iter().any(|line| count(line) > 0) || count(&screen.prompt()) > 0
            };
            is_said.then_some(())
        });
        said.ok_or_else(|| self.wrong("should have been told about", &format!("…{text}…")))
    }

    fn ends(&self, expected: &str, matches: impl Fn(i32) -> bool) -> Check {
        let came = match self.process().wait() {
            Some(WaitStatus::Exited(_, code)) if matches(code) => return Ok(()),
            Some(WaitStatus::Exited(_, code)) => format!("exit status {code}"),
            Some(WaitStatus::Signaled(_, signal, _)) => format!("it was terminated by {signal}"),
            _ => format!("it was still running after {} s", TIMEOUT.as_secs()),
        };
        let who = format!("{}'s program should have exited with", self.name);
        Err(self.journal.wrong(who, expected, came))
    }

    /// Returns the time since the stage began.
    pub fn now(&self) -> Duration {
        self.journal.now()
    }

    /// Records that all participants have joined and that everything since `begin` served only to confirm this.
    pub fn has_joined_with_all(&self, begin: Duration) {
        self.journal.note(&self.name, EventKind::AllJoined(begin));
    }

    /// Checks that the program stops using processor time soon after all peers become silent.
    pub fn rests(&self) -> Check {
        comes_to_rest(self.process(), &self.journal)
    }

    /// Kills the program, as `kill -9` does.
    pub fn is_killed(&self) {
        self.journal.note(&self.name, EventKind::Note("is killed".into()));
        self.process().kill();
    }

    fn wrong(&self, what: &str, expected: &str) -> Failure {
        let right = self.program.output.look(|screen| screen.seen().0.len());
        self.wrong_below(right, what, expected)
    }

    /// Like [`Person::wrong`], but counts only the first `right` lines of the screen as correct.
    fn wrong_below(&self, right: usize, what: &str, expected: &str) -> Failure {
        self.journal.found_wrong();
        let (before, rest, end) = self.program.output.look(|screen| {
            let (before, after) = screen.seen();
            let lines = [before, after].concat();
            let (before, rest) = lines.split_at(right.min(lines.len()));
            let prompt = screen.prompt();
            let rest = [rest, &[prompt.as_str()]].concat();
            (before.join("\n"), rest.join("\n"), screen.end)
        });
        let end = end.map(|why| format!(" ({why})")).unwrap_or_default();
        let (before, rest) = (without_unwritten(&before), without_unwritten(&rest));
        let came = match rest.trim() {
            "" => format!("{NOTHING}{end}"),
            rest => format!("{}{end}", rest.replace('\n', "⏎")),
        };
        let (name, expected_bytes) = (self.name.clone(), expected.replace('⏎', "\n").into_bytes());
        let evidence = Evidence {
            name,
            expected: expected_bytes,
            before: before.into_bytes(),
            rest: rest.into_bytes(),
            is_screen: true,
        };
        Failure::wrong(format!("{} {what}", self.name), expected, came).with(evidence)
    }
}

#[cfg(test)]
mod tests;
