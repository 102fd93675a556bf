//! The bonus stages in which a crowd talks, joins, leaves, and vanishes at random. The [`crowd`](crate::crowd) checks
//! what everyone gets.

use std::time::Duration;

use crate::crowd::game::{Limits, game_of};
use crate::crowd::plan::{Extent, Plan};
use crate::crowd::shrink::{self, Shrunk, shrink};
use crate::crowd::slice::{Slice, slice};
use crate::crowd::violation::Rule;
use crate::harness::Harness;
use crate::journal::Event;
use crate::journal::failure::{Check, Failure, NOTHING};
use crate::journal::timeout::TIMEOUT;
use crate::journal::visible::visible;

/// The only step of these stages.
pub const STEP: &str = "a crowd talks, joins, and leaves (the ladder shows only what matters)";

/// The size of the crowd. All events together take about a second.
const EXTENT: Extent = Extent { people: 12, events: 150, time: Duration::from_millis(500) };

/// The time that the crowd may take in addition to its planned time. Only a server that is far too slow ever needs this
/// extra time.
const LIMIT: Duration = Duration::from_secs(8);

/// The limits of the search for a smaller crowd that breaks the same rule. No verdict depends on this search.
const SEARCH: shrink::Limits = shrink::Limits {
    runs: 40,
    time: Duration::from_secs(2),
    patience: Duration::from_millis(200),
    last_patience: Duration::from_secs(1),
};

/// Lets a crowd talk on the server. The seed of the harness determines what the crowd does.
pub fn talks(harness: &Harness, lab: u32) -> Check {
    let plan = Plan::new(lab, EXTENT, harness.seed());
    let game = |harness: &Harness, plan: &Plan, patience| {
        game_of(harness, plan, &Limits { patience, limit: LIMIT }, &|_| ())
    };
    let first = game(harness, &plan, TIMEOUT)?;
    if first.played.violation.is_none() {
        return Ok(());
    }
    let mut shrunk = Shrunk { plan: plan.clone(), game: first, returned: false, runs: 0 };
    // If a stage is not written yet, that explains the failure, so there is no need to search for a smaller crowd.
    if harness.journal().unwritten_stages().is_empty() {
        let mut again = |plan: &Plan, patience| game(&harness.again(), plan, patience).ok();
        shrunk = shrink(&plan, shrunk.game, SEARCH, &mut again);
    }
    Err(failure(harness, &shrunk))
}

/// Returns the failure for a broken rule. The report describes the smallest crowd that broke the rule.
fn failure(harness: &Harness, shrunk: &Shrunk) -> Failure {
    let game = &shrunk.game;
    let Some(violation) = &game.played.violation else {
        return Failure::Grader("the crowd broke no rule".into());
    };
    let Slice { events, evidence, .. } = slice(&game.played.record, violation);
    if let Some((run, begin)) = &game.run {
        harness.reports(run, events.into_iter().map(|one| Event { at: one.at + *begin, ..one }));
    }
    let expected = violation.expected.as_deref().map(visible);
    let expected = expected.unwrap_or_else(|| violation.rule.to_string());
    let came = match evidence.rest.as_slice() {
        [] if violation.rule == Rule::ThrownOut => "the end of the connection".into(),
        [] => NOTHING.into(),
        bytes => visible(bytes),
    };
    Failure::wrong(violation.sentence.clone(), expected, came).with(evidence)
}
