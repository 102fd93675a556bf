//! Tests that each rule of a handout names the stages that grade it or says that it is not graded, and that each stage
//! grades a rule.

use std::collections::BTreeSet;
use std::fs;

use grader::labs;

/// Returns the part of a handout that contains the rules.
fn rules(lab: u32) -> String {
    let handout = grader::kit::files::package(&grader::kit::root(), "labs", lab, "server").unwrap();
    let text = fs::read_to_string(handout.with_file_name("README.md")).unwrap();
    let (_, rules) = text.split_once("## The wire").unwrap();
    rules.split_once("\n## ").unwrap().0.to_owned()
}

/// Returns the numbers of the stages that a text names in parentheses, for example in `(stage 5)` or
/// `(stages 3 and 12)`. The mark `(not graded)` names no stage. Returns `None` if the text contains no such marks.
fn marks(text: &str) -> Option<Vec<u32>> {
    let notes = text.split('(').skip(1).filter_map(|rest| rest.split_once(')'));
    let parts: Vec<_> = notes.flat_map(|(note, _)| note.split("; ")).collect();
    let is_mark = |part: &&&str| part.starts_with("stage") || part.contains("not graded");
    let marks: Vec<_> = parts.iter().filter(is_mark).collect();
    let stages = marks.iter().filter(|part| part.starts_with("stage"));
    let numbers =
        stages.flat_map(|part| part.split([' ', '\n', ','])).filter_map(|word| word.parse().ok());
    (!marks.is_empty()).then(|| numbers.collect())
}

/// Returns the sentences in a rule. A period in an abbreviation or a file name is not followed by a capital letter.
fn sentences(rule: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    for word in rule.split_whitespace() {
        let last = sentences.last_mut().unwrap();
        let begins = word.starts_with(|char: char| char.is_uppercase() || "`*".contains(char));
        if begins && last.ends_with(['.', '!']) {
            sentences.push(word.to_owned());
        } else {
            *last += " ";
            *last += word;
        }
    }
    sentences
}

fn demands(sentence: &str) -> bool {
    let mut words = sentence.split(|char: char| !char.is_alphanumeric());
    words.any(|word| ["must", "never", "cannot"].contains(&word))
}

#[test]
fn every_rule_names_its_stages_and_every_stage_has_a_rule() {
    let mut wrong = Vec::new();
    for lab in labs::all() {
        let (number, text) = (lab.number, rules(lab.number));
        let mut named = BTreeSet::new();
        for rule in text.split("\n- ").skip(1) {
            named.extend(marks(rule).unwrap_or_else(|| {
                wrong.push(format!("lab {number}: this rule does not name a stage:\n{rule}"));
                Vec::new()
            }));
        }
        let sentences = text.split("\n- ").flat_map(sentences);
        let unmarked = sentences.filter(|text| demands(text) && marks(text).is_none());
        wrong.extend(
            unmarked
                .map(|text| format!("lab {number}: this sentence does not name a stage:\n{text}")),
        );
        // The table's last column names the stages.
        for row in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let cell = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
            let stages: Result<Vec<u32>, _> = cell.split(", ").map(str::parse).collect();
            named.extend(stages.unwrap_or_else(|_| {
                wrong.push(format!("lab {number}: this row does not name a stage:\n{row}"));
                Vec::new()
            }));
        }
        let stages: BTreeSet<_> = lab.stages.iter().map(|stage| stage.number).collect();
        if named != stages {
            let unknown: Vec<_> = named.difference(&stages).collect();
            let without: Vec<_> = stages.difference(&named).collect();
            wrong.push(format!(
                "lab {number}: unknown stages {unknown:?}, no rules for {without:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
