//! The five verdicts, and how a stage's verdict is determined.

use crate::grading::run::Outcome;
use crate::journal::failure::{Check, Failure};

/// The result of grading an author's programs in one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The programs do what the stage requires.
    Passed,
    /// The programs do not do what the stage requires.
    Failed,
    /// A program reported that this stage is not written yet.
    NotStarted,
    /// The earlier stage with this number has not been passed, so this stage cannot be graded.
    Blocked(u32),
    /// The grader or the machine failed, or the reference programs also failed or took too long.
    GraderError,
}

impl Verdict {
    /// Returns the verdict for a stage that was run. `unwritten` is the stage that a program reported as not written
    /// yet. If the programs fail, `control` runs the same stage with the reference programs, provided that they exist.
    /// If the reference programs fail or pass only after a long time, the machine is to blame. Also returns whether the
    /// reference programs passed.
    pub fn of(
        result: &Check,
        stage: u32,
        unwritten: Option<u32>,
        control: impl FnOnce() -> Option<Outcome>,
    ) -> (Self, Option<bool>) {
        match (result, unwritten) {
            (Ok(()), _) => (Self::Passed, None),
            (Err(Failure::Grader(_)), _) => (Self::GraderError, None),
            (Err(_), Some(number)) if number == stage => (Self::NotStarted, None),
            (Err(_), Some(earlier)) if earlier < stage => (Self::Blocked(earlier), None),
            _ => match control() {
                None => (Self::Failed, None),
                Some(control) if control.result.is_err() => (Self::GraderError, Some(false)),
                Some(control) if control.is_slow() => (Self::GraderError, Some(true)),
                Some(_) => (Self::Failed, Some(true)),
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
    /// Whether the programs come from the kit's folders rather than from a command line.
    pub is_of_kit: bool,
}

impl Graded {
    /// Returns the seed for the random words in this run, or 0 if the stage was not run.
    pub fn seed(&self) -> u64 {
        self.outcome.as_ref().map_or(0, |outcome| outcome.seed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Verdict;
    use crate::grading::run::Outcome;
    use crate::journal::failure::Failure;

    #[test]
    fn a_failure_counts_only_on_a_machine_that_is_fast_enough() {
        let wrong = Err(Failure::wrong("bob should see", "a", "b"));
        let verdict = |passes: bool, seconds| {
            let mut control = Outcome::broken("", 0);
            control.took = Duration::from_secs(seconds);
            if passes {
                control.result = Ok(());
            }
            Verdict::of(&wrong, 1, None, || Some(control))
        };
        assert_eq!(verdict(true, 1), (Verdict::Failed, Some(true)));
        assert_eq!(verdict(true, 11), (Verdict::GraderError, Some(true)));
        assert_eq!(verdict(false, 1), (Verdict::GraderError, Some(false)));
        assert_eq!(Verdict::of(&wrong, 1, None, || None), (Verdict::Failed, None));
    }
}
