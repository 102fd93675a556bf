//! `cargo lab reset`: resets the functions of a stage, or a whole lab, to the starter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::ask;
use crate::cli::target::Target;
use crate::kit::exercises;
use crate::kit::exercises::{Exercise, Location};
use crate::kit::files;

/// The folder of the unchanged starters, which are needed for comparing and resetting.
const PRISTINE: &str = "tests/starters";

/// Resets the files. Asks for confirmation first, unless `yes` is set. Keeps copies of the replaced files in a new
/// folder.
///
/// # Errors
/// When a file cannot be read, parsed or written.
pub fn run(kit: &Path, target: Target, yes: bool) -> Result<()> {
    let changes = match target.stage {
        None => whole_lab(kit, target.lab)?,
        Some(_) => stages(kit, target)?,
    };
    if changes.is_empty() {
        println!(" There is nothing to reset: your files are the same as the starter.");
        return Ok(());
    }
    println!(" These files will change:");
    for (path, change) in &changes {
        println!("   {}   {}", path.display(), change.what);
    }
    if !yes && !ask::is_wanted(" Reset them? A copy of your files is kept.")? {
        println!(" Nothing was changed.");
        return Ok(());
    }
    let kept = keep(kit, changes.keys())?;
    for (path, change) in &changes {
        files::write(&kit.join(path), &change.text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let kept = kept.display();
    println!(" Done. Your files are kept in {kept}; cp -r {kept}/labs . restores them.");
    Ok(())
}

struct Change {
    text: String,
    /// The description of the change.
    what: String,
}

/// Paths relative to the kit, with their changes.
type Changes = BTreeMap<PathBuf, Change>;

fn whole_lab(kit: &Path, lab: u32) -> Result<Changes> {
    let mut changes = Changes::new();
    for path in files::below(&kit.join(PRISTINE))? {
        if files::lab_of(&path) != Some(lab) {
            continue;
        }
        let text = fs::read_to_string(kit.join(PRISTINE).join(&path))?;
        let path = Path::new("labs").join(path);
        if files::read(&kit.join(&path))?.as_ref() != Some(&text) {
            changes.insert(path, Change { text, what: "the whole file".into() });
        }
    }
    Ok(changes)
}

fn stages(kit: &Path, target: Target) -> Result<Changes> {
    let mut changes = Changes::new();
    let mut has_functions = false;
    for path in files::below(&kit.join(PRISTINE))? {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || files::lab_of(&path) != Some(target.lab) {
            continue;
        }
        let pristine = fs::read_to_string(kit.join(PRISTINE).join(&path))?;
        let path = Path::new("labs").join(path);
        let is_included = |task: &Exercise| target.contains(target.lab, task.stage);
        let before: Vec<_> =
            exercises::exercises(&pristine)?.into_iter().filter(is_included).collect();
        if before.is_empty() {
            continue;
        }
        has_functions = true;
        let lab = target.lab;
        let file = path.display();
        let text = fs::read_to_string(kit.join(&path))
            .with_context(|| format!("cannot read {file}; to restore it: cargo lab reset {lab}"))?;
        let mut mine = exercises::exercises(&text).with_context(|| {
            format!("cannot parse {file}; repair it, or reset the lab: cargo lab reset {lab}")
        })?;
        // The functions are replaced from the last to the first, so that the earlier byte ranges remain valid.
        mine.sort_by_key(|task| std::cmp::Reverse(task.body.start));
        let mut fresh = text.clone();
        for old in &before {
            if !mine.iter().any(|task| task.name == old.name) {
                bail!(
                    "{file} has no `{}` with its comment; to reset the lab: cargo lab reset {lab}",
                    old.name
                );
            }
        }
        let mut names = Vec::new();
        for task in &mine {
            let Some(old) = before.iter().find(|old| old.name == task.name) else { continue };
            let body = &pristine[old.body.clone()];
            if fresh[task.body.clone()] != *body {
                fresh.replace_range(task.body.clone(), body);
                names.push(format!("`{}`", task.name));
            }
        }
        if fresh != text {
            changes.insert(path, Change { text: fresh, what: names.join(", ") });
        }
    }
    if !has_functions {
        let stage = target.stage.unwrap_or_default();
        let places = exercises::of_stage(exercises::of_lab(kit, "labs", target.lab)?, stage);
        let of_others = places.iter().map(|Location { task, .. }| {
            format!("`{}`: cargo lab reset {}.{}", task.name, target.lab, task.stage)
        });
        let of_others = of_others.collect::<Vec<_>>().join("\n  ");
        bail!(
            "this stage has no function of its own; it tests functions of other stages:\n  {of_others}"
        );
    }
    Ok(changes)
}

/// Copies files of the kit to a new folder that git ignores.
fn keep<'a>(kit: &Path, paths: impl Iterator<Item = &'a PathBuf>) -> Result<PathBuf> {
    let is_free = |folder: &PathBuf| !kit.join(folder).exists();
    let folders = (1..).map(|number| Path::new(".kept").join(number.to_string()));
    let folder = folders.into_iter().find(is_free).context("no folder name in .kept is free")?;
    for path in paths {
        let (from, to) = (kit.join(path), kit.join(&folder).join(path));
        // A deleted file cannot be copied.
        if from.exists() {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(folder)
}
