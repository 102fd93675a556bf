//! Each part of a report is created independently. If a bug in the grader prevents one part from being created, a
//! sentence replaces this part. A report is created after the verdict and does not change it.

use crate::journal::panics::caught;

/// Creates a part of a report.
///
/// # Errors
/// Returns an error if `make` panics. The error is the sentence to show in place of this part of the report.
pub fn made<T>(part: &str, make: impl FnOnce() -> T) -> Result<T, String> {
    caught(part, make).map_err(|why| {
        format!(
            "this part of the report could not be created: {why}. The verdict does not depend on this part."
        )
    })
}
