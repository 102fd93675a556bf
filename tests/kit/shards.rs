//! Grades a class in shards with `cargo lab grade --shard` and merges their records.

use std::fs;
use std::path::{Path, PathBuf};

use grader::class::record::Record;
use grader::cli::starters;
use grader::kit::files;
use predicates::prelude::*;
use predicates::str::contains;

use crate::class::lasting;
use crate::export::{StudentsKit, students_kit};
use crate::lab_in;

const SHARDS: usize = 8;

/// Writes more submissions than there are shards: finished submissions, unfinished submissions, and one that cannot be
/// read.
fn submissions(folder: &Path) {
    for number in 0..=SHARDS {
        let until = u32::try_from(number).unwrap();
        let is_written = |lab, stage| lab == 1 && stage <= until;
        let made = starters::make(&grader::kit::root().join("solutions"), is_written).unwrap();
        for (path, text) in made.iter().filter(|(path, _)| files::lab_of(path) == Some(1)) {
            let kit = folder.join(format!("student {number}/labs"));
            files::write(&kit.join(path), text).unwrap();
        }
    }
    fs::write(folder.join("broken.zip"), "PK").unwrap();
}

fn grade(kit: &StudentsKit, class: &Path, json: &Path, more: &[&str]) {
    let mut grade = lab_in(kit.path());
    grade.arg("grade").arg(class).args(["--lab", "1", "--json"]).arg(json).args(more);
    grade.assert().code(predicate::in_iter([0, 1]));
}

#[test]
fn eight_shards_merged_are_one_grading() {
    let folder = tempfile::tempdir().unwrap();
    let (class, file) = (folder.path().join("class"), |name: &str| folder.path().join(name));
    fs::create_dir(&class).unwrap();
    submissions(&class);
    let kit = students_kit();
    let whole = file("whole.json");
    grade(&kit, &class, &whole, &[]);
    let shards: Vec<PathBuf> = (1..=SHARDS)
        .map(|number| {
            let json = file(&format!("{number}.json"));
            grade(&kit, &class, &json, &["--shard", &format!("{number}/{SHARDS}")]);
            json
        })
        .collect();
    let merged = file("merged.json");
    let mut merge = lab_in(kit.path());
    merge.arg("merge").args(&shards).arg("--json").arg(&merged).arg("--csv").arg(file("all.csv"));
    merge.assert().code(1).stdout(contains("student 8")).stdout(contains("broken"));
    let record = |json: &Path| -> Record {
        serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap()
    };
    let (whole, merged) = (record(&whole), record(&merged));
    assert_eq!(whole.submissions.len(), SHARDS + 2);
    assert_eq!(lasting(&whole), lasting(&merged));
    assert_eq!(fs::read_to_string(file("all.csv")).unwrap().lines().count(), SHARDS + 3);
    // One shard is missing.
    let mut merge = lab_in(kit.path());
    let says = contains("shard 8/8 is missing; grade it with --shard 8/8");
    merge.arg("merge").args(&shards[1..7]).arg(&shards[0]).assert().code(1).stderr(says);
}
