//! The labs and their stages, with each stage's points and requirements.

use crate::harness::Harness;
use crate::journal::failure::Check;

/// One lab and its stages. The points of the stages, without bonus stages, add up to 100.
pub struct Lab {
    /// The lab's number, starting at 1.
    pub number: u32,
    /// The lab's topic.
    pub title: &'static str,
    /// Whether speakers also receive their own messages.
    pub speaker_hears: bool,
    /// The stages, in numerical order.
    pub stages: Vec<Stage>,
}

/// One thing that a submission must be able to do.
pub struct Stage {
    /// The stage's number within its lab, starting at 1.
    pub number: u32,
    /// The behavior of a program that passes.
    pub title: &'static str,
    /// The stage's points, out of the lab's 100 points or, for a bonus stage, in addition to them.
    pub points: u32,
    /// Whether the stage is a bonus stage: it needs no new function and can only add points.
    pub is_bonus: bool,
    /// The programs that the stage runs.
    pub role: Role,
    /// The stages that this stage requires.
    pub requires: &'static [u32],
    /// The stage's hints, at least two. The first hint is a question that points to the mistake. The last hint says
    /// what to write.
    pub hints: Vec<&'static str>,
    /// Runs the stage.
    pub script: fn(&Harness) -> Check,
}

impl Stage {
    /// Returns the title and, for a bonus stage, the word `bonus`.
    pub fn full_title(&self) -> String {
        format!("{}{}", self.title, if self.is_bonus { " (bonus)" } else { "" })
    }
}

/// Which of the submission's programs a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server runs, and its peers are scripted.
    Server,
    /// The client runs in one or more terminals, and the server is scripted.
    Client,
    /// The clients run in terminals and use the submission's server.
    Together,
}

/// Creates a draft of a stage; see [`Stage`].
pub fn stage(number: u32, title: &'static str, points: u32) -> Draft {
    Draft { number, title, points, is_bonus: false, requires: &[], hints: Vec::new() }
}

/// A stage that has no script yet.
pub struct Draft {
    number: u32,
    title: &'static str,
    points: u32,
    is_bonus: bool,
    requires: &'static [u32],
    hints: Vec<&'static str>,
}

impl Draft {
    /// Makes the stage a bonus stage.
    #[must_use]
    pub fn bonus(mut self) -> Self {
        self.is_bonus = true;
        self
    }

    /// Sets the stages that this stage requires.
    #[must_use]
    pub fn on(mut self, stages: &'static [u32]) -> Self {
        self.requires = stages;
        self
    }

    /// Adds a hint. The first hint is a question that points to the mistake. Each further hint says more.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hints.push(hint);
        self
    }

    /// Completes the stage with a script that tests the server.
    pub fn server(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Server, script)
    }

    /// Completes the stage with a script that tests the client.
    pub fn client(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Client, script)
    }

    /// Completes the stage with a script that tests the clients and the server together.
    pub fn together(self, script: fn(&Harness) -> Check) -> Stage {
        self.with(Role::Together, script)
    }

    fn with(self, role: Role, script: fn(&Harness) -> Check) -> Stage {
        let Self { number, title, points, is_bonus, requires, hints } = self;
        Stage { number, title, points, is_bonus, role, requires, hints, script }
    }
}
