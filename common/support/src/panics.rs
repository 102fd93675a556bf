//! A panic is a mistake in the program. It may end what the mistake is in, and nothing else.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::thread;

use anyhow::{Result, anyhow};

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
pub fn catch_panic(work: impl FnOnce() -> Result<()>) -> Result<()> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(panic) if is_unwritten(&*panic) => panic::resume_unwind(panic),
        Err(_) => Err(anyhow!("the thread of this connection panicked")),
    }
}

/// Starts the thread without which the server is of no use: when it panics, the program ends with status 101.
///
/// (Not with a `todo!`: what is written already goes on without the thread.)
///
/// # Errors
/// When the system gives no thread.
pub fn spawn_room(run: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().name("room".to_owned()).spawn(move || {
        let Err(panic) = panic::catch_unwind(AssertUnwindSafe(run)) else { return };
        if is_unwritten(&*panic) {
            panic::resume_unwind(panic);
        }
        log("the room has panicked, and the server ends");
        flush_log();
        process::exit(PANICKED)
    })?;
    Ok(())
}

fn is_unwritten(panic: &(dyn Any + Send)) -> bool {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
    message.is_some_and(|message| message.starts_with("not yet implemented"))
}
