//! Tests that the labs can be solved stage by stage in a student kit.

use std::path::Path;

use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::{Graded, Verdict};
use grader::harness::stage::{Lab, Stage};
use grader::labs;

use crate::export::{export_built_in, students_kit, write_bodies};

/// Puts the solutions' function bodies into the starters stage by stage. At each point, all stages whose functions have
/// been written must pass, and each later stage must pass or count as not started or blocked.
fn walk(number: u32) {
    // Each call of this function builds the packages of a different lab, so all calls can share one build folder.
    let kit = export_built_in("target/walk");
    let lab = lab_of(number);
    let last = lab.stages.iter().map(|stage| stage.number).max().unwrap();
    for done in 0..=last {
        write_bodies(kit.path(), |other, stage| other == number && stage <= done);
        grade(kit.path(), &lab, |stage, graded| {
            let is_right = match graded.verdict {
                Verdict::Passed => true,
                Verdict::NotStarted | Verdict::Blocked(_) => stage.number > done,
                Verdict::Failed | Verdict::GraderError => false,
            };
            assert!(is_right, "with stages 1 to {done} written, {}", told(&lab, stage, graded));
        });
    }
}

fn lab_of(number: u32) -> Lab {
    labs::all().into_iter().find(|lab| lab.number == number).unwrap()
}

fn grade(kit: &Path, lab: &Lab, look: impl Fn(&Stage, &Graded)) {
    let grader = Grader::new(kit, &[lab.number], Some(1));
    for stage in &lab.stages {
        grader.grade(Author::Student, lab.number, stage, |graded| look(stage, graded));
    }
}

fn told(lab: &Lab, stage: &Stage, graded: &Graded) -> String {
    let outcome = graded.outcome.as_ref();
    let (result, record) = outcome
        .map(|outcome| {
            (format!("{:?}", outcome.result), format!("{:#?}", outcome.journal.events()))
        })
        .unwrap_or_default();
    let (lab, number) = (lab.number, stage.number);
    format!("stage {lab}.{number} is {:?}\n{result}\n{record}", graded.verdict)
}

#[test]
fn lab_1_can_be_solved_stage_by_stage() {
    walk(1);
}

#[test]
fn lab_2_can_be_solved_stage_by_stage() {
    walk(2);
}

#[test]
fn lab_3_can_be_solved_stage_by_stage() {
    walk(3);
}

#[test]
fn lab_4_can_be_solved_stage_by_stage() {
    walk(4);
}

/// Puts a mistake into a student's file.
fn breaks(kit: &Path, file: &str, find: &str, replace: &str) {
    let file = kit.join("labs").join(file);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(find).count(), 1, "{find} in {}", file.display());
    std::fs::write(&file, text.replace(find, replace)).unwrap();
}

/// A wrong stage 2 counts as failed, even if the program also calls a function of stage 4, which is not written yet.
#[test]
fn a_wrong_stage_that_reaches_a_later_unwritten_one_has_failed() {
    let cases = [
        (
            1,
            "lab1-one-to-one/server/src/main.rs",
            "outbox.push(WELCOME)",
            "outbox.push(WELCOME.trim_ascii_end())",
        ),
        (
            1,
            "lab1-one-to-one/server/src/main.rs",
            "let started = thread::Builder::new().spawn(move || {\n            talk(id, peer, &stream, &room);\n            seat.fetch_sub(1, Ordering::Relaxed);\n            drain(&stream);\n        });",
            "talk(id, peer, &stream, &room);\n        let _ = (seat, drain);\n        let started = thread::Builder::new().spawn(|| ());",
        ),
        // The check waits for this line; meanwhile, the room's thread reaches the `todo!` of stage 4.
        (2, "lab2-nick-group/server/src/main.rs", "Nickname is {", "Nick is {"),
    ];
    let kit = students_kit();
    for (number, file, find, replace) in cases {
        write_bodies(kit.path(), |other, stage| other == number && stage <= 3);
        breaks(kit.path(), file, find, replace);
        let lab = lab_of(number);
        grade(kit.path(), &lab, |stage, graded| {
            if stage.number == 2 {
                let record = &graded.outcome.as_ref().unwrap().journal;
                let reaches_it = record.unwritten_stages().contains(&4);
                let told = told(&lab, stage, graded);
                assert!(reaches_it, "the room should have reached stage 4\n{told}");
                assert_eq!(graded.verdict, Verdict::Failed, "{told}");
            }
        });
    }
}

/// A package that does not compile fails with the compiler's message; all other packages are graded as usual.
#[test]
fn a_package_that_does_not_compile_affects_no_other() {
    let kit = students_kit();
    write_bodies(kit.path(), |_, _| true);
    breaks(kit.path(), "lab3-length-header/client/src/main.rs", "fn main()", "fn mian()");
    let lab = lab_of(3);
    grade(kit.path(), &lab, |stage, graded| {
        let told = told(&lab, stage, graded);
        if stage.role == grader::harness::stage::Role::Server {
            assert_eq!(graded.verdict, Verdict::Passed, "{told}");
        } else if stage.number == 1 {
            assert_eq!(graded.verdict, Verdict::Failed, "{told}");
            assert!(told.contains("`main` function not found"), "{told}");
        } else {
            assert_ne!(graded.verdict, Verdict::Passed, "{told}");
        }
    });
}
