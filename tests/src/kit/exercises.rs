//! The functions that are the student's to write: those whose doc comment begins with `Stage 3:`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::kit::files;

/// The longest summary, in characters, so that a `todo!` with it fits into a line.
const MAX_SUMMARY: usize = 60;

/// A function that is the student's to write.
pub struct Exercise {
    /// The stage that its doc comment names first.
    pub stage: u32,
    /// Stages without a function of their own that come back to this one, as its doc comment says.
    pub also: Vec<u32>,
    /// The name of the function.
    pub name: String,
    /// Where it is, with its doc comment, in bytes.
    pub item: Range<usize>,
    /// Where its body is, braces included, in bytes.
    pub body: Range<usize>,
    /// What to do, in a few words.
    pub summary: String,
}

/// The student's functions in a source file, in their order.
///
/// # Errors
/// When it is no Rust.
pub fn exercises(source: &str) -> Result<Vec<Exercise>> {
    let mut finder = Finder::default();
    let file = syn::parse_file(source)
        .map_err(|error| anyhow!("line {}: {error}", error.span().start().line))?;
    finder.visit_file(&file);
    Ok(finder.exercises)
}

/// A student's function, and the file that it is in.
pub struct Location {
    /// Below the folder of the kit.
    pub path: PathBuf,
    /// What is in the file.
    pub source: String,
    /// The function.
    pub task: Exercise,
}

impl Location {
    /// The text of the function, with its doc comment.
    pub fn item(&self) -> &str {
        &self.source[self.task.item.clone()]
    }

    /// Whether somebody has written it.
    pub fn is_written(&self) -> bool {
        self.todo().is_none()
    }

    /// `labs/lab2-nick-group/server/src/main.rs:88`: where to write, or where the function is.
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

/// The functions of a lab in `labs` or `solutions`, the folder `folder` of the kit `kit`.
///
/// # Errors
/// When a file cannot be read, or is no Rust.
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
        let tasks = exercises(&source).with_context(|| format!("{} is no Rust", path.display()))?;
        let place = |task| Location { path: path.clone(), source: source.clone(), task };
        places.extend(tasks.into_iter().map(place));
    }
    Ok(places)
}

/// Of these functions those of a stage: its own, or, when it has none, those that it comes back to.
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

/// A line of a doc comment.
fn doc_line(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(doc) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &doc.value else {
        return None;
    };
    Some(text.value())
}

/// 12 of `12 tests this`.
fn number(text: &str) -> Option<u32> {
    text.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// The stage and the task that a line of a doc comment names: `Stage 3: show each message, …`.
fn stage_of(line: &str) -> Option<(u32, String)> {
    let (number, task) = line.trim().strip_prefix("Stage ")?.split_once(": ")?;
    // (a link is [`Messages::receive`]; other brackets belong to what is to be written, as in `[ann] : hello`)
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
    fn a_summary_keeps_all_brackets_but_those_of_links() {
        let line = " Stage 5: send each line, as `[ann] : hello`, to [`Room::relay`].";
        let task = "send each line, as [ann] : hello, to Room::relay";
        assert_eq!(stage_of(line), Some((5, task.to_owned())));
    }
}
