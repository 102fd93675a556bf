//! The report of a stage that failed.

use super::scoreboard::stage_line;
use crate::stage::{Plan, Stage};
use crate::verdict::Graded;

/// What was expected, what came, what happened, and what to do next. `again` is the command that runs the stage once
/// more.
pub fn report(plan: &Plan, stage: &Stage, graded: &Graded, again: &str) -> String {
    let mut lines = vec![stage_line(plan, stage, &graded.verdict)];
    if let Some(outcome) = &graded.outcome {
        let failure = outcome.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        lines.push(format!("  {failure}\n"));
        lines.push(format!("       ms\n{}", outcome.record.to_text()));
    }
    match graded.control_passes {
        Some(true) => {
            lines.push("  the control passes: the reference does this right, here and now".into());
        }
        Some(false) => {
            lines.push("  the control fails, too: this is the grader's fault, not yours".into());
        }
        None => {}
    }
    lines.extend(stage.hints.first().map(|hint| format!("  hint   {hint}")));
    lines.push(format!("  again  {again}\n"));
    lines.join("\n")
}
