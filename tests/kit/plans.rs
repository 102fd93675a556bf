//! What the stages are worth, and what goes with them.

use std::fs;

use grader::labs;
use grader::stage::Kind;
use grader::tasks;

#[test]
fn the_points_of_each_lab_add_up_to_100() {
    for plan in labs::all() {
        let points: u32 = plan.stages.iter().map(|stage| stage.points).sum();
        assert_eq!(points, 100, "lab {}", plan.number);
    }
}

#[test]
fn every_stage_has_a_number_a_hint_and_stands_on_earlier_ones() {
    for plan in labs::all() {
        for (stage, number) in plan.stages.iter().zip(1..) {
            let name = format!("stage {}.{}", plan.number, stage.number);
            assert_eq!(stage.number, number, "{name}");
            assert!(stage.hints.len() >= 2, "{name} has too few hints: {:?}", stage.hints);
            for &other in stage.stands_on {
                assert!(other < number, "{name}");
                // Blame falls on one program: a server loses nothing to a wrong client.
                let kind = plan.stages[other as usize - 1].kind;
                assert!(stage.kind == Kind::Together || stage.kind == kind, "{name} on {other}");
            }
        }
    }
}

#[test]
fn every_stage_is_in_the_handout() {
    let folders = fs::read_dir(grader::kit().join("labs")).unwrap();
    let mut handouts: Vec<_> =
        folders.map(|folder| folder.unwrap().path().join("README.md")).collect();
    handouts.sort();
    for (plan, handout) in labs::all().iter().zip(&handouts) {
        let text = fs::read_to_string(handout).unwrap();
        for stage in &plan.stages {
            let on: Vec<_> = stage.stands_on.iter().map(ToString::to_string).collect();
            let program = match stage.kind {
                Kind::Server => "server",
                Kind::Client => "client",
                Kind::Together => "both",
            };
            let (number, title, points) = (stage.number, stage.title, stage.points);
            let row = format!("| {number} | {title} | {program} | {points} | {} |", on.join(", "));
            assert!(text.contains(&row), "{} should have the row\n{row}", handout.display());
        }
    }
}

/// Where a stage is about a function, its doc comment says so, and `cargo lab` finds it.
#[test]
fn every_stage_is_named_in_a_doc_comment() {
    for plan in labs::all() {
        for stage in &plan.stages {
            let places = tasks::of_lab(&grader::kit(), "labs", plan.number).unwrap();
            let places = tasks::of_stage(places, stage.number);
            assert!(!places.is_empty(), "stage {}.{}", plan.number, stage.number);
        }
    }
}
