//! Grades a class: any number of submissions, by people whom nobody trusts.

pub mod against;
pub mod beside;
pub mod class_page;
pub mod control;
pub mod csv;
pub mod detail;
pub mod file_names;
pub mod forms;
pub mod grade;
pub mod intake;
pub mod merge;
pub mod namespaces;
pub mod other;
pub mod pages;
pub mod record;
pub mod results;
pub mod settings;
pub mod single;
pub mod student_page;
pub mod table;
pub mod tier;
pub mod verdicts;
pub mod worker;
