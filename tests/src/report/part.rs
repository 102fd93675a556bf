//! The parts of a report are made apart from each other. If the grader has a bug in one of them, a sentence says that
//! this part is missing. A report is made after the verdict, and does not change it.

use crate::journal::panics::caught;

/// Makes a part of a report.
///
/// # Errors
/// When this panics. The error is the sentence that takes the place of the part.
pub fn made<T>(part: &str, make: impl FnOnce() -> T) -> Result<T, String> {
    caught(part, make).map_err(|why| {
        format!(
            "this part of the report could not be made: {why}. The verdict does not depend on it."
        )
    })
}
