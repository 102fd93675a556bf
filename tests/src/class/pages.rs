//! The results of a class as a folder of HTML pages. `index.html` and `reports/` are for the instructor, and the pages
//! in `students/` can be handed out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::class::class_page::class_page;
use crate::class::detail::Detail;
use crate::class::record::Record;
use crate::class::student_page::student_page;

/// Writes the pages to a folder. Students see as much of their reports as `detail` says.
///
/// # Errors
/// When a file cannot be written.
pub fn write(record: &Record, folder: &Path, detail: Detail) -> Result<()> {
    let names = file_names(record);
    // The instructor sees everything. If students do, too, one page is enough for both.
    let hides = detail != Detail::Full || record.submissions.iter().any(|one| one.hidden > 0);
    let own = if hides { "reports" } else { "students" };
    for (submission, name) in record.submissions.iter().zip(&names) {
        let page = student_page(&detail.shown(submission), &record.kit);
        write_page(&folder.join("students").join(name), &page)?;
        if hides {
            write_page(&folder.join(own).join(name), &student_page(submission, &record.kit))?;
        }
    }
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

/// Returns a file name for each submission. A name may contain anything, and a file name only letters and digits.
fn file_names(record: &Record) -> Vec<String> {
    /// With this many letters of four bytes each, no file name is too long.
    const LONGEST: usize = 50;
    let mut taken = BTreeSet::new();
    let mut file_name = |name: &str| {
        let safe = |char: char| if char.is_alphanumeric() { char } else { '_' };
        let mut stem: String = name.chars().take(LONGEST).map(safe).collect();
        if stem.is_empty() {
            // A file name that begins with a dot is not listed.
            stem.push('_');
        }
        // Some systems do not tell upper case from lower case.
        let mut names = (1..).map(|count| {
            if count == 1 { format!("{stem}.html") } else { format!("{stem}-{count}.html") }
        });
        names.find(|name| taken.insert(name.to_lowercase())).unwrap_or_default()
    };
    record.submissions.iter().map(|submission| file_name(&submission.name)).collect()
}
