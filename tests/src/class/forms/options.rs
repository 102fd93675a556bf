//! The options of `cargo lab grade` for the formats of other systems, one for each format.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::class::detail::Detail;
use crate::class::forms::github::{Stopped, annotations};
use crate::class::forms::{self, Form};
use crate::class::record::Record;
use crate::report::text::quoted_line;

/// The requested formats, each with its file or folder.
#[derive(Clone)]
pub struct Forms(Vec<(&'static Form, PathBuf)>);

impl Args for Forms {
    fn augment_args(command: Command) -> Command {
        forms::ALL.iter().fold(command, |command, form| {
            let option = Arg::new(form.option).long(form.option).value_name("FILE").help(form.help);
            command.arg(option.value_parser(value_parser!(PathBuf)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Forms {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let wanted =
            |form: &'static Form| Some((form, matches.get_one::<PathBuf>(form.option)?.clone()));
        Ok(Self(forms::ALL.iter().filter_map(wanted).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Forms {
    /// Begins the grading. Until [`Forms::write`] is called, keeps GitHub Actions from treating any output as a
    /// command.
    pub fn begin(&self) -> Option<Stopped> {
        let stopped = self.0.iter().any(|(form, _)| form.option == "github").then(Stopped::draw)?;
        println!("{}", stopped.begin());
        Some(stopped)
    }

    /// Writes the results in all requested formats. `detail` determines how much of each report students see.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write(&self, record: &Record, detail: Detail, stopped: Option<Stopped>) -> Result<()> {
        for (form, path) in &self.0 {
            for name in forms::write(form, record, detail, path)? {
                let (option, name) = (form.option, quoted_line(&name));
                eprintln!(
                    "--{option}: no file for {name}, which has not been graded completely. Grade it again."
                );
            }
        }
        if let Some(stopped) = stopped {
            println!("{}", stopped.end());
            // A class may have more errors than GitHub shows, so annotations are printed only for a single submission.
            if let [submission] = &record.submissions[..] {
                print!("{}", annotations(&detail.with_reports(submission)));
            }
        }
        Ok(())
    }
}
