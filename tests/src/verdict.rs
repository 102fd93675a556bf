//! From what a stage came to, to what it means: five verdicts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::lab::Program;
use crate::labs;
use crate::program::{Built, build};
use crate::run::{Outcome, run_stage};
use crate::stage::{Failure, Plan, Stage};

/// Whose programs are graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maker {
    /// The student: `labs/`.
    Student,
    /// The kit: `solutions/`, the control.
    Kit,
}

impl Maker {
    /// The folder of the programs, which is also the first part of a trial's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Student => "labs",
            Self::Kit => "solutions",
        }
    }

    /// Whether the programs are there at all; a student's kit may come without solutions.
    pub fn exists(self, kit: &Path) -> bool {
        kit.join(self.folder()).is_dir()
    }

    /// `lab2-server` or `solution2-server`.
    pub fn package(self, lab: u32, program: &str) -> String {
        match self {
            Self::Student => format!("lab{lab}-{program}"),
            Self::Kit => format!("solution{lab}-{program}"),
        }
    }
}

/// What a stage means for whoever wrote the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does what it should.
    Passed,
    /// It does something else.
    Failed,
    /// It has said itself that this stage is not written yet.
    NotStarted,
    /// An earlier stage, this one, is not passed, and nothing can be said.
    Blocked(u32),
    /// The grader or the machine failed: the reference programs fail, too.
    GraderError,
}

/// A stage's verdict, with the evidence.
pub struct Graded {
    /// What it means.
    pub verdict: Verdict,
    /// What happened, unless the stage was not run.
    pub outcome: Option<Outcome>,
    /// Whether the reference programs pass the same stage on this machine now, if that was asked.
    pub control_passes: Option<bool>,
}

/// Grades stages, each of them once.
pub struct Grader {
    /// The labs.
    pub plans: Vec<Plan>,
    /// From which the words are made.
    pub seed: u64,
    has_control: bool,
    built: Result<Built, String>,
    graded: Mutex<HashMap<StageOf, Arc<OnceLock<Graded>>>>,
}

/// Maker, lab, stage.
type StageOf = (Maker, u32, u32);

impl Grader {
    /// Builds the programs of the labs in the folder `kit`, those of the student and those of the kit.
    pub fn new(kit: &Path, labs: &[u32], seed: u64) -> Self {
        let makers = [Maker::Student, Maker::Kit].into_iter().filter(|maker| maker.exists(kit));
        let programs = |maker: Maker| {
            let programs = |lab: &u32| ["server", "client"].map(|name| maker.package(*lab, name));
            labs.iter().flat_map(programs).collect::<Vec<_>>()
        };
        let built = build(kit, &makers.flat_map(programs).collect::<Vec<_>>());
        let has_control = Maker::Kit.exists(kit);
        Self { plans: labs::all(), seed, has_control, built, graded: Mutex::default() }
    }

    /// Grades a stage, and before it those that it stands on. Each is run once, however often it is asked for.
    pub fn grade(&self, maker: Maker, lab: u32, stage: &Stage, with: impl FnOnce(&Graded)) {
        let mut graded = self.graded.lock().unwrap_or_else(PoisonError::into_inner);
        let once = Arc::clone(graded.entry((maker, lab, stage.number)).or_default());
        drop(graded);
        with(once.get_or_init(|| self.grade_once(maker, lab, stage)));
    }

    fn grade_once(&self, maker: Maker, lab: u32, stage: &Stage) -> Graded {
        let not_run = |verdict| Graded { verdict, outcome: None, control_passes: None };
        if maker == Maker::Student {
            let missing = stage.stands_on.iter().copied().find(|&number| !self.passes(lab, number));
            if let Some(missing) = missing {
                return not_run(Verdict::Blocked(missing));
            }
        }
        let outcome = self.run(maker, lab, stage);
        let unwritten = outcome.record.unwritten_stages();
        let control = || {
            (maker == Maker::Student && self.has_control)
                .then(|| self.run(Maker::Kit, lab, stage).result.is_ok())
        };
        let (verdict, control_passes) = match &outcome.result {
            Ok(()) => (Verdict::Passed, None),
            Err(Failure::Grader(_)) => (Verdict::GraderError, None),
            Err(_) if maker == Maker::Student && unwritten.contains(&stage.number) => {
                (Verdict::NotStarted, None)
            }
            Err(_) => match unwritten.iter().find(|&&number| number < stage.number) {
                Some(&earlier) if maker == Maker::Student => (Verdict::Blocked(earlier), None),
                _ => match control() {
                    Some(false) => (Verdict::GraderError, Some(false)),
                    passes => (Verdict::Failed, passes),
                },
            },
        };
        Graded { verdict, outcome: Some(outcome), control_passes }
    }

    fn passes(&self, lab: u32, number: u32) -> bool {
        let plan = self.plans.iter().find(|plan| plan.number == lab);
        let stage = plan.and_then(|plan| plan.stages.iter().find(|stage| stage.number == number));
        let mut passes = false;
        if let Some(stage) = stage {
            let note = |graded: &Graded| passes = graded.verdict == Verdict::Passed;
            self.grade(Maker::Student, lab, stage, note);
        }
        passes
    }

    fn run(&self, maker: Maker, lab: u32, stage: &Stage) -> Outcome {
        let server = self.program(&maker.package(lab, "server"));
        let client = self.program(&maker.package(lab, "client"));
        run_stage(stage, &server, &client, self.seed)
    }

    fn program(&self, package: &str) -> Program {
        let executable = match &self.built {
            Err(said) => Err(Failure::Grader(format!("nothing can be built: {said}"))),
            Ok(built) => match built.get(package) {
                Some(Ok(executable)) => Ok(executable.clone()),
                Some(Err(said)) => Err(Failure::wrong(
                    format!("{package} should compile"),
                    "no errors",
                    said.trim(),
                )),
                None => Err(Failure::Grader(format!("there is no package {package}"))),
            },
        };
        Program { executable }
    }
}
