//! `cargo test`: runs each stage of each lab as a trial and then prints the scoreboard.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use grader::cli::progress;
use grader::grading::grader::{Author, Grader, THREADS};
use grader::grading::log::Log;
use grader::grading::verdict::Verdict;
use grader::harness::stage::{Lab, Stage};
use grader::journal::panics::caught;
use grader::kit::way::{self, Way};
use grader::labs;
use grader::report::failure::Report;
use grader::report::part::made;
use grader::report::scoreboard::{self, Points, lab_line, print_no_points, stage_line};
use grader::system::{confinement, last_word, orphans};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

static GRADER: LazyLock<Grader> =
    LazyLock::new(|| Grader::new(&grader::kit::root(), &labs::numbers(), replay()));

/// Returns the seed for a replay with the same random words.
fn replay() -> Option<u64> {
    std::env::var("GRADER_SEED").ok()?.parse().ok()
}

/// The verdicts so far, by author, lab, and stage.
type Board = Arc<Mutex<BTreeMap<(&'static str, u32, u32), Verdict>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(THREADS));
    if arguments.list {
        return grade_all(&arguments);
    }
    // If the second process cannot be started, the only effect is that the message about a killed grader is missing.
    let _ = last_word::wait_for_grader(print_no_points);
    let status = caught("the trials", || grade_all(&arguments)).unwrap_or_else(|why| {
        print_no_points(&format!("the grader failed: {why}"));
        // The exit status of a test program in which a test has failed.
        ExitCode::from(101)
    });
    last_word::is_printed();
    orphans::no_more();
    confinement::remove_all();
    status
}

/// Runs the trials and prints the sum of the points as the last line.
fn grade_all(arguments: &Arguments) -> ExitCode {
    let (kit, board) = (grader::kit::root(), Board::default());
    let authors: Vec<Author> =
        [Author::Kit, Author::Student].into_iter().filter(|author| author.exists(&kit)).collect();
    let mut trials = Vec::new();
    for &author in &authors {
        for (at, lab) in labs::all().into_iter().enumerate() {
            for (stage_at, stage) in lab.stages.iter().enumerate() {
                let board = Arc::clone(&board);
                let trial = move || grade(author, at, stage_at, &board);
                trials.push(Trial::ignorable_test(trial_name(author, &lab, stage), trial));
            }
        }
    }
    // Build the programs now; otherwise, the first trial would build them without showing any output.
    for author in &authors {
        let is_wanted = |trial: &Trial| {
            let name = trial.name();
            let is_filtered = arguments.filter.as_ref().is_some_and(|part| !name.contains(part));
            name.starts_with(author.folder()) && !is_filtered
        };
        if !arguments.list && trials.iter().any(is_wanted) {
            // If the build fails, each trial reports the error.
            let _ = progress::build(&GRADER, *author);
        }
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        note(&kit, &board);
        if let Some(seed) = replay() {
            println!(" This is a replay with the words generated from seed {seed}.");
        }
        let sums: Vec<_> = authors.iter().filter_map(|&author| sum(author, &board)).collect();
        if sums.is_empty() {
            print_no_points("no stage was graded");
        }
        for sum in sums {
            println!("{sum}");
        }
    }
    conclusion.exit_code()
}

/// Returns the name of a trial, for example `labs::lab2::05_everyone_hears_what_one_says`.
fn trial_name(author: Author, lab: &Lab, stage: &Stage) -> String {
    let words = stage.title.split(|char: char| !char.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let title = words.join("_").to_lowercase();
    format!("{}::lab{}::{:02}_{title}", author.folder(), lab.number, stage.number)
}

fn grade(author: Author, at: usize, stage_at: usize, board: &Board) -> Result<Completion, Failed> {
    let lab = &GRADER.labs[at];
    let stage = &lab.stages[stage_at];
    let mut completion = Ok(Completion::Completed);
    GRADER.grade(author, lab.number, stage, |graded| {
        let key = (author.folder(), lab.number, stage.number);
        board.lock().unwrap_or_else(PoisonError::into_inner).insert(key, graded.verdict.clone());
        completion = match &graded.verdict {
            Verdict::Passed => Ok(Completion::Completed),
            Verdict::NotStarted => Ok(Completion::ignored_with("not started")),
            Verdict::Blocked(by) => Ok(Completion::ignored_with(format!("blocked by stage {by}"))),
            // A lab is complete even without its bonus stages, so a failed bonus stage must not make `cargo test` fail,
            // for example in the CI of a student's repository.
            Verdict::Failed | Verdict::GraderError
                if stage.is_bonus && author == Author::Student =>
            {
                let (lab, stage) = (lab.number, stage.number);
                Ok(Completion::ignored_with(format!("bonus: cargo lab check {lab}.{stage}")))
            }
            Verdict::Failed | Verdict::GraderError => {
                let (seed, author) = (graded.seed(), author.folder());
                let trial = format!("{author}::lab{}::{:02}", lab.number, stage.number);
                let again = format!("GRADER_SEED={seed} cargo test {trial}");
                let report =
                    || Report::new(lab, stage, graded, again).to_text(&grader::kit::root());
                Err(made("the report", report).unwrap_or_else(|why| why).into())
            }
        };
    });
    completion
}

/// Adds the student's verdicts to the log if the log is switched on.
fn note(kit: &Path, board: &Board) {
    let mut log = Log::open(kit);
    for ((author, lab, stage), verdict) in
        board.lock().unwrap_or_else(PoisonError::into_inner).iter()
    {
        if *author == Author::Student.folder() {
            log.graded(*lab, *stage, verdict);
        }
    }
    if let Some(trouble) = log.trouble() {
        eprintln!(" {trouble}");
    }
}

/// Returns each stage's points, with the sum on the last line, or `None` if no stage was graded.
fn sum(author: Author, board: &Board) -> Option<String> {
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut all, mut lines, mut without_verdict) = (Points::default(), Vec::new(), Vec::new());
    for lab in &GRADER.labs {
        let verdict = |stage: &Stage| board.get(&(author.folder(), lab.number, stage.number));
        let graded: Vec<_> =
            lab.stages.iter().filter_map(|stage| Some((stage, verdict(stage)?))).collect();
        if graded.is_empty() {
            continue;
        }
        let points = Points::of(graded.iter().copied());
        let way = match author {
            Author::Student => way::of_lab(&grader::kit::root(), lab.number),
            Author::Kit => Way::Guided,
        };
        lines.push(lab_line(lab, way, points));
        for (stage, verdict) in &graded {
            // The reference programs are graded only for comparison, so their stages are not listed.
            if author == Author::Student {
                lines.push(stage_line(lab, stage, verdict));
            }
            if **verdict == Verdict::GraderError {
                without_verdict.push(format!("{}.{}", lab.number, stage.number));
            }
        }
        all = all + points;
    }
    let folder = author.folder();
    let missing = scoreboard::without_verdict(&without_verdict);
    lines.push(format!(" {folder}  {all} points{missing}"));
    (lines.len() > 1).then(|| lines.join("\n"))
}
