//! Tests that a server fails exactly one stage of its lab if it listens on all of the computer's addresses.

use std::fs;

use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::Verdict;
use grader::labs;
use grader::report::failure::Report;

use crate::export::{export_built_in, write_bodies};

/// Grades the finished programs with a server that listens on `address`, and asserts that only stage `lost` fails.
fn loses_only(number: u32, lost: u32, address: &str) {
    let kit = export_built_in("target/address");
    write_bodies(kit.path(), |_, _| true);
    let file = kit.path().join("common/src/endpoint.rs");
    let text = fs::read_to_string(&file).unwrap();
    let host = "bind((&self.host, self.port))";
    assert_eq!(text.matches(host).count(), 1);
    fs::write(&file, text.replace(host, &format!("bind((\"{address}\", self.port))"))).unwrap();

    let grader = Grader::new(kit.path(), &[number], Some(1));
    let lab = labs::all().into_iter().find(|lab| lab.number == number).unwrap();
    for stage in &lab.stages {
        grader.grade(Author::Student, number, stage, |graded| {
            let report = Report::new(&lab, stage, graded, "(the same test again)".into());
            let report = report.to_text(kit.path());
            if stage.number == lost {
                assert_eq!(graded.verdict, Verdict::Failed, "{report}");
                let says_it = report.contains("so other computers could connect");
                assert!(says_it, "{report}");
            } else {
                let verdict = &graded.verdict;
                assert_eq!(*verdict, Verdict::Passed, "{number}.{}\n{report}", stage.number);
            }
        });
    }
}

#[test]
fn a_server_for_everyone_loses_one_stage_of_lab_1() {
    loses_only(1, 1, "0.0.0.0");
}

#[test]
fn a_server_for_everyone_loses_one_stage_of_lab_2() {
    loses_only(2, 1, "0.0.0.0");
}

#[test]
fn a_server_for_everyone_loses_one_stage_of_lab_3() {
    // A server that listens on `::` also accepts connections to all of the computer's IPv4 addresses.
    loses_only(3, 10, "::");
}

#[test]
fn a_server_for_everyone_loses_one_stage_of_lab_4() {
    loses_only(4, 9, "0.0.0.0");
}
