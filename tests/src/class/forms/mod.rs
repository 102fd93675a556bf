//! A class's results in the formats of other systems. Each format has an entry in [`ALL`] and a function that takes a
//! record.

pub mod autolab;
pub mod classroom50;
pub mod ctrf;
pub mod github;
pub mod gradescope;
pub mod junit;
pub mod options;
pub mod prairielearn;
pub mod rows;
pub mod vpl;

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::class::beside;
use crate::class::detail::Detail;
use crate::class::file_names::file_names;
use crate::class::record::{Record, Submission};

/// A format for results.
pub struct Form {
    /// The `cargo lab grade` option for this format.
    pub option: &'static str,
    /// The help text of the option.
    pub help: &'static str,
    /// The file extension for this format.
    pub extension: &'static str,
    /// Returns the contents of the file, or `None` if the submission is not completely graded and the format cannot
    /// express this.
    pub write: fn(&Record, &Submission) -> Result<Option<String>>,
}

/// All formats.
pub static ALL: [Form; 8] = [
    Form {
        option: "gradescope",
        help: "Gradescope's results.json",
        extension: "json",
        write: gradescope::results,
    },
    Form {
        option: "classroom50",
        help: "The result.json of Classroom 50",
        extension: "json",
        write: classroom50::result,
    },
    Form {
        option: "prairielearn",
        help: "PrairieLearn's results.json",
        extension: "json",
        write: prairielearn::results,
    },
    Form { option: "junit", help: "JUnit's XML", extension: "xml", write: junit::report },
    Form {
        option: "ctrf",
        help: "A report in the Common Test Report Format",
        extension: "json",
        write: ctrf::report,
    },
    Form {
        option: "github",
        help: "A summary for GitHub Actions and annotations on the terminal",
        extension: "md",
        write: github::markdown,
    },
    Form {
        option: "autolab",
        help: "The line that Autolab reads",
        extension: "txt",
        write: autolab::line,
    },
    Form {
        option: "vpl",
        help: "The lines that Moodle's VPL reads",
        extension: "txt",
        write: vpl::lines,
    },
];

/// Writes the results of one submission to a file, or the results of several submissions to files in a folder. Returns
/// the submissions that have no file, because they are not completely graded and the format cannot express this.
/// Removes these submissions' old files, because they could be mistaken for current results. `detail` determines how
/// much of each report students see.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub fn write(form: &Form, record: &Record, detail: Detail, path: &Path) -> Result<Vec<String>> {
    let names = file_names(record, form.extension);
    let is_file = record.submissions.len() == 1 && !path.is_dir();
    if !is_file {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
    }
    let mut without = Vec::new();
    for (submission, name) in record.submissions.iter().zip(names) {
        let file = if is_file { path.to_owned() } else { path.join(name) };
        if let Some(text) = (form.write)(record, &detail.with_reports(submission))? {
            beside::write(&file, |out| Ok(out.write_all(text.as_bytes())?))?;
            continue;
        }
        without.push(submission.name.clone());
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(without)
}
