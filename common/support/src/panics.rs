//! Limits the effect of a panic: a bug in one part of the program must stop only that part.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process;

use anyhow::anyhow;

use crate::log::{flush_log, log};

/// The exit status of a program that panicked. This is the status that Rust itself uses.
const PANICKED: i32 = 101;

/// Runs `work` for one connection. A panic becomes an error, so the connection ends as usual.
///
/// A panic from a `todo!` does not become an error: the function is not written yet, so it is unknown how the
/// connection should continue. Such a panic propagates and stops the thread.
///
/// # Errors
/// Returns the error that `work` returns, or an error if `work` panics.
///
/// ```
/// let result = support::catch_panic(|| {
///     let number: i32 = "seven".parse().unwrap();
///     anyhow::ensure!(number == 7);
///     Ok(())
/// });
/// assert_eq!(result.unwrap_err().to_string(), "the thread of this connection panicked");
/// ```
pub fn catch_panic(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(panic) if is_unwritten(&*panic) => panic::resume_unwind(panic),
        Err(_) => Err(anyhow!("the thread of this connection panicked")),
    }
}

/// Runs work that the server depends on. If `work` panics, the program exits with status 101. A panic from a `todo!` is
/// returned as an error instead.
pub(crate) fn exit_on_panic(work: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Err(panic) if !is_unwritten(&*panic) => {
            log("the room panicked; the server exits");
            flush_log();
            process::exit(PANICKED)
        }
        result => result,
    }
}

fn is_unwritten(panic: &(dyn Any + Send)) -> bool {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
    message.is_some_and(|message| message.starts_with("not yet implemented"))
}
