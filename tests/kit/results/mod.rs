//! Tests the formats in which a class's results are written: each format can show every verdict, and submissions
//! with hostile names or output cannot break it.

mod class;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use assert_cmd::Command;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use grader::class::detail::Detail;
use grader::class::record::{Record, Verdict};
use grader::class::{against, csv, pages, table};
use grader::kit::files;
use grader::report::text::width;
use serde_json::Value;
use sha2::{Digest, Sha256};

use class::FORMULAS;

/// The class of hostile submissions, which is created only once because it is large.
static HOSTILE: LazyLock<Record> = LazyLock::new(class::hostile);

/// Returns an empty folder for results. The folder is kept so that people can look at the results.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Returns the pages below a folder, with their names.
fn pages_in(folder: &Path) -> Vec<(PathBuf, String)> {
    let names = files::below(folder).unwrap();
    let page = |name: PathBuf| {
        let page = fs::read_to_string(folder.join(&name)).unwrap();
        (name, page)
    };
    names.into_iter().map(page).collect()
}

fn schema() -> Value {
    let schema = fs::read_to_string(grader::kit::root().join("tests/class.schema.json")).unwrap();
    serde_json::from_str(&schema).unwrap()
}

/// Makes the schema forbid additional fields. Programs that read a record of a graded class must allow fields that the
/// schema does not describe, but this kit does not write any.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("type") == Some(&"object".into()) {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

#[test]
fn records_follow_the_schema() {
    let mut schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    strict(&mut schema);
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let class = class::class(60);
    let verdicts: BTreeSet<_> = class
        .submissions
        .iter()
        .flat_map(|one| &one.labs)
        .flat_map(|lab| &lab.stages)
        .map(|stage| stage.verdict)
        .collect();
    assert_eq!(verdicts.len(), 5, "every verdict should occur among the submissions");
    for record in [&class, &*HOSTILE] {
        let value = serde_json::to_value(record).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&value).map(|error| error.instance_path().to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let back: Record = serde_json::from_value(value).unwrap();
        assert_eq!(back, *record, "nothing is lost");
    }
    // The schema rejects changes that are not allowed within one version.
    let right = serde_json::to_value(&class).unwrap();
    for (place, wrong) in [
        ("/version", Value::from(2)),
        ("/date", "yesterday".into()),
        ("/submissions/0/points", "57".into()),
        ("/submissions/0/labs/0/stages/0/verdict", "Passed".into()),
        ("/submissions/0/labs/0/stages/0/seed", 7.into()),
        ("/submissions/0/labs/0/stages/0", Value::Object(serde_json::Map::new())),
    ] {
        let mut broken = right.clone();
        *broken.pointer_mut(place).unwrap() = wrong;
        assert!(!validator.is_valid(&broken), "{place}");
    }
    let error = class.submissions.iter().flat_map(|one| &one.labs).flat_map(|lab| &lab.stages);
    let error = error.clone().find(|stage| stage.verdict == Verdict::GraderError).unwrap();
    assert_eq!(error.points, None, "a grader error is not 0 points");
}

/// Asserts that the text cannot control a terminal and fits into this number of columns.
fn assert_harmless(text: &str, columns: usize) {
    for line in console::strip_ansi_codes(text).lines() {
        assert!(width(line) <= columns, "{} > {columns}: {line}", width(line));
        let bad = line.chars().find(|char| is_control(*char));
        assert_eq!(bad, None, "{line}");
    }
}

fn is_control(char: char) -> bool {
    char.is_control()
        || ('\u{202a}'..='\u{202e}').contains(&char)
        || ('\u{2066}'..='\u{2069}').contains(&char)
}

#[test]
fn tables_fit_the_window() {
    for record in [&class::class(60), &*HOSTILE, &class::class(0)] {
        for columns in [20, 30, 39, 40, 52, 80, 200] {
            assert_harmless(&table::table(record, columns), columns);
            assert_harmless(&against::changes(record, &HOSTILE, columns), columns);
            assert_harmless(&against::changes(&HOSTILE, record, columns), columns);
        }
    }
    let table = table::table(&class::class(28), 80);
    insta::assert_snapshot!(console::strip_ansi_codes(&table).into_owned());
}

#[test]
fn changes_say_whose_points_differ_and_why() {
    let old = class::class(7);
    assert!(against::changes(&old, &old, 80).ends_with("0 of 7 submissions changed"));
    let mut new = class::class(8);
    new.kit = "0.2.0".to_owned();
    new.submissions.retain(|one| one.name != "Chen 李 002");
    let changed = new.submissions.iter_mut().find(|one| one.name == "Eli O'Neil 004").unwrap();
    let stages = changed.labs.iter_mut().flat_map(|lab| &mut lab.stages);
    let mut won = 0;
    for stage in stages.filter(|stage| stage.verdict == Verdict::Failed) {
        (stage.verdict, stage.points, stage.report) = (Verdict::Passed, Some(stage.maximum), None);
        won += stage.maximum;
    }
    changed.points = changed.points.map(|points| points + won);
    let failed = new.submissions.iter_mut().find(|one| one.name == "Ann Lee 005").unwrap();
    failed.labs[0].stages[1].verdict = Verdict::GraderError;
    failed.labs[0].stages[1].points = None;
    // A different verdict with the same points does not count as a change.
    failed.labs[1].stages[14].verdict = Verdict::NotStarted;
    insta::assert_snapshot!(against::changes(&old, &new, 80));
}

#[test]
fn no_cell_is_a_formula() {
    let file = folder("results-csv").join("class.csv");
    csv::write(&HOSTILE, &file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.chars().find(|char| *char != '\n' && is_control(*char)), None);
    assert!(
        FORMULAS
            .iter()
            .all(|formula| HOSTILE.submissions.iter().any(|one| one.name.starts_with(formula)))
    );
    // Spreadsheet programs expect different separators between cells, depending on the country.
    for separator in [b',', b';', b'\t', b'|'] {
        let mut reader = ::csv::ReaderBuilder::new();
        let reader = reader.delimiter(separator).flexible(true).has_headers(false);
        for row in reader.from_path(&file).unwrap().records() {
            for cell in &row.unwrap() {
                let begins =
                    cell.trim_start_matches(|char: char| char == '"' || char.is_whitespace());
                assert!(
                    !begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']),
                    "{cell}"
                );
            }
        }
    }
}

#[test]
fn a_line_of_the_csv_holds_the_points_of_each_lab_and_stage() {
    let file = folder("results-csv-class").join("class.csv");
    let class = class::class(60);
    csv::write(&class, &file).unwrap();
    let mut reader = ::csv::Reader::from_path(&file).unwrap();
    let headings = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 60);
    for (row, submission) in rows.iter().zip(&class.submissions) {
        let cell = |heading: &str| &row[headings.iter().position(|one| one == heading).unwrap()];
        let shown =
            |points: Option<u32>| points.map(|points| points.to_string()).unwrap_or_default();
        assert_eq!(cell("name"), submission.name);
        assert_eq!(cell("points"), shown(submission.points));
        for lab in &submission.labs {
            assert_eq!(cell(&format!("lab{}", lab.lab)), shown(lab.points));
            for stage in &lab.stages {
                assert_eq!(cell(&format!("lab{}.{}", lab.lab, stage.stage)), shown(stage.points));
            }
        }
    }
}

#[test]
fn pages_show_hostile_output_as_text() {
    for detail in [Detail::Full, Detail::Actual, Detail::None] {
        let folder = folder("results-hostile");
        pages::write(&HOSTILE, &folder, detail).unwrap();
        for (name, page) in pages_in(&folder) {
            let stem = name.file_stem().unwrap().to_str().unwrap();
            let is_plain = |char: char| char.is_alphanumeric() || "_-".contains(char);
            assert!(stem.chars().all(is_plain), "{stem}");
            let name = name.display();
            assert_eq!(
                page.chars().find(|char| *char != '\n' && is_control(*char)),
                None,
                "{name}"
            );
            for bad in ["<script>alert", "<img", "\"onclick"] {
                assert!(!page.contains(bad), "{bad} in {name}");
            }
            assert!(page.len() < 600_000, "{name} has {} bytes", page.len());
        }
    }
}

#[test]
fn the_security_policy_allows_only_our_own_style_and_script() {
    let folder = folder("results-policy");
    pages::write(&class::class(2), &folder, Detail::Actual).unwrap();
    let pages = pages_in(&folder);
    assert_eq!(pages.len(), 5, "an index, and two pages for each of two students");
    for (name, page) in pages {
        let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
        let policy = policy.split('"').next().unwrap();
        assert!(policy.starts_with("default-src 'none'; img-src data:; "), "{policy}");
        for tag in ["style", "script"] {
            let (begin, prefix) = (format!("<{tag}>"), format!("{tag}-src "));
            let sources = policy.split("; ").find_map(|one| one.strip_prefix(prefix.as_str()));
            let parts = page.split(&begin).skip(1);
            let hash = |part: &str| {
                let text = part.split(&format!("</{tag}>")).next().unwrap();
                format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
            };
            let hashes: Vec<_> = parts.map(hash).collect();
            let hashes = if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") };
            assert_eq!(sources, Some(hashes.as_str()), "the hash in {tag} of {}", name.display());
        }
    }
}

#[test]
fn students_see_what_the_instructor_decides() {
    let class = class::class(60);
    for (detail, expected, output, hints) in [
        (Detail::Full, true, true, true),
        (Detail::Actual, false, true, false),
        (Detail::None, false, false, false),
    ] {
        let folder = folder("results-detail");
        pages::write(&class, &folder, detail).unwrap();
        let pages = pages_in(&folder.join("students"));
        assert_eq!(pages.len(), 60);
        let any = |text: &str| pages.iter().any(|(_, page)| page.contains(text));
        assert_eq!(any("EXPECTED"), expected, "{detail:?}");
        assert_eq!(any("hello from the river"), output, "{detail:?}");
        assert_eq!(any("A HINT"), hints, "{detail:?}");
        for (name, page) in &pages {
            let name = name.display();
            for secret in ["the-instructors-machine", "/home/", "4.13<", "4.14<", "reports/"] {
                assert!(!page.contains(secret), "{secret} in {name}");
            }
        }
        assert!(any("2 hidden stages"));
        assert_eq!(any("but got  hello from"), detail == Detail::Actual, "{detail:?}");
        // The instructor's own pages leave nothing out.
        let own = pages_in(&folder.join("reports"));
        assert!(own.iter().any(|(_, page)| page.contains("EXPECTED") && page.contains("4.13<")));
        assert!(!own.iter().any(|(_, page)| page.contains("not counted here")));
        let shown =
            class.submissions.iter().map(|one| serde_json::to_string(&detail.shown(one)).unwrap());
        assert_eq!(
            shown.clone().any(|one| one.contains("EXPECTED")),
            expected,
            "the text of a report, too"
        );
    }
}

#[test]
fn pages_of_an_earlier_grading_do_not_remain() {
    let folder = folder("results-old");
    pages::write(&class::class(20), &folder, Detail::None).unwrap();
    fs::write(folder.join("students/notes.html"), "the instructor's own").unwrap();
    pages::write(&class::class(12), &folder, Detail::None).unwrap();
    assert_eq!(pages_in(&folder.join("students")).len(), 12 + 1);
    assert_eq!(pages_in(&folder.join("reports")).len(), 12);
}

#[test]
fn every_cell_leads_to_its_report() {
    for (count, detail) in [(60, Detail::Full), (600, Detail::None)] {
        let folder = folder(&format!("results-{count}"));
        pages::write(&class::class(count), &folder, detail).unwrap();
        let index = fs::read_to_string(folder.join("index.html")).unwrap();
        assert!(index.len() < 5_000 * count as usize, "{} bytes", index.len());
        let links: Vec<_> =
            index.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(links.len() > count as usize);
        for link in links.iter().filter(|link| !link.starts_with("data:")) {
            let (file, id) = link.split_once('#').unwrap_or((link, ""));
            let page = fs::read_to_string(folder.join(file)).unwrap();
            assert!(id.is_empty() || page.contains(&format!("<section id=\"{id}\">")), "{link}");
        }
    }
}

/// Opens a page in a browser. Returns the page's contents (after its scripts have run) and the browser's messages, or
/// `None` if there is no browser.
pub fn browsed(page: &Path) -> Option<(String, String)> {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    browser.args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=10000"]);
    browser.arg(format!("--user-data-dir={}", profile.path().display()));
    browser.arg(format!("file://{}", page.display()));
    let output = browser.timeout(Duration::from_mins(1)).output();
    if output.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        eprintln!("NOT CHECKED: chromium is not installed");
        return None;
    }
    let output = output.unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_browser_sorts_the_table_and_has_no_complaints() {
    let folder = folder("results-browser");
    let mut class = class::class(28);
    class.submissions.extend(HOSTILE.submissions.iter().cloned());
    pages::write(&class, &folder, Detail::Full).unwrap();
    let hostile = pages_in(&folder.join("students"))
        .into_iter()
        .map(|(name, _)| folder.join("students").join(name));
    let hostile = hostile.max_by_key(|file| fs::metadata(file).unwrap().len());
    for page in [Some(folder.join("index.html")), hostile].iter().flatten() {
        let Some((_, said)) = browsed(page) else { return };
        assert!(!said.contains("CONSOLE"), "{said}");
    }
    // The page's content security policy would block the script that clicks, so the test removes this policy.
    let index = fs::read_to_string(folder.join("index.html")).unwrap();
    let (before, after) = index.split_once("<meta http-equiv").unwrap();
    let after = after.split_once(">\n").unwrap().1;
    for (column, clicks) in [(0, 1), (0, 2), (1, 1), (1, 2), (4, 1)] {
        let page = folder.join("clicked.html");
        let click = format!(
            "<script>for (let i = 0; i < {clicks}; i++) document.querySelectorAll('button')[{column}].click();</script>"
        );
        fs::write(&page, format!("{before}{after}{click}")).unwrap();
        let Some((shown, _)) = browsed(&page) else { return };
        let cells =
            shown.split("<tr><th scope=\"row\">").skip(1).filter(|row| row.contains("href"));
        let shown: Vec<_> = cells.map(|row| cell(row, column)).collect();
        assert_eq!(shown.len(), class.submissions.len());
        let number = |cell: &String| {
            cell.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(-1)
        };
        let numbers: Vec<i32> = shown.iter().map(number).collect();
        let is_sorted = match (column, clicks) {
            (0, 1) => {
                shown.iter().position(|name| name == "Ann Lee 005")
                    < shown.iter().position(|name| name == "Bo Østergård 001")
            }
            (0, _) => {
                shown.iter().position(|name| name == "Ann Lee 005")
                    > shown.iter().position(|name| name == "Bo Østergård 001")
            }
            (_, 1) => numbers.is_sorted_by(|one, other| one >= other),
            _ => numbers.is_sorted(),
        };
        assert!(is_sorted, "column {column} after {clicks} clicks: {shown:?}");
    }
}

/// Returns the text of a cell in a row.
fn cell(row: &str, column: usize) -> String {
    let cell = row.split("</t").filter(|cell| !cell.starts_with("r>")).nth(column).unwrap();
    cell.trim_end_matches("</a>").rsplit('>').next().unwrap().to_owned()
}
