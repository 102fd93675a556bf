//! Labs and stages on the command line: `2`, `2.5`, or `2.5-`, optionally with the prefix `lab`.

use std::fmt;
use std::str::FromStr;

use crate::harness::stage::{Lab, Stage};
use crate::labs;

/// One stage: `2.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageNumber {
    /// The number of the lab, starting at 1.
    pub lab: u32,
    /// The number of the stage within its lab, starting at 1.
    pub stage: u32,
}

/// A lab (`2`), a stage (`2.5`), or a stage and all later stages (`2.5-`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The number of the lab, starting at 1.
    pub lab: u32,
    /// The first stage, or `None` for the whole lab.
    pub stage: Option<u32>,
    has_rest: bool,
}

impl Target {
    /// Returns the target that consists of a stage and all later stages.
    pub fn from(StageNumber { lab, stage }: StageNumber) -> Self {
        Self { lab, stage: Some(stage), has_rest: true }
    }

    /// Returns whether the target consists of exactly one stage, the stage with this number.
    pub fn is_one(&self, stage: u32) -> bool {
        self.stage == Some(stage) && !self.has_rest
    }

    /// Returns whether the target includes the stage.
    pub fn contains(&self, lab: u32, stage: u32) -> bool {
        let includes = |first| stage == first || self.has_rest && stage > first;
        lab == self.lab && self.stage.is_none_or(includes)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.lab)?;
        if let Some(stage) = self.stage {
            write!(out, ".{stage}")?;
        }
        out.write_str(if self.has_rest { "-" } else { "" })
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = without_lab(text);
        let (numbers, has_rest) = match numbers.strip_suffix('-') {
            Some(numbers) => (numbers, true),
            None => (numbers, false),
        };
        let number = |digits: &str| {
            let message = "write 2 for a lab, 2.5 for a stage, 2.5- for a stage and all later ones";
            digits.parse::<u32>().map_err(|_| message.to_owned())
        };
        let (lab, stage) = match numbers.split_once('.') {
            Some((lab, stage)) => (number(lab)?, Some(number(stage)?)),
            None => (number(numbers)?, None),
        };
        let labs = labs::all();
        let found = labs.iter().find(|one| one.number == lab);
        let found = found
            .ok_or(format!("there is no lab {lab}; the labs are numbered 1 to {}", labs.len()))?;
        if let Some(stage) = stage {
            find(found, stage)?;
        }
        Ok(Self { lab, stage, has_rest })
    }
}

impl FromStr for StageNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Target { lab, stage: Some(stage), has_rest: false } => Ok(Self { lab, stage }),
            Target { lab, stage, .. } => {
                Err(format!("name one stage, for example {lab}.{}", stage.unwrap_or(1)))
            }
        }
    }
}

/// Parses a lab number, such as `2` or `lab2`.
///
/// # Errors
/// Returns an error if the text does not name a whole lab.
pub fn lab_number(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(Target { lab, stage: None, has_rest: false }) => Ok(lab),
        Ok(Target { lab, .. }) => Err(format!("name a whole lab, for example {lab}")),
        Err(_) if !is_number(text) => Err("write the number of a lab, for example 2".into()),
        Err(why) => Err(why),
    }
}

/// Returns true if a word looks like a lab or stage, even if there is no such lab or stage.
pub fn is_number(word: &str) -> bool {
    without_lab(word).starts_with(|char: char| char.is_ascii_digit())
}

/// Returns `3.5` for `lab3.5`.
fn without_lab(text: &str) -> &str {
    let rest = text.get(3..).filter(|_| text[..3].eq_ignore_ascii_case("lab"));
    rest.map_or(text, str::trim_start)
}

impl StageNumber {
    /// Returns the next stage. After a lab's last stage, this is the first stage of the next lab.
    pub fn next(self, labs: &[Lab]) -> Option<Self> {
        let stages = labs.iter().flat_map(|lab| {
            lab.stages.iter().map(|stage| Self { lab: lab.number, stage: stage.number })
        });
        stages.skip_while(|number| *number != self).nth(1)
    }

    /// Finds the lab and the stage.
    pub fn find(self, labs: &[Lab]) -> Option<(&Lab, &Stage)> {
        let lab = labs.iter().find(|lab| lab.number == self.lab)?;
        Some((lab, find(lab, self.stage).ok()?))
    }
}

fn find(lab: &Lab, number: u32) -> Result<&Stage, String> {
    let stage = lab.stages.iter().find(|stage| stage.number == number);
    stage.ok_or(format!("lab {} has stages 1 to {}", lab.number, lab.stages.len()))
}

#[cfg(test)]
mod tests {
    use super::{StageNumber, Target, is_number, lab_number};

    fn stages(text: &str) -> Vec<u32> {
        let target: Target = text.parse().unwrap();
        (1..=20).filter(|&stage| target.contains(2, stage)).collect()
    }

    #[test]
    fn a_target_is_a_lab_a_stage_or_the_rest_of_a_lab() {
        assert_eq!(stages("2"), (1..=20).collect::<Vec<_>>());
        assert_eq!(stages("2.5"), [5]);
        assert_eq!(stages("2.5-"), (5..=20).collect::<Vec<_>>());
        assert!(stages("3").is_empty());
    }

    #[test]
    fn a_target_may_begin_with_the_word_lab() {
        for text in ["lab2.5-", "Lab2.5-", "LAB 2.5-"] {
            assert_eq!(text.parse(), "2.5-".parse::<Target>(), "{text}");
        }
        assert_eq!(lab_number("lab2"), Ok(2));
        assert!(is_number("lab9") && !is_number("label") && !is_number("lab") && !is_number(""));
    }

    #[test]
    fn other_targets_are_refused() {
        for text in
            ["", "0", "7", "2.0", "2.99", "2.", ".5", "2.5.1", "-2", "two", "2-3", "lab", "lab-2"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
            assert!(lab_number(text).is_err(), "{text}");
        }
        assert!(lab_number("2.5").is_err() && lab_number("2-").is_err());
        assert!("2".parse::<StageNumber>().is_err());
        assert!("2.5-".parse::<StageNumber>().is_err());
    }
}
