//! The scoreboard: the points for each lab and each stage.

use std::io::Write;

use console::style;

use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::kit::way::Way;
use crate::report::text::{columns, line, mark, word};

/// The number of points earned and the number of points possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// The points for the passed stages.
    pub won: u32,
    /// The points for all graded stages.
    pub all: u32,
    /// The points for the passed bonus stages. These points are not included in `won`.
    pub bonus_won: u32,
    /// The points for all graded bonus stages.
    pub bonus_all: u32,
}

impl Points {
    /// Adds up the points for stages with these verdicts.
    pub fn of<'a>(graded: impl IntoIterator<Item = (&'a Stage, &'a Verdict)>) -> Self {
        graded.into_iter().fold(Self::default(), |points, (stage, verdict)| {
            let (won, all) = (won(stage, verdict), stage.points);
            points
                + if stage.is_bonus {
                    Self { bonus_won: won, bonus_all: all, ..Self::default() }
                } else {
                    Self { won, all, ..Self::default() }
                }
        })
    }
}

impl std::ops::Add for Points {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            won: self.won + other.won,
            all: self.all + other.all,
            bonus_won: self.bonus_won + other.bonus_won,
            bonus_all: self.bonus_all + other.bonus_all,
        }
    }
}

impl std::fmt::Display for Points {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { won, all, bonus_won, bonus_all } = self;
        match (*all, *bonus_won) {
            (0, _) if *bonus_all > 0 => write!(out, "bonus {bonus_won}/{bonus_all}"),
            // A sum without a bonus does not mention the bonus.
            (_, 0) => write!(out, "{won}/{all}"),
            _ => write!(out, "{won}/{all}, bonus {bonus_won}/{bonus_all}"),
        }
    }
}

/// If some stages have no verdict, returns the text that follows a sum of points: `; no verdict on 2.5, 2.7 (grader
/// error)`.
pub fn without_verdict(stages: &[String]) -> String {
    const MOST: usize = 6;
    if stages.is_empty() {
        return String::new();
    }
    let more = stages.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = stages[..stages.len().min(MOST)].join(", ");
    format!("; no verdict on {named}{more} (grader error)")
}

/// Prints the last line of a scoreboard when the points cannot be added up. Never panics, even if the output is closed.
pub fn print_no_points(why: &str) {
    let _ = writeln!(std::io::stdout(), "\n no points: {why}");
}

fn won(stage: &Stage, verdict: &Verdict) -> u32 {
    if *verdict == Verdict::Passed { stage.points } else { 0 }
}

/// Returns the scoreboard line for a lab.
pub fn lab_line(lab: &Lab, way: Way, points: Points) -> String {
    let way = if way == Way::Open { " (open)" } else { "" };
    let left = format!(" lab {}  {}{way}", lab.number, lab.title);
    style(line(&left, &points.to_string(), columns())).bold().to_string()
}

/// Returns the scoreboard line for a stage.
pub fn stage_line(lab: &Lab, stage: &Stage, verdict: &Verdict) -> String {
    stage_line_in(lab, stage, verdict, columns())
}

/// Returns the scoreboard line for a stage, for a terminal with this number of columns.
pub fn stage_line_in(lab: &Lab, stage: &Stage, verdict: &Verdict, columns: usize) -> String {
    let number = format!("{}.{}", lab.number, stage.number);
    let left = format!("  {} {number:<5} {}", mark(Some(verdict)), stage.full_title());
    let points = format!("{}/{}", won(stage, verdict), stage.points);
    line(&left, &format!("{}  {points:>5}", style(word(verdict)).dim()), columns)
}

#[cfg(test)]
mod tests {
    use super::Points;

    #[test]
    fn a_bonus_is_shown_apart_from_the_points() {
        let shown =
            |won, all, bonus_won, bonus_all| Points { won, all, bonus_won, bonus_all }.to_string();
        assert_eq!(shown(100, 100, 0, 10), "100/100");
        assert_eq!(shown(100, 100, 5, 10), "100/100, bonus 5/10");
        assert_eq!(shown(0, 0, 0, 5), "bonus 0/5");
        assert_eq!(shown(0, 0, 0, 0), "0/0");
    }
}
