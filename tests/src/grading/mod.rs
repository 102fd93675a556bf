//! Runs a submission's programs and determines the verdicts.

pub mod grader;
pub mod log;
pub mod run;
pub mod verdict;
