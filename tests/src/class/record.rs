//! The record of a graded class, which is written as JSON. Everything that `cargo lab grade` shows is taken from this
//! record.
//!
//! `tests/class.schema.json` describes the same format for other programs. The version changes if a field's meaning
//! changes or a field is removed. The version does not change if a field is added.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The format version.
pub const VERSION: u32 = 1;

/// A graded class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format version, which is [`VERSION`].
    pub version: u32,
    /// The version of the kit that was used for grading.
    pub kit: String,
    /// The UTC time at which the grading began, in RFC 3339 format.
    pub date: String,
    /// The operating system and the number of processors.
    pub machine: String,
    /// The source of the control programs.
    pub control: Control,
    /// The submissions' containment tier and what is missing for a higher tier.
    pub tier: String,
    /// The part of the class that this record contains. `None` for a whole class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The submissions, sorted by name. No two submissions have the same name.
    pub submissions: Vec<Submission>,
}

/// The part of a class that one of several machines grades. The submissions are sorted by name; shard 2 of 8, for
/// example, contains the second submission and every eighth one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// The shard number, starting at 1.
    pub number: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// Returns the submissions in this shard.
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
            _ => Err("write the shard's number and the total number of shards, for example 2/8"),
        }
    }
}

/// The source of the control programs, which show whether a failure is the machine's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The control programs came from the kit's `solutions/`.
    Kit,
    /// The control programs came from a file with prebuilt programs.
    File,
    /// There were no control programs.
    None,
}

/// One student's submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The student's name or, if it is unknown, the name of the file or folder.
    pub name: String,
    /// The sum of the known points. Each lab's points are multiplied by its weight. `None` if nothing could be graded.
    pub points: Option<u32>,
    /// The maximum number of points, excluding bonus stages.
    pub maximum: u32,
    /// Whether every stage has points.
    pub complete: bool,
    /// The reason why the submission could not be graded, or could be graded only in part.
    pub error: Option<String>,
    /// This submission's containment tier. This tier may differ from the tier of the class, [`Record::tier`], for
    /// example if the result is from an earlier grading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The time that the grading took.
    pub seconds: f64,
    /// The UTC time at which the grading ended, in RFC 3339 format.
    pub date: String,
    /// The number of stages that students do not see.
    pub hidden: u32,
    /// The labs, sorted by number. The list is empty if nothing could be graded.
    pub labs: Vec<Lab>,
}

impl Submission {
    /// Returns the points earned for bonus stages and the maximum number of such points. [`Submission::points`]
    /// includes the earned points.
    pub fn bonus(&self) -> (u32, u32) {
        let of_lab = |lab: &'_ Lab| {
            let bonus = || lab.stages.iter().filter(|stage| stage.bonus);
            let won: u32 = bonus().filter_map(|stage| stage.points).sum();
            let all: u32 = bonus().map(|stage| stage.maximum).sum();
            (won.saturating_mul(lab.weight), all.saturating_mul(lab.weight))
        };
        let add = |(won, all): (u32, u32), (more, most)| (won + more, all + most);
        self.labs.iter().map(of_lab).fold((0, 0), add)
    }
}

/// One lab of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    /// The lab number.
    pub lab: u32,
    /// The lab's topic.
    pub title: String,
    /// The sum of the known points, not multiplied by the weight. `None` if no stage has points.
    pub points: Option<u32>,
    /// The maximum number of points, excluding bonus stages and not multiplied by the weight.
    pub maximum: u32,
    /// The factor by which the lab's points are multiplied.
    pub weight: u32,
    /// Whether every stage has points.
    pub complete: bool,
    /// The stages, sorted by number.
    pub stages: Vec<Stage>,
}

/// One stage of a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage number.
    pub stage: u32,
    /// The stage title, which says what the programs should do.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The points. `None` for a grader error and for a stage that could not be graded because of a grader error.
    pub points: Option<u32>,
    /// The maximum number of points.
    pub maximum: u32,
    /// Whether the stage is a bonus stage, whose points do not count toward the lab's maximum.
    pub bonus: bool,
    /// Whether the stage is hidden from students.
    pub hidden: bool,
    /// The stage that must be passed first.
    pub blocked_by: Option<u32>,
    /// The seed for the random words. It is a string, because many JSON parsers keep only 53 bits of a number.
    pub seed: Option<String>,
    /// The time that the stage took.
    pub seconds: f64,
    /// Whether the control programs passed the same stage. `None` if they were not run.
    pub control: Option<bool>,
    /// The report, if the stage failed or has a grader error.
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
    /// The student has not written the code for this stage yet.
    NotStarted,
    /// An earlier stage must be passed first.
    Blocked,
    /// The grader or the machine failed.
    GraderError,
}

/// A report in parts, so that some parts can be left out for students. The strings contain no escape sequences, no
/// paths on the grading machine, and no markup except in [`Ladder::svg`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The programs that had exited and the connections that had closed before the failure.
    pub ended: Vec<String>,
    /// The expected text and the text that arrived, or `None` if the grader failed.
    pub wrong: Option<Wrong>,
    /// The reason why the grader failed.
    pub grader: Option<String>,
    /// Remarks about output that was almost right.
    pub near_misses: Vec<String>,
    /// The failed step of the script.
    pub step: Option<String>,
    /// The ladder, which shows the messages between the programs.
    pub ladder: Option<Ladder>,
    /// The same ladder without the message that did not arrive. `None` if no message is missing.
    pub happened: Option<Ladder>,
    /// The screens of the people and servers.
    pub screens: Vec<Screen>,
    /// A description of what each running program was doing.
    pub running: Vec<String>,
    /// The student's next steps.
    pub advice: Vec<Advice>,
    /// The whole report, as shown on a terminal with 100 columns.
    pub text: String,
}

/// The expected text and the text that arrived.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// The participant that did not receive or do what was expected.
    pub who: String,
    /// The rows of the expected text. The list is empty if the program does not compile.
    pub expected: Vec<String>,
    /// The rows of the text that arrived instead, or of the compiler's output.
    pub came: Vec<String>,
    /// The row and the column in `came`, counted from 0, where the received text begins to differ from the expected
    /// text.
    pub caret: Option<(usize, usize)>,
}

/// The messages between the programs, as text and as a drawing.
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

/// A step that the student should take next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The label: `look at`, `hint`, `read`, `again`, `stuck?`, `control`, or `to do`.
    pub label: String,
    /// The advice.
    pub text: String,
}
