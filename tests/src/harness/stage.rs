//! A stage: what it asks, and what it is worth.

use crate::harness::Harness;
use crate::journal::failure::Check;

/// The stages of one lab, in their order. Their points add up to 100.
pub struct Lab {
    /// From 1.
    pub number: u32,
    /// What the lab is about.
    pub title: &'static str,
    /// Whether what one says comes back to oneself as well.
    pub speaker_hears: bool,
    /// In the order of their numbers.
    pub stages: Vec<Stage>,
}

/// One thing that a submission must be able to do.
pub struct Stage {
    /// From 1 in each lab.
    pub number: u32,
    /// What the program does when it passes.
    pub title: &'static str,
    /// Of the 100 of the lab.
    pub points: u32,
    /// Which program is to blame for a failure.
    pub role: Role,
    /// The stages without which this one makes no sense.
    pub requires: &'static [u32],
    /// From a question that leads to the mistake to what to write; at least two.
    pub hints: Vec<&'static str>,
    /// Plays it.
    pub script: fn(&Harness) -> Check,
}

/// Which programs of the submission a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its server, against scripted peers.
    Server,
    /// Its client, at terminals, against a scripted server.
    Client,
    /// Its clients, at terminals, with its server.
    Together,
}

/// A stage without its script yet; see [`Stage`].
pub fn stage(number: u32, title: &'static str, points: u32) -> Draft {
    Draft { number, title, points, requires: &[], hints: Vec::new() }
}

/// A stage being written.
pub struct Draft {
    number: u32,
    title: &'static str,
    points: u32,
    requires: &'static [u32],
    hints: Vec<&'static str>,
}

impl Draft {
    /// The stages without which this one makes no sense.
    #[must_use]
    pub fn on(mut self, stages: &'static [u32]) -> Self {
        self.requires = stages;
        self
    }

    /// One more hint. The first is a question that leads to the mistake; the next says more.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hints.push(hint);
        self
    }

    /// A stage that tests the server.
    pub fn server(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Server, script)
    }

    /// A stage that tests the client.
    pub fn client(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Client, script)
    }

    /// A stage that tests clients and server together.
    pub fn together(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Together, script)
    }

    fn with(self, role: Role, script: fn(&Harness) -> Check) -> Stage {
        let Self { number, title, points, requires, hints } = self;
        Stage { number, title, points, role, requires, hints, script }
    }
}
