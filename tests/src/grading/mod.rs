//! From programs to verdicts.

pub mod author;
pub mod grader;
pub mod run;
pub mod verdict;
