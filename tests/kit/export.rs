//! Tests `cargo lab export` and checks that a student can use the exported kit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as SystemCommand;
use std::sync::{Mutex, MutexGuard, PoisonError};

use assert_cmd::Command;
use grader::cli::starters;
use grader::grading::log::ON;
use grader::kit::{exercises, files};
use grader::labs;
use grader::system::cargo::share_target;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::{lab, lab_in};

/// A student kit, as exported to an empty folder.
pub struct StudentsKit {
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl StudentsKit {
    /// Returns the kit's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The test that is using the student kits' build folder holds this lock.
static TURN: Mutex<()> = Mutex::new(());

/// Exports a student kit. Every such kit uses the same build folder, so the libraries are built only once. Therefore,
/// this function waits until no other student kit exists.
pub fn students_kit() -> StudentsKit {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    StudentsKit { folder: export_built_in("target/students"), _turn: turn }
}

/// Exports a student kit whose build folder is `target` in this kit.
pub fn export_built_in(target: &str) -> TempDir {
    let kit = tempfile::tempdir().unwrap();
    lab().arg("export").arg(kit.path()).assert().success();
    share_target(kit.path(), &grader::kit::root().join(target)).unwrap();
    kit
}

/// For some labs and stages, replaces the function bodies in a student kit with those from the solutions.
pub fn write_bodies(kit: &Path, is_written: impl Fn(u32, u32) -> bool) {
    let starters = starters::make(&grader::kit::root().join("solutions"), is_written).unwrap();
    for (path, text) in starters {
        files::write(&kit.join("labs").join(path), &text).unwrap();
    }
}

/// Makes a new kit use the build folder that the student kits share, as [`students_kit`] does. Until the returned value
/// is dropped, no other kit can use this folder.
pub fn share_students_target(kit: &Path) -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    share_target(kit, &grader::kit::root().join("target/students")).unwrap();
    turn
}

#[test]
fn a_students_kit_holds_no_solution() {
    assert_holds_no_solution(students_kit().path());
}

/// Asserts that no file in an exported kit contains a solution's lines.
pub fn assert_holds_no_solution(kit: &Path) {
    let mut exported = files::below(kit).unwrap();
    exported.retain(|path| !path.starts_with("target"));
    // Not all files are UTF-8: the book contains pictures and fonts.
    let text = |path| String::from_utf8_lossy(&fs::read(kit.join(path)).unwrap()).into_owned();
    let texts: Vec<_> = exported.iter().map(text).collect();
    for (path, text) in exported.iter().zip(&texts) {
        let shown = path.display();
        assert!(!path.starts_with("solutions"), "{shown}");
        // The benchmark is not exported, because it measures only the solutions.
        assert!(!path.starts_with("tests/benches") && !text.contains("[[bench]]"), "{shown}");
        for lab in 1..=4 {
            let package = format!("solution{lab}-");
            // The grader contains the names of the solutions' packages but works without them.
            let is_grader = path.starts_with("tests/src");
            assert!(is_grader || !text.contains(&package), "{shown} names a package {package}");
        }
    }
    let is_code = |line: &&str| line.len() > 24 && !line.starts_with("//");
    for lab in 1..=4 {
        for place in exercises::of_lab(&grader::kit::root(), "solutions", lab).unwrap() {
            let body = &place.source[place.task.body.clone()];
            let telling: Vec<_> = body.lines().map(str::trim).filter(is_code).collect();
            for (path, text) in exported.iter().zip(&texts) {
                let given = telling.iter().filter(|line| text.contains(**line)).count();
                // Some one-line function bodies are given in `common`, because the later labs use these functions.
                assert!(
                    telling.len() <= 1 || given < telling.len(),
                    "{} has the lines of `{}` in lab {lab}: {telling:#?}",
                    path.display(),
                    place.task.name
                );
            }
        }
    }
}

/// A comment between two rows would end the table, both on GitHub and in the book.
#[test]
fn no_export_mark_is_in_a_table() {
    let kit = grader::kit::root();
    let mut pages = vec![PathBuf::from("README.md")];
    for folder in ["docs", "labs"] {
        let below = files::below(&kit.join(folder)).unwrap();
        pages.extend(below.iter().map(|path| Path::new(folder).join(path)));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    for page in pages {
        let text = fs::read_to_string(kit.join(&page)).unwrap();
        let cut = text.contains("|\n<!-- ") || text.contains("-->\n| ");
        assert!(!cut, "{}", page.display());
    }
}

/// Returns a command that runs `cargo test` in the kit, as a student would run it.
pub fn cargo_test(kit: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline"]).current_dir(kit).timeout(std::time::Duration::from_mins(10));
    cargo
}

#[test]
fn a_students_kit_grades_completely_without_the_control() {
    let kit = students_kit();
    lab_in(kit.path()).args(["stats", "--on"]).assert().success();
    let log = || fs::read_to_string(kit.path().join(ON)).unwrap();
    let points = contains(" labs  0/400 points");
    cargo_test(kit.path()).assert().success().stdout(points);
    assert_eq!((log().matches("\"not started\"").count(), log().lines().count()), (4, 4));
    write_bodies(kit.path(), |_, _| true);
    let points = contains(" labs  400/400, bonus 40/40 points");
    cargo_test(kit.path()).assert().success().stdout(points);
    let stages: usize = labs::all().iter().map(|lab| lab.stages.len()).sum();
    assert_eq!((log().matches("\"passed\"").count(), log().lines().count()), (stages, 4 + stages));
}

#[test]
fn the_starters_compile_without_a_warning() {
    let kit = students_kit();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--workspace"]).current_dir(kit.path());
    cargo
        .assert()
        .success()
        .stderr(contains("Compiling lab4-server").and(contains("warning").not()));
}

/// As described in the book, an export updates the course's repository, and the student pulls the changes.
#[test]
fn a_student_can_update_to_a_newer_kit_without_losing_work() {
    let git = |folder: &Path, arguments: &[&str]| {
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut git = SystemCommand::new("git");
        git.current_dir(folder).args(author).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = git.output().expect("git is there");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    };
    let folder = tempfile::tempdir().unwrap();
    let (course, student) = (folder.path().join("course"), folder.path().join("student"));
    let server = "labs/lab1-one-to-one/server/src/main.rs";

    // Create an older kit with a different comment in the server and an additional file in the grader.
    lab().arg("export").arg(&course).assert().success();
    let newer = fs::read_to_string(course.join(server)).unwrap();
    let older = newer.replacen("//! ", "//! Old: ", 1);
    assert_ne!(newer, older);
    for path in [course.join(server), course.join(server.replace("labs/", "tests/starters/"))] {
        fs::write(path, &older).unwrap();
    }
    fs::write(course.join("tests/src/gone.rs"), "// no longer there\n").unwrap();
    git(&course, &["init", "--quiet"]);
    git(&course, &["add", "--all"]);
    git(&course, &["commit", "--quiet", "--message", "the kit"]);

    git(folder.path(), &["clone", "--quiet", "course", "student"]);
    let todo = newer.lines().find(|line| line.contains("todo!(\"stage 1:")).unwrap();
    let written = older.replace(todo, "    TcpListener::bind(address)");
    fs::write(student.join(server), written).unwrap();
    git(&student, &["commit", "--quiet", "--all", "--message", "stage 1"]);

    lab().arg("export").arg(&course).assert().success();
    git(&course, &["add", "--all"]);
    git(&course, &["commit", "--quiet", "--message", "a newer kit"]);
    git(&student, &["pull", "--quiet", "--no-rebase"]);

    let merged = fs::read_to_string(student.join(server)).unwrap();
    assert_eq!(merged, newer.replace(todo, "    TcpListener::bind(address)"));
    assert!(!student.join("tests/src/gone.rs").exists());
}

#[test]
fn an_older_kit_may_lack_folders() {
    let kit = tempfile::tempdir().unwrap();
    let export = || lab().arg("export").arg(kit.path()).assert();
    export().success();
    let (docs, handout) = (kit.path().join("docs"), "lab1-one-to-one/README.md");
    fs::remove_dir_all(&docs).unwrap();
    // In older kits, the handouts were only in labs/.
    fs::remove_file(kit.path().join("tests/starters").join(handout)).unwrap();
    export().success();
    assert!(docs.is_dir() && kit.path().join("labs").join(handout).is_file());
}

#[test]
fn a_refused_export_removes_nothing() {
    let kit = tempfile::tempdir().unwrap();
    let export = || lab().arg("export").arg(kit.path()).assert();
    export().success();
    let refused = |said: &str| {
        let before = files::below(kit.path()).unwrap();
        export().code(1).stderr(contains(said));
        assert_eq!(files::below(kit.path()).unwrap(), before);
    };
    let others = ["labs/lab5-ours/notes.txt", "labs/lab5-ours/README.md"];
    for ours in ["labs/lab2-nick-group/README.md"].into_iter().chain(others) {
        let ours = kit.path().join(ours);
        let before = files::read(&ours).unwrap();
        files::write(&ours, "our own words").unwrap();
        refused("has changed since the export");
        match before {
            Some(text) => fs::write(&ours, text).unwrap(),
            None => fs::remove_file(&ours).unwrap(),
        }
    }
    let docs = kit.path().join("docs");
    fs::remove_file(docs.join("book.toml")).unwrap();
    refused("/docs does not contain the kit's book");
    fs::remove_dir_all(&docs).unwrap();
    fs::write(&docs, "a file").unwrap();
    refused("docs is not a folder");
}

#[test]
fn an_export_overwrites_no_students_work() {
    let kit = students_kit();
    write_bodies(kit.path(), |_, _| true);
    let refused = contains("has changed since the export");
    lab().arg("export").arg(kit.path()).assert().code(1).stderr(refused);
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.txt"), "mine").unwrap();
    lab()
        .arg("export")
        .arg(other.path())
        .assert()
        .code(1)
        .stderr(contains("is neither empty nor a kit for students"));
    assert_eq!(fs::read_to_string(other.path().join("thesis.txt")).unwrap(), "mine");
}
