//! Grades one submission in a separate process, so that a failure of this process affects no other submission.
//!
//! The job arrives as a line on standard input, which then stays open. The end of standard input means that the process
//! waiting for the result has exited. Then the worker kills all of its descendants and exits.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::class::control::Programs;
use crate::class::record::{self, Submission};
use crate::class::settings::{Language, Settings};
use crate::class::{other, results};
use crate::grading::grader::{Author, Commands, Grader, THREADS};
use crate::harness::stage::Lab;
use crate::journal::panics::caught;
use crate::kit::files::PRISTINE;
use crate::labs;
use crate::submission::handed_in::Source;
use crate::submission::sources::{self, Package, Sources};
use crate::submission::warm::Slot;
use crate::system::cargo::Built;
use crate::system::{orphans, reads};

/// The submission to grade and the settings for the grading.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// The student's name.
    pub name: String,
    /// The submission as it was handed in.
    pub source: Source,
    /// The slot in which the submission is built.
    pub slot: Slot,
    /// The labs to grade.
    pub labs: Vec<u32>,
    /// The instructor's settings.
    pub settings: Settings,
    /// The finished programs, if there are any.
    pub control: Option<Programs>,
}

impl Job {
    /// Returns the path of the result file.
    pub fn result(&self) -> PathBuf {
        self.slot.folder.join("result.json")
    }

    /// Returns the time limit for this job. If a build is stopped, each package is built again separately. Each stage
    /// may take up to twice its time limit, and its control run may take just as long.
    pub fn limit(&self) -> Duration {
        let stages: usize = self.wanted().iter().map(|lab| lab.stages.len()).sum();
        let rounds = u32::try_from(stages.div_ceil(THREADS)).unwrap_or(u32::MAX);
        2 * self.settings.build_limit() + rounds * Duration::from_mins(2) + Duration::from_mins(1)
    }

    /// Returns the labs to grade.
    pub fn wanted(&self) -> Vec<Lab> {
        let mut all = labs::all();
        all.retain(|lab| self.labs.contains(&lab.number));
        all
    }
}

/// Reads a job from standard input and writes its result.
///
/// # Errors
/// Returns an error if there is no job or the result cannot be written.
pub fn run() -> Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let job: Job =
        serde_json::from_str(&line).context("only `cargo lab grade` can use this command")?;
    thread::Builder::new().spawn(end_with_parent)?;
    console::set_colors_enabled(false);
    let begin = Instant::now();
    let graded = caught("the grading", || grade(&job));
    let (labs, error) = match graded {
        Ok(Ok(labs)) => (labs, None),
        Ok(Err(error)) => (Vec::new(), Some(format!("{error:#}"))),
        Err(why) => (Vec::new(), Some(format!("the grader failed: {why}"))),
    };
    let error = error.or_else(|| unknown(&labs));
    let (wanted, took) = (job.wanted(), begin.elapsed());
    let submission = results::submission(&job.name, &wanted, labs, error, took, &job.settings);
    let mut value = serde_json::to_value(&submission)?;
    results::without_folders(&mut value, &folders(&job));
    fs::write(job.result(), serde_json::to_string(&value)?).context("cannot write the result")
}

/// Returns a sentence that lists the stages that could not be graded, or `None` if all stages were graded.
fn unknown(labs: &[record::Lab]) -> Option<String> {
    let mut stages = Vec::new();
    for lab in labs {
        let without = lab.stages.iter().filter(|stage| stage.points.is_none());
        stages.extend(without.map(|stage| format!("{}.{}", lab.lab, stage.stage)));
    }
    (!stages.is_empty()).then(|| {
        format!("the grader could not grade {}; grade again with --resume", stages.join(", "))
    })
}

/// Returns the folders that reports must not mention, each with the text that replaces it.
fn folders(job: &Job) -> Vec<(PathBuf, &'static str)> {
    let mut folders = vec![(job.slot.folder.clone(), "")];
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(PathBuf::from);
    folders.push((env::temp_dir(), "/tmp"));
    folders.extend(cargo.map(|folder| (folder, "~/.cargo")));
    folders.extend(home.filter(|home| home != Path::new("/")).map(|folder| (folder, "~")));
    folders
}

/// Waits for the end of standard input, kills all processes that this process has started, and then exits.
fn end_with_parent() {
    let mut byte = [0];
    while io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
    orphans::end_all();
    exit(1);
}

fn grade(job: &Job) -> Result<Vec<record::Lab>> {
    let slot = &job.slot.folder;
    if let Some((language, top)) = other::language(&job.source, &job.settings)? {
        let folder = other::copy(&job.source, &top, &slot.join("other"))?;
        return grade_other(job, language, &folder);
    }
    let manifest: Table = fs::read_to_string(slot.join("Cargo.toml"))?.parse()?;
    let packages = sources::packages(&slot.join(PRISTINE))?;
    let packages: Vec<_> =
        packages.into_iter().filter(|package| job.labs.contains(&package.lab)).collect();
    let taken = sources::take(&job.source, &packages, &manifest)?;
    job.slot.put(&packages, &taken.files)?;
    let grader = Grader::new(slot, &job.labs, None).with_build_limit(job.settings.build_limit());
    let built = grader.build(Author::Student).clone().map_err(anyhow::Error::msg);
    let built = explained(built.context("nothing can be built")?, &packages, &taken);
    let grader = with_control(Grader::new(slot, &job.labs, None), job);
    Ok(grade_labs(job, &grader.with_programs(Author::Student, built), &job.labs, ""))
}

/// Adds the reasons why packages were refused, and the files that were left out, to a build's results.
fn explained(mut built: Built, packages: &[Package], taken: &Sources) -> Built {
    for package in packages {
        if let Some(why) = taken.refused.get(&package.name) {
            built.insert(package.name.clone(), Err(why.clone()));
        } else if let (Some(left_out), Some(Err(said))) =
            (taken.left_out.get(&package.name), built.get_mut(&package.name))
        {
            said.insert_str(0, left_out);
        }
    }
    built
}

fn with_control(grader: Grader, job: &Job) -> Grader {
    let Some(control) = &job.control else { return grader };
    let programs = control.iter().map(|(package, path)| (package.clone(), Ok(path.clone())));
    grader.with_programs(Author::Kit, programs.collect::<HashMap<_, _>>())
}

/// Grades labs that are written in another language. Programs without a command in `grading.toml` count as not handed
/// in.
fn grade_other(job: &Job, language: &Language, folder: &Path) -> Result<Vec<record::Lab>> {
    env::set_current_dir(folder)?;
    reads::distrust(folder);
    let built = other::build(language, folder, job.settings.build_limit());
    let mut results = Vec::new();
    for lab in job.wanted() {
        let programs = language.lab.get(&lab.number.to_string()).cloned().unwrap_or_default();
        let commands = Commands { server: programs.server, client: programs.client };
        let grader = Grader::new(&job.slot.folder, &[lab.number], None);
        let mut grader = with_control(grader, job);
        let mut missing = Built::new();
        for (program, command) in [("server", &commands.server), ("client", &commands.client)] {
            let why = match (&built, command) {
                (Err(why), _) => why.clone(),
                (_, None) => format!(
                    "grading.toml has no {program} for lab {} in {}",
                    lab.number, language.name
                ),
                _ => continue,
            };
            missing.insert(Author::Student.package(lab.number, program), Err(why));
        }
        let again = again(&commands);
        grader = grader.with_programs(Author::Student, missing);
        if built.is_ok() {
            grader = grader.with_commands(commands);
        }
        results.extend(grade_labs(job, &grader, &[lab.number], &again));
    }
    Ok(results)
}

/// Returns the options that a student needs to run a stage again.
fn again(commands: &Commands) -> String {
    let option = |name: &str, command: &Option<String>| {
        let quoted = command.as_ref().map(|command| command.replace('\'', r"'\''"));
        quoted.map(|command| format!(" --{name} '{command}'")).unwrap_or_default()
    };
    format!("{}{}", option("server", &commands.server), option("client", &commands.client))
}

/// Grades all stages of the labs, several at a time.
fn grade_labs(job: &Job, grader: &Grader, numbers: &[u32], again: &str) -> Vec<record::Lab> {
    let stages: Vec<_> = grader
        .stages()
        .filter(|(lab, _)| numbers.contains(lab))
        .map(|(lab, stage)| (lab, stage.number))
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<u32, Vec<_>>::new()));
    let work = || {
        while let Some(&(number, stage)) = stages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(lab) = grader.labs.iter().find(|lab| lab.number == number) else { continue };
            let Some(stage) = lab.stages.iter().find(|one| one.number == stage) else { continue };
            grader.grade(Author::Student, number, stage, |one| {
                let seed = one.seed();
                let again =
                    format!("cargo lab check {number}.{} --seed {seed}{again}", stage.number);
                let (settings, kit) = (&job.settings, &job.slot.folder);
                let result = results::stage(lab, stage, one, settings, again, kit);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.entry(number).or_default().push(result);
            });
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let labs = done.into_iter().filter_map(|(number, stages)| {
        let lab = grader.labs.iter().find(|lab| lab.number == number)?;
        Some(results::lab(lab, stages, &job.settings))
    });
    labs.collect()
}

/// Reads a finished job's result.
///
/// # Errors
/// Returns an error if there is no result or the file does not contain a valid result.
pub fn result(file: &Path) -> Result<Submission> {
    const MAX_RESULT: u64 = 64 * 1024 * 1024;
    let mut text = String::new();
    fs::File::open(file)?.take(MAX_RESULT).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}
