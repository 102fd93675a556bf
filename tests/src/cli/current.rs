//! Finds the lab that the student is working on, and explains the choice.

use std::path::Path;

use crate::kit::changed::changed_labs;
use crate::labs;

/// A lab that the student may be working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// The number of the lab.
    pub lab: u32,
    /// Whether the student has changed the lab's files.
    is_changed: bool,
}

impl Current {
    /// Returns a sentence for the student.
    pub fn why(self) -> String {
        let lab = self.lab;
        if self.is_changed {
            format!(" You are working on lab {lab}: of the unfinished labs, you changed it last.")
        } else {
            format!(" Lab {lab} comes next: it is the first unfinished lab.")
        }
    }
}

/// Returns all labs, in the order in which the student may be working on them: first the changed labs, beginning with
/// the lab that was changed most recently, then the other labs. The student is working on the first lab that is not
/// finished.
pub fn in_order(kit: &Path) -> Vec<Current> {
    let (numbers, mut changed) = (labs::numbers(), changed_labs(kit));
    changed.retain(|lab| numbers.contains(lab));
    let others = numbers.into_iter().filter(|lab| !changed.contains(lab));
    let current = |is_changed| move |lab| Current { lab, is_changed };
    let others: Vec<_> = others.map(current(false)).collect();
    changed.into_iter().map(current(true)).chain(others).collect()
}
