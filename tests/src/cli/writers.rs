//! The options of `cargo lab grade` and `cargo lab merge` that determine which results are written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::class::detail::Detail;
use crate::class::forms::github::Stopped;
use crate::class::forms::options::Forms;
use crate::class::record::Record;
use crate::class::{against, csv, grade, pages, table};
use crate::report::text::columns;

/// The options.
#[derive(clap::Args)]
pub struct Writers {
    /// Also writes the points to this file, for a spreadsheet
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also writes pages to this folder: index.html for you and a page for each student in students/
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
    /// How much of their reports students see
    #[arg(long, value_enum, default_value_t)]
    detail: Detail,
    /// Shows which students' points differ from those in this earlier record and why
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    forms: Forms,
}

/// The data that is prepared before grading starts.
pub struct Begun {
    old: Option<Record>,
    stopped: Option<Stopped>,
}

impl Writers {
    /// Checks whether the results can be written, so that an error is reported before grading starts.
    ///
    /// # Errors
    /// Returns an error if the results cannot be written or the earlier record cannot be read.
    pub fn begin(&self) -> Result<Begun> {
        let stopped = self.forms.begin();
        let old = self.against.as_deref().map(read).transpose()?;
        if let Some(file) = &self.csv {
            let file_is_there = File::options().append(true).create(true).open(file);
            file_is_there.with_context(|| format!("cannot write {}", file.display()))?;
        }
        if let Some(folder) = &self.html {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Begun { old, stopped })
    }

    /// Shows and writes the results. Returns whether every submission has points for every stage.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write(&self, record: &Record, begun: Begun) -> Result<bool> {
        println!("{}", table::table(record, columns()));
        if let Some(old) = begun.old {
            println!("\n{}", against::changes(&old, record, columns()));
        }
        if let Some(file) = &self.csv {
            csv::write(record, file)?;
        }
        if let Some(folder) = &self.html {
            pages::write(record, folder, self.detail)?;
        }
        self.forms.write(record, self.detail, begun.stopped)?;
        Ok(record.submissions.iter().all(|submission| submission.complete))
    }
}

/// Reads a record that must exist.
///
/// # Errors
/// Returns an error if the file does not exist or is not a record of this version.
pub fn read(file: &Path) -> Result<Record> {
    grade::read(file)?.with_context(|| format!("there is no record {}", file.display()))
}
