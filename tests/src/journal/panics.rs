//! Panics in the grader's own code. A panic is a bug in the grader and must affect only the part that has the bug.

use std::any::Any;
use std::cell::RefCell;
use std::env;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{LazyLock, Once};

use crate::journal::visible::visible;

/// The maximum length of a panic message that is kept, in characters. A message may quote the output of a program.
const LONG: usize = 200;

/// The name of the part that panics on purpose, from an environment variable that only the kit's tests set.
static BROKEN: LazyLock<Option<String>> = LazyLock::new(|| env::var("GRADER_PANICS_IN").ok());

thread_local! {
    /// For each running [`caught`] call in this thread, the panic that it has seen, if any. The innermost call is last.
    static PANICS: RefCell<Vec<Option<String>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work`. If `work` panics, returns the panic message and the panic's location in the source instead of printing
/// them.
///
/// `part` is a name for what `work` does, for example `the build`. The kit's tests use this name to make `work` panic,
/// and then check the effects.
///
/// # Errors
/// Returns an error if `work` panics. Values that `work` was changing may be in an inconsistent state, so the caller
/// must no longer use them.
pub fn caught<T>(part: &str, work: impl FnOnce() -> T) -> Result<T, String> {
    keep_messages();
    PANICS.with_borrow_mut(|panics| panics.push(None));
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        break_if_asked(part);
        work()
    }));
    let message = PANICS.with_borrow_mut(Vec::pop).flatten();
    result.map_err(|panic| message.unwrap_or_else(|| harmless(said(&*panic))))
}

fn break_if_asked(part: &str) {
    assert!(BROKEN.as_deref() != Some(part), "{part} panics on purpose");
}

/// Inside [`caught`], keeps a panic message instead of printing it, because a printed message would appear in the
/// middle of a report. With `RUST_BACKTRACE`, the message is also printed, to help find the bug.
fn keep_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_kept = PANICS.with_borrow_mut(|panics| match panics.last_mut() {
                Some(last) => {
                    *last = Some(with_place(panic));
                    true
                }
                None => false,
            });
            if !is_kept || env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
                usual(panic);
            }
        }));
    });
}

fn with_place(panic: &PanicHookInfo) -> String {
    let message = harmless(said(panic.payload()));
    match panic.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message,
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// Returns the message on one line, without characters that control a terminal.
fn harmless(message: &str) -> String {
    let message = visible(message.as_bytes());
    if message.chars().count() <= LONG {
        return message;
    }
    message.chars().take(LONG).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_its_message_with_the_place() {
        let nothing: [u8; 0] = [];
        let why = caught("a part", || nothing.windows(nothing.len()).count()).unwrap_err();
        assert!(why.contains("panics.rs:"), "{why}");
        assert_eq!(caught("a part", || 7), Ok(7));
    }

    #[test]
    fn the_innermost_part_catches_its_panic() {
        let why = caught("outer", || {
            let inner = caught("inner", || panic!("in\x1b[2J\nside")).unwrap_err();
            assert!(inner.starts_with("in\\x1b[2J⏎side ("), "{inner}");
            panic!("{}", "long ".repeat(1000))
        });
        let why = why.map(|()| String::new()).unwrap_err();
        assert!(why.starts_with("long long") && why.chars().count() < 300, "{why}");
    }
}
