//! A class's results as a folder of HTML pages. `index.html` and `reports/` are for the instructor, and the pages in
//! `students/` can be handed out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::class::class_page::class_page;
use crate::class::detail::Detail;
use crate::class::file_names::file_names;
use crate::class::record::Record;
use crate::class::student_page::student_page;
use crate::report::markup::GENERATOR;

/// Writes the pages to a folder. `detail` determines how much of each report students see.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub fn write(record: &Record, folder: &Path, detail: Detail) -> Result<()> {
    let names = file_names(record, "html");
    // The instructor sees all stages and full reports. If the student may also see all stages and full reports, one
    // page is enough for the student and the instructor.
    let hides = detail != Detail::Full || record.submissions.iter().any(|one| one.hidden > 0);
    let own = if hides { "reports" } else { "students" };
    for (submission, name) in record.submissions.iter().zip(&names) {
        let page = student_page(&detail.shown(submission), &record.kit);
        write_page(&folder.join("students").join(name), &page)?;
        if hides {
            write_page(&folder.join(own).join(name), &student_page(submission, &record.kit))?;
        }
    }
    remove_old(&folder.join("students"), &names)?;
    remove_old(&folder.join("reports"), if hides { &names } else { &[] })?;
    let links: Vec<_> = names.iter().map(|name| format!("{own}/{name}")).collect();
    write_page(&folder.join("index.html"), &class_page(record, &links))
}

fn write_page(file: &Path, page: &str) -> Result<()> {
    let write = || {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        fs::write(file, page)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

/// Removes an earlier grading run's pages, except those in `names`; otherwise, old pages might be handed out by
/// mistake. Keeps files that the grader did not write.
fn remove_old(folder: &Path, names: &[String]) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (file, name) = (entry.path(), entry.file_name());
        let is_new = names.iter().any(|new| name == new.as_str());
        if is_new || !fs::read_to_string(&file).is_ok_and(|page| page.contains(GENERATOR)) {
            continue;
        }
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}
