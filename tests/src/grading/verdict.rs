//! What a stage came to means one of five things.

use crate::grading::run::Outcome;

/// What a stage means for whoever wrote the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does what it should.
    Passed,
    /// It does something else.
    Failed,
    /// It has said itself that this stage is not written yet.
    NotStarted,
    /// An earlier stage, this one, is not passed, and nothing can be said.
    Blocked(u32),
    /// The grader or the machine failed: the reference programs fail, too.
    GraderError,
}

/// A stage's verdict, with the evidence.
pub struct Graded {
    /// What it means.
    pub verdict: Verdict,
    /// What happened, unless the stage was not run.
    pub outcome: Option<Outcome>,
    /// Whether the reference programs pass the same stage on this machine now, if that was asked.
    pub control_passes: Option<bool>,
    /// Whether programs of the kit were run, and not those of a command line.
    pub is_of_kit: bool,
}
