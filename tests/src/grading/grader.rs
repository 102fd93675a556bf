//! Grades stages: runs each stage once, after the stages that it requires, and determines its verdict.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::grading::run::{Outcome, run_stage};
use crate::grading::verdict::{Graded, Verdict};
use crate::harness::stage::{Lab, Role, Stage};
use crate::journal::failure::Failure;
use crate::journal::panics::caught;
use crate::kit::files;
use crate::kit::way::{self, Way};
use crate::labs;
use crate::system::cargo::{BUILD_LIMIT, Built, build, build_apart};
use crate::system::program::Runnable;

/// The author of the graded programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Author {
    /// The student: `labs/`.
    Student,
    /// The kit, whose finished programs in `solutions/` serve as reference programs.
    Kit,
}

impl Author {
    /// Returns the folder with the author's programs. The name of each test starts with the folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Student => "labs",
            Self::Kit => "solutions",
        }
    }

    /// Returns whether the folder exists. An exported student kit contains no solutions.
    pub fn exists(self, kit: &Path) -> bool {
        kit.join(self.folder()).is_dir()
    }

    /// Returns the name of a package, such as `lab2-server` or `solution2-server`.
    pub fn package(self, lab: u32, program: &str) -> String {
        match self {
            Self::Student => format!("lab{lab}-{program}"),
            Self::Kit => format!("solution{lab}-{program}"),
        }
    }
}

/// The number of stages that are graded at the same time. A stage mostly waits, so running more stages than there are
/// cores keeps the cores busy.
pub const THREADS: usize = 6;

/// Command lines that are graded instead of the student's programs; see [`Runnable::Command`].
#[derive(Clone, Debug, Default)]
pub struct Commands {
    /// The command line of the program that is graded instead of the student's server.
    pub server: Option<String>,
    /// The command line of the program that is graded instead of the student's client.
    pub client: Option<String>,
}

/// Grades each stage once.
pub struct Grader {
    /// The labs.
    pub labs: Vec<Lab>,
    /// The seed for the random words, if a run is to be replayed. Without this seed, each run of a stage gets its own
    /// seed from the system, so that no program can contain prepared answers.
    pub replay: Option<u64>,
    kit: PathBuf,
    graded_labs: Vec<u32>,
    commands: Commands,
    build_limit: Duration,
    open_labs: OnceLock<Vec<u32>>,
    students: OnceLock<Result<Built, String>>,
    control: OnceLock<Result<Built, String>>,
    graded: Mutex<HashMap<StageOf, Arc<OnceLock<Graded>>>>,
}

/// The author, the lab, and the stage.
type StageOf = (Author, u32, u32);

impl Grader {
    /// Creates a grader for these labs of the kit at the path `kit`. Programs are built when they are first needed.
    pub fn new(kit: &Path, labs: &[u32], replay: Option<u64>) -> Self {
        Self {
            labs: labs::all(),
            replay,
            kit: kit.to_owned(),
            graded_labs: labs.to_vec(),
            commands: Commands::default(),
            build_limit: BUILD_LIMIT,
            open_labs: OnceLock::new(),
            students: OnceLock::new(),
            control: OnceLock::new(),
            graded: Mutex::default(),
        }
    }

    /// Returns all stages of all labs, each with its lab's number.
    pub fn stages(&self) -> impl Iterator<Item = (u32, &Stage)> {
        self.labs.iter().flat_map(|lab| lab.stages.iter().map(|stage| (lab.number, stage)))
    }

    /// Discards all verdicts but keeps the built programs.
    pub fn forget(&mut self) {
        *self.graded.get_mut().unwrap_or_else(PoisonError::into_inner) = HashMap::new();
    }

    /// Sets the commands that are graded instead of the student's programs.
    #[must_use]
    pub fn with_commands(mut self, commands: Commands) -> Self {
        self.commands = commands;
        self
    }

    /// Sets the time limit for a build. The default is [`BUILD_LIMIT`].
    #[must_use]
    pub fn with_build_limit(mut self, limit: Duration) -> Self {
        self.build_limit = limit;
        self
    }

    /// Gives the grader an author's programs that have already been built, so that it does not build them.
    #[must_use]
    pub fn with_programs(mut self, author: Author, built: Built) -> Self {
        let programs = match author {
            Author::Student => &mut self.students,
            Author::Kit => &mut self.control,
        };
        *programs = OnceLock::from(Ok(built));
        self
    }

    /// Returns the kit's folder.
    pub fn kit(&self) -> &Path {
        &self.kit
    }

    /// Returns whether finished programs are available for comparison.
    fn has_control(&self) -> bool {
        self.control.get().is_some() || Author::Kit.exists(&self.kit)
    }

    /// Returns whether the student's own programs are graded. These programs have to be built first and may be
    /// unfinished.
    pub fn grades_own(&self) -> bool {
        self.commands.server.is_none() && self.commands.client.is_none()
    }

    /// Returns whether the student does this lab as an open lab, without the functions from the starter code.
    fn is_open(&self, lab: u32) -> bool {
        let is_open = |lab: &u32| way::of_lab(&self.kit, *lab) == Way::Open;
        let find = || self.graded_labs.iter().copied().filter(is_open).collect();
        self.open_labs.get_or_init(find).contains(&lab)
    }

    /// Builds an author's programs if they have not been built yet.
    ///
    /// # Errors
    /// Returns an error if cargo itself fails.
    pub fn build(&self, author: Author) -> &Result<Built, String> {
        let built = match author {
            Author::Student => &self.students,
            Author::Kit => &self.control,
        };
        // Cargo builds nothing at all if one of the packages is missing.
        let packages = |lab: &u32| {
            ["server", "client"].map(|name| {
                let folder = files::package(&self.kit, author.folder(), *lab, name)?;
                let folder = folder.strip_prefix(&self.kit).ok()?.to_owned();
                Some((author.package(*lab, name), folder))
            })
        };
        built.get_or_init(|| {
            let packages: Vec<_> = self.graded_labs.iter().flat_map(packages).flatten().collect();
            let names: Vec<_> = packages.iter().map(|(name, _)| name.clone()).collect();
            let build_all = || {
                build(&self.kit, &names, self.build_limit).or_else(|said| {
                    // A folder without any packages is not a kit.
                    if packages.is_empty() {
                        return Err(said);
                    }
                    build_apart(&self.kit, &packages, self.build_limit).map_err(|_| said)
                })
            };
            caught("the build", build_all).flatten()
        })
    }

    /// Grades a stage after grading the stages that it requires. Each stage is run only once, even if its verdict is
    /// requested again.
    pub fn grade(&self, author: Author, lab: u32, stage: &Stage, with: impl FnOnce(&Graded)) {
        let mut graded = self.graded.lock().unwrap_or_else(PoisonError::into_inner);
        let once = Arc::clone(graded.entry((author, lab, stage.number)).or_default());
        drop(graded);
        with(once.get_or_init(|| {
            // A panic here must not terminate the thread, which grades other stages as well.
            let part = format!("the grading of stage {}", stage.number);
            let seed = self.replay.unwrap_or_else(rand::random);
            let graded = caught(&part, || self.grade_once(author, lab, stage, seed));
            graded.unwrap_or_else(|why| Graded {
                verdict: Verdict::GraderError,
                outcome: Some(Outcome::broken(why, seed)),
                control_passes: None,
                is_of_kit: author == Author::Kit || self.grades_own(),
            })
        }));
    }

    fn grade_once(&self, author: Author, lab: u32, stage: &Stage, seed: u64) -> Graded {
        let is_of_kit = author == Author::Kit || self.grades_own();
        let not_run = |verdict| Graded { verdict, outcome: None, control_passes: None, is_of_kit };
        let programs = self.programs(author, lab, stage);
        let is_wrong = |one: &Runnable| matches!(one, Runnable::Missing(Failure::Wrong { .. }));
        let compile = !is_wrong(&programs.0) && !is_wrong(&programs.1);
        let is_open = author == Author::Student && self.grades_own() && self.is_open(lab);
        // A failed stage does not block later stages in two cases: programs given as command lines are already
        // finished, and the stages of an open lab do not extend each other's functions. If a program does not compile,
        // each of its stages fails.
        if author == Author::Student && self.grades_own() && !is_open && compile {
            let missing = stage.requires.iter().find_map(|&number| self.missing(lab, number));
            if let Some(missing) = missing {
                return not_run(Verdict::Blocked(missing));
            }
        }
        let outcome = run_stage(stage, &programs.0, &programs.1, seed);
        let unwritten = outcome.journal.unwritten_stages();
        let control = || {
            (author == Author::Student && compile && self.has_control()).then(|| {
                let (server, client) = self.programs(Author::Kit, lab, stage);
                run_stage(stage, &server, &client, seed)
            })
        };
        // Only functions from the starter code report that a stage is not written yet. Of the reported stages, the
        // earliest counts. If two threads panic, one thread's message may arrive too late.
        let may_be_unwritten = author == Author::Student && !is_open;
        let unwritten = unwritten.iter().copied().filter(|_| may_be_unwritten).min();
        let (verdict, control_passes) =
            Verdict::of(&outcome.result, stage.number, unwritten, control);
        Graded { verdict, outcome: Some(outcome), control_passes, is_of_kit }
    }

    /// Returns the stage that blocks all stages that require stage `number`, or `None` if stage `number` has been
    /// passed. The blocking stage is either `number` itself or an earlier stage that blocks `number`.
    fn missing(&self, lab: u32, number: u32) -> Option<u32> {
        let stages = &self.labs.iter().find(|one| one.number == lab)?.stages;
        let stage = stages.iter().find(|stage| stage.number == number)?;
        let mut missing = None;
        self.grade(Author::Student, lab, stage, |graded| {
            missing = match graded.verdict {
                Verdict::Passed => None,
                Verdict::Blocked(earlier) => Some(earlier),
                _ => Some(number),
            };
        });
        missing
    }

    /// Returns the programs that a stage runs: a server and a client.
    fn programs(&self, author: Author, lab: u32, stage: &Stage) -> (Runnable, Runnable) {
        let program = |name: &str, command: &Option<String>, is_needed: bool| match command {
            _ if !is_needed => {
                Runnable::Missing(Failure::Grader(format!("this stage does not run a {name}")))
            }
            Some(command) if author == Author::Student => Runnable::Command(command.clone()),
            _ => self.program(author, lab, name),
        };
        let server = program("server", &self.commands.server, stage.role != Role::Client);
        let client = program("client", &self.commands.client, stage.role != Role::Server);
        (server, client)
    }

    /// Returns the lab's program that is called `name`: `server` or `client`. Builds the program first if necessary.
    pub fn program(&self, author: Author, lab: u32, name: &str) -> Runnable {
        let package = author.package(lab, name);
        Runnable::Missing(match self.build(author) {
            Err(said) => Failure::Grader(format!("nothing can be built: {said}")),
            Ok(built) => match built.get(&package) {
                Some(Ok(executable)) => return Runnable::Executable(executable.clone()),
                Some(Err(said)) => {
                    // Every stage that uses this program repeats this output, so the output is kept short.
                    const LINES: usize = 24;
                    let lines: Vec<_> = said.trim().lines().collect();
                    let mut came = lines[..lines.len().min(LINES)].join("\n");
                    if lines.len() > LINES {
                        let _ = write!(came, "\n… for the full output: cargo build -p {package}");
                    }
                    Failure::wrong(format!("{package} should compile"), "no errors", came)
                }
                None => {
                    let who = format!("there should be a package {package}");
                    let came = format!("none; `cargo lab reset {lab}` restores it");
                    Failure::wrong(who, format!("labs/lab{lab}-…/{name}/Cargo.toml"), came)
                }
            },
        })
    }
}
