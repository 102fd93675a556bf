//! The five verdicts.

use crate::grading::run::Outcome;

/// The result of a stage for the author of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The programs do what they should.
    Passed,
    /// The programs do something else.
    Failed,
    /// A program reported that this stage is not written yet.
    NotStarted,
    /// The earlier stage with this number is not passed, so this stage cannot be judged.
    Blocked(u32),
    /// The grader or the machine failed, or the reference programs fail as well.
    GraderError,
}

/// A stage's verdict, with the evidence.
pub struct Graded {
    /// The verdict.
    pub verdict: Verdict,
    /// The outcome, if the stage was run.
    pub outcome: Option<Outcome>,
    /// Whether the reference programs pass the same stage on this machine now, if they were run.
    pub control_passes: Option<bool>,
    /// Whether programs from the folders of the kit were run, and not those of a command line.
    pub is_of_kit: bool,
}
