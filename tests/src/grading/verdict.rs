//! The five verdicts, and which of them a stage gets.

use crate::grading::run::Outcome;
use crate::journal::failure::{Check, Failure};

/// The result of a stage for the author of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The programs do what the stage requires.
    Passed,
    /// The programs do something other than what the stage requires.
    Failed,
    /// A program reported that this stage is not written yet.
    NotStarted,
    /// The earlier stage with this number has not been passed, so this stage cannot be judged.
    Blocked(u32),
    /// The grader or the machine failed, or the reference programs fail as well.
    GraderError,
}

impl Verdict {
    /// Returns the verdict on a stage that was run. `unwritten` is the stage that a program reported as not written
    /// yet. If the programs did something wrong, `control` runs the same stage with the reference programs, if there
    /// are any. Also returns whether the reference programs passed.
    pub fn of(
        result: &Check,
        stage: u32,
        unwritten: Option<u32>,
        control: impl FnOnce() -> Option<bool>,
    ) -> (Self, Option<bool>) {
        match (result, unwritten) {
            (Ok(()), _) => (Self::Passed, None),
            (Err(Failure::Grader(_)), _) => (Self::GraderError, None),
            (Err(_), Some(number)) if number == stage => (Self::NotStarted, None),
            (Err(_), Some(earlier)) if earlier < stage => (Self::Blocked(earlier), None),
            _ => match control() {
                Some(false) => (Self::GraderError, Some(false)),
                passes => (Self::Failed, passes),
            },
        }
    }
}

/// A stage's verdict, with the evidence.
pub struct Graded {
    /// The verdict.
    pub verdict: Verdict,
    /// The outcome, if the stage was run.
    pub outcome: Option<Outcome>,
    /// Whether the reference programs passed the same stage on this machine, if they were run.
    pub control_passes: Option<bool>,
    /// Whether the programs came from the kit's folders, rather than from a command line.
    pub is_of_kit: bool,
}

impl Graded {
    /// Returns the seed of the random words in this run; 0 if the stage was not run.
    pub fn seed(&self) -> u64 {
        self.outcome.as_ref().map_or(0, |outcome| outcome.seed)
    }
}
