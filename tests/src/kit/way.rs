//! The two ways to do a lab. In a guided lab, students write the starter's functions. In an open lab, students design
//! the programs themselves.
//!
//! Only the sources show whether a lab is guided or open. The sources are read as text and not parsed, because a
//! student's file may contain invalid Rust at any time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::exercises::{exercises, is_of_stage};
use crate::kit::files::{self, PRISTINE};

/// Whether a lab is guided or open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The student writes the starter's functions.
    Guided,
    /// The student designs the programs.
    Open,
}

impl Way {
    /// Returns `guided` or `open`, as in the options of `cargo lab reset`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guided => "guided",
            Self::Open => "open",
        }
    }
}

/// Returns whether a lab is guided or open.
///
/// A lab counts as open if it has source files, but they do not contain the starter's functions. One starter function
/// is enough to make a lab guided, but only if that function's doc comment names a stage, because a student's own
/// program may also have a function called `relay`. Without such comments, a lab counts as guided if its source files
/// still contain more than half of the starter's functions. If this cannot be determined, the lab counts as guided.
pub fn of_lab(kit: &Path, lab: u32) -> Way {
    let is_open = is_open(kit, lab).unwrap_or(false);
    if is_open { Way::Open } else { Way::Guided }
}

fn is_open(kit: &Path, lab: u32) -> anyhow::Result<bool> {
    let mut given = BTreeSet::new();
    for path in sources(&kit.join(PRISTINE), lab)? {
        let text = fs::read_to_string(kit.join(PRISTINE).join(&path))?;
        given.extend(exercises(&text)?.into_iter().map(|task| (path.clone(), task.name)));
    }
    let names: BTreeSet<_> = given.iter().map(|(_, name)| name.clone()).collect();
    let labs = kit.join("labs");
    let paths = sources(&labs, lab)?;
    let mut left = BTreeSet::new();
    for path in &paths {
        let bytes = fs::read(labs.join(path))?;
        for (name, has_stage) in functions(&String::from_utf8_lossy(&bytes)) {
            if has_stage && names.contains(&name) {
                return Ok(false);
            }
            left.insert((path.clone(), name));
        }
    }
    let left = given.intersection(&left).count();
    Ok(!given.is_empty() && !paths.is_empty() && left * 2 <= given.len())
}

/// Returns the source files of a lab's packages, as paths below `folder`.
fn sources(folder: &Path, lab: u32) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = files::below(folder)?;
    paths.retain(|path| {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        // `lab2-nick-group/server/src/main.rs`
        let is_in_src = path.iter().nth(2).is_some_and(|part| part == "src");
        is_source && is_in_src && files::lab_of(path) == Some(lab)
    });
    Ok(paths)
}

/// Returns the functions in a source text and, for each function, whether its doc comment names a stage.
fn functions(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut has_stage = false;
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            has_stage |= is_of_stage(comment);
        } else if let Some(name) = function_in(line) {
            found.push((name.to_owned(), has_stage));
            has_stage = false;
        } else if !line.starts_with("#[") {
            has_stage = false;
        }
    }
    found
}

/// Returns the function's name in a line such as `pub fn relay(&self) {`.
fn function_in(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "fn");
    let name = words.nth(1)?;
    name.split(|char: char| !char.is_alphanumeric() && char != '_').next()
}

#[cfg(test)]
mod tests {
    use super::functions;

    #[test]
    fn functions_are_found_in_invalid_code_too() {
        let text = "\
/// Stage 3: show it.
///
/// More.
#[inline]
pub(crate) fn show<T>(

/// Ours.
fn main( {
/// Stage 4: a struct.
struct Room;
fn relay()
";
        let found = functions(text);
        let found: Vec<_> = found.iter().map(|(name, is)| (name.as_str(), *is)).collect();
        assert_eq!(found, [("show", true), ("main", false), ("relay", false)]);
    }
}
