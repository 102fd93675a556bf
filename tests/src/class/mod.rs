//! Grades a class: any number of submissions, by people whom nobody trusts.

pub mod handed_in;
pub mod intake;
pub mod record;
pub mod settings;
pub mod sources;
