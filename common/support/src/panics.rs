//! A panic is a mistake in the program. It may end what the mistake is in, and nothing else.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process;

use anyhow::anyhow;

use crate::log::{flush_log, log};

/// The status of a program that has panicked, as Rust itself has it.
const PANICKED: i32 = 101;

/// Runs `work` for one connection; a panic is an error like any other, so that the connection is taken care of.
///
/// A `todo!` is none: the function is not written yet, and so nobody knows what its connection needs. The
/// thread ends there.
///
/// # Errors
/// What `work` returns, and when it panics.
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

/// Runs what the server is of no use without: when it panics, the program ends with status 101.
///
/// # Errors
/// The panic, when it is a `todo!`.
pub(crate) fn survive_unwritten(work: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Err(panic) if !is_unwritten(&*panic) => {
            log("the room has panicked, and the server ends");
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
