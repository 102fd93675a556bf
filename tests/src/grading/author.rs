//! The author of the graded programs.

use std::path::Path;

/// The author of the graded programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Author {
    /// The student: `labs/`.
    Student,
    /// The kit: `solutions/`, the control.
    Kit,
}

impl Author {
    /// The folder of the programs. It is also the first part of a trial's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Student => "labs",
            Self::Kit => "solutions",
        }
    }

    /// Whether the folder exists. A student's kit may come without solutions.
    pub fn exists(self, kit: &Path) -> bool {
        kit.join(self.folder()).is_dir()
    }

    /// `lab2-server` or `solution2-server`.
    pub fn package(self, lab: u32, program: &str) -> String {
        match self {
            Self::Student => format!("lab{lab}-{program}"),
            Self::Kit => format!("solution{lab}-{program}"),
        }
    }
}
