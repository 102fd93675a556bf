//! Tests the classic mistakes one by one. A program with a mistake must fail the stage that is meant to catch this
//! mistake and pass every earlier stage. The report about that stage is kept as a snapshot; `cargo insta review` shows
//! what has changed.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::Verdict;
use grader::labs;
use grader::report::failure::Report;
use grader::report::html::Page;
use insta::Snapshot;
use insta::comparator::Comparator;
use insta::internals::SnapshotContents;

use crate::export::{export_built_in, write_bodies};

/// One mistake.
pub struct Mutant {
    /// The snapshot's name.
    pub name: String,
    /// The file's path, relative to `solutions/`.
    file: String,
    /// The lab number.
    pub lab: u32,
    /// The stage that must fail. All earlier stages must pass.
    pub stage: u32,
    find: String,
    replace: String,
    /// Whether the report depends either on how the stream was split or on which thread ran first.
    varies: bool,
    /// Whether the snapshot includes the ladder and the screens, which the book shows. This field may be true only if
    /// the report about the mistake is always the same.
    has_pictures: bool,
}

impl Mutant {
    /// Puts the mistake into the finished programs in `labs`.
    pub fn put_into(&self, labs: &Path) {
        let file = labs.join(&self.file);
        let text = fs::read_to_string(&file).unwrap();
        // In labs/, the packages' names begin with `lab` instead of `solution`.
        let (from, to) = (format!("solution{}-", self.lab), format!("lab{}-", self.lab));
        let (find, replace) = (self.find.replace(&from, &to), self.replace.replace(&from, &to));
        assert!(text.contains(&find), "{} does not apply to the starter", self.name);
        fs::write(&file, text.replace(&find, &replace)).unwrap();
    }
}

/// Returns all mistakes.
pub fn mutants() -> Vec<Mutant> {
    let text = fs::read_to_string(grader::kit::root().join("tests/mutants.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let of = |mutant: &toml::Value| {
        let field = |name: &str| mutant[name].as_str().unwrap().to_owned();
        let (lab, stage) =
            field("stage").split_once('.').map(|(a, b)| (a.parse(), b.parse())).unwrap();
        Mutant {
            name: field("name"),
            file: field("file").strip_prefix("solutions/").unwrap().to_owned(),
            lab: lab.unwrap(),
            stage: stage.unwrap(),
            find: field("find"),
            replace: field("replace"),
            varies: mutant.get("varies").is_some(),
            has_pictures: mutant.get("pictures").is_some(),
        }
    };
    table["mutant"].as_array().unwrap().iter().map(of).collect()
}

/// A mutant that no longer applies to its file would prove nothing.
#[test]
fn every_stage_has_a_mutant_that_applies() {
    let mutants = mutants();
    for Mutant { name, file, find, .. } in &mutants {
        let text = fs::read_to_string(grader::kit::root().join("solutions").join(file)).unwrap();
        assert_eq!(text.matches(find).count(), 1, "{name} in {file}");
    }
    let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.name).collect();
    assert_eq!(names.len(), mutants.len(), "each mutant has its own name");
    for lab in labs::all() {
        for stage in lab.stages {
            let is_meant =
                |mutant: &&Mutant| (mutant.lab, mutant.stage) == (lab.number, stage.number);
            assert!(
                mutants.iter().any(|mutant| is_meant(&mutant)),
                "{}.{}",
                lab.number,
                stage.number
            );
        }
    }
}

fn are_caught(lab: u32) {
    // Each lab builds different packages, so the tests can share a folder.
    let kit = export_built_in("target/mutants");
    let mut wrong = Vec::new();
    // To test only the mutants that have `spins` in their names, set `MUTANTS=spins`.
    let named = env::var("MUTANTS").unwrap_or_default();
    let is_tested = |mutant: &&Mutant| mutant.lab == lab && mutant.name.contains(&named);
    for mutant in mutants().iter().filter(is_tested) {
        write_bodies(kit.path(), |other, _| other == lab);
        mutant.put_into(&kit.path().join("labs"));
        wrong.extend(look_at(kit.path(), mutant));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The number of times that a mutant is graded before a difference in its report counts as a failure. Reports depend on
/// races between threads and programs, but verdicts do not.
const LOOKS: usize = 3;

/// Returns a description of what is wrong with a mutant's verdicts and report.
fn look_at(kit: &Path, mutant: &Mutant) -> Vec<String> {
    let mut grader = Grader::new(kit, &[mutant.lab], Some(1));
    let mut wrong = Vec::new();
    for look in 1..=LOOKS {
        grader.forget();
        let (misjudged, report) = judge(kit, &grader, mutant);
        wrong.extend(misjudged);
        if !wrong.is_empty() || is_as_it_was(mutant, &report) {
            break;
        }
        if look == LOOKS {
            wrong.push(format!("{}: the report has changed:\n{report}", mutant.name));
        }
    }
    wrong
}

/// Returns the stages with a wrong verdict and the report about the stage that is meant to fail.
fn judge(kit: &Path, grader: &Grader, mutant: &Mutant) -> (Vec<String>, String) {
    let lab = grader.labs.iter().find(|lab| lab.number == mutant.lab).unwrap();
    let (mut wrong, mut last, mut page) = (Vec::new(), String::new(), Page::new());
    for stage in lab.stages.iter().filter(|stage| stage.number <= mutant.stage) {
        grader.grade(Author::Student, mutant.lab, stage, |graded| {
            let again = format!("cargo lab check {}.{} --seed 1", lab.number, stage.number);
            let report = Report::new(lab, stage, graded, again);
            last = report.to_text(kit);
            page = Page::new();
            page.add_stage(lab, stage, &graded.verdict);
            page.add_report(&report, kit);
            let is_meant = stage.number == mutant.stage;
            let meant = if is_meant { Verdict::Failed } else { Verdict::Passed };
            if graded.verdict != meant {
                let (name, verdict) = (&mutant.name, &graded.verdict);
                wrong.push(format!("{name}: stage {} is {verdict:?}\n{last}", stage.number));
            }
            if last.contains(" should compile\n") {
                wrong.push(format!("{}: it does not compile\n{last}", mutant.name));
            }
        });
    }
    // People who know the handout but not the mistake read these reports and try to find the cause.
    if let Some(folder) = env::var_os("FULL_REPORTS") {
        let file = Path::new(&folder).join(&mutant.name);
        fs::write(&file, &last).unwrap();
        fs::write(file.with_added_extension("html"), page.finish("a mistake")).unwrap();
    }
    (wrong, last)
}

fn is_as_it_was(mutant: &Mutant, report: &str) -> bool {
    let name = mutant.name.as_str();
    let mut settings = insta_settings();
    // When reports are recorded, the parts that vary are recorded, too. Otherwise, the book would keep their old words.
    if env::var("INSTA_UPDATE").as_deref() != Ok("always") {
        settings.set_comparator(Box::new(Steady { varies: mutant.varies }));
    }
    let report = if mutant.has_pictures {
        // Remove the column that shows the time of each event.
        settings.add_filter(r"(?m)^(     ms|[ \d]{5}\.\d) ", "        ");
        report.to_owned()
    } else {
        without_pictures(report)
    };
    let compare = || settings.bind(|| insta::assert_snapshot!(name, report));
    let is_as_it_was = catch_unwind(AssertUnwindSafe(compare)).is_ok();
    if is_as_it_was {
        // This file may be left over from an earlier attempt.
        let _ =
            fs::remove_file(grader::kit::root().join(format!("docs/src/reports/{name}.snap.new")));
    }
    is_as_it_was
}

fn without_pictures(report: &str) -> String {
    let parts: Vec<_> = report.split("\n\n").filter(|part| !is_picture(part)).collect();
    parts.join("\n\n")
}

/// Returns true if a part of a report is either the ladder or the screens.
fn is_picture(part: &&str) -> bool {
    part.starts_with("     ") && part.contains('│') || part.contains("  ┌ ")
}

/// Compares only those parts of the reports that are the same in every run.
#[derive(Clone)]
struct Steady {
    varies: bool,
}

impl Steady {
    fn of(&self, report: &Snapshot) -> Option<Vec<String>> {
        let SnapshotContents::Text(text) = report.contents() else { return None };
        let text = text.to_string();
        let parts: Vec<_> = text.split("\n\n").collect();
        if self.varies {
            // Keep only the stage and the sentences that are the same in every run. The functions to look at depend on
            // the failed step.
            let advice = parts.last()?.lines().filter(|line| !line.starts_with("   look at"));
            return Some(vec![(*parts.first()?).to_owned(), advice.collect()]);
        }
        // Threads and programs race, so a ladder's rows may be in a different order, joined, or split, and more or
        // fewer rows and steps may be left out. In every run, the same people are named above the ladder, and the same
        // event is shown as missing (✗).
        let is_row = |line: &str| line.contains('│') || line.trim_start().starts_with("── ");
        let stays = |line: &&str| !is_row(line) || line.contains('✗');
        let picture = |part: &str| part.lines().filter(stays).collect::<Vec<_>>().join("\n");
        let part = |part| if is_picture(&part) { picture(part) } else { part.to_owned() };
        Some(parts.into_iter().map(part).collect())
    }
}

impl Comparator for Steady {
    fn matches(&self, reference: &Snapshot, test: &Snapshot) -> bool {
        let before = self.of(reference);
        before.is_some() && before == self.of(test)
    }

    fn dyn_clone(&self) -> Box<dyn Comparator> {
        Box::new(self.clone())
    }
}

fn insta_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../docs/src/reports");
    settings.set_omit_expression(true);
    // The replacement has as many digits as the grader's ports.
    settings.add_filter(r"\b\d{5}\b", "54321");
    settings.add_filter(r"nothing for \d\.\d s", "nothing for 4.0 ss");
    settings.add_filter(r"\d+(\.\d+)? ?(µs|ms|s)\b", "…");
    // A time may be at the end of a row and its unit in the next row.
    settings.add_filter(r"(?m)\bby \d+\.\d$", "by …");
    settings.add_filter(r"\b\d+ more (threads|open files)", "… more $1");
    settings.add_filter(r"4\.0 ss", "4.0 s");
    // Line and column numbers change whenever a file is edited.
    settings.add_filter(r"\.rs:\d+(:\d+)?", ".rs:…");
    settings.add_filter(r"' \(\d+\) panicked", "' (…) panicked");
    settings
}

#[test]
fn the_mutants_of_lab_1_are_caught() {
    are_caught(1);
}

#[test]
fn the_mutants_of_lab_2_are_caught() {
    are_caught(2);
}

#[test]
fn the_mutants_of_lab_3_are_caught() {
    are_caught(3);
}

#[test]
fn the_mutants_of_lab_4_are_caught() {
    are_caught(4);
}
