//! Grades a class. Grades several submissions at the same time, each in a separate process. Writes each result as soon
//! as it is available.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::class::control::Programs;
use crate::class::intake::Handed;
use crate::class::record::{self, Control, Record, Shard, Submission};
use crate::class::settings::Settings;
use crate::class::tier::Tier;
use crate::class::worker::{self, Job};
use crate::class::{beside, control, namespaces, results};
use crate::grading::grader::Author;
use crate::kit::files::PRISTINE;
use crate::labs;
use crate::report::text::quoted;
use crate::submission::sources;
use crate::submission::warm::{Slot, Workshop};
use crate::system::confinement::Folder;
use crate::system::orphans;

/// The hidden subcommand of `cargo lab` that runs [`worker::run`].
pub const WORKER: &str = "grade-worker";

/// The time that a worker may take to kill all processes that it has started.
const END_LIMIT: Duration = Duration::from_secs(10);

/// The class to grade and the settings for the grading.
pub struct Class {
    /// The instructor's kit.
    pub kit: PathBuf,
    /// The submissions, sorted by name.
    pub handed: Vec<Handed>,
    /// The part of the class that contains these submissions.
    pub shard: Option<Shard>,
    /// The numbers of the labs to grade.
    pub labs: Vec<u32>,
    /// The instructor's settings.
    pub settings: Settings,
    /// The file with the control programs, or `None` to use the kit's own solutions, if there are any.
    pub control: Option<PathBuf>,
    /// The number of submissions that are graded at the same time.
    pub jobs: usize,
    /// The file to which the record of the graded class is written, or `None` to write no file.
    pub file: Option<PathBuf>,
    /// This machine's containment tier.
    pub tier: Tier,
}

/// Grades a class and returns the record. If an earlier record, `before`, contains complete results for a submission
/// that match the current settings, these results are kept, and the submission is not graded again.
///
/// # Errors
/// Returns an error if nothing can be graded or the record cannot be written.
pub fn grade(class: &Class, before: Option<Record>) -> Result<Record> {
    let workshop = Workshop::open(&class.kit)?;
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message("building a kit for the submissions");
    announce(&bar);
    let (source, control) = control_of(class, &workshop)?;
    let packages = sources::packages(&class.kit.join(PRISTINE))?;
    let packages: Vec<_> =
        packages.into_iter().filter(|package| class.labs.contains(&package.lab)).collect();
    let mut record = empty(source, class.tier.text());
    record.shard = class.shard;
    let kept = before.map_or_else(Vec::new, |before| before.submissions);
    record.submissions = kept.into_iter().filter(|one| is_kept(one, class)).collect();
    let is_done = |handed: &&Handed| {
        !record.submissions.iter().any(|submission| submission.name == handed.name)
    };
    let todo: Vec<_> = class.handed.iter().filter(is_done).collect();
    let jobs = class.jobs.clamp(1, todo.len().max(1));
    let slots = workshop.slots(&packages, jobs)?;
    let save = |record: &Record| class.file.as_ref().map_or(Ok(()), |file| write(record, file));
    save(&record)?;

    let style = " {bar:20} {pos}/{len}  {wide_msg} {elapsed} of about {duration}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.set_length(todo.len() as u64);
    bar.reset_elapsed();
    bar.set_message("grading");
    announce(&bar);
    if class.file.is_some() {
        let stopped = || {
            eprintln!("stopped; to continue, repeat the command with --resume");
            exit(130);
        };
        // The handler need not stop the workers, because they exit when this process exits. If the handler cannot be
        // set, Ctrl-C terminates this process without a message.
        let _ = ctrlc::set_handler(stopped);
    }
    let queue = Mutex::new(todo.into_iter());
    let (sender, graded) = mpsc::channel();
    thread::scope(|scope| -> Result<()> {
        for slot in slots {
            let (queue, sender, control) = (&queue, sender.clone(), control.clone());
            scope.spawn(move || grade_from(queue, class, &slot, control.as_ref(), &sender));
        }
        drop(sender);
        for submission in graded {
            bar.inc(1);
            bar.set_message(submission.name.chars().take(40).collect::<String>());
            let at = record.submissions.partition_point(|other| other.name < submission.name);
            record.submissions.insert(at, submission);
            if let Err(error) = save(&record) {
                // Emptying the queue makes the grading threads stop.
                queue.lock().unwrap_or_else(PoisonError::into_inner).by_ref().for_each(drop);
                return Err(error.context("free some space, then grade again with --resume"));
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(record)
}

/// Returns a record without submissions.
pub fn empty(control: Control, tier: String) -> Record {
    Record {
        version: record::VERSION,
        kit: crate::VERSION.to_owned(),
        date: results::now(),
        machine: machine(),
        control,
        tier,
        shard: None,
        submissions: Vec::new(),
    }
}

/// If the progress bar is hidden, prints its message as a line instead.
fn announce(bar: &ProgressBar) {
    if bar.is_hidden() {
        eprintln!(" {} …", bar.message());
    }
}

/// Returns whether an earlier result is kept.
fn is_kept(submission: &Submission, class: &Class) -> bool {
    let known = labs::all();
    let same_labs = submission.labs.iter().map(|lab| lab.lab).eq(class.labs.iter().copied());
    let same_stages = submission.labs.iter().all(|lab| {
        let settings = &class.settings;
        let known = known.iter().find(|known| known.number == lab.lab);
        let is_bonus = |number: u32| {
            let mut stages = known.into_iter().flat_map(|lab| &lab.stages);
            stages.any(|one| one.number == number && settings.is_bonus(lab.lab, one))
        };
        let is_same = |stage: &record::Stage| {
            stage.hidden == settings.is_hidden(lab.lab, stage.stage)
                && stage.bonus == is_bonus(stage.stage)
        };
        lab.weight == settings.weight(lab.lab) && lab.stages.iter().all(is_same)
    });
    let is_in_class = class.handed.iter().any(|handed| handed.name == submission.name);
    let has_tier = class.tier.allows(submission.tier.as_deref());
    submission.complete && has_tier && same_labs && same_stages && is_in_class
}

fn control_of(class: &Class, workshop: &Workshop) -> Result<(Control, Option<Programs>)> {
    if let Some(file) = &class.control {
        let programs = control::from_file(file, &workshop.folder("control"), &class.labs)?;
        return Ok((Control::File, Some(programs)));
    }
    if Author::Kit.exists(&class.kit) {
        return Ok((Control::Kit, Some(control::of_kit(&class.kit, &class.labs)?)));
    }
    Ok((Control::None, None))
}

fn machine() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = format!("{} {}", env::consts::OS, release.trim());
    let system = system.trim();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!("{system}, {}, {cores} processors", env::consts::ARCH)
}

/// Writes the record.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn write(record: &Record, file: &Path) -> Result<()> {
    beside::write(file, |out| Ok(serde_json::to_writer(out, record)?))
}

/// Reads an earlier record. Returns `None` if there is no record yet.
///
/// # Errors
/// Returns an error if the file cannot be read or is not a record in the current format.
pub fn read(file: &Path) -> Result<Option<Record>> {
    let shown = file.display();
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {shown}"))?,
    };
    let record: Record = serde_json::from_str(&text)
        .with_context(|| format!("{shown} is not a record of `cargo lab grade`"))?;
    let version = record.version;
    ensure!(version == record::VERSION, "{shown} has version {version}, not {}", record::VERSION);
    Ok(Some(record))
}

fn grade_from<'a>(
    queue: &Mutex<impl Iterator<Item = &'a Handed>>,
    class: &Class,
    slot: &Slot,
    control: Option<&Programs>,
    graded: &Sender<Submission>,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(handed) = next else { return };
        let begin = Instant::now();
        let result = grade_one(handed, class, slot, control);
        let submission = result.unwrap_or_else(|error| {
            let mut wanted = labs::all();
            wanted.retain(|lab| class.labs.contains(&lab.number));
            let (error, took) = (Some(format!("{error:#}")), begin.elapsed());
            results::submission(&handed.name, &wanted, Vec::new(), error, took, &class.settings)
        });
        if graded.send(submission).is_err() {
            return;
        }
    }
}

fn grade_one(
    handed: &Handed,
    class: &Class,
    slot: &Slot,
    control: Option<&Programs>,
) -> Result<Submission> {
    let source = handed.source.clone().context("nothing was handed in")?;
    slot.purge()?;
    let job = Job {
        name: handed.name.clone(),
        source,
        slot: slot.clone(),
        labs: class.labs.clone(),
        settings: class.settings.clone(),
        control: control.cloned(),
    };
    let mut tier = class.tier.clone();
    let mut ended = run(&job, tier.has_namespaces());
    if let Ok(Ended { has_started: false, how }) = &ended {
        // Namespaces were available for the probe, but now the system has none left.
        tier = tier.without_namespaces(how)?;
        ended = run(&job, false);
    }
    orphans::end_orphans();
    let result = worker::result(&job.result());
    slot.purge()?;
    let Ended { how, .. } = ended?;
    let mut submission = result.with_context(|| how)?;
    submission.tier = Some(tier.text());
    Ok(submission)
}

/// How a worker exited.
struct Ended {
    /// Whether the worker could be started, with namespaces if they were requested.
    has_started: bool,
    /// A description of how the worker exited, which is shown if there is no result.
    how: String,
}

/// Runs a worker and waits until it exits.
fn run(job: &Job, has_namespaces: bool) -> Result<Ended> {
    let _ = fs::remove_file(job.result());
    let errors = job.slot.folder.join("errors.txt");
    // The programs' folders are in this folder, which is always removed at the end.
    let folder = Folder::new()?;
    let line = serde_json::to_string(job).context("the path of the submission is not UTF-8")?;
    let starting = orphans::starting();
    let lab = program()?;
    let mut command = Command::new(&lab);
    if has_namespaces {
        command = namespaces::apart(&lab, !needs_tmp(&line));
        command.arg(&lab);
    }
    let mut child = command
        .arg(WORKER)
        .env("TMPDIR", folder.path())
        .env("CARGO_NET_OFFLINE", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(&errors)?)
        .process_group(0)
        .spawn()
        .context("cannot start a process for the submission")?;
    let pid = Pid::from_raw(child.id().cast_signed());
    starting.has_started(pid);
    // If the worker has already exited, the write fails, and the wait below reports the exit.
    let _ = child.stdin.as_mut().map(|stdin| writeln!(stdin, "{line}"));
    let (begin, limit) = (Instant::now(), job.limit());
    let wait = |limit: Duration| loop {
        match orphans::reap(pid) {
            Ok(WaitStatus::StillAlive) if begin.elapsed() < limit => {
                thread::sleep(Duration::from_millis(10));
            }
            status => break status,
        }
    };
    let mut status = wait(limit);
    let is_late = status == Ok(WaitStatus::StillAlive);
    if is_late {
        drop(child.stdin.take());
        status = wait(limit + END_LIMIT);
        if status == Ok(WaitStatus::StillAlive) {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = wait(limit + 2 * END_LIMIT);
        }
        bail!(
            "the grading was still running after {} minutes and was stopped",
            limit.as_secs() / 60
        );
    }
    let mut said = String::new();
    let _ = File::open(&errors).and_then(|file| file.take(4000).read_to_string(&mut said));
    let how = match status {
        Ok(WaitStatus::Exited(_, code)) => format!("exited with status {code}"),
        Ok(WaitStatus::Signaled(_, signal, _)) => format!("was terminated by {signal}"),
        other => format!("stopped for an unknown reason ({other:?})"),
    };
    let has_started =
        !has_namespaces || status != Ok(WaitStatus::Exited(pid, namespaces::FAILED.into()));
    let said = quoted(&said).join("\n");
    let how = if has_started {
        format!("the process that graded this submission {how}: {said}")
    } else {
        said
    };
    Ok(Ended { has_started, how })
}

/// Returns whether the job or the environment refers to a path in `/tmp`.
fn needs_tmp(job: &str) -> bool {
    let variables = ["CARGO_HOME", "HOME", "PATH", "RUSTUP_HOME"].map(env::var_os);
    let named = variables.iter().flatten().map(|value| value.to_string_lossy().into_owned());
    named.chain([job.to_owned()]).any(|text| text.contains("/tmp/"))
}

/// Returns a path from which this program can be started, even if it has been rebuilt in the meantime.
pub fn program() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    Ok(if running.exists() { running.to_owned() } else { env::current_exe()? })
}
