//! Chooses file names for the submissions of a class.

use std::collections::BTreeSet;

use crate::class::record::Record;

/// Returns a file name for each submission. A student's name may contain any characters, but a file name contains only
/// letters and digits.
pub fn file_names(record: &Record, extension: &str) -> Vec<String> {
    /// The maximum number of letters before the extension. Even with four bytes per letter, the name fits within the
    /// limits of file systems.
    const LONGEST: usize = 50;
    let mut taken = BTreeSet::new();
    let mut file_name = |name: &str| {
        let safe = |char: char| if char.is_alphanumeric() { char } else { '_' };
        let mut stem: String = name.chars().take(LONGEST).map(safe).collect();
        if stem.is_empty() {
            // Programs such as `ls` hide a file whose name begins with a dot.
            stem.push('_');
        }
        // Some file systems do not distinguish uppercase from lowercase letters.
        let mut names = (1..).map(|count| {
            if count == 1 {
                format!("{stem}.{extension}")
            } else {
                format!("{stem}-{count}.{extension}")
            }
        });
        names.find(|name| taken.insert(name.to_lowercase())).unwrap_or_default()
    };
    record.submissions.iter().map(|submission| file_name(&submission.name)).collect()
}
