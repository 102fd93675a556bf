//! `cargo lab hint`: shows the next hint for a stage.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::cli::target::StageNumber;
use crate::grading::grader::Author;
use crate::grading::log::Log;
use crate::harness::stage::{Lab, Stage};
use crate::kit::exercises;
use crate::kit::files;
use crate::kit::untrusted::exercises_of_lab;
use crate::kit::way::{self, Way};
use crate::labs;
use crate::report::text::{columns, labelled, wrapped};

/// Shows the first hint that neither this command nor a report has shown yet. When all hints have been shown, shows
/// them all again.
///
/// # Errors
/// Returns an error if the number of shown hints cannot be saved.
pub fn run(kit: &Path, number: StageNumber) -> Result<()> {
    let labs = labs::all();
    let Some((lab, stage)) = number.find(&labs) else { return Ok(()) };
    let name = format!("{}.{}", lab.number, stage.number);
    let mut shown = Shown::read(kit);
    let before = shown.count(&name);
    let count = (before + 1).min(stage.hints.len());
    let first = if before < count { before } else { 0 };
    println!(" {name}  {}\n", stage.full_title());
    if way::of_lab(kit, lab.number) == Way::Open {
        let note = "Your lab is open. The hints are written for the guided lab and may name its \
                    functions.";
        println!("{}\n", wrapped(" ", note, columns()));
    }
    for (at, hint) in stage.hints.iter().enumerate().take(count).skip(first) {
        println!("{}", labelled(&format!("hint {}", at + 1), hint, columns()));
    }
    let places =
        exercises::tested_by(exercises_of_lab(kit, lab.number).unwrap_or_default(), stage.number);
    for place in places {
        println!(
            "{}",
            labelled("look at", &format!("{}  `{}`", place.to_line(), place.task.name), columns())
        );
    }
    if count < stage.hints.len() {
        println!("\n for the next hint: cargo lab hint {name}");
    } else if Author::Kit.exists(kit) {
        println!(
            "\n That was the last hint. To see the finished functions: cargo lab solution {name}"
        );
    } else {
        println!("\n That was the last hint.");
    }
    if before < count {
        let mut log = Log::open(kit);
        log.hint(lab.number, stage.number);
        if let Some(trouble) = log.trouble() {
            eprintln!(" {trouble}");
        }
    }
    shown.note(&name, count)
}

/// Records that a report has shown the stage's first hint. If the record cannot be saved, `cargo lab hint` shows the
/// hint again.
pub fn note_first(kit: &Path, lab: &Lab, stage: &Stage) {
    let mut shown = Shown::read(kit);
    let name = format!("{}.{}", lab.number, stage.number);
    if shown.count(&name) == 0 {
        let _ = shown.note(&name, 1);
    }
}

/// The number of hints shown so far for each stage. `cargo clean` removes the file, so the hints are shown again.
struct Shown {
    file: PathBuf,
    counts: Map<String, Value>,
}

impl Shown {
    fn read(kit: &Path) -> Self {
        let file = kit.join("target/lab/hints.json");
        let text = files::read(&file).ok().flatten().unwrap_or_default();
        Self { file, counts: serde_json::from_str(&text).unwrap_or_default() }
    }

    fn count(&self, stage: &str) -> usize {
        let count = self.counts.get(stage).and_then(Value::as_u64);
        count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    fn note(&mut self, stage: &str, count: usize) -> Result<()> {
        self.counts.insert(stage.to_owned(), count.into());
        let text = serde_json::to_string_pretty(&self.counts)?;
        files::write(&self.file, &text)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}
