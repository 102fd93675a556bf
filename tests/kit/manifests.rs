//! If cargo cannot use a `Cargo.toml`, only that package's program loses points. The other programs are graded as
//! usual.

use std::fs;
use std::path::Path;

use grader::grading::grader::{Author, Grader};
use grader::grading::verdict::Verdict;
use grader::harness::stage::Role;
use grader::report::failure::Report;

use crate::export::{export_built_in, write_bodies};

fn breaks(kit: &Path, manifest: &str, find: &str, replace: &str) {
    let file = kit.join("labs").join(manifest);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(find), "{find} in {manifest}");
    fs::write(&file, text.replacen(find, replace, 1)).unwrap();
}

/// Grades all labs. `lost` lists the programs with a broken manifest and what the reports about their stages must say.
fn costs_only(kit: &Path, lost: &[(u32, Role, &str, &str)]) {
    let grader = Grader::new(kit, &[1, 2, 3, 4], Some(1));
    for lab in &grader.labs {
        for stage in &lab.stages {
            let is_lost = |(number, role, ..): &&(u32, Role, &str, &str)| {
                *number == lab.number && (stage.role == *role || stage.role == Role::Together)
            };
            let lost = lost.iter().find(is_lost);
            // For a program with an intact manifest, the first stages are enough: if they pass, the program was built.
            if lost.is_none() && !stage.requires.is_empty() {
                continue;
            }
            grader.grade(Author::Student, lab.number, stage, |graded| {
                let report = Report::new(lab, stage, graded, "(the same test again)".into());
                let report = report.to_text(kit);
                let verdict = &graded.verdict;
                let Some((_, _, manifest, cargo)) = lost else {
                    let number = (lab.number, stage.number);
                    return assert_eq!(*verdict, Verdict::Passed, "{number:?}\n{report}");
                };
                assert_eq!(*verdict, Verdict::Failed, "{report}");
                let restores = format!("copy it from tests/starters/{manifest}");
                let words = report.split_whitespace().filter(|word| *word != "│");
                let text = words.collect::<Vec<_>>().join(" ");
                for part in [&format!("labs/{manifest}"), &restores, *cargo] {
                    assert!(text.contains(part), "«{part}» is not in\n{report}");
                }
            });
        }
    }
}

#[test]
fn a_broken_manifest_costs_its_program() {
    let kit = export_built_in("target/manifests");
    write_bodies(kit.path(), |_, _| true);
    let client = "lab3-length-header/client/Cargo.toml";
    breaks(kit.path(), client, "[dependencies]", "[dependencies");
    costs_only(kit.path(), &[(3, Role::Client, client, "unclosed table")]);
}

#[test]
fn a_renamed_package_costs_its_program() {
    let kit = export_built_in("target/manifests");
    write_bodies(kit.path(), |_, _| true);
    let server = "lab2-nick-group/server/Cargo.toml";
    breaks(kit.path(), server, "name = \"lab2-server\"", "name = \"server\"");
    costs_only(kit.path(), &[(2, Role::Server, server, "did not match any packages")]);
}
