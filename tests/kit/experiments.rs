//! Tests that the experiments in `common/examples/` and the book refer to each other and that students get both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use predicates::str::contains;

use crate::book::pages;
use crate::export::students_kit;

/// Returns the source text of each experiment, by name.
fn experiments() -> BTreeMap<String, String> {
    let folder = grader::kit::root().join("common/examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.filter(|path| path.is_file()).map(read).collect()
}

#[test]
fn every_experiment_names_a_section_of_the_book() {
    let pages = pages(&grader::kit::root());
    for (name, source) in experiments() {
        let (_, rest) = source.split_once("Chapter: docs/src/").expect(&name);
        let link = rest.split(['"', '\\', '\n']).next().unwrap();
        let (page, id) = link.split_once('#').expect(&name);
        let is_there = pages.get(Path::new(page)).is_some_and(|page| page.ids.contains(id));
        assert!(is_there, "{name}: there is no {link} in the book");
    }
}

#[test]
fn the_book_names_only_experiments_that_exist() {
    let experiments = experiments();
    for (path, page) in pages(&grader::kit::root()) {
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let named = page.text.split("--example ").skip(1);
        let named: BTreeSet<_> =
            named.map(|rest| rest.split(|char| !is_name(char)).next().unwrap()).collect();
        for name in named {
            assert!(experiments.contains_key(name), "{}: {name}", path.display());
        }
    }
}

#[test]
fn the_book_names_every_experiment() {
    let pages = pages(&grader::kit::root());
    for name in experiments().keys() {
        let command = format!("cargo run -p common --example {name}`");
        let is_named = pages.values().any(|page| page.text.contains(&command));
        assert!(is_named, "no page names {name}");
    }
}

#[test]
fn a_student_can_run_every_experiment() {
    let kit = students_kit();
    for (name, _) in experiments() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["run", "--offline", "-p", "common", "--example", &name])
            .current_dir(kit.path());
        cargo.timeout(Duration::from_mins(5)).assert().success().stdout(contains("What happened"));
    }
}
