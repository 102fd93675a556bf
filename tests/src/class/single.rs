//! The record of one submission, for `cargo lab check`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use crate::class::record::{Control, Stage};
use crate::class::settings::Settings;
use crate::class::{grade, results};
use crate::grading::grader::Author;
use crate::grading::verdict::Graded;
use crate::harness::stage;
use crate::labs;
use crate::system::confinement;

/// The results so far. If there is no file, no results are kept.
pub struct Single {
    file: Option<PathBuf>,
    kit: PathBuf,
    wanted: Vec<stage::Lab>,
    stages: BTreeMap<u32, Vec<Stage>>,
    settings: Settings,
    begin: Instant,
}

impl Single {
    /// Starts a record for these labs. The submission is named after the kit's folder.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn start(kit: &Path, numbers: &[u32], file: Option<PathBuf>) -> Result<Self> {
        let kit = fs::canonicalize(kit).unwrap_or_else(|_| kit.to_owned());
        let mut wanted = labs::all();
        wanted.retain(|lab| numbers.contains(&lab.number));
        let (stages, settings, begin) = (BTreeMap::new(), Settings::default(), Instant::now());
        let single = Self { file, kit, wanted, stages, settings, begin };
        single.write()?;
        Ok(single)
    }

    /// Adds a stage's result. `again` returns the command that runs the stage again.
    pub fn add(
        &mut self,
        lab: &stage::Lab,
        stage: &stage::Stage,
        graded: &Graded,
        again: impl FnOnce() -> String,
    ) {
        if self.file.is_some() {
            let stage = results::stage(lab, stage, graded, &self.settings, again(), &self.kit);
            self.stages.entry(lab.number).or_default().push(stage);
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn write(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let name = self.kit.file_name().unwrap_or_default().to_string_lossy();
        let labs = self.wanted.iter().filter_map(|lab| {
            Some(results::lab(lab, self.stages.get(&lab.number)?.clone(), &self.settings))
        });
        let (labs, took): (Vec<_>, _) = (labs.collect(), self.begin.elapsed());
        let mut submission =
            results::submission(&name, &self.wanted, labs, None, took, &self.settings);
        if !submission.complete {
            submission.error = Some("some stages were not graded or have no points".to_owned());
        }
        let control = if Author::Kit.exists(&self.kit) { Control::Kit } else { Control::None };
        let mut record = grade::empty(control, confinement::tier());
        let mut value = serde_json::to_value(submission)?;
        results::without_folders(&mut value, &[(self.kit.clone(), "")]);
        record.submissions.push(serde_json::from_value(value)?);
        grade::write(&record, file)
    }
}
