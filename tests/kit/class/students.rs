//! Creates a class that contains starters, partial solutions, solutions with mistakes, and unusual and hostile
//! submissions, some as folders and some as archives.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use grader::class::record::{Lab, Submission, Verdict};
use grader::cli::starters;
use grader::harness::stage::Role;
use grader::kit::{exercises, files};
use grader::labs;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::mutants::mutants;
use crate::unusual::{GO, has_go};

/// The path of the lab 2 server in a submission.
const SERVER: &str = "labs/lab2-nick-group/server";

/// A source file that the compiler never finishes compiling.
const ENDLESS: &str =
    "#![allow(long_running_const_eval)]\nconst X: () = loop {};\nfn main() { X }\n";

/// Checks what the record says about a submission.
type Expected = Box<dyn Fn(&Submission)>;

/// A folder with a class's submissions, and a check of what the record says about each submission.
pub struct Class {
    folder: TempDir,
    labs: Vec<u32>,
    expected: Vec<(String, Expected)>,
}

impl Class {
    /// Creates a class with at least one submission of each kind, for labs 1 and 2.
    pub fn small() -> Self {
        let mut class = Self::of(&[1, 2]);
        class.ordinary(1);
        class.unusual();
        class.hostile();
        class.mistakes(100);
        class
    }

    /// Creates a class of about 60 submissions for all labs.
    pub fn large() -> Self {
        let mut class = Self::of(&[1, 2, 3, 4]);
        class.ordinary(4);
        class.unusual();
        class.hostile();
        class.mistakes(7);
        class
    }

    fn of(labs: &[u32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("class")).unwrap();
        let settings = "build_seconds = 40\n[[language]]\nname = \"Python\"\nfile = \"server.py\"\n\
                        build = [\"python3 -m py_compile server.py client.py\"]\n[language.lab.2]\n\
                        server = \"python3 server.py {port}\"\nclient = \"python3 client.py {port}\"\n\
                        [[language]]\nname = \"Go\"\nfile = \"main.go\"\nbuild = [\"";
        let programs = "\"]\n[language.lab.1]\nserver = \"./chat server {port}\"\n\
                        client = \"./chat client {port}\"\n";
        let settings = format!("{settings}{GO}{programs}");
        fs::write(folder.path().join("grading.toml"), settings).unwrap();
        Self { folder, labs: labs.to_vec(), expected: Vec::new() }
    }

    /// Returns the folder with the submissions.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("class")
    }

    /// Returns the path of a file next to the class's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the labs to grade.
    pub fn labs(&self) -> &[u32] {
        &self.labs
    }

    /// Returns the number of submissions.
    pub fn len(&self) -> usize {
        self.expected.len()
    }

    /// Checks the class's record.
    pub fn check(&self, submissions: &[Submission]) {
        assert_eq!(submissions.len(), self.len());
        for (name, is_right) in &self.expected {
            let found = submissions.iter().find(|submission| submission.name == *name);
            let found = found.unwrap_or_else(|| panic!("{name} is not in the record"));
            println!("{name}: {:?} points in {} s", found.points, found.seconds);
            is_right(found);
        }
    }

    fn expect(&mut self, name: &str, is_right: impl Fn(&Submission) + 'static) {
        self.expected.push((name.to_owned(), Box::new(is_right)));
    }

    fn expect_points(&mut self, name: &str, points: usize) {
        self.expect(name, move |found| {
            let points = u32::try_from(points).unwrap();
            let found_points = found.points.map(|points| points - found.bonus().0);
            assert_eq!((found_points, found.complete), (Some(points), true), "{}", shown(found));
        });
    }

    /// Writes a submission that contains the solutions' function bodies for some stages.
    fn write(&self, path: &str, is_written: impl Fn(u32, u32) -> bool) -> PathBuf {
        let folder = self.folder().join(path);
        let made = starters::make(&grader::kit::root().join("solutions"), is_written).unwrap();
        for (path, text) in made {
            files::write(&folder.join("labs").join(path), &text).unwrap();
        }
        folder
    }

    /// Adds complete submissions, an unchanged starter, and `parts` partial solutions for each lab.
    fn ordinary(&mut self, parts: u32) {
        let full = self.labs.len() * 100;
        let kit = self.write("Ann Lee_17_assignsubmission_file_/chat", |_, _| true);
        self.expect_points("Ann Lee", full);
        zip(&kit, "my kit");
        // This submission's files are older than all programs that were built from other submissions.
        let untouched = self.write("untouched", |_, _| false);
        let old = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 30);
        for path in files::below(&untouched).unwrap() {
            let file = File::options().append(true).open(untouched.join(path)).unwrap();
            file.set_modified(old).unwrap();
        }
        self.expect_points("untouched", 0);
        tar_gz(&self.write("packed", |_, _| true).join("labs"));
        fs::rename(self.folder().join("packed/labs.tar.gz"), self.folder().join("packed.tar.gz"))
            .unwrap();
        fs::remove_dir_all(self.folder().join("packed")).unwrap();
        self.expect_points("packed", full);
        // Partial solutions.
        let mut all = labs::all();
        all.retain(|lab| self.labs.contains(&lab.number));
        for lab in all {
            let number = lab.number;
            let last = u32::try_from(lab.stages.len()).unwrap();
            for part in 1..=parts {
                let until = last * part / (parts + 1);
                let name = format!("until-{number}.{until:02}");
                self.write(&name, |lab, stage| lab == number && stage <= until);
                let places = exercises::of_lab(&grader::kit::root(), "solutions", number).unwrap();
                let own: Vec<_> = places.into_iter().map(|place| place.task.stage).collect();
                self.expect(&name, move |found| {
                    for stage in &lab_of(found, number).stages {
                        let is_passed = stage.verdict == Verdict::Passed;
                        assert!(is_passed || stage.stage > until, "{}", shown(found));
                        let is_missing = stage.stage > until && own.contains(&stage.stage);
                        assert!(!is_passed || !is_missing, "{}", shown(found));
                    }
                });
            }
        }
    }

    /// Adds only one mutant out of each group of `every` mutants.
    fn mistakes(&mut self, every: usize) {
        let wanted = self.labs.clone();
        // This mutant is left out: its server chooses its own port, so its verdicts depend on which stages run at the
        // same time.
        let varies = |name: &str| name == "1.01-takes-its-own-port";
        let mutants = mutants().into_iter();
        let mutants = mutants.filter(|one| wanted.contains(&one.lab) && !varies(&one.name));
        for mutant in mutants.skip(1).step_by(every) {
            let (lab, number) = (mutant.lab, mutant.stage);
            let folder = self.write(&mutant.name, |other, _| other == lab);
            mutant.put_into(&folder.join("labs"));
            self.expect(&mutant.name, move |found| {
                let stages = &lab_of(found, lab).stages;
                for stage in stages.iter().filter(|stage| stage.stage <= number) {
                    let is_meant = stage.stage == number;
                    let meant = if is_meant { Verdict::Failed } else { Verdict::Passed };
                    assert_eq!(stage.verdict, meant, "{}", shown(found));
                    assert_eq!(stage.report.is_some(), is_meant);
                    assert_eq!(stage.control, is_meant.then_some(true));
                }
            });
        }
    }

    fn unusual(&mut self) {
        let unusual = grader::kit::root().join("tests/kit/unusual");
        let folders = fs::read_dir(&unusual).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<_> = folders.collect();
        folders.sort();
        for folder in folders {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            let lab: u32 = name[3..4].parse().unwrap();
            let is_small = self.labs.len() < 4;
            let is_ours =
                fs::read_dir(&folder).unwrap().any(|entry| entry.unwrap().path().is_dir());
            if !self.labs.contains(&lab) || !is_ours || is_small && name != "lab1-lock-and-channels"
            {
                continue;
            }
            let own = self.write(&name, |other, _| other == lab);
            for path in files::below(&folder).unwrap() {
                let text = fs::read_to_string(folder.join(&path)).unwrap();
                files::write(&own.join("labs").join(path), &text).unwrap();
            }
            if name == "lab4-tokio" {
                self.expect(&name, |found| {
                    let report = first_report(found, 4);
                    let words = "labs/lab4-multi-room/server/Cargo.toml needs `tokio`";
                    assert!(report.contains(words), "{report}");
                });
            } else {
                self.expect_points(&name, 100);
            }
        }
        let python = self.folder().join("python");
        for file in ["server.py", "client.py"] {
            let text = fs::read_to_string(unusual.join("lab2-python").join(file)).unwrap();
            files::write(&python.join("chat").join(file), &text).unwrap();
        }
        self.expect_points("python", 100);
        if has_go() {
            let go = self.folder().join("go");
            files::write(
                &go.join("main.go"),
                &fs::read_to_string(unusual.join("lab1-go/main.go")).unwrap(),
            )
            .unwrap();
            self.expect_points("go", 100);
        }
    }

    fn hostile(&mut self) {
        let full = self.labs.len() * 100;
        let endless = self.write("endless", |_, _| true);
        fs::write(endless.join(SERVER).join("src/main.rs"), ENDLESS).unwrap();
        self.expect("endless", |found| {
            let report = first_report(found, 2);
            assert!(report.contains("the build was still running"), "{report}");
            let lab = lab_of(found, 2);
            assert!(lab.points.unwrap() > 0, "its client passes: {}", shown(found));
            assert_eq!(lab_of(found, 1).points, Some(110), "{}", shown(found));
        });
        // None of these files counts as a source file, so nothing was handed in.
        let links = self.write("links", |_, _| false);
        let main = links.join(SERVER).join("src/main.rs");
        fs::remove_file(&main).unwrap();
        let finished = grader::kit::root().join("solutions/lab2-nick-group/server/src/main.rs");
        symlink(finished, &main).unwrap();
        mkfifo(&main.with_file_name("pipe.rs"), Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", main.with_file_name("zero.rs")).unwrap();
        fs::write(main.with_file_name("long.rs"), "/".repeat(100_000_000)).unwrap();
        symlink(grader::kit::root().join("solutions"), links.join("solutions")).unwrap();
        self.expect_points("links", 0);
        // Mistakes in manifests do not matter, because the grader uses its own manifests.
        let manifests = self.write("manifests", |_, _| true);
        fs::write(manifests.join("Cargo.toml"), "[workspace\n").unwrap();
        fs::write(manifests.join(SERVER).join("build.rs"), "fn main() { loop {} }").unwrap();
        let renamed = "[package]\nname = \"x\"\nbuild = \"build.rs\"\n";
        fs::write(manifests.join(SERVER).join("Cargo.toml"), renamed).unwrap();
        let client = manifests.join("labs/lab1-one-to-one/client/Cargo.toml");
        fs::write(client, "[dependencies").unwrap();
        self.expect_points("manifests", full);

        let bomb = File::create(self.folder().join("bomb.zip")).unwrap();
        let mut zip = ZipWriter::new(bomb);
        for number in 0..2000 {
            let path = format!("{SERVER}/src/{number}.rs");
            zip.start_file(path, SimpleFileOptions::default()).unwrap();
            zip.write_all(&[b'/'; 10_000]).unwrap();
        }
        zip.finish().unwrap();
        self.expect_error("bomb", "it holds more than 1000 files");
        fs::write(self.folder().join("broken.zip"), "PK").unwrap();
        self.expect_error("broken", "not a zip");
        fs::create_dir(self.folder().join("nothing")).unwrap();
        self.expect_error("nothing", "it holds no labs");
    }

    fn expect_error(&mut self, name: &str, why: &'static str) {
        self.expect(name, move |found| {
            assert_eq!((found.points, found.complete), (None, false));
            assert!(
                found.error.as_ref().is_some_and(|error| error.contains(why)),
                "{}",
                shown(found)
            );
        });
    }
}

fn lab_of(submission: &Submission, number: u32) -> &Lab {
    let lab = submission.labs.iter().find(|lab| lab.lab == number);
    lab.unwrap_or_else(|| panic!("{} has no lab {number}", shown(submission)))
}

/// Returns the first report about a lab's server.
fn first_report(submission: &Submission, number: u32) -> &str {
    let stages = &lab_of(submission, number).stages;
    let all = labs::all();
    let lab = all.iter().find(|lab| lab.number == number).unwrap();
    let is_server = |number: u32| {
        lab.stages.iter().any(|stage| stage.number == number && stage.role == Role::Server)
    };
    let stage = stages.iter().find(|stage| is_server(stage.stage) && stage.report.is_some());
    &stage.unwrap_or_else(|| panic!("{}", shown(submission))).report.as_ref().unwrap().text
}

/// Describes a submission in a few lines.
fn shown(submission: &Submission) -> String {
    let Submission { name, points, error, .. } = submission;
    let mut shown = format!("{name}: {points:?}, {error:?}\n");
    for stage in submission.labs.iter().flat_map(|lab| &lab.stages) {
        let report = stage.report.as_ref().map_or("", |report| &report.text);
        let _ = writeln!(shown, "{:?} {}\n{report}", stage.verdict, stage.title);
    }
    shown
}

/// Replaces a folder with a zip file that contains all of its files below `top`.
fn zip(folder: &Path, top: &str) {
    let mut zip = ZipWriter::new(File::create(folder.with_extension("zip")).unwrap());
    for path in files::below(folder).unwrap() {
        let name = format!("{top}/{}", path.display());
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(folder.join(path)).unwrap()).unwrap();
    }
    zip.finish().unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// Replaces a folder with a `.tar.gz` of its contents.
fn tar_gz(folder: &Path) {
    let file = File::create(folder.with_extension("tar.gz")).unwrap();
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    tar.append_dir_all("", folder).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    fs::remove_dir_all(folder).unwrap();
}
