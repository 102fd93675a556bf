//! `cargo lab starters`: creates `labs/`, the student's starting point, from `solutions/`.
//!
//! The files are the same except for the functions whose doc comments begin with a stage number, as in `Stage 3:`. The
//! bodies of these functions become `todo!("stage 3: …")`. So `solutions/` is the only source, and the starters always
//! match it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::grading::grader::Author;
use crate::kit::exercises::{Exercise, exercises};
use crate::kit::files;
use crate::labs;

/// The text that replaces `[lints] workspace = true`. While some functions are unwritten, unused code is not a mistake.
const LINTS: &str = "\
[lints.rust]
unsafe_code = \"deny\"
# Unwritten functions leave some code unused.
dead_code = \"allow\"
unused_imports = \"allow\"
unused_mut = \"allow\"
unused_variables = \"allow\"
";

/// Creates the starters for the kit in the `kit` folder.
///
/// Does not overwrite files that a student has changed, unless `force` is set. If `check` is set, writes nothing and
/// checks that the starters are up to date.
///
/// # Errors
/// Returns an error if changes would be lost, if `check` is set and a starter is not up to date, or if a file cannot be
/// read or written.
pub fn run(kit: &Path, check: bool, force: bool) -> Result<()> {
    if !Author::Kit.exists(kit) {
        bail!("the starters are made from solutions/, which this kit does not have");
    }
    let starters = make(&kit.join("solutions"), |_, _| false)?;
    let (labs, pristine) = (kit.join("labs"), kit.join("tests/starters"));
    let mut differing = Vec::new();
    for (path, text) in &starters {
        let (mine, before) = (files::read(&labs.join(path))?, files::read(&pristine.join(path))?);
        let is_changed = mine.is_some() && mine != before && mine.as_ref() != Some(text);
        let is_stale = mine.as_ref() != Some(text) || before.as_ref() != Some(text);
        if check && is_stale || !check && is_changed && !force {
            differing.push(format!("labs/{}", path.display()));
        }
    }
    for path in files::below(&pristine)?.iter().filter(|path| !starters.contains_key(*path)) {
        differing
            .push(format!("tests/starters/{} (no longer generated; remove it)", path.display()));
    }
    if !differing.is_empty() {
        let list = differing.join("\n  ");
        if check {
            bail!("these files are not up to date; run `cargo lab starters`:\n  {list}");
        }
        bail!("these files were changed and would be lost; --force overwrites them:\n  {list}");
    }
    if check {
        println!("the starters are up to date");
        return Ok(());
    }
    for (path, text) in &starters {
        for folder in [&labs, &pristine] {
            let target = folder.join(path);
            files::write(&target, text)
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    println!("made {} files in labs/", starters.len());
    Ok(())
}

/// Returns the starters' paths below `labs/` and their contents. Keeps a stage's functions if `is_written` returns true
/// for the numbers of the lab and the stage.
///
/// # Errors
/// Returns an error if a file cannot be read or is not valid Rust.
pub fn make(
    solutions: &Path,
    is_written: impl Fn(u32, u32) -> bool,
) -> Result<BTreeMap<PathBuf, String>> {
    let mut starters = BTreeMap::new();
    for path in files::below(solutions)? {
        // The small libraries' tests are left out. They would tell the student, before the grader does, whether the
        // code is correct.
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let source = solutions.join(&path);
        let text = fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                let lab = files::lab_of(&path).unwrap_or(0);
                without_bodies(&text, |stage| is_written(lab, stage))
                    .with_context(|| format!("cannot parse {}", source.display()))?
            }
            Some("toml") => {
                // Only the tests, which are left out, need these parts.
                text.replace(", finished", "")
                    .replace("[dev-dependencies]\nproptest.workspace = true\n", "")
                    .replace("[lints]\nworkspace = true\n", LINTS)
            }
            _ => text,
        };
        starters.insert(path, rename(&text));
    }
    Ok(starters)
}

/// Renames the packages, for example from `solution2-server` to `lab2-server`.
fn rename(text: &str) -> String {
    labs::numbers().into_iter().fold(text.to_owned(), |text, lab| {
        text.replace(&format!("solution{lab}-"), &format!("lab{lab}-"))
    })
}

/// Replaces the bodies of unwritten functions. Does not change any other bytes.
fn without_bodies(source: &str, is_written: impl Fn(u32) -> bool) -> Result<String> {
    let mut text = source.to_owned();
    // Bodies are replaced from the last to the first, so that the byte ranges of the others remain valid.
    for Exercise { stage, body, summary, .. } in exercises(source)?.into_iter().rev() {
        if is_written(stage) {
            continue;
        }
        let line = source[..body.start].rfind('\n').map_or(0, |at| at + 1);
        let first_line = source[..body.end].rfind('\n').map_or(line, |at| at + 1);
        let indent: String = source[first_line..].chars().take_while(|char| *char == ' ').collect();
        let message = format!("stage {stage}: {summary}").replace('{', "{{").replace('}', "}}");
        let message = message.replace('"', "\\\"");
        text.replace_range(body, &format!("{{\n{indent}    todo!(\"{message}\")\n{indent}}}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::without_bodies;

    #[test]
    fn bodies_of_stages_are_replaced_and_nothing_else() {
        let source = "\
//! Stage 1: not a function.

/// Stage 3: show `each` message, {braces} too.
///
/// More.
fn show(a: u32) -> Vec<u32> { // why
    vec![a]
}

struct Room;

impl Room {
    /// Stage 4: pass it on.
    fn relay(&self) {
        if true { println!(\"}\") }
    }

    /// Given.
    fn given(&self) {}
}
";
        let expected = "\
//! Stage 1: not a function.

/// Stage 3: show `each` message, {braces} too.
///
/// More.
fn show(a: u32) -> Vec<u32> {
    todo!(\"stage 3: show each message, {{braces}} too\")
}

struct Room;

impl Room {
    /// Stage 4: pass it on.
    fn relay(&self) {
        todo!(\"stage 4: pass it on\")
    }

    /// Given.
    fn given(&self) {}
}
";
        assert_eq!(without_bodies(source, |_| false).unwrap(), expected);
    }
}
