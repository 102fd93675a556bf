//! The advice at the end of a report: where to look, what to read, and what to run next.

use std::path::Path;

use crate::grading::verdict::Verdict;
use crate::journal::is_server;
use crate::journal::{Event, EventKind};
use crate::kit::exercises::{self, Location};
use crate::kit::untrusted::exercises_of_lab;
use crate::report::failure::Report;
use crate::report::programs;
use crate::report::text::{labelled, quoted_line};

impl Report<'_> {
    pub(super) fn advice_text(&self, kit: &Path) -> String {
        let lines = self.advice(kit);
        let line = |(label, text): &(&str, String)| match *label {
            // A line break in the middle of a command would be copied together with the command.
            "again" | "stuck?" => format!("   {label:<8}{text}"),
            label => labelled(label, text, self.columns),
        };
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Returns the suggested next steps, each with a label.
    pub fn advice(&self, kit: &Path) -> Vec<(&'static str, String)> {
        let (lab, number) = (self.lab.number, self.stage.number);
        let mut lines = Vec::new();
        if let Some(passes) = self.graded.control_passes {
            let is_slow = passes && self.graded.verdict == Verdict::GraderError;
            let said = match passes {
                true if is_slow => {
                    "passes, but takes too long: this machine is too slow or too busy"
                }
                true => "passes: the reference programs do this correctly on this machine",
                false => "also fails: this is the grader's fault, not yours",
            };
            lines.push(("control", said.to_owned()));
        }
        if self.graded.verdict == Verdict::GraderError {
            let advice = "run the stage again; if it fails again, show this report to your instructor. \
                          Your programs were not graded and may be correct.";
            lines.push(("to do", advice.to_owned()));
            lines.push(("again", self.again.clone()));
            return lines;
        }
        // If a program does not compile, the compiler says where to look.
        if self.has_happened() && self.graded.is_of_kit {
            let panicked = programs::panic_places(&self.events);
            let exists = |place: &String| {
                let file = place.split(':').next().unwrap_or_default();
                file.starts_with("labs/") && !file.contains("..") && kit.join(file).is_file()
            };
            lines.extend(
                panicked
                    .into_iter()
                    .filter(exists)
                    .map(|place| ("look at", format!("{}  it panicked here", quoted_line(&place)))),
            );
            for place in self.functions(kit) {
                lines.push(("look at", format!("{}  `{}`", place.to_line(), place.task.name)));
            }
        }
        if self.has_happened() {
            lines.extend(self.stage.hints.first().map(|hint| ("hint", (*hint).to_owned())));
        }
        let chapter = format!("docs/src/lab{lab}.md");
        if kit.join(&chapter).exists() {
            lines.push(("read", format!("{chapter}#stage-{number}")));
        }
        lines.push(("again", self.again.clone()));
        lines.push(("stuck?", format!("cargo lab hint {lab}.{number}")));
        lines
    }

    /// Returns the functions that may contain the mistake, likeliest first: the step's functions, or else the functions
    /// that the stage tests. A step without functions tests code that the student does not write.
    fn functions(&self, kit: &Path) -> Vec<Location> {
        let mut places = exercises_of_lab(kit, self.lab.number).unwrap_or_default();
        let of_step = self.step().map(|step| step.functions);
        let rank = |place: &Location| of_step?.iter().position(|name| *name == place.task.name);
        let is_given = of_step.is_some_and(<[_]>::is_empty);
        if !is_given && !places.iter().any(|place| rank(place).is_some()) {
            return exercises::tested_by(places, self.stage.number);
        }
        places.retain(|place| rank(place).is_some());
        if places.iter().any(|place| self.is_suspect(place)) {
            places.retain(|place| self.is_suspect(place));
        }
        places.sort_by_key(rank);
        places
    }

    /// Returns false for a function of the client if the failure concerns the server's terminal, and for a function of
    /// the server if the failure concerns a client's exit.
    fn is_suspect(&self, place: &Location) -> bool {
        let Some(about) = self.about() else { return true };
        let is_start = |event: &Event| matches!(event.what, EventKind::Started(..));
        let is_program = self.events.iter().any(|event| event.who == about && is_start(event));
        let other = match self.evidence() {
            _ if !is_program => return true,
            _ if is_server(about) => "client",
            None => "server",
            Some(_) => return true,
        };
        !place.path.iter().any(|part| part == other)
    }
}
