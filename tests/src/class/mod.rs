//! Grades a class: any number of submissions, by people whom nobody trusts.

pub mod record;
