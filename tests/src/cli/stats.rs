//! `cargo lab stats`: shows how many checks, minutes, and hints each stage took and at which stages people stopped. The
//! numbers come from the student's own log or from a class's logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use console::style;

use crate::grading::log::{Event, Line, Lines, MAX_BYTES, OFF, ON};
use crate::grading::verdict::Verdict;
use crate::harness::stage::{Lab, Stage};
use crate::journal::visible::visible;
use crate::labs;
use crate::report::text::{columns, line, mark, wrapped};

/// The maximum time between two lines of the log that counts as work, in seconds. A longer time counts as a pause.
const PAUSE: u64 = 20 * 60;

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The logs of a class, which are combined. Default: your own log
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// From now on, records each check and each hint in `.kept/stats.log`. A line contains the time, the lab and stage
    /// numbers, and the verdict. The log contains no names, paths, or program output. Nothing is sent
    #[arg(long, conflicts_with_all = ["off", "logs"])]
    on: bool,
    /// Stops logging and renames the log to `.kept/stats-off.log`
    #[arg(long, conflicts_with = "logs")]
    off: bool,
}

/// The work on a stage, as recorded in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    checks: u64,
    seconds: u64,
    hints: u64,
    is_passed: bool,
    /// Whether this is the first stage of its lab that has not passed.
    is_stop: bool,
}

/// The work on each stage that was tried and, in each lab that was begun, on the first stage that has not passed. The
/// keys are the lab and stage numbers.
type Works = BTreeMap<(u32, u32), Work>;

/// Shows the numbers, or turns logging on or off.
///
/// # Errors
/// Returns an error if a log cannot be read, or if logging cannot be turned on or off.
pub fn run(kit: &Path, options: &Options) -> Result<()> {
    let say = |text: &str| println!("{}", wrapped(" ", text, columns()));
    let (on, off) = (kit.join(ON), kit.join(OFF));
    if options.on {
        switch_on(&on, &off)
            .with_context(|| format!("cannot start logging to {}", on.display()))?;
        say(&format!(
            "From now on, each check and each hint is recorded in {ON}, in the kit's folder. A line \
             contains the time, the lab and stage numbers, and the verdict. The log \
             contains no names, paths, or program output. Nothing is sent. The log is never \
             larger than {} MiB.",
            MAX_BYTES / 1024 / 1024
        ));
        say("To see the numbers: cargo lab stats");
        say("To stop: cargo lab stats --off");
        return Ok(());
    }
    if options.off {
        if is_there(&on) {
            fs::rename(&on, &off)
                .with_context(|| format!("cannot stop logging to {}", on.display()))?;
            say(&format!("From now on, nothing is recorded. The log so far is in {OFF}."));
        } else {
            say("The log is off, so nothing is recorded.");
        }
        return Ok(());
    }
    if options.logs.is_empty() { own(&on, &off, say) } else { class(&options.logs, say) }
}

fn is_there(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok()
}

fn switch_on(on: &Path, off: &Path) -> std::io::Result<()> {
    if is_there(on) {
        return Ok(());
    }
    if is_there(off) {
        return fs::rename(off, on);
    }
    on.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::File::create_new(on).map(drop)
}

/// Shows the student's own log.
fn own(on: &Path, off: &Path, say: impl Fn(&str)) -> Result<()> {
    let (file, name) = if is_there(on) { (on, ON) } else { (off, OFF) };
    if !is_there(file) {
        say("There is no log. To record your checks from now on: cargo lab stats --on");
        say("To find out what a log contains: cargo lab stats --help");
        return Ok(());
    }
    let Lines { lines, broken } =
        Lines::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let labs = labs::all();
    let works = works(&lines, &labs);
    table(&labs, "checks minutes hints", |lab, stage| {
        let work = works.get(&(lab.number, stage.number))?;
        let sign = mark(work.is_passed.then_some(&Verdict::Passed));
        let left = format!("{sign} {}", name_of(lab, stage));
        Some((
            left,
            format!("{:>6} {:>7} {:>5}", work.checks, minutes(2 * work.seconds), work.hints),
        ))
    });
    for lab in &labs {
        let number = lab.number;
        match lab.stages.iter().find(|stage| is_stop(&works, lab, stage)) {
            Some(stage) => say(&format!("You stopped at stage {number}.{}.", stage.number)),
            None if works.keys().any(|(lab, _)| *lab == number) => {
                say(&format!("Lab {number} is finished."));
            }
            None => {}
        }
    }
    say(&format!(
        "Checks, minutes, and hints are counted until the stage passes. Pauses of more than {} minutes \
         are not counted.",
        PAUSE / 60
    ));
    say_broken(broken, name, &say);
    let state = if file == on { "on" } else { "off" };
    say(&format!("The log is {name}. Logging is {state}."));
    Ok(())
}

fn is_stop(works: &Works, lab: &Lab, stage: &Stage) -> bool {
    works.get(&(lab.number, stage.number)).is_some_and(|work| work.is_stop)
}

/// Combines a class's logs.
fn class(files: &[PathBuf], say: impl Fn(&str)) -> Result<()> {
    let (labs, mut all) = (labs::all(), BTreeMap::<_, Vec<Work>>::new());
    let mut count = 0;
    for file in files {
        let name = visible(file.as_os_str().as_encoded_bytes());
        match Lines::read(file) {
            Ok(Lines { lines, broken }) => {
                count += 1;
                say_broken(broken, &name, &say);
                for (stage, work) in works(&lines, &labs) {
                    all.entry(stage).or_default().push(work);
                }
            }
            Err(error) => say(&format!("{name} was not read: {error}")),
        }
    }
    if count == 0 {
        bail!("none of the logs could be read");
    }
    table(&labs, "logs checks minutes hints stopped", |lab, stage| {
        let works = all.get(&(lab.number, stage.number))?;
        let twice = |value: fn(&Work) -> u64| twice_the_median(works.iter().map(value).collect());
        let right = format!(
            "{:>4} {:>6} {:>7} {:>5} {:>7}",
            works.len(),
            half(twice(|work| work.checks)),
            minutes(twice(|work| work.seconds)),
            half(twice(|work| work.hints)),
            works.iter().filter(|work| work.is_stop).count()
        );
        Some((name_of(lab, stage), right))
    });
    let logs = if count == 1 { "1 log".to_owned() } else { format!("{count} logs") };
    say(&format!(
        "{logs}. Checks, minutes, and hints are counted until the stage passes. Each of these values is the median \
         over the logs that reached the stage. Pauses of more than {} minutes are not counted. In each lab that a \
         student has begun, the student is considered to have stopped at the first stage that has not passed.",
        PAUSE / 60
    ));
    Ok(())
}

fn say_broken(count: usize, name: &str, say: impl Fn(&str)) {
    match count {
        0 => {}
        1 => say(&format!("A line of {name} was skipped, because it could not be parsed.")),
        _ => {
            say(&format!(
                "{count} lines of {name} were skipped, because they could not be parsed."
            ));
        }
    }
}

/// Prints a heading, the rows that `row` returns for the stages, and an empty line.
fn table(labs: &[Lab], heading: &str, row: impl Fn(&Lab, &Stage) -> Option<(String, String)>) {
    let rows = labs.iter().flat_map(|lab| lab.stages.iter().map(move |stage| (lab, stage)));
    let rows: Vec<_> = rows.filter_map(|(lab, stage)| row(lab, stage)).collect();
    if rows.is_empty() {
        println!(" No stage has been tried yet.\n");
        return;
    }
    println!("{}", style(line(" stage", heading, columns())).bold());
    for (left, right) in rows {
        println!("{}", line(&format!(" {left}"), &right, columns()));
    }
    println!();
}

fn name_of(lab: &Lab, stage: &Stage) -> String {
    let number = format!("{}.{}", lab.number, stage.number);
    format!("{number:<5} {}", stage.full_title())
}

/// Adds up the work that a log records. The time between two lines counts toward the stage that the second line
/// names.
fn works(lines: &[Line], labs: &[Lab]) -> Works {
    let (mut works, mut before) = (Works::new(), None);
    for line in lines {
        let took = line.time.saturating_sub(before.unwrap_or(line.time));
        before = Some(line.time);
        let work = works.entry(line.stage).or_default();
        if work.is_passed {
            continue;
        }
        work.seconds += if took <= PAUSE { took } else { 0 };
        match line.event {
            Event::Passed => {
                work.checks += 1;
                work.is_passed = true;
            }
            Event::Failed => work.checks += 1,
            Event::NotStarted => {}
            Event::Hint => work.hints += 1,
        }
    }
    // `cargo lab` also logs stages of labs that the student has not begun. A stage counts as tried only if it has
    // passed or failed, or if a hint was shown.
    let is_tried = |work: &Work| work.checks > 0 || work.hints > 0;
    for lab in labs {
        // A lab is finished even if its bonus stages do not pass.
        let stages = || lab.stages.iter().filter(|stage| !stage.is_bonus);
        let numbers = || stages().map(|stage| (lab.number, stage.number));
        let is_passed = |number: &_| works.get(number).is_some_and(|work: &Work| work.is_passed);
        if numbers().any(|number| works.get(&number).is_some_and(is_tried))
            && let Some(stop) = numbers().find(|number| !is_passed(number))
        {
            works.entry(stop).or_default().is_stop = true;
        }
    }
    works.retain(|_, work| is_tried(work) || work.is_stop);
    works
}

/// Returns twice the median. Unlike the median itself, this value is always an integer.
fn twice_the_median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
    at(numbers.len() / 2) + at(numbers.len().saturating_sub(1) / 2)
}

fn half(twice: u64) -> String {
    format!("{}{}", twice / 2, if twice.is_multiple_of(2) { "" } else { ".5" })
}

/// Returns half of this time, rounded to the nearest minute.
fn minutes(twice_the_seconds: u64) -> u64 {
    (twice_the_seconds + 60) / 120
}
