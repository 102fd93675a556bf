//! The record of a graded class, which is written as JSON. Everything that `cargo lab grade` shows is made from this
//! record.
//!
//! `tests/class.schema.json` describes the same format for other programs. A new field does not change the version. If
//! the meaning of a field changes, or a field is removed, the version changes.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u32 = 1;

/// A graded class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format, which is [`VERSION`].
    pub version: u32,
    /// The version of the kit that did the grading.
    pub kit: String,
    /// The time at which the grading began, in UTC, as in RFC 3339.
    pub date: String,
    /// The system, and the number of its processors.
    pub machine: String,
    /// Where the control came from.
    pub control: Control,
    /// The containment of the submissions: the tier, and what is missing.
    pub tier: String,
    /// The part of the class that this record contains. `None` for a whole class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The submissions, sorted by name. Each name occurs once.
    pub submissions: Vec<Submission>,
}

/// A part of a class, for one of several machines. Shard 2 of 8 has every eighth submission, beginning with the second
/// submission by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// The number of the shard, starting at 1.
    pub number: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// Returns the shard's part of all submissions.
    pub fn part<T>(self, all: Vec<T>) -> Vec<T> {
        let is_mine = |position: &u32| position % self.of == self.number - 1;
        (0..).zip(all).filter(|(position, _)| is_mine(position)).map(|(_, one)| one).collect()
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/');
        let numbers =
            numbers.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if 0 < number && number <= of => Ok(Self { number, of }),
            _ => Err("write the number of the shard and the number of all shards, for example 2/8"),
        }
    }
}

/// The source of the control, that is, of the finished programs that show whether a failure is the machine's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The control came from the kit's `solutions/`.
    Kit,
    /// The control came from a file with programs that were built beforehand.
    File,
    /// There was no control.
    None,
}

/// The submission of one student.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The student's name, or else the name of the file or folder.
    pub name: String,
    /// The sum of the known points, in which the points of each lab are multiplied by its weight. `None` if nothing
    /// could be graded.
    pub points: Option<u32>,
    /// The maximum number of points, without bonus stages.
    pub maximum: u32,
    /// Whether every stage has points.
    pub complete: bool,
    /// Why the submission could not be graded completely, or could not be graded at all.
    pub error: Option<String>,
    /// The containment of this submission; see [`Record::tier`]. The tier of an earlier result may differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How long the grading took.
    pub seconds: f64,
    /// The time at which the grading ended, in UTC, as in RFC 3339.
    pub date: String,
    /// The number of stages that students do not see.
    pub hidden: u32,
    /// The labs in the order of their numbers. Empty if nothing could be graded.
    pub labs: Vec<Lab>,
}

/// One lab of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    /// The number of the lab.
    pub lab: u32,
    /// The topic of the lab.
    pub title: String,
    /// The points that are known, without the weight. `None` if no stage has points.
    pub points: Option<u32>,
    /// The maximum number of points, without bonus stages and without the weight.
    pub maximum: u32,
    /// The factor by which the lab's points are multiplied.
    pub weight: u32,
    /// Whether every stage has points.
    pub complete: bool,
    /// The stages in the order of their numbers.
    pub stages: Vec<Stage>,
}

/// One stage of a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The number of the stage.
    pub stage: u32,
    /// What the programs should do.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The points. `None` for a grader error, and for a stage that could not be graded because of a grader error.
    pub points: Option<u32>,
    /// The maximum number of points.
    pub maximum: u32,
    /// Whether the points are additional, so that they do not count toward the lab's maximum.
    pub bonus: bool,
    /// Whether students do not see the stage.
    pub hidden: bool,
    /// The stage that must be passed first.
    pub blocked_by: Option<u32>,
    /// The seed of the random words. The seed is a string, because a number in JSON may have only 53 bits.
    pub seed: Option<String>,
    /// How long the stage took.
    pub seconds: f64,
    /// Whether the control passed the same stage, if it was run.
    pub control: Option<bool>,
    /// The report about a stage that failed, or that has a grader error.
    pub report: Option<Report>,
}

/// A stage's verdict; see [`crate::grading::verdict::Verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The programs do what the stage requires.
    Passed,
    /// The programs do something other than what the stage requires.
    Failed,
    /// The stage is not written yet.
    NotStarted,
    /// An earlier stage must be passed first.
    Blocked,
    /// The grader or the machine failed.
    GraderError,
}

/// A report in parts, so that some parts can be left out for students. All texts are plain. The texts contain no escape
/// sequences, no markup except in [`Ladder::svg`], and no paths of the machine that did the grading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The programs and connections that had ended before the failure.
    pub ended: Vec<String>,
    /// What was expected, and what arrived. `None` if the grader failed.
    pub wrong: Option<Wrong>,
    /// Why the grader failed.
    pub grader: Option<String>,
    /// Remarks about output that was almost right.
    pub near_misses: Vec<String>,
    /// The step of the script that failed.
    pub step: Option<String>,
    /// The messages between the programs.
    pub ladder: Option<Ladder>,
    /// The same ladder without the message that did not arrive. `None` if no message is missing.
    pub happened: Option<Ladder>,
    /// The screens of the people and servers.
    pub screens: Vec<Screen>,
    /// What each program that was still running was doing.
    pub running: Vec<String>,
    /// What to do next.
    pub advice: Vec<Advice>,
    /// The whole report, as on a terminal with 100 columns.
    pub text: String,
}

/// What was expected, and what arrived.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// The participant that should have received or done what was expected.
    pub who: String,
    /// The expected text, in rows. Empty if the program does not compile.
    pub expected: Vec<String>,
    /// The text that arrived instead, in rows, or the output of the compiler.
    pub came: Vec<String>,
    /// The row and the column of `came` at which the difference begins.
    pub caret: Option<(usize, usize)>,
}

/// The messages between the programs, twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// The ladder for a terminal with 100 columns.
    pub text: String,
    /// A drawing, which uses the styles of the page that contains it.
    pub svg: String,
}

/// The last lines of a screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    /// The person or server that the screen belongs to.
    pub name: String,
    /// The lines from top to bottom.
    pub lines: Vec<String>,
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The label: `look at`, `hint`, `read`, `again`, `stuck?`, `control` or `to do`.
    pub label: String,
    /// The advice.
    pub text: String,
}
