//! `cargo lab reset`: resets a stage's functions or a whole lab to the starter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::target::Target;
use crate::cli::{ask, open};
use crate::kit::exercises;
use crate::kit::exercises::{Exercise, Location};
use crate::kit::files::{self, PRISTINE};
use crate::kit::way::{self, Way};

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// A stage (2.5), a stage and all later ones (2.5-), or a lab (2)
    target: Target,
    /// Makes the lab an open lab: the starter contains only the programs' options, and you design the rest
    #[arg(long)]
    open: bool,
    /// Makes the lab a guided lab: you write the starter's functions. Default: the lab stays as it is
    #[arg(long, conflicts_with = "open")]
    guided: bool,
    /// Does not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// Resets the files. Asks for confirmation first, unless `yes` is set. Before replacing or removing files,
/// copies them to a new folder.
///
/// # Errors
/// Returns an error if a file cannot be read, parsed, or written.
pub fn run(kit: &Path, options: Options) -> Result<()> {
    let Options { target, yes, .. } = options;
    let lab = target.lab;
    let before = way::of_lab(kit, lab);
    let after = match (options.open, options.guided) {
        (true, _) => Way::Open,
        (_, true) => Way::Guided,
        _ => before,
    };
    let is_way_given = options.open || options.guided;
    let changes = match target.stage {
        None => whole_lab(kit, lab, after)?,
        Some(_) if is_way_given => {
            bail!(
                "only a whole lab can become a guided or an open lab: cargo lab reset {lab} --{}",
                after.name()
            )
        }
        Some(_) if before == Way::Open => bail!(
            "lab {lab} is an open lab, so it has no functions to reset\n  \
             to start again: cargo lab reset {lab}\n  \
             for the guided lab: cargo lab reset {lab} --guided"
        ),
        Some(_) => stages(kit, target)?,
    };
    if changes.is_empty() {
        println!(" There is nothing to reset: your files are the same as the starter's.");
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
        let file = kit.join(path);
        match &change.text {
            Some(text) => files::write(&file, text)
                .with_context(|| format!("cannot write {}", path.display()))?,
            None => remove(&file).with_context(|| format!("cannot remove {}", path.display()))?,
        }
    }
    let kept = kept.display();
    if before == after {
        println!(" Done. Your files are kept in {kept}; cp -r {kept}/labs . restores them.");
        return Ok(());
    }
    println!(
        " Done: lab {lab} is {}. Your files are kept in {kept}. To restore them:",
        after.name()
    );
    println!("   cargo lab reset {lab} --{}", before.name());
    println!("   cp -r {kept}/labs .");
    Ok(())
}

struct Change {
    /// The new content of the file, or `None` if the file is to be removed.
    text: Option<String>,
    /// A description of the change.
    what: String,
}

/// The change to each file. The paths are relative to the kit.
type Changes = BTreeMap<PathBuf, Change>;

/// Returns the changes that replace the starter's files and remove all other sources from the lab's packages.
fn whole_lab(kit: &Path, lab: u32, way: Way) -> Result<Changes> {
    let starter = match way {
        Way::Guided => guided(kit, lab)?,
        Way::Open => open::make(kit, lab)?,
    };
    let is_manifest = |path: &&PathBuf| path.ends_with("Cargo.toml");
    let packages: BTreeSet<_> =
        starter.keys().filter(is_manifest).filter_map(|path| path.parent()).collect();
    let mut changes = Changes::new();
    for package in packages {
        let package = Path::new("labs").join(package);
        for path in files::below(&kit.join(&package))? {
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            if is_source && !path.starts_with("target") {
                let what = "is removed".into();
                changes.insert(package.join(path), Change { text: None, what });
            }
        }
    }
    for (path, text) in starter {
        let path = Path::new("labs").join(path);
        if fs::read(kit.join(&path)).is_ok_and(|mine| mine == text.as_bytes()) {
            changes.remove(&path);
        } else {
            changes.insert(path, Change { text: Some(text), what: "the whole file".into() });
        }
    }
    Ok(changes)
}

/// Returns the guided starter's files: their paths under `labs/` and their contents.
fn guided(kit: &Path, lab: u32) -> Result<BTreeMap<PathBuf, String>> {
    let pristine = kit.join(PRISTINE);
    let mut starter = BTreeMap::new();
    for path in files::below(&pristine)? {
        if files::lab_of(&path) == Some(lab) {
            let text = fs::read_to_string(pristine.join(&path))?;
            starter.insert(path, text);
        }
    }
    Ok(starter)
}

/// Removes a file and all folders that become empty as a result.
fn remove(file: &Path) -> std::io::Result<()> {
    fs::remove_file(file)?;
    // A folder that is not empty cannot be removed, so it is kept.
    let _ = file.ancestors().skip(1).try_for_each(fs::remove_dir);
    Ok(())
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
        // Functions are replaced from the last to the first, so that the byte ranges of the others remain valid.
        mine.sort_by_key(|task| std::cmp::Reverse(task.body.start));
        let mut fresh = text.clone();
        for old in &before {
            if !mine.iter().any(|task| task.name == old.name) {
                bail!(
                    "{file} has no `{}` with its doc comment; to reset the lab: cargo lab reset {lab}",
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
            changes.insert(path, Change { text: Some(fresh), what: names.join(", ") });
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

/// Copies files from the kit to a new folder that git ignores.
fn keep<'a>(kit: &Path, paths: impl Iterator<Item = &'a PathBuf>) -> Result<PathBuf> {
    let is_free = |folder: &PathBuf| !kit.join(folder).exists();
    let folders = (1..).map(|number| Path::new(".kept").join(number.to_string()));
    let folder =
        folders.into_iter().find(is_free).context("there is no unused folder name in .kept")?;
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
