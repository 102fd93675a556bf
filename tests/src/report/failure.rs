//! The report on a failed stage.

mod advice;

use std::collections::BTreeSet;
use std::path::Path;

use console::style;

use crate::grading::run::Outcome;
use crate::grading::verdict::Graded;
use crate::harness::stage::{Lab, Stage};
use crate::journal;
use crate::journal::failure::{Evidence, Failure};
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Step, Wire};
use crate::network::messages::{HEADER, frame};
use crate::report::closing::closing;
use crate::report::diff::Comparison;
use crate::report::ladder::{Ladder, Marks, Size, most_lanes};
use crate::report::part::made;
use crate::report::programs::States;
use crate::report::scoreboard::stage_line_in;
use crate::report::screens::Screen;
use crate::report::text::{MIN_COLUMNS, columns, quoted, quoted_line};
use crate::report::text::{rows, short_blanks, wrapped};
use crate::report::{diff, explaining, near_miss, programs, screens};

/// The width, in columns, of the labels before the expected and the actual text.
const LABEL: usize = 14;
const INDENT: &str = "              ";

/// The maximum number of rows of a ladder diagram on a terminal.
const ROWS: usize = 14;

/// The maximum number of screens to show without a ladder diagram. With a ladder diagram, the screens of its
/// participants are shown.
const MOST_SCREENS: usize = 4;

/// The report on a failed stage, for a terminal or in another format.
pub struct Report<'a> {
    lab: &'a Lab,
    stage: &'a Stage,
    graded: &'a Graded,
    /// The command that runs the stage again.
    again: String,
    /// All events of the run.
    events: Vec<Event>,
    /// The width of the terminal, in columns.
    columns: usize,
}

impl<'a> Report<'a> {
    /// Creates a report. `again` is the command that runs the stage again.
    pub fn new(lab: &'a Lab, stage: &'a Stage, graded: &'a Graded, again: String) -> Self {
        let events = |outcome: &Outcome| {
            programs::without_unheard(outcome.journal.events(), &outcome.programs)
        };
        let events = graded.outcome.as_ref().map(events).unwrap_or_default();
        Self { lab, stage, graded, again, events, columns: columns() }
    }

    /// Returns the same report, laid out for a terminal that is `columns` or [`MIN_COLUMNS`] columns wide, whichever is
    /// greater.
    #[must_use]
    pub fn in_columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(MIN_COLUMNS);
        self
    }

    /// Returns the report as text for a terminal. No line is wider than the terminal, except a line with a command,
    /// because a command can be copied only from a single line.
    pub fn to_text(&self, kit: &Path) -> String {
        let columns = self.columns;
        let missing = |why: String| wrapped("   ", &why, columns);
        let mut parts = vec![stage_line_in(self.lab, self.stage, &self.graded.verdict, columns)];
        // A program's exit may explain why something did not happen afterward.
        let states = made("the states", || self.states());
        let lines = |lines: &[String]| self.states_text(lines);
        parts.push(states.as_ref().map(|states| lines(&states.ended)).unwrap_or_default());
        parts.push(self.what_went_wrong());
        // A program that does not compile has sent and received nothing.
        if self.has_happened() {
            let size = Size { lanes: most_lanes(columns), rows: ROWS };
            let ladder = made("the ladder", || self.ladder(size));
            let text = |ladder: &Ladder| made("the ladder", || ladder.to_text(columns));
            parts
                .push(ladder.as_ref().map_err(Clone::clone).and_then(text).unwrap_or_else(missing));
            let screens = made("the screens", || {
                // The ladder diagram shows the output of the other programs, so their screens are not shown.
                let mut screens = self.screens(ladder.as_ref().ok());
                screens.retain(|screen| self.about() == Some(&screen.name));
                screens::to_text(&screens, columns)
            });
            parts.push(screens.unwrap_or_else(missing));
            parts.push(states.map_or_else(missing, |states| lines(&states.running)));
        }
        parts.push(made("the advice", || self.advice_text(kit)).unwrap_or_else(missing));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    fn states_text(&self, lines: &[String]) -> String {
        // Quoted program output is shown after a bar.
        let lines = lines.iter().map(|line| match line.strip_prefix("  │ ") {
            Some(quoted) => barred(quoted, self.columns),
            None => wrapped("   ", line, self.columns),
        });
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() { String::new() } else { style(lines.join("\n")).red().to_string() }
    }

    /// Returns the screens of the people and servers that the ladder diagram shows.
    pub fn screens(&self, ladder: Option<&Ladder>) -> Vec<Screen> {
        let mut screens = screens::screens(&self.events, usize::MAX);
        for screen in &mut screens {
            screen.keep_last(screens::LINES);
        }
        match ladder {
            Some(ladder) => screens.retain(|screen| ladder.lanes.contains(&screen.name)),
            None => screens.truncate(MOST_SCREENS),
        }
        screens
    }

    /// Returns whether there are events to show. If the grader failed, the events say nothing about the programs.
    pub fn has_happened(&self) -> bool {
        !matches!(self.failure(), Some(Failure::Grader(_)))
            && self
                .events
                .iter()
                .any(|event| !matches!(event.what, EventKind::Step(_) | EventKind::End))
    }

    /// Returns the reason why the stage failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.graded.outcome.as_ref()?.result.as_ref().err()
    }

    /// Returns the stage and the failure, without the evidence.
    pub fn summary(&self) -> String {
        let line = stage_line_in(self.lab, self.stage, &self.graded.verdict, self.columns);
        format!("{line}\n{}", self.what_went_wrong())
    }

    fn what_went_wrong(&self) -> String {
        let (columns, mut lines) = (self.columns, Vec::new());
        let missing = |why: String| wrapped("   ", &why, columns);
        lines.push(made("the failure", || self.failure_text()).unwrap_or_else(missing));
        // If `came` spans several lines, it is a compiler error and not a program's output, so it has no near misses.
        if matches!(self.failure(), Some(Failure::Wrong { came, .. }) if !came.contains('\n')) {
            let misses = made("the near misses", || self.near_misses());
            let misses = misses.unwrap_or_else(|why| vec![why]);
            lines.extend(misses.iter().map(|miss| wrapped("   → ", miss, columns)));
            let step = self.step().map(|step| format!("at the step: {}", quoted_line(&step.name)));
            lines.extend(step.map(|step| wrapped("   ", &step, columns)));
        }
        lines.join("\n")
    }

    fn failure_text(&self) -> String {
        let columns = self.columns;
        match self.failure() {
            None => String::new(),
            Some(Failure::Grader(why)) => {
                // Cargo's errors span many lines.
                let mut lines = quoted(why).into_iter();
                let first = format!("the grader failed: {}", lines.next().unwrap_or_default());
                let mut lines: Vec<_> = lines.map(|line| barred(&line, columns)).collect();
                lines.insert(0, wrapped("   ", &first, columns));
                lines.join("\n")
            }
            Some(Failure::Wrong { who, expected, came, .. }) => {
                let who = wrapped("   ", &quoted_line(who), columns);
                let mut lines = vec![style(who).bold().to_string()];
                // Compiler errors span several lines.
                if came.contains('\n') {
                    lines.extend(quoted(came).iter().map(|line| barred(line, columns)));
                    return lines.join("\n");
                }
                let Comparison { expected, came, caret } =
                    self.comparison(expected, came, columns.saturating_sub(LABEL + 1));
                for (row, text) in expected.iter().enumerate() {
                    let label = if row == 0 { "     expected " } else { INDENT };
                    lines.push(format!("{label}{}", style(text).green()));
                }
                for (row, text) in came.iter().enumerate() {
                    let label = if row == 0 { "     but got  " } else { INDENT };
                    lines.push(format!("{label}{}", style(text).red()));
                    let at = caret.filter(|(caret, _)| *caret == row);
                    lines.extend(at.map(|(_, at)| format!("{INDENT}{}^", " ".repeat(at))));
                }
                lines.join("\n")
            }
        }
    }

    /// Compares the expected and the actual text and fits the result into `room` columns.
    pub fn comparison(&self, expected: &str, came: &str, room: usize) -> Comparison {
        let text = |text: &str| short_blanks(&visible(text.as_bytes()));
        let (expected, came) = (text(expected), text(came));
        let Some(evidence) = self.evidence().filter(|evidence| !evidence.expected.is_empty())
        else {
            // Without expected bytes, both texts are descriptions, so it does not matter where they begin to differ.
            let comparison = diff::compare(&expected, &came, "", diff::Kind::Stream, room);
            return Comparison { caret: None, ..comparison };
        };
        if evidence.is_screen {
            return diff::compare(&expected, &came, "", diff::Kind::Screen, room);
        }
        // In `came`, the bytes that arrived may be followed by the reason why nothing more can arrive.
        let bytes = short_blanks(&visible(&evidence.rest));
        let (bytes, ending) = match came.strip_prefix(&bytes) {
            Some(ending) if !bytes.is_empty() => (bytes.as_str(), ending),
            _ => (came.as_str(), ""),
        };
        let kind = match (frame(&evidence.expected), frame(&evidence.rest)) {
            (Some(one), Some(other)) if one.fits() && other.fits() && one.after != other.after => {
                let header =
                    |bytes: &[u8]| short_blanks(&visible(&bytes[..HEADER])).chars().count();
                diff::Kind::Payload(header(&evidence.expected), header(&evidence.rest))
            }
            _ => diff::Kind::Stream,
        };
        diff::compare(&expected, bytes, ending, kind, room)
    }

    /// Returns the expected bytes and the bytes that arrived instead.
    fn evidence(&self) -> Option<&Evidence> {
        match self.failure() {
            Some(Failure::Wrong { evidence, .. }) => evidence.as_deref(),
            _ => None,
        }
    }

    /// Returns remarks about output that was almost right.
    pub fn near_misses(&self) -> Vec<String> {
        let misses = |evidence| near_miss::near_misses(evidence, &self.events, self.lab);
        self.evidence().map(misses).unwrap_or_default()
    }

    /// Returns the step of the script that failed.
    pub fn step(&self) -> Option<&Step> {
        let mut events = self.events.iter().rev().filter(|_| self.has_happened());
        events.find_map(|event| match &event.what {
            EventKind::Step(step) => Some(step),
            _ => None,
        })
    }

    /// Returns the person, peer, or program that the failure concerns.
    fn about(&self) -> Option<&str> {
        let Some(Failure::Wrong { who, .. }) = self.failure() else { return None };
        let who = who.strip_prefix("the ").unwrap_or(who);
        let is_about = |name: &&str| {
            let rest = who.strip_prefix(name);
            !name.is_empty() && rest.is_some_and(|rest| rest.starts_with([' ', '\'']))
        };
        // The longest matching name is used, because `server` is also the beginning of `server 2`.
        let names = self.events.iter().map(|event| event.who.as_str());
        names.filter(is_about).max_by_key(|name| name.len())
    }

    /// Finds the last connection of the participant that the failure concerns and returns the participant at its other
    /// end.
    fn other_end(&self) -> Option<&str> {
        let about = self.about()?;
        self.events.iter().rev().filter_map(Event::ends).find_map(|(from, to)| match about {
            about if about == from => Some(to),
            about if about == to => Some(from),
            _ => None,
        })
    }

    /// Returns the last participant to send any bytes.
    fn speaker(&self) -> Option<&str> {
        let end = self.events.iter().position(|event| event.what == EventKind::End);
        let mut events = self.events[..end.unwrap_or(self.events.len())].iter().rev();
        let last = events.find(|event| matches!(event.what, EventKind::Sent(_, Wire::Bytes(_))))?;
        Some(&last.who)
    }

    /// Returns another participant that the failure mentions, as in `carol's connection`.
    fn mentioned(&self) -> Option<&str> {
        let Some(Failure::Wrong { who, .. }) = self.failure() else { return None };
        let about = self.about();
        let names = self.events.iter().map(|event| event.who.as_str());
        let is_mentioned = |name: &&str| {
            !name.is_empty() && about != Some(*name) && who.contains(&format!(" {name}'s "))
        };
        names.filter(is_mentioned).max_by_key(|name| name.len())
    }

    /// Returns the ladder diagram, limited to this size.
    pub fn ladder(&self, size: Size) -> Ladder {
        self.ladder_with(self.missing(), size)
    }

    /// Returns the ladder diagram without the message that did not arrive, or `None` if no message is missing.
    pub fn ladder_of_what_happened(&self, size: Size) -> Option<Ladder> {
        self.missing().map(|_| self.ladder_with(None, size))
    }

    /// A message that arrived in the wrong place or form is not missing.
    fn missing(&self) -> Option<&[u8]> {
        let evidence = self.evidence().filter(|evidence| !near_miss::has_arrived(evidence));
        evidence.map(|evidence| evidence.expected.as_slice()).filter(|missing| !missing.is_empty())
    }

    fn ladder_with(&self, missing: Option<&[u8]>, size: Size) -> Ladder {
        let end = self.events.iter().filter(|event| event.what == EventKind::End).cloned();
        let merged = journal::merged_with_pieces(&self.events);
        let (mut events, pieces): (Vec<_>, Vec<_>) = merged.into_iter().unzip();
        events.extend(end);
        let texts = self.failure().map(explaining::texts).unwrap_or_default();
        let marks = Marks { evidence: self.evidence(), missing, pieces: &pieces, texts: &texts };
        let others = [self.mentioned(), self.other_end()].into_iter().flatten();
        let mut about = Vec::new();
        for name in self.about().into_iter().chain(others) {
            if !about.contains(&name) {
                about.push(name);
            }
        }
        Ladder::new(self.lab.number, &events, &about, &marks, size)
    }

    /// Returns the remarks about each program.
    pub fn states(&self) -> States {
        let outcome = self.graded.outcome.as_ref().filter(|_| self.has_happened());
        outcome
            .map(|outcome| {
                let mut states = programs::states(&outcome.programs, &self.events, self.about());
                // If the speaker is no longer connected, that explains why no participant received the speaker's
                // message.
                let evidence = self.evidence();
                let speaker = self.speaker().filter(|speaker| Some(*speaker) != self.about());
                let speaker = speaker.filter(|_| evidence.is_some());
                // The end of a connection cannot explain why bytes that had arrived on it are wrong.
                let has_arrived = |evidence: &Evidence| {
                    !evidence.is_screen && !evidence.rest.trim_ascii().is_empty()
                };
                let about = self.about().filter(|_| !evidence.is_some_and(has_arrived));
                let ends = about.into_iter().chain(speaker);
                let ends: BTreeSet<_> =
                    ends.filter_map(|name| closing(&self.events, name)).collect();
                states.ended.extend(ends.iter().map(|line| quoted_line(line)));
                states
            })
            .unwrap_or_default()
    }

    /// Returns the stage's number and title, for example `2.5  The server broadcasts each message to everyone`.
    pub fn title(&self) -> String {
        format!("{}.{}  {}", self.lab.number, self.stage.number, self.stage.full_title())
    }
}

/// Returns a line of program output after a bar, wrapped if it is too long.
fn barred(line: &str, columns: usize) -> String {
    let rows = rows(line, columns.saturating_sub(5));
    rows.iter().map(|row| format!("   │ {row}")).collect::<Vec<_>>().join("\n")
}
