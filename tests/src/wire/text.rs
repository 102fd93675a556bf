//! Wires 1 and 2: a message ends with ⏎.

use super::{Next, Peer};
use crate::stage::Check;

impl Peer {
    /// Sends a message, and its ⏎.
    ///
    /// # Errors
    /// As [`Peer::sends`].
    pub fn says(&self, message: &str) -> Check {
        self.sends(format!("{message}\n"))
    }

    /// Waits for the message to come next. Its ⏎ may be missing: that is asked by one stage of a lab.
    ///
    /// # Errors
    /// As soon as something else comes, or when it does not come.
    pub fn hears(&self, message: &str) -> Check {
        self.hears_message(message, "")
    }

    /// Waits for the message to come next, with its ⏎.
    ///
    /// # Errors
    /// As soon as something else comes, or when it does not come.
    pub fn hears_line(&self, message: &str) -> Check {
        self.hears_message(message, "\n")
    }

    fn hears_message(&self, message: &str, end: &str) -> Check {
        let expected = format!("{message}{end}");
        let expected = expected.as_bytes();
        self.takes("should have heard", format!("{message}\n").as_bytes(), |rest| {
            // The ⏎ of the message before this one, when nobody asked for it.
            let late = rest.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
            let rest = &rest[late..];
            let common = rest.len().min(expected.len());
            if rest[..common] != expected[..common] {
                return Next::Wrong;
            }
            if common == expected.len() { Next::Right(late + common) } else { Next::NotYet }
        })
    }
}
