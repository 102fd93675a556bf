//! From programs to verdicts.

pub mod grader;
pub mod run;
pub mod verdict;
