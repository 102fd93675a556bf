//! Grades a class: any number of submissions, by people whom nobody trusts.

pub mod control;
pub mod grade;
pub mod handed_in;
pub mod intake;
pub mod other;
pub mod record;
pub mod results;
pub mod settings;
pub mod single;
pub mod sources;
pub mod warm;
pub mod worker;
