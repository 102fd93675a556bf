//! `cargo lab check`: grades stages in order and stops at the first stage that does not pass.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use console::{Term, style};

// not for students: only instructors need the results in a file
use crate::class::single::Single;
// exported again
use crate::cli::target::{StageNumber, Target};
use crate::cli::{hint, next, progress};
use crate::grading::grader::{Author, Commands, Grader};
use crate::grading::verdict::{Graded, Verdict};
use crate::harness::stage::{Lab, Role, Stage};
use crate::journal::panics::caught;
use crate::kit::way::{self, Way};
use crate::labs;
use crate::report::failure::Report;
use crate::report::html::Page;
use crate::report::part::made;
use crate::report::scoreboard::{self, Points, print_no_points, stage_line};
use crate::report::text::{columns, labelled};
use crate::system::{last_word, reads};

/// The number of lines printed below a report.
const UNDER_A_REPORT: usize = 4;

/// The command line.
#[derive(clap::Args, Clone, Default)]
pub struct Options {
    /// A lab (2), a stage (2.5), or a stage and all later ones (2.5-). Default: all labs
    target: Option<Target>,
    /// Continues after a stage that does not pass and prints every report
    #[arg(long)]
    all: bool,
    /// Uses the same random words as an earlier run. A failure report shows the seed of its run
    #[arg(long)]
    seed: Option<u64>,
    /// Grades this server instead of yours. It can be in any language. `{port}` and `{host}` are replaced, and a
    /// stage's options, for example `--seats 3`, are appended. Build the server first, because the command can write
    /// only in `$TMPDIR`
    #[arg(long, value_name = "CMD", requires = "target", value_parser = command)]
    server: Option<String>,
    /// Grades this client instead of yours, as --server does for the server
    #[arg(long, value_name = "CMD", requires = "target", value_parser = command)]
    client: Option<String>,
    /// Also lets the --server or --client program read this file or folder. The program can always read the current
    /// folder, the files named on the command line, the folders that contain them, the system's programs and libraries,
    /// and those in `$PATH`
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
    /// Also writes the reports to this file as an HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    // not for students: only instructors need this option. It is hidden, because the help is in the students' book.
    /// Also writes the results to this file, as `cargo lab grade` does
    #[arg(long, value_name = "FILE", hide = true)]
    json: Option<PathBuf>,
    // exported again.
    /// Whether a summary of the failure is printed below a report that does not fit on the terminal.
    #[arg(skip)]
    repeats: bool,
}

impl Options {
    /// Returns the options for a user who watches the terminal and does not scroll. If `all` is set, all stages of the
    /// target are graded. Otherwise, grading stops at the first stage that does not pass.
    pub fn for_watching(target: Option<Target>, all: bool) -> Self {
        Self { target, all, repeats: true, ..Self::default() }
    }

    /// Returns the options with which all stages are graded and every report is printed.
    pub fn of_all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Returns the stages of the target that can be graded with these options.
    fn stages(&self) -> Vec<StageNumber> {
        let is_foreign = self.server.is_some() || self.client.is_some();
        let is_included = |lab: u32, stage: &Stage| {
            let runs = match stage.role {
                Role::Server => self.server.is_some(),
                Role::Client => self.client.is_some(),
                Role::Together => self.server.is_some() && self.client.is_some(),
            };
            let is_target = |target: Target| target.contains(lab, stage.number);
            self.target.is_none_or(is_target) && (runs || !is_foreign)
        };
        let labs = labs::all();
        let stages =
            labs.iter().flat_map(|lab| lab.stages.iter().map(move |stage| (lab.number, stage)));
        let included = stages.filter(|(lab, stage)| is_included(*lab, stage));
        included.map(|(lab, stage)| StageNumber { lab, stage: stage.number }).collect()
    }
}

/// Parses the command line of a server or client.
///
/// # Errors
/// Returns an error if the command line does not contain `{port}`.
pub(super) fn command(text: &str) -> Result<String, String> {
    if text.contains("{port}") {
        return Ok(text.to_owned());
    }
    Err("the command must contain {port}, for example \"python3 chat.py {host} {port}\"".into())
}

/// Runs a check. The output always ends with a line that contains the sum of the points or says that there is no sum.
/// Returns the exit status, which is 0 if every stage passes.
pub fn to_the_last_line(check: impl FnOnce() -> Result<Checked>) -> ExitCode {
    // If the system cannot start the process that waits for the grader, the check still runs. Without this process, the
    // last line of the output is missing if the grader is killed.
    let _ = last_word::wait_for_grader(print_no_points);
    let graded = caught("the check", check);
    let status = match graded {
        Ok(Ok(Checked { first: None, is_written: true })) => ExitCode::SUCCESS,
        Ok(Ok(_)) => ExitCode::FAILURE,
        Ok(Err(error)) => {
            let _ = writeln!(io::stderr(), "Error: {error:#}");
            print_no_points("nothing was graded");
            ExitCode::FAILURE
        }
        Err(why) => {
            print_no_points(&format!("the grader failed: {why}"));
            ExitCode::FAILURE
        }
    };
    last_word::is_printed();
    status
}

/// A check's result.
pub struct Checked {
    /// The first stage that does not pass, if any.
    pub first: Option<StageNumber>,
    /// True if the page was written or no page was requested.
    is_written: bool,
}

/// Grades the stages.
///
/// # Errors
/// Returns an error if nothing can be graded.
pub fn run(kit: &Path, options: Options) -> Result<Checked> {
    reads::allow(options.read.iter().cloned());
    let stages = options.stages();
    let mut labs: Vec<_> = stages.iter().map(|number| number.lab).collect();
    labs.dedup();
    // not for students: only instructors need the results in a file
    let mut single = Single::start(kit, &labs, options.json.clone())?;
    // exported again
    let Options { target, all, seed, server, client, html, repeats, .. } = options;
    if stages.is_empty() {
        bail!(
            "this stage runs another program; use --client for a client stage, --server for a server stage, or both"
        );
    }
    let grades_own = server.is_none() && client.is_none();
    let is_open = |lab: &&u32| grades_own && way::of_lab(kit, **lab) == Way::Open;
    let open: Vec<_> = labs.iter().filter(is_open).copied().collect();
    let of_open = |lab: &u32| format!("; lab {lab} is open");
    for lab in &open {
        println!(" lab {lab} is open: each stage is graded separately");
    }
    let again = again(server.as_ref(), client.as_ref());
    let grader = Grader::new(kit, &labs, seed).with_commands(Commands { server, client });
    let grader = Arc::new(grader);
    html.as_deref().map(create).transpose()?;

    let (mut points, mut next_step, mut count) = (Points::default(), String::new(), 0);
    let (mut first, mut without_verdict) = (None, Vec::new());
    let total_count = stages.len();
    let mut page = Page::new();
    let mut above = None;
    let rows = Term::stdout().size_checked().map_or(usize::MAX, |(rows, _)| rows.into());
    progress::grade(&grader, stages, |lab, stage, graded| {
        let verdict = &graded.verdict;
        // not for students: only instructors need the results in a file
        single.add(lab, stage, graded, || again(lab.number, stage.number, graded.seed()));
        // exported again
        count += 1;
        page.add_stage(lab, stage, verdict);
        points = points + Points::of([(stage, verdict)]);
        let is_passed = *verdict == Verdict::Passed;
        // Without `all`, only the first report is shown, because students work on one report at a time.
        let is_shown = all || first.is_none();
        // A lab is complete even if its bonus stages do not pass, so a bonus stage counts only if the command names it.
        let counts = !stage.is_bonus || target.is_some_and(|target| target.is_one(stage.number));
        if !is_passed && counts {
            first.get_or_insert(StageNumber { lab: lab.number, stage: stage.number });
        }
        if *verdict == Verdict::GraderError {
            without_verdict.push(format!("{}.{}", lab.number, stage.number));
        }
        let has_report = matches!(verdict, Verdict::Failed | Verdict::GraderError);
        let mut report = |stage: &Stage, graded: &Graded| {
            let made = made("the report", || {
                let again = again(lab.number, stage.number, graded.seed());
                let failure = Report::new(lab, stage, graded, again);
                page.add_report(&failure, kit);
                if is_shown {
                    let text = failure.to_text(kit);
                    note_hint(kit, lab, stage, &text);
                    println!("{text}");
                    above =
                        (text.lines().count() + UNDER_A_REPORT > rows).then(|| failure.summary());
                }
            });
            if let Err(why) = made
                && is_shown
            {
                println!("{}\n{why}", stage_line(lab, stage, &graded.verdict));
            }
        };
        if has_report {
            report(stage, graded);
        }
        if !has_report || !is_shown {
            println!("{}", stage_line(lab, stage, verdict));
        }
        // If this stage is blocked by a stage outside the target, the report of that stage is shown, too.
        let number = if let Verdict::Blocked(by) = *verdict { by } else { 0 };
        let is_new = target.is_some_and(|target| !target.contains(lab.number, number));
        if let Some(stage) = lab.stages.iter().find(|stage| stage.number == number && is_new) {
            grader.grade(Author::Student, lab.number, stage, |graded| {
                if graded.verdict == Verdict::Failed {
                    report(stage, graded);
                }
            });
        }
        if !is_passed && !has_report && next_step.is_empty() && grades_own {
            let step = || next::step(kit, lab, stage, verdict);
            next_step = made("the next step", step).unwrap_or_else(|why| why);
        }
        is_passed || !counts || all || open.contains(&lab.number)
    })?;
    if !next_step.is_empty() {
        println!("\n{next_step}");
    }
    if let Some(summary) = above.filter(|_| repeats) {
        println!("\n{summary}");
    }
    let mut total = total_line(points, count, total_count - count);
    total += &scoreboard::without_verdict(&without_verdict);
    if let Some(seed) = seed {
        let _ = write!(total, " (a replay with the words generated from seed {seed})");
    }
    let page_total = format!("{total}{}", open.iter().map(of_open).collect::<String>());
    // not for students: only instructors need the results in a file
    single.write()?;
    // exported again
    let is_written = html.is_none_or(|file| is_written(&file, &page.finish(&page_total)));
    println!("\n {}", if first.is_none() { style(total).green() } else { style(total) });
    Ok(Checked { first, is_written })
}

/// Creates the page before the stages are graded, so that an error is reported early.
fn create(page: &Path) -> Result<File> {
    File::create(page).with_context(|| format!("cannot write {}", page.display()))
}

/// If the report contains the first hint, records that it was shown, so that `cargo lab hint` begins with the second
/// one.
fn note_hint(kit: &Path, lab: &Lab, stage: &Stage, report: &str) {
    let first = stage.hints.first();
    if first.is_some_and(|hint| report.contains(&labelled("hint", hint, columns()))) {
        hint::note_first(kit, lab, stage);
    }
}

fn total_line(points: Points, count: usize, more: usize) -> String {
    let stages = if count == 1 { "stage" } else { "stages" };
    let more = if more > 0 { format!("; {more} more to come") } else { String::new() };
    format!("{points} points in {count} {stages}{more}")
}

/// Writes a page. Returns whether the page could be written.
fn is_written(file: &Path, page: &str) -> bool {
    let written = fs::write(file, page);
    if let Err(error) = &written {
        eprintln!("Error: cannot write {}: {error}", file.display());
    }
    written.is_ok()
}

/// Returns a command-line option, with its value quoted for a shell.
pub(super) fn quoted_option(name: &str, value: &str) -> String {
    format!(" --{name} '{}'", value.replace('\'', r"'\''"))
}

/// Returns a function that creates the command for running a stage again.
fn again(
    server: Option<&String>,
    client: Option<&String>,
) -> impl Fn(u32, u32, u64) -> String + use<> {
    let option = |name: &str, command: Option<&String>| {
        command.map(|command| quoted_option(name, command)).unwrap_or_default()
    };
    let programs = format!("{}{}", option("server", server), option("client", client));
    move |lab, stage, seed| format!("cargo lab check {lab}.{stage} --seed {seed}{programs}")
}
