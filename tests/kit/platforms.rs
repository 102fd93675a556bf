//! Tests what `cargo lab export` creates for the platforms on which courses run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;

use assert_cmd::Command as Program;
use grader::cli::starters;
use grader::kit::files;
use predicates::str::contains;
use serde_json::Value;
use zip::ZipArchive;

use crate::export::{assert_holds_no_solution, share_students_target};
use crate::lab;

/// For each file in a zip, returns its text and whether it is executable.
fn unzipped(file: &Path) -> BTreeMap<String, (String, bool)> {
    let mut zip = ZipArchive::new(File::open(file).unwrap()).unwrap();
    let mut texts = BTreeMap::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let is_executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 == 0o111);
        texts.insert(entry.name().to_owned(), (text, is_executable));
    }
    texts
}

#[test]
fn an_autograder_for_gradescope_has_its_scripts_at_the_top() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, settings) = (folder.path().join("autograder.zip"), folder.path().join("our.toml"));
    fs::write(&settings, "weights = { 2 = 3 }\n").unwrap();
    let mut export = lab();
    export.arg("export").arg("--gradescope").arg(&zip).args(["--lab", "2", "--lab", "4"]);
    export
        .arg("--settings")
        .arg(&settings)
        .assert()
        .success()
        .stdout(contains("do not show it to students"));
    let texts = unzipped(&zip);
    for script in ["setup.sh", "run_autograder", "kit/tests/platforms/prepare"] {
        let (text, is_executable) = &texts[script];
        assert!(text.starts_with("#!/usr/bin/env bash\n") && *is_executable, "{script}");
    }
    assert_eq!(texts["kit/options"].0, "--jobs 1 --lab 2 --lab 4\n");
    assert_eq!(texts["kit/grading.toml"].0, "weights = { 2 = 3 }\n");
    // The script `prepare` builds the finished programs from the solutions. Grading needs these finished programs for
    // the control run, which shows whether the machine is at fault.
    assert!(texts.contains_key("kit/solutions/lab2-nick-group/server/src/main.rs"));
    assert!(!texts.keys().any(|name| name.starts_with("kit/tests/kit/")));
}

#[test]
fn a_question_for_prairielearn_names_its_entrypoint() {
    let folder = tempfile::tempdir().unwrap();
    lab().arg("export").arg("--prairielearn").arg(folder.path()).assert().success();
    let text = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    let info: Value = serde_json::from_str(&text("question/info.json")).unwrap();
    let options = &info["externalGradingOptions"];
    let entry = options["entrypoint"].as_str().unwrap().strip_prefix("/kit/").unwrap();
    assert!(text(&format!("image/kit/{entry}")).contains("/grade/results/results.json"));
    assert!(options["timeout"].as_u64().unwrap() <= 600, "PrairieLearn allows no more");
    assert_eq!(info["uuid"].as_str().unwrap().len(), 36);
    assert!(text("question/question.html").contains("submission.zip"));
    // An earlier export is not overwritten.
    let again = lab().arg("export").arg("--prairielearn").arg(folder.path()).assert().code(1);
    again.stderr(contains("is not empty; choose a new folder"));
}

#[test]
fn containers_have_a_rust_that_is_new_enough() {
    let kit = grader::kit::root();
    let text = |path: &str| fs::read_to_string(kit.join(path)).unwrap();
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let minimum = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    for file in [".devcontainer/Containerfile", "tests/platforms/prairielearn/Containerfile"] {
        let images = text(file);
        let mut images = images.lines().filter(|line| line.starts_with("FROM "));
        let image = format!("FROM docker.io/library/rust:{minimum}-");
        assert!(images.all(|line| line.starts_with(&image)), "{file}");
    }
}

/// Returns a command that runs a script from a kit for graders.
fn script(kit: &Path, name: &str) -> Program {
    Program::new(kit.join("tests/platforms").join(name))
}

#[test]
fn a_kit_for_graders_has_no_solutions_and_grades() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let mut export = lab();
    export.arg("export").arg("--github").arg(folder.path()).args(["--lab", "1"]);
    export.assert().success();
    let kit = at("grader");
    assert_holds_no_solution(&kit);
    for file in ["grader/action.yml", "feedback.yml", "class.yml", "classroom50/autograder.py"] {
        assert!(at(file).is_file(), "{file}");
    }
    // Classroom 50 fetches at most 10 MB.
    let bundle = fs::metadata(at("classroom50/kit.tar.gz")).unwrap().len();
    assert!(bundle < 5_000_000, "{bundle} bytes");

    let _turn = share_students_target(&kit);
    // With `--locked` and `--offline`, the build succeeds only if the kit's lock file is correct and complete.
    let mut cargo = Command::new(env!("CARGO"));
    let build =
        ["build", "--locked", "--offline", "--quiet", "--package", "grader", "--bin", "lab"];
    assert!(cargo.args(build).current_dir(&kit).status().unwrap().success());

    // A correct submission, next to a file that could be mistaken for the instructor's settings.
    let made = starters::make(&grader::kit::root().join("solutions"), |_, _| true).unwrap();
    for (path, text) in made {
        files::write(&at("handed in/my kit/labs").join(path), &text).unwrap();
    }
    let settings = "build_seconds = 1\n[[language]]\nname = \"x\"\nfile = \"a\"\nlab = {}\n";
    files::write(&at("handed in/grading.toml"), settings).unwrap();
    files::write(&at("handed in/a"), "").unwrap();
    let results = at("results.json");
    let grade = |handed_in: &str| {
        let mut grade = script(&kit, "grade");
        grade.arg(at(handed_in)).arg("--gradescope").arg(&results).current_dir(at("handed in"));
        grade.assert()
    };
    grade("handed in").success();
    let value: Value = serde_json::from_str(&fs::read_to_string(&results).unwrap()).unwrap();
    let tests = value["tests"].as_array().unwrap();
    let points: u64 = tests.iter().map(|test| test["score"].as_u64().unwrap()).sum();
    assert_eq!(points, 110, "{value}");

    // A submission that cannot be graded gets no result, not 0 points.
    files::write(&at("nothing/notes.txt"), "").unwrap();
    grade("nothing").code(1).stdout(contains("it holds no labs"));
    assert!(!results.exists());
    // If grading is stopped, there is no result either.
    let mut stopped = script(&kit, "grade");
    stopped.env("GRADING_MINUTES", "0.001").arg(at("handed in")).arg("--gradescope").arg(&results);
    stopped.assert().code(124).stderr(contains("Grading was still running after 0.001 minutes"));
    assert!(!results.exists());
}
