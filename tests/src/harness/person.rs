//! A person at a terminal, who sees lines, types lines, and presses keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::wait::WaitStatus;

use crate::harness::idle::comes_to_rest;
use crate::journal::failure::{Check, Evidence, Failure};
use crate::journal::inbox::Arrived;
use crate::journal::terminal::Terminal;
use crate::journal::terminal::screen;
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
            // The shell only calls `exec`, so the report shows the program that it executes.
            [shell, command] if shell == "-c" => command.trim_start_matches("exec ").to_owned(),
            _ => {
                let program = launch.program.file_name().unwrap_or_default().to_string_lossy();
                format!("{program} {}", arguments.join(" "))
            }
        };
        journal.note(name, EventKind::Started(terminal, command));
        let (noted, note_name) = (journal.clone(), name.to_owned());
        let note = move |bytes: &[u8]| noted.note(&note_name, EventKind::Showed(bytes.to_vec()));
        let program = Program::start(name, launch, terminal, note)?;
        Ok(Self { name: name.to_owned(), program, terminal, journal: journal.clone() })
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
        if self.terminal == Terminal::Dumb {
            // A dumb terminal does not echo, because half-typed lines would be mixed with received text. Enter still
            // begins a new line, for example after a question.
            self.program.output.push(b"\n");
        }
        self.press(format!("{line}\r").as_bytes())
    }

    /// Types text without Enter. If the terminal echoes, waits until the text is shown, because only a message that
    /// arrives after that can split the text.
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
        if self.terminal != Terminal::Dumb {
            self.program.wait_for_editor();
        }
        self.journal.note(&self.name, EventKind::Typed(keys.to_vec()));
        self.program.press(keys).map_err(|error| {
            let who = format!("{} should have been able to type", self.name);
            self.journal.wrong(who, visible(keys), format!("the terminal is gone: {error}"))
        })
    }

    /// Waits until the line is on the screen, below the lines seen before. A prompt without letters or digits may
    /// precede the line.
    pub fn sees(&self, line: &str) -> Check {
        self.sees_line(line, |shown| is_line(shown, line)).map(|_| ())
    }

    /// Like [`Person::sees`], but for a long line, which the program may divide into rows where it likes.
    pub fn sees_wrapped(&self, line: &str) -> Check {
        let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
        let wanted = without_spaces(line);
        let found = self.program.output.wait(|arrived| {
            let lines = self.lines(arrived);
            let mut shown = String::new();
            let ends = |line: &String| {
                shown += &without_spaces(line);
                shown.contains(&wanted)
            };
            let rows = lines.iter().skip(arrived.taken).position(ends)?;
            arrived.taken += rows + 1;
            Some(())
        });
        found.ok_or_else(|| self.wrong(self.should_have_seen(), &format!("{line}⏎")))
    }

    /// Like [`Person::sees`], but for one of several lines. Returns its index.
    pub fn sees_one_of(&self, lines: &[&str]) -> Check<usize> {
        let which = |shown: &str| lines.iter().position(|line| is_line(shown, line));
        let shown = self.sees_line(&lines.join("⏎ or "), |shown| which(shown).is_some())?;
        Ok(which(&shown).unwrap_or_default())
    }

    /// Like [`Person::sees`], but for a line that contains `text`. Returns the line.
    pub fn sees_somewhere(&self, text: &str) -> Check<String> {
        self.sees_together(&[text])
    }

    /// Like [`Person::sees_somewhere`], but for a line that contains each of `texts`.
    pub fn sees_together(&self, texts: &[&str]) -> Check<String> {
        let expected = format!("…{}…", texts.join("…"));
        self.sees_line(&expected, |shown| texts.iter().all(|text| shown.contains(text)))
    }

    /// Waits until any line on the screen contains each of `texts`. The line may be above the lines seen before,
    /// because its position is not specified.
    pub fn has_somewhere(&self, texts: &[&str]) -> Check {
        let found = self.program.output.wait(|arrived| {
            let matches = |shown: &String| texts.iter().all(|text| shown.contains(text));
            self.lines(arrived).iter().any(matches).then_some(())
        });
        let expected = format!("…{}…⏎", texts.join("…"));
        found.ok_or_else(|| self.wrong_below(0, "should have shown", &expected))
    }

    /// Waits for at most `limit` until `text` is anywhere on the screen. Use this for a program that may have to build
    /// other programs first.
    pub fn sees_soon(&self, limit: Duration, text: &str) -> Check {
        let found = self.program.output.wait_for(limit, |arrived| {
            self.screen(arrived).iter().any(|line| line.contains(text)).then_some(())
        });
        found.ok_or_else(|| self.wrong(self.should_have_seen(), &format!("…{text}…")))
    }

    /// Repeats `call` until the line is on the screen, for at most [`TIMEOUT`].
    pub fn sees_when(&self, line: &str, call: impl Fn() -> Check) -> Check {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            call()?;
            let found = self.program.output.wait_for(Duration::from_millis(50), |arrived| {
                self.lines(arrived).iter().any(|shown| is_line(shown, line)).then_some(())
            });
            if found.is_some() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.wrong(self.should_have_seen(), &format!("{line}⏎")));
            }
        }
    }

    /// Returns the words for a failure. A person *sees* output, but a server is a program, so it *shows* output.
    fn should_have_seen(&self) -> &'static str {
        if is_server(&self.name) { "should have shown" } else { "should have seen" }
    }

    fn sees_line(&self, expected: &str, matches: impl Fn(&str) -> bool) -> Check<String> {
        let found = self.program.output.wait(|arrived| {
            let lines = self.lines(arrived);
            let at = (arrived.taken..lines.len()).find(|&at| matches(&lines[at]))?;
            // Here `taken` counts lines.
            arrived.taken = at + 1;
            Some(lines[at].clone())
        });
        found.ok_or_else(|| self.wrong(self.should_have_seen(), &format!("{expected}⏎")))
    }

    /// Waits for a question. The screen must end with `word` and a colon, without a newline.
    pub fn is_asked_for(&self, word: &str) -> Check {
        let found = self.program.output.wait(|arrived| {
            let prompt = self.prompt(arrived).trim_end().to_lowercase();
            let before_colon = prompt.strip_suffix(':')?.trim_end();
            before_colon.ends_with(word).then_some(())
        });
        found.ok_or_else(|| self.wrong("should have been asked for", &format!("…{word}:")))
    }

    /// Waits until the line that is being typed is `text`. Any prompt may precede the text, even a prompt that contains
    /// a nickname.
    pub fn has_typed(&self, text: &str) -> Check {
        let found = self.program.output.wait(|arrived| {
            self.prompt(arrived).trim_end().ends_with(text.trim_end()).then_some(())
        });
        found.ok_or_else(|| self.wrong("should still see the typed text", text))
    }

    /// Checks how many times the line is on the screen. Call this when every copy of the line must already have
    /// arrived.
    pub fn has_seen(&self, expected: usize, line: &str) -> Check {
        let lines = self.program.output.look(|arrived| self.lines(arrived));
        let count = lines.iter().filter(|shown| is_line(shown, line)).count();
        if count == expected {
            return Ok(());
        }
        let who = format!("{}'s screen should have shown the line «{line}»", self.name);
        let times = |count| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        Err(self.journal.wrong(who, times(expected), times(count)))
    }

    /// Checks that the program never wrote `bytes`.
    pub fn never_got(&self, bytes: &[u8]) -> Check {
        let all = self.program.output.look(|arrived| arrived.bytes.clone());
        if all.windows(bytes.len()).any(|window| window == bytes) {
            let line = all
                .split(|&byte| byte == b'\n')
                .find(|line| line.windows(bytes.len()).any(|window| window == bytes));
            let who =
                format!("{}'s terminal should never have received {}", self.name, visible(bytes));
            let came = visible(line.unwrap_or(bytes));
            return Err(self.journal.wrong(who, "harmless characters instead", came));
        }
        Ok(())
    }

    /// Waits until the program exits with this status.
    pub fn exits(&self, code: i32) -> Check {
        self.ends(&format!("exit status {code}"), |found| found == code)
    }

    /// Waits until the program exits with a status other than 0, and checks that its output below the lines seen before
    /// contains `text`, whatever the case of its letters.
    pub fn fails_saying(&self, text: &str) -> Check {
        self.ends("an exit status other than 0", |found| found != 0)?;
        // The terminal may not have delivered the last output yet.
        let lower = text.to_lowercase();
        let count = |shown: &str| shown.to_lowercase().matches(&lower).count();
        let said = self.program.output.wait(|arrived| {
            let seen: usize =
                self.lines(arrived).iter().take(arrived.taken).map(|line| count(line)).sum();
            (count(&String::from_utf8_lossy(&arrived.bytes)) > seen).then_some(())
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
        let who = format!("{}'s program should have ended with", self.name);
        Err(self.journal.wrong(who, expected, came))
    }

    /// Checks that the program soon stops using processor time while all peers are silent.
    pub fn rests(&self) -> Check {
        comes_to_rest(self.process(), &self.journal)
    }

    /// Kills the program, as `kill -9` does.
    pub fn is_killed(&self) {
        self.journal.note(&self.name, EventKind::Note("is killed".into()));
        self.process().kill();
    }

    fn wrong(&self, what: &str, expected: &str) -> Failure {
        self.wrong_below(self.program.output.look(|arrived| arrived.taken), what, expected)
    }

    /// Like [`Person::wrong`], but reports only the part of the screen below the first `right` lines.
    fn wrong_below(&self, right: usize, what: &str, expected: &str) -> Failure {
        self.journal.found_wrong();
        let (before, rest, end) = self.program.output.look(|arrived| {
            let mut before = self.lines(arrived);
            let mut rest = before.split_off(right.min(before.len()));
            rest.push(self.prompt(arrived));
            (before.join("\n"), rest.join("\n"), arrived.end)
        });
        let end = end.map(|why| format!(" ({why})")).unwrap_or_default();
        let (before, rest) = (without_unwritten(&before), without_unwritten(&rest));
        let came = match rest.trim() {
            "" => format!("nothing{end}"),
            rest => format!("{}{end}", rest.replace('\n', "⏎ ")),
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

    /// Returns the lines above the one that is being typed.
    fn lines(&self, arrived: &Arrived) -> Vec<String> {
        let mut lines = self.screen(arrived);
        lines.pop();
        lines
    }

    /// Returns the line that is being typed, including the prompt in front of it.
    fn prompt(&self, arrived: &Arrived) -> String {
        self.screen(arrived).pop().unwrap_or_default()
    }

    fn screen(&self, arrived: &Arrived) -> Vec<String> {
        screen(self.terminal, &arrived.bytes)
    }
}

/// Whether a line on the screen is `expected`, with at most a prompt such as `> ` in front of it.
fn is_line(shown: &str, expected: &str) -> bool {
    shown.trim_end().strip_suffix(expected.trim_end()).is_some_and(|prompt| {
        // Spaces alone are not a prompt: they indent the second line of another message.
        let is_prompt = prompt.is_empty() || !prompt.trim().is_empty();
        is_prompt && prompt.len() <= 4 && !prompt.contains(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::{Person, is_line};
    use crate::journal::Journal;
    use crate::journal::terminal::Terminal;
    use crate::system::program::{Launch, Place};

    #[test]
    fn only_a_dumb_terminal_does_not_echo() {
        for (kind, shown) in [(Terminal::Xterm, " echo "), (Terminal::Dumb, " -echo ")] {
            let arguments = vec!["-c".into(), "exec stty -a".into()];
            let launch = Launch { program: "/bin/sh".into(), arguments, place: Place::Free };
            let person = Person::start("alice", &launch, kind, &Journal::default());
            person.unwrap().sees_somewhere(shown).unwrap();
        }
    }

    #[test]
    fn only_a_prompt_may_come_before_a_line() {
        for shown in ["bob: hi", "> bob: hi", ">>> bob: hi", "bob: hi  "] {
            assert!(is_line(shown, "bob: hi"), "{shown}");
        }
        for shown in ["  bob: hi", "alice: bob: hi", "bob: hi there", "bob: h", "a bob: hi"] {
            assert!(!is_line(shown, "bob: hi"), "{shown}");
        }
    }
}
