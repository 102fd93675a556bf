//! The report about a broadcast rule that a server has broken.

use console::style;

use crate::crowd::plan::Plan;
use crate::crowd::shrink::Shrunk;
use crate::crowd::slice::{Slice, slice};
use crate::journal::failure::NOTHING;
use crate::report::ladder::{Ladder, Marks, Size, most_lanes};
use crate::report::rows::shown_up_to;
use crate::report::text::{MIN_COLUMNS, labelled, wrapped};

/// The maximum number of rows in the ladder.
const ROWS: usize = 24;

/// The maximum length of a message in the comparison, in bytes.
const LONGEST: usize = 200;

/// Returns the report as text. `plan` is the original plan, and `again` is the command that replays this plan.
pub fn to_text(plan: &Plan, shrunk: &Shrunk, again: &str, columns: usize) -> String {
    let Some(violation) = &shrunk.game.played.violation else { return String::new() };
    let columns = columns.max(MIN_COLUMNS);
    let Slice { events, evidence, about, messages } = slice(&shrunk.game.played.record, violation);
    let about: Vec<_> = about.iter().map(String::as_str).collect();
    let title = format!("lab {}, seed {}: {}", plan.lab, plan.seed, violation.rule);
    let mut parts = vec![style(wrapped(" ✗ ", &title, columns)).red().bold().to_string()];
    let mut lines = vec![style(wrapped("   ", &violation.sentence, columns)).bold().to_string()];
    let mut line = |label: &str, text: String| lines.push(wrapped(label, &text, columns));
    let bytes = |bytes: &[u8]| match bytes {
        [] => NOTHING.to_owned(),
        bytes => shown_up_to(LONGEST, bytes),
    };
    match &violation.expected {
        Some(expected) => {
            line("     expected ", style(bytes(expected)).green().to_string());
            line("     but got  ", style(bytes(&evidence.rest)).red().to_string());
        }
        None if evidence.rest.is_empty() => {}
        None => line("     got      ", style(bytes(&evidence.rest)).red().to_string()),
    }
    parts.push(lines.join("\n"));
    let marks =
        Marks { evidence: Some(&evidence), missing: violation.missing(), ..Marks::default() };
    let size = Size { lanes: most_lanes(columns), rows: ROWS };
    parts.push(Ladder::new(plan.lab, &events, &about, &marks, size).to_text(columns));
    parts.push(advice(plan, shrunk, messages, again, columns));
    parts.join("\n\n")
}

fn advice(plan: &Plan, shrunk: &Shrunk, messages: usize, again: &str, columns: usize) -> String {
    let extent = |plan: &Plan| format!("{} people and {} events", plan.people(), plan.events.len());
    let shown = format!("{messages} messages");
    let origin = if shrunk.returned {
        format!(
            "{shown} of a run with {}; the first run had {}",
            extent(&shrunk.plan),
            extent(plan)
        )
    } else {
        format!("{shown} of the first run with {}; the violation did not occur again", extent(plan))
    };
    let mut lines = vec![labelled("from", &origin, columns)];
    if let Some(ended) = &shrunk.game.ended {
        lines.push(labelled("server", &format!("its program had exited: {ended}"), columns));
    }
    lines.push(format!("   {:<8}{again}", "again"));
    lines.join("\n")
}
