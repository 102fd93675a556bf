//! Finds a smaller plan that breaks the same rule, with fewer people and events. The algorithm is based on Zeller and
//! Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::crowd::game::Game;
use crate::crowd::plan::{Act, Event, Plan};
use crate::crowd::violation::Rule;

/// How many times a plan is rerun before its violation is considered not reproducible.
const TRIES: usize = 3;

/// The limits of the search for a smaller plan.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum number of times that the search for a smaller plan may run a plan.
    pub runs: usize,
    /// The time after which no more plans are run.
    pub time: Duration,
    /// During the search, no more messages are expected after a silence of this duration.
    pub patience: Duration,
    /// When the final plan is run for the report, no more messages are expected after a silence of this duration.
    pub last_patience: Duration,
}

/// The result of the search for a smaller plan.
#[derive(Clone)]
pub struct Shrunk {
    /// The smallest plan that was found.
    pub plan: Plan,
    /// The outcome of running this plan.
    pub game: Game,
    /// Whether the violation was reproduced.
    pub returned: bool,
    /// The number of times that the search ran a plan.
    pub runs: usize,
}

/// Searches for a smaller plan that breaks the same rule. `replay` runs a plan and expects no more messages after a
/// silence of the given duration.
pub fn shrink(
    plan: &Plan,
    first: Game,
    limits: Limits,
    replay: &mut dyn FnMut(&Plan, Duration) -> Option<Game>,
) -> Shrunk {
    let Some(violation) = first.played.violation.clone() else {
        return Shrunk { plan: plan.clone(), game: first, returned: false, runs: 0 };
    };
    let begun = plan.events[..first.played.begun.min(plan.events.len())].to_vec();
    let involved: BTreeSet<_> = [violation.who]
        .into_iter()
        .chain(violation.items.iter().map(|&item| first.played.record.items[item].who))
        .collect();
    let end = Instant::now() + limits.time;
    let rule = violation.rule;
    let mut search = Search {
        plan: plan.with(begun),
        found: Vec::new(),
        game: None,
        rule,
        limits,
        end,
        runs: 0,
        tries: 1,
        replay,
    };
    let whole = search.plan.clone();
    // If the violation depends on a race, several attempts may be needed.
    while search.game.is_none() && search.tries <= TRIES {
        search.fails(&whole);
        search.tries += usize::from(search.game.is_none());
    }
    if search.game.is_some() {
        search.tries = search.tries.min(2);
        search.people(&involved);
        search.events();
    }
    let Search { plan: smallest, game, runs, found, .. } = search;
    let Some(game) = game else {
        return Shrunk { plan: plan.clone(), game: first, returned: false, runs };
    };
    // If a search waits only a short time for messages, a late message is considered lost. But a violation must be
    // certain before it is reported.
    let is_certain = game.played.violation.as_ref().is_some_and(|found| found.entry.is_some());
    if is_certain {
        return Shrunk { plan: smallest, game, returned: true, runs };
    }
    let again = found.into_iter().rev().take(TRIES).find_map(|plan| {
        let game = replay(&plan, limits.last_patience)?;
        let is_it = game.played.violation.as_ref().is_some_and(|found| found.rule == rule);
        is_it.then_some((plan, game))
    });
    match again {
        Some((plan, game)) => Shrunk { plan, game, returned: true, runs },
        None => Shrunk { plan: plan.clone(), game: first, returned: false, runs },
    }
}

struct Search<'a> {
    /// The smallest plan found so far that breaks the rule.
    plan: Plan,
    /// All plans that broke the rule, from largest to smallest.
    found: Vec<Plan>,
    game: Option<Game>,
    rule: Rule,
    limits: Limits,
    end: Instant,
    runs: usize,
    tries: usize,
    replay: &'a mut dyn FnMut(&Plan, Duration) -> Option<Game>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.runs >= self.limits.runs || Instant::now() >= self.end
    }

    /// Runs a plan. If the plan breaks the rule, removes the events after the violation and stores the result as the
    /// smallest plan so far.
    fn fails(&mut self, plan: &Plan) -> bool {
        for _ in 0..self.tries.min(2) {
            if self.is_over() {
                return false;
            }
            self.runs += 1;
            let Some(game) = (self.replay)(plan, self.limits.patience) else { continue };
            if game.played.violation.as_ref().is_some_and(|found| found.rule == self.rule) {
                self.plan =
                    plan.with(plan.events[..game.played.begun.min(plan.events.len())].to_vec());
                self.found.push(self.plan.clone());
                self.game = Some(game);
                return true;
            }
        }
        false
    }

    fn fails_with(&mut self, is_kept: impl Fn(usize, &Event) -> bool) -> bool {
        let events = self.plan.events.iter().enumerate();
        let kept = events.filter(|(at, event)| is_kept(*at, event)).map(|(_, event)| event.clone());
        let smaller = self.plan.with(kept.collect());
        smaller.events.len() < self.plan.events.len() && self.fails(&smaller)
    }

    /// First tries to remove all people who are not involved in the violation. If the plan without these people
    /// does not break the rule, tries to remove smaller and smaller groups of them.
    fn people(&mut self, involved: &BTreeSet<usize>) {
        let is_calm = |event: &Event| event.what == Act::Calm;
        if self.fails_with(|_, event| is_calm(event) || involved.contains(&event.who)) {
            return;
        }
        let mut size = self.plan.people().div_ceil(2);
        loop {
            let all: BTreeSet<_> = self.plan.events.iter().map(|event| event.who).collect();
            let all: Vec<_> = all.into_iter().filter(|who| !involved.contains(who)).collect();
            for some in all.chunks(size.max(1)) {
                self.fails_with(|_, event| is_calm(event) || !some.contains(&event.who));
            }
            if size <= 1 || self.is_over() {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    /// Tries to remove one chunk of events after another, first large chunks and then smaller and smaller ones.
    fn events(&mut self) {
        let mut size = self.plan.events.len().div_ceil(2);
        loop {
            let mut begin = 0;
            while begin < self.plan.events.len() {
                if self.is_over() {
                    return;
                }
                let chunk = begin..begin + size;
                if !self.fails_with(|at, _| !chunk.contains(&at)) {
                    begin += size;
                }
            }
            if size <= 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::plan::Extent;
    use crate::crowd::player::Played;
    use crate::crowd::record::Record;
    use crate::crowd::violation::Violation;

    const LIMITS: Limits = Limits {
        runs: 500,
        time: Duration::from_mins(1),
        patience: Duration::ZERO,
        last_patience: Duration::ZERO,
    };

    fn game(plan: &Plan, is_wrong: bool) -> Game {
        let violation = is_wrong.then(|| Violation::at(0, Rule::Twice, 0, String::new()));
        let (record, begun) = (Record::new(plan.lab, &plan.names), plan.events.len());
        Game { played: Played { record, violation, begun }, ended: None, run: None }
    }

    fn plan() -> Plan {
        let extent = Extent { people: 12, events: 250, time: Duration::from_millis(300) };
        Plan::new(2, extent, 1)
    }

    #[test]
    fn only_what_breaks_the_rule_is_left() {
        let plan = plan();
        let vanishes = |event: &Event| matches!(event.what, Act::Vanish { .. });
        let says_several =
            |event: &Event| matches!(&event.what, Act::Say(lines) if lines.len() > 2);
        let mut replay = |plan: &Plan, _| {
            let has = |is_it: fn(&Event) -> bool| plan.events.iter().position(is_it);
            let (vanish, say) = (has(vanishes), has(says_several));
            Some(game(plan, vanish.zip(say).is_some_and(|(vanish, say)| vanish < say)))
        };
        let shrunk = shrink(&plan, game(&plan, true), LIMITS, &mut replay);
        assert!(shrunk.returned);
        // Two people join, one disconnects, the other speaks, and a quiet period follows.
        assert_eq!(shrunk.plan.events.len(), 5, "{:#?}", shrunk.plan.events);
        assert!(shrunk.runs <= LIMITS.runs);
    }

    #[test]
    fn what_does_not_return_is_shown_as_it_was() {
        let plan = plan();
        let shrunk =
            shrink(&plan, game(&plan, true), LIMITS, &mut |plan, _| Some(game(plan, false)));
        assert!(!shrunk.returned && shrunk.runs <= TRIES * 2);
        assert_eq!(shrunk.plan.events, plan.events);
    }
}
