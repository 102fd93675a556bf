//! Tests the formats that other systems read: each file follows its schema, a grader error never counts as 0 points,
//! and a submission's output cannot make a file invalid.

mod class;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use grader::class::detail::Detail;
use grader::class::forms::github::{Stopped, annotations};
use grader::class::forms::{ALL, classroom50, write};
use grader::class::record::{Submission, Verdict};
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use class::{SECRET, complete, flood, incomplete, record, ungraded};

/// Returns the value of an environment variable that Classroom 50's runner sets.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "CLASSROOM" => "networks",
        "ASSIGNMENT" => "chat",
        "OWNER" => "ann",
        "SUBMISSION_TAG" => "submit/2026-11-27T09-00-00Z-a1b2c3d",
        "COMMIT_URL" => "https://example.org/commit",
        "RELEASE_URL" => "https://example.org/release",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Returns the results in a format, or `None` if nothing is written in this format for this submission.
fn written(option: &str, submission: &Submission) -> Option<String> {
    if option == "classroom50" {
        return classroom50::result_with(submission, &variable).unwrap();
    }
    let form = ALL.iter().find(|form| form.option == option).unwrap();
    (form.write)(&record(vec![submission.clone()]), submission).unwrap()
}

fn json(option: &str, submission: &Submission) -> Value {
    serde_json::from_str(&written(option, submission).unwrap()).unwrap()
}

fn schemas() -> PathBuf {
    grader::kit::root().join("tests/kit/forms/schemas")
}

/// Returns the sum of a field over all tests.
fn sum(tests: &Value, field: &str) -> u64 {
    tests.as_array().unwrap().iter().map(|test| test[field].as_u64().unwrap()).sum()
}

#[test]
fn forms_in_json_follow_their_schemas() {
    for option in ["gradescope", "classroom50", "prairielearn", "ctrf"] {
        let schema = schemas().join(format!("{option}.schema.json"));
        let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{option}");
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for submission in [complete(), incomplete(), ungraded(), flood()] {
            let Some(text) = written(option, &submission) else { continue };
            let value = serde_json::from_str(&text).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{option}: {errors:#?}");
        }
    }
}

#[test]
fn forms_form_sums_with_weights_hidden_stages_and_a_bonus() {
    let submission = complete();
    assert_eq!((submission.points, submission.maximum), (Some(60), 130));
    let tests = &json("gradescope", &submission)["tests"];
    assert_eq!((sum(tests, "score"), sum(tests, "max_score")), (60, 140));
    let result = json("classroom50", &submission);
    assert_eq!((&result["score"], &result["max-score"]), (&60.into(), &140.into()));
    let tests = &result["tests"];
    assert_eq!((sum(tests, "score"), sum(tests, "max-score")), (60, 140));
    let results = json("prairielearn", &submission);
    let score = results["score"].as_f64().unwrap();
    assert!((score - 60.0 / 130.0).abs() < 1e-9, "{score}");
    assert_eq!(sum(&results["tests"], "points"), 60);
    assert_eq!(written("autolab", &submission).unwrap(), "{\"scores\":{\"lab2\":60}}\n");
    let lines = written("vpl", &submission).unwrap();
    assert_eq!(lines.lines().last(), Some("Grade :=>> 60"));
    // Bonus stages can make up for lost points, but PrairieLearn allows no score above 1.
    let more = Submission { points: Some(200), ..submission };
    assert_eq!(json("prairielearn", &more)["score"], 1.0);
}

/// A pipeline must not fail because of a bonus stage.
#[test]
fn forms_never_call_a_bonus_stage_a_failure() {
    let passed = complete();
    assert!(written("vpl", &passed).unwrap().contains("50 of 130 points, bonus 10 of 10,"));
    let mut failed = passed.clone();
    let bonus = failed.labs[0].stages.iter_mut().find(|stage| stage.bonus).unwrap();
    (bonus.verdict, bonus.points) = (Verdict::Failed, Some(0));
    (failed.points, failed.labs[0].points) = (Some(50), Some(25));
    let count = |submission, what| written("junit", submission).unwrap().matches(what).count();
    assert_eq!(count(&failed, "<failure "), count(&passed, "<failure "));
    assert_eq!(count(&failed, "<skipped "), count(&passed, "<skipped ") + 1);
    let status = json("ctrf", &failed)["results"]["tests"][4]["status"].clone();
    assert_eq!(status, "other");
    assert_eq!(annotations(&failed), annotations(&passed));
    assert!(!written("vpl", &failed).unwrap().contains("bonus 0"));
}

#[test]
fn forms_show_that_there_are_hidden_stages_and_nothing_else_about_them() {
    let submission = complete();
    for form in &ALL {
        let text = written(form.option, &submission).unwrap();
        if form.option == "gradescope" {
            let tests = json("gradescope", &submission)["tests"].clone();
            for test in tests.as_array().unwrap() {
                let is_hidden = ["2.06", "2.07"].contains(&test["number"].as_str().unwrap());
                assert_eq!(test["visibility"], if is_hidden { "hidden" } else { "visible" });
                assert!(is_hidden || !test.to_string().contains(SECRET));
                // The number of a hidden stage would reveal that the stage has failed.
                assert!(is_hidden || !test.to_string().contains("2.7"), "{test}");
            }
        } else {
            for secret in [SECRET, "2.06", "2.07", "2.7 ", "title 6", "title 7"] {
                assert!(!text.contains(secret), "{}: {secret} in {text}", form.option);
            }
        }
        let says = text.contains("2 hidden stages");
        assert!(says || form.option == "autolab", "{}: {text}", form.option);
    }
}

#[test]
fn a_form_never_gives_0_points_for_a_grader_error() {
    for submission in [incomplete(), ungraded()] {
        // The formats of Gradescope and Classroom 50 cannot express a grader error, so no file is written. Both systems
        // report a missing result file as a failure of the grader.
        assert_eq!(written("gradescope", &submission), None);
        assert_eq!(written("classroom50", &submission), None);
        let results = json("prairielearn", &submission);
        assert_eq!((&results["gradable"], &results["score"]), (&false.into(), &Value::Null));
        let scores = json("autolab", &submission)["scores"].clone();
        assert_eq!(scores["lab2"], Value::Null, "{scores}");
        assert!(scores.as_object().unwrap().contains_key("lab2"), "{scores}");
        let lines = written("vpl", &submission).unwrap();
        assert!(!lines.lines().any(|line| line.starts_with("Grade")), "{lines}");
        let report = written("junit", &submission).unwrap();
        assert!(report.contains("<error "), "{report}");
        let report = json("ctrf", &submission);
        assert_eq!(
            report["results"]["tests"][0]["extra"]["points"].as_u64(),
            (!submission.labs.is_empty()).then_some(10)
        );
        assert!(report["results"]["summary"]["other"].as_u64() > Some(0), "{report}");
        assert!(annotations(&submission).starts_with("::error title=Grader error::"));
    }
    let summary = written("github", &incomplete()).unwrap();
    let row = summary.lines().find(|line| line.contains("title 2")).unwrap();
    assert!(row.contains("| not graded | grader error"), "{row}");
}

#[test]
fn forms_keep_every_verdict() {
    let statuses: Vec<_> = json("ctrf", &complete())["results"]["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| test["status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["passed", "failed", "pending", "skipped", "passed", "skipped", "failed"]);
    let report = written("junit", &complete()).unwrap();
    assert!(report.contains("tests=\"7\" failures=\"3\" errors=\"0\" skipped=\"2\""), "{report}");
    let report = written("junit", &incomplete()).unwrap();
    assert!(report.contains("tests=\"7\" failures=\"2\" errors=\"1\" skipped=\"2\""), "{report}");
    let output = json("gradescope", &complete())["tests"][1]["output"].clone();
    assert!(output.as_str().unwrap().contains("alice │──▶│ server\n"), "the ladder: {output}");
}

#[test]
fn the_junit_form_follows_its_schema() {
    for submission in [complete(), incomplete(), ungraded(), flood()] {
        let report = written("junit", &submission).unwrap();
        let mut lint = Command::new("xmllint");
        lint.args(["--noout", "--nonet", "--schema"]).arg(schemas().join("junit.xsd")).arg("-");
        let lint = lint.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut lint = match lint {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("NOT CHECKED: xmllint is not installed");
                return;
            }
            lint => lint.unwrap(),
        };
        lint.stdin.take().unwrap().write_all(report.as_bytes()).unwrap();
        let ended = lint.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn hostile_output_ends_nothing_in_a_form() {
    for submission in [complete(), incomplete(), ungraded(), flood()] {
        for form in &ALL {
            let Some(text) = written(form.option, &submission) else { continue };
            // XML does not allow U+FFFE and U+FFFF, but JSON does.
            let others =
                if form.option == "junit" { "\u{202e}\u{fffe}\u{ffff}" } else { "\u{202e}" };
            let strange = |char: char| (char.is_control() && char != '\n') || others.contains(char);
            assert_eq!(text.find(strange), None, "{}", form.option);
            assert!(text.len() < 1_000_000, "{}: {} bytes", form.option, text.len());
        }
        let line = written("autolab", &submission).unwrap();
        assert_eq!(line.lines().count(), 1);
        let lines = written("vpl", &submission).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        let (grade, comments) = lines.split_last().unwrap();
        assert!(comments.iter().all(|line| line.starts_with("Comment :=>> ")), "{lines:#?}");
        assert!(grade.starts_with("Comment :=>> ") || submission.complete, "{grade}");
    }
}

/// Returns the tags in the text.
fn tags(text: &str) -> BTreeSet<&str> {
    let names = text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap());
    names.collect()
}

#[test]
fn hostile_output_is_only_text_in_a_summary_for_github() {
    for submission in [complete(), incomplete(), ungraded(), flood()] {
        let summary = written("github", &submission).unwrap();
        let (mut titles, mut cells) = (Vec::new(), 0);
        let mut is_title = false;
        for event in Parser::new_ext(&summary, Options::all()) {
            match event {
                Event::Start(Tag::Heading { .. }) => is_title = true,
                Event::End(pulldown_cmark::TagEnd::Heading(_)) => is_title = false,
                Event::Text(text) if is_title => titles.push(text.to_string()),
                Event::Start(Tag::TableCell) => cells += 1,
                Event::Start(
                    Tag::Paragraph
                    | Tag::Table(_)
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::HtmlBlock,
                )
                | Event::End(_)
                | Event::Text(_) => {}
                Event::Html(html) | Event::InlineHtml(html) => {
                    let ours = ["details", "/details", "summary", "/summary", "pre", "/pre"];
                    let strange: Vec<_> =
                        tags(&html).into_iter().filter(|tag| !ours.contains(tag)).collect();
                    assert!(strange.is_empty(), "{strange:?} in {html}");
                }
                event => panic!("{event:?} in {}", &summary[..summary.floor_char_boundary(3000)]),
            }
        }
        let rows = grader::class::forms::rows::seen(&submission).len();
        assert_eq!(cells, if rows > 0 { 3 * (rows + 1) } else { 0 });
        assert!(titles.concat().contains("<script>alert(1)</script>"), "{titles:?}");
        let ends = |tag| summary.matches(tag).count();
        assert_eq!(ends("<pre>"), ends("</pre>"));
    }
}

#[test]
fn hostile_output_is_never_a_command_of_github() {
    for submission in [complete(), incomplete(), ungraded(), flood()] {
        let commands = annotations(&submission);
        assert!(commands.lines().count() <= 10);
        for line in commands.lines() {
            let (properties, message) =
                line.strip_prefix("::error ").unwrap().split_once("::").unwrap();
            for property in properties.split(',') {
                let (name, value) = property.split_once('=').unwrap();
                assert!(["file", "line", "title"].contains(&name), "{line}");
                assert!(!value.contains(':'), "{line}");
            }
            assert!(!message.contains("%0A::error::HACKED") || !submission.complete, "{line}");
        }
    }
    let commands = annotations(&complete());
    let expected = "::error file=labs/a%2Cb/server.rs,line=12,title=Lab 2::";
    assert!(commands.starts_with(expected), "{commands}");
    let [one, two] = [Stopped::draw(), Stopped::draw()];
    assert_ne!(one.begin(), two.begin(), "nobody can guess the word");
    let word = one.begin().split_off("::stop-commands::".len());
    assert_eq!((word.len(), one.end()), (32, format!("::{word}::")));
}

#[test]
fn forms_for_a_class_are_a_folder_and_old_results_go() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forms");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let form = ALL.iter().find(|form| form.option == "gradescope").unwrap();
    let class = record(vec![
        complete(),
        incomplete(),
        Submission { name: "../up".to_owned(), ..complete() },
    ]);
    let without = write(form, &class, Detail::Full, &folder.join("class")).unwrap();
    assert_eq!(without, [incomplete().name]);
    let files = grader::kit::files::below(&folder.join("class")).unwrap();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(!folder.join("up.json").exists());
    let file = folder.join("results.json");
    let one = |submission| write(form, &record(vec![submission]), Detail::Full, &file).unwrap();
    assert!(one(complete()).is_empty());
    assert!(file.is_file());
    assert_eq!(one(incomplete()).len(), 1);
    assert!(!file.exists(), "another submission's result still exists");
    assert!(write(form, &record(vec![complete()]), Detail::Full, &folder.join("no/x")).is_err());
}

#[test]
fn forms_show_as_much_as_students_see() {
    let submission = complete();
    for form in ALL.iter().filter(|form| form.option != "classroom50") {
        let text = |detail: Detail| {
            let shown = detail.with_reports(&submission);
            (form.write)(&record(vec![shown.clone()]), &shown).unwrap().unwrap()
        };
        let without_hidden = |text: String| text.split(SECRET).next().unwrap().to_owned();
        let has_reports = !["autolab", "vpl"].contains(&form.option);
        assert_eq!(text(Detail::Full).contains("EXPECTED"), has_reports, "{}", form.option);
        for detail in [Detail::Actual, Detail::None] {
            let shown = without_hidden(text(detail));
            let count = shown.matches("EXPECTED").count();
            // The instructor sees the report about the hidden stage.
            assert_eq!(count, usize::from(form.option == "gradescope"), "{}", form.option);
        }
    }
}

#[test]
fn forms_are_options_of_the_command() {
    let help = crate::lab().args(["grade", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for form in &ALL {
        assert!(help.contains(&format!("--{} <", form.option)), "{help}");
    }
    // Without the runner's environment variables, the result could not be assigned to a student.
    if env::var_os("SUBMISSION_TAG").is_none() {
        let error = classroom50::result(&record(Vec::new()), &complete()).unwrap_err();
        assert!(error.to_string().contains("is not set"), "{error}");
    }
}
