//! Tests the points, hints, requirements and handouts of the stages.

use std::fs;

use grader::harness::stage::Role;
use grader::kit::exercises;
use grader::labs;

#[test]
fn the_points_of_each_lab_add_up_to_100() {
    for lab in labs::all() {
        let points: u32 = lab.stages.iter().map(|stage| stage.points).sum();
        assert_eq!(points, 100, "lab {}", lab.number);
    }
}

#[test]
fn every_stage_has_a_number_and_hints_and_requires_only_earlier_ones() {
    for lab in labs::all() {
        for (stage, number) in lab.stages.iter().zip(1..) {
            let name = format!("stage {}.{}", lab.number, stage.number);
            assert_eq!(stage.number, number, "{name}");
            assert!(stage.hints.len() >= 2, "{name} has too few hints: {:?}", stage.hints);
            for &other in stage.requires {
                assert!(other < number, "{name}");
                // Only one program may be to blame: a server must not lose points because of a wrong client.
                let role = lab.stages[other as usize - 1].role;
                assert!(
                    stage.role == Role::Together || stage.role == role,
                    "{name} requires {other}"
                );
            }
        }
    }
}

#[test]
fn every_stage_is_in_the_handout() {
    let folders = fs::read_dir(grader::kit::root().join("labs")).unwrap();
    let mut handouts: Vec<_> =
        folders.map(|folder| folder.unwrap().path().join("README.md")).collect();
    handouts.sort();
    for (lab, handout) in labs::all().iter().zip(&handouts) {
        let text = fs::read_to_string(handout).unwrap();
        for stage in &lab.stages {
            let on: Vec<_> = stage.requires.iter().map(ToString::to_string).collect();
            let program = match stage.role {
                Role::Server => "server",
                Role::Client => "client",
                Role::Together => "both",
            };
            let (number, title, points) = (stage.number, stage.title, stage.points);
            let row = format!("| {number} | {title} | {program} | {points} | {} |", on.join(", "));
            assert!(text.contains(&row), "{} should have the row\n{row}", handout.display());
        }
    }
}

/// The doc comment of a function names its stages, so that `cargo lab` can find them.
#[test]
fn every_stage_is_named_in_a_doc_comment() {
    for lab in labs::all() {
        for stage in &lab.stages {
            let places = exercises::of_lab(&grader::kit::root(), "labs", lab.number).unwrap();
            let places = exercises::of_stage(places, stage.number);
            assert!(!places.is_empty(), "stage {}.{}", lab.number, stage.number);
        }
    }
}
