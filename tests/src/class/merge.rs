//! Merges the records of several grading runs, for example one for each shard of a class.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::class::record::{Record, Shard, Submission};
use crate::report::text::quoted_line;

/// Merges records. Each record is paired with the name of its file. Returns a record that contains all submissions.
///
/// # Errors
/// Returns an error if the records are from different kits, if their settings differ, if a submission is in two
/// records, or if a shard is missing.
pub fn merge(records: Vec<(String, Record)>) -> Result<Record> {
    let mut records = records.into_iter();
    let (first, mut merged) = records.next().context("there is no record to merge")?;
    let mut rules = Rules::default();
    let mut files = BTreeMap::new();
    let mut shards = Vec::from_iter(merged.shard.take());
    let mut machines = BTreeSet::from([merged.machine.clone()]);
    let mut tiers = BTreeSet::from([merged.tier.clone()]);
    let mut take = |file: &str, submissions: &[Submission]| -> Result<()> {
        for submission in submissions {
            rules.check(file, submission)?;
            if let Some(other) = files.insert(submission.name.clone(), file.to_owned()) {
                let name = quoted_line(&submission.name);
                bail!(
                    "{name} is in {other} and in {file}; merge only one of these, or rename a submission"
                );
            }
        }
        Ok(())
    };
    take(&first, &merged.submissions)?;
    for (file, record) in records {
        let (kit, other) = (&merged.kit, &record.kit);
        ensure!(
            kit == other,
            "{first} is from version {kit} of the kit, and {file} from version {other}; grade both with the same kit"
        );
        ensure!(
            merged.control == record.control,
            "the control programs of {first} come from a different source than those of {file}; grade both in the same way"
        );
        take(&file, &record.submissions)?;
        shards.extend(record.shard);
        merged.date = merged.date.min(record.date);
        machines.insert(record.machine);
        tiers.insert(record.tier);
        merged.submissions.extend(record.submissions);
    }
    all_there(&shards)?;
    merged.submissions.sort_by(|one, other| one.name.cmp(&other.name));
    merged.machine = Vec::from_iter(machines).join("; ");
    merged.tier = Vec::from_iter(tiers).join("; ");
    Ok(merged)
}

/// Checks that no shard is missing, because otherwise part of the class would get no points.
fn all_there(shards: &[Shard]) -> Result<()> {
    let Some(first) = shards.first() else { return Ok(()) };
    let of = first.of;
    if let Some(other) = shards.iter().find(|shard| shard.of != of) {
        bail!(
            "some records are from a set of {of} shards, and others from a set of {}; grade the class with the same number of shards",
            other.of
        );
    }
    for number in 1..=of {
        match shards.iter().filter(|shard| shard.number == number).count() {
            0 => bail!(
                "shard {number}/{of} is missing; grade it with --shard {number}/{of}, or include its record"
            ),
            1 => {}
            _ => bail!("there are two records of shard {number}/{of}; merge only one of them"),
        }
    }
    Ok(())
}

/// The values that depend on the grading settings. Each value is stored with the name of the first file that contains
/// it.
#[derive(Default)]
struct Rules {
    labs: BTreeMap<u32, (String, Lab)>,
    class: Option<(String, Class)>,
}

/// A lab's weight and, for each stage, its number, its maximum number of points, and whether it is hidden or a bonus
/// stage.
#[derive(PartialEq)]
struct Lab(u32, Vec<(u32, u32, bool, bool)>);

/// The two numbers that even a submission without graded labs contains: the maximum number of points and the number of
/// hidden stages.
#[derive(PartialEq)]
struct Class(u32, u32);

impl Rules {
    fn check(&mut self, file: &str, submission: &Submission) -> Result<()> {
        let class = Class(submission.maximum, submission.hidden);
        let (other, known) =
            self.class.get_or_insert_with(|| (file.to_owned(), Class(class.0, class.1)));
        ensure!(
            *known == class,
            differ("labs, weights, hidden stages, or bonus stages", other, file)
        );
        for lab in &submission.labs {
            let stages = lab.stages.iter();
            let stages =
                stages.map(|one| (one.stage, one.maximum, one.hidden, one.bonus)).collect();
            let rules = Lab(lab.weight, stages);
            let (other, known) = self
                .labs
                .entry(lab.lab)
                .or_insert_with(|| (file.to_owned(), Lab(lab.weight, rules.1.clone())));
            let what = format!("weight, hidden stages, or bonus stages of lab {}", lab.lab);
            ensure!(*known == rules, differ(&what, other, file));
        }
        Ok(())
    }
}

fn differ(what: &str, one: &str, other: &str) -> String {
    format!(
        "{one} and {other} have different settings ({what}); grade both with the same grading.toml and --lab"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::merge;
    use crate::class::grade::empty;
    use crate::class::record::{Control, Record, Shard};
    use crate::class::results;
    use crate::class::settings::Settings;
    use crate::labs;

    /// Returns the two shards of one class, as records with one submission each.
    fn two() -> [(String, Record); 2] {
        ["ann", "bob"].map(|name| {
            let mut record = empty(Control::Kit, "B".to_owned());
            let number = if name == "ann" { 1 } else { 2 };
            record.shard = Some(Shard { number, of: 2 });
            let (labs, settings) = (labs::all(), Settings::default());
            let stages = Vec::new();
            let lab = results::lab(&labs[0], stages, &settings);
            let took = Duration::ZERO;
            let one = results::submission(name, &labs[..1], vec![lab], None, took, &settings);
            record.submissions.push(one);
            (format!("{name}.json"), record)
        })
    }

    fn says(records: Vec<(String, Record)>, why: &str) {
        let error = merge(records).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn the_shards_of_a_class_are_one_record() {
        let [ann, mut bob] = two();
        bob.1.machine = "another".to_owned();
        bob.1.date = "2020-01-01T00:00:00Z".to_owned();
        let merged = merge(vec![bob.clone(), ann.clone()]).unwrap();
        let names: Vec<_> = merged.submissions.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names, merged.shard), (vec!["ann", "bob"], None));
        assert_eq!(merged.date, "2020-01-01T00:00:00Z");
        assert_eq!(merged.machine.matches("another").count(), 1);
        assert!(merged.machine.len() > ann.1.machine.len());
    }

    #[test]
    fn what_does_not_belong_together_is_refused_in_words() {
        let [ann, bob] = two();
        says(vec![ann.clone()], "shard 2/2 is missing");
        says(vec![ann.clone(), bob.clone(), bob.clone()], "bob is in bob.json and in bob.json");
        let change = |change: &dyn Fn(&mut Record)| {
            let mut other = bob.clone();
            change(&mut other.1);
            vec![ann.clone(), other]
        };
        says(change(&|bob| bob.kit = "9".to_owned()), "bob.json from version 9; grade both");
        says(change(&|bob| bob.control = Control::None), "the control programs of ann.json");
        says(change(&|bob| bob.submissions[0].maximum = 7), "ann.json and bob.json have different");
        says(change(&|bob| bob.submissions[0].labs[0].weight = 2), "stages of lab 1");
        says(
            change(&|bob| bob.shard = Some(Shard { number: 2, of: 3 })),
            "a set of 2 shards, and others",
        );
        let twice = change(&|bob| {
            bob.shard = Some(Shard { number: 1, of: 2 });
        });
        says(twice, "two records of shard 1/2");
        says(Vec::new(), "no record");
    }

    #[test]
    fn each_submission_is_in_one_shard() {
        for (text, part) in
            [("1/3", vec![0, 3]), ("2/3", vec![1, 4]), ("3/3", vec![2]), ("9/9", vec![])]
        {
            let shard: Shard = text.parse().unwrap();
            assert_eq!(shard.part((0..5).collect()), part, "{text}");
        }
        for wrong in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
