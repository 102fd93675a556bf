//! Finds the functions that the student has to write. The doc comments of these functions begin with a stage number, as
//! in `Stage 3:`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::kit::files;

/// The maximum length of a summary, in characters. A `todo!` with a longer summary would not fit on one line.
const MAX_SUMMARY: usize = 60;

/// A function that the student has to write.
pub struct Exercise {
    /// The stage number at the beginning of the function's doc comment.
    pub stage: u32,
    /// The later stages that test this function again, according to its doc comment. These stages have no functions of
    /// their own.
    pub also: Vec<u32>,
    /// The function's name.
    pub name: String,
    /// The byte range of the function, including its doc comment.
    pub item: Range<usize>,
    /// The byte range of the function's body, including the braces.
    pub body: Range<usize>,
    /// The task in a few words.
    pub summary: String,
}

/// Returns the functions that the student has to write, in the order in which they appear in the source file.
///
/// # Errors
/// Returns an error if the file is not valid Rust.
pub fn exercises(source: &str) -> Result<Vec<Exercise>> {
    let mut finder = Finder::default();
    let file = syn::parse_file(source)
        .map_err(|error| anyhow!("line {}: {error}", error.span().start().line))?;
    finder.visit_file(&file);
    Ok(finder.exercises)
}

/// A function that the student has to write, and the file that contains it.
pub struct Location {
    /// The file's path, relative to the kit.
    pub path: PathBuf,
    /// The file's content.
    pub source: String,
    /// The function.
    pub task: Exercise,
}

impl Location {
    /// Returns the function's text, including its doc comment.
    pub fn item(&self) -> &str {
        &self.source[self.task.item.clone()]
    }

    /// Returns whether the function has been written, which means that it contains no `todo!`.
    pub fn is_written(&self) -> bool {
        self.todo().is_none()
    }

    /// Returns the file and line of the `todo!` or, if there is none, of the function's body, for example
    /// `labs/lab2-nick-group/server/src/main.rs:88`.
    pub fn to_line(&self) -> String {
        let at = match self.todo() {
            Some(at) => self.task.body.start + at,
            None => self.task.body.start,
        };
        let line = self.source[..at].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    fn todo(&self) -> Option<usize> {
        self.source[self.task.body.clone()].find("todo!(")
    }
}

/// Returns a lab's functions in `folder`, which is `labs` or `solutions`.
///
/// # Errors
/// Returns an error if a file cannot be read or is not valid Rust.
pub fn of_lab(kit: &Path, folder: &str, lab: u32) -> Result<Vec<Location>> {
    let mut places = Vec::new();
    for path in files::below(&kit.join(folder))? {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || files::lab_of(&path) != Some(lab) {
            continue;
        }
        let path = Path::new(folder).join(path);
        let source = fs::read_to_string(kit.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let tasks =
            exercises(&source).with_context(|| format!("{} is not valid Rust", path.display()))?;
        let place = |task| Location { path: path.clone(), source: source.clone(), task };
        places.extend(tasks.into_iter().map(place));
    }
    Ok(places)
}

/// Returns the functions that a stage tests: first its own functions, then the functions that it tests again.
pub fn tested_by(mut places: Vec<Location>, stage: u32) -> Vec<Location> {
    let is_own = |task: &Exercise| task.stage == stage;
    places.retain(|Location { task, .. }| is_own(task) || task.also.contains(&stage));
    places.sort_by_key(|Location { task, .. }| !is_own(task));
    places
}

/// Returns a stage's functions. If the stage has no functions of its own, returns the functions that the stage tests
/// again.
pub fn of_stage(mut places: Vec<Location>, stage: u32) -> Vec<Location> {
    let has_own = places.iter().any(|place| place.task.stage == stage);
    places.retain(
        |Location { task, .. }| {
            if has_own { task.stage == stage } else { task.also.contains(&stage) }
        },
    );
    places
}

#[derive(Default)]
struct Finder {
    exercises: Vec<Exercise>,
}

impl Finder {
    fn look(
        &mut self,
        attributes: &[syn::Attribute],
        name: &syn::Ident,
        item: Range<usize>,
        block: &syn::Block,
    ) {
        let comment: Vec<_> = attributes.iter().filter_map(doc_line).collect();
        let Some((stage, summary)) = comment.iter().find_map(|line| stage_of(line)) else { return };
        let named = comment.iter().flat_map(|line| line.split("Stage ").skip(1));
        let also = named.filter_map(number).filter(|&other| other != stage).collect();
        let (name, body) = (name.to_string(), block.span().byte_range());
        self.exercises.push(Exercise { stage, also, name, item, body, summary });
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        let item = function.span().byte_range();
        self.look(&function.attrs, &function.sig.ident, item, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        let item = function.span().byte_range();
        self.look(&function.attrs, &function.sig.ident, item, &function.block);
    }
}

/// If an attribute is a line of a doc comment, returns the line's text.
fn doc_line(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(doc) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &doc.value else {
        return None;
    };
    Some(text.value())
}

/// Returns the number at the start of `text`, for example 12 for `12 tests this`.
fn number(text: &str) -> Option<u32> {
    text.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// Returns whether a line of a doc comment begins with a stage number.
pub(super) fn is_of_stage(line: &str) -> bool {
    stage_of(line).is_some()
}

/// Returns the stage and the task from a line of a doc comment, for example from `Stage 3: show each message, …`.
fn stage_of(line: &str) -> Option<(u32, String)> {
    let (number, task) = line.trim().strip_prefix("Stage ")?.split_once(": ")?;
    // Removes the brackets of a link, as in [`Messages::receive`]. Brackets that do not mark a link, as in
    // `[ann] : hello`, are part of the task and are kept.
    let task = task.replace("[`", "").replace("`]", "").replace('`', "");
    let mut summary = String::new();
    for word in task.split(' ') {
        if summary.len() + word.len() > MAX_SUMMARY {
            summary.push_str(" …");
            break;
        }
        if !summary.is_empty() {
            summary.push(' ');
        }
        summary.push_str(word);
    }
    Some((number.parse().ok()?, summary.trim_end_matches(['.', ':', ',']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::stage_of;

    #[test]
    fn a_summary_loses_only_the_brackets_of_links() {
        let line = " Stage 5: send each line, as `[ann] : hello`, to [`Room::relay`].";
        let task = "send each line, as [ann] : hello, to Room::relay";
        assert_eq!(stage_of(line), Some((5, task.to_owned())));
    }
}
