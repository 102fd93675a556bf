//! Checks that the limits in the book match those in the sources.

use std::fs;

/// In each table on the page, a row contains a limit's value and the name of its constant.
#[test]
fn the_limits_are_those_in_the_sources() {
    let text = fs::read_to_string(grader::kit::root().join("docs/src/limits.md")).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
    let mut checked = 0;
    for row in rows {
        let code: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        let cells: Vec<_> = row.split(" | ").collect();
        if cells.get(1) == Some(&"value") {
            continue;
        }
        // Options in the first cell are also in backticks, so skip them.
        let at = cells[0].matches('`').count() / 2;
        let [value, name, file] = code[at..at + 3] else { panic!("{row}") };
        let source = fs::read_to_string(grader::kit::root().join(file)).expect(file);
        let found = in_source(&source, name);
        assert_eq!(found, number(value), "`{name}` in {file}\n{row}");
        assert!(found.is_some(), "{row}");
        checked += 1;
    }
    assert!(checked > 40, "{checked} rows");
}

/// Returns the value of a constant or a resource limit, or an option's default.
fn in_source(source: &str, name: &str) -> Option<u64> {
    let constant = source.split_once(&format!("const {name}: "));
    if let Some((_, after)) = constant {
        return number(after.split_once(" = ")?.1.split_once(';')?.0);
    }
    if let Some((_, after)) = source.split_once(&format!("Resource::{name}, ")) {
        return number(after.split(',').next()?);
    }
    let (before, _) = source.split_once(&format!("    {name}: "))?;
    let default = before.rsplit_once("default_value_t = ")?.1;
    number(default.split([',', ')']).next()?)
}

/// Parses a number as it is written on the page or in a source file. Returns the value in bytes, in milliseconds, or
/// without a unit.
fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(".unwrap()");
    let integer = |text: &str| text.replace('_', "").parse::<u64>().ok();
    if let Some((unit, number)) = text.split_once('(') {
        let number = integer(number.trim_end_matches(')'))?;
        return Some(match unit.rsplit("::").next()? {
            "from_millis" | "new" => number,
            "from_secs" => number * 1000,
            "from_mins" => number * 60_000,
            _ => return None,
        });
    }
    let of = |factor: &str| {
        Some(match factor {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            "KiB" => 1024,
            "MiB" | "megabyte" => 1024 * 1024,
            "GiB" => 1024 * 1024 * 1024,
            "MB" => 1_000_000,
            number => integer(number)?,
        })
    };
    text.split([' ', '*']).filter(|factor| !factor.is_empty()).map(of).product()
}
