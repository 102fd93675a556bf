//! Finds the lab that the student is probably working on and explains the choice.

use std::path::Path;

use crate::kit::changed::changed_labs;
use crate::labs;

/// A lab that the student may be working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// The lab number.
    pub lab: u32,
    /// Whether the student has changed a source file of the lab.
    is_changed: bool,
}

impl Current {
    /// Returns a sentence that tells the student why this lab was chosen.
    pub fn why(self) -> String {
        let lab = self.lab;
        if self.is_changed {
            format!(
                " You are working on lab {lab}: it is the unfinished lab that you changed last."
            )
        } else {
            format!(" Lab {lab} comes next: it is the first unfinished lab.")
        }
    }
}

/// Returns all labs: first those that the student has changed, beginning with the lab that was changed last, then the
/// others. The student is working on the first lab that is not finished.
pub fn in_order(kit: &Path) -> Vec<Current> {
    let (numbers, mut changed) = (labs::numbers(), changed_labs(kit));
    changed.retain(|lab| numbers.contains(lab));
    let others = numbers.into_iter().filter(|lab| !changed.contains(lab));
    let current = |is_changed| move |lab| Current { lab, is_changed };
    let others: Vec<_> = others.map(current(false)).collect();
    changed.into_iter().map(current(true)).chain(others).collect()
}
