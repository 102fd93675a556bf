//! The containment tiers. A tier says how the machine confines submissions, and each record names the submissions'
//! tier.
//!
//! In containment tier B, each program of a submission is subject to all the restrictions that [`confinement`] can
//! enforce. In containment tier A, which is higher, each submission is also graded in its own [`namespaces`].

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use crate::class::namespaces;
use crate::class::record::Record;
use crate::system::confinement;

/// The tiers that an instructor can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// Each program is confined.
    #[value(name = "B")]
    B,
    /// Like B, but each submission also has its own processes, network, and shared memory
    #[value(name = "A")]
    A,
}

impl Level {
    /// Returns the tier that is named at the beginning of the text, or `None` if the text describes a machine that
    /// lacks at least one of the restrictions of tier B.
    fn of(tier: &str) -> Option<Self> {
        match tier.split([' ', ':']).next() {
            Some("A") => Some(Self::A),
            Some("B") => Some(Self::B),
            _ => None,
        }
    }
}

/// This machine's tier.
#[derive(Clone, Debug)]
pub struct Tier {
    /// The tier that this machine would have without namespaces.
    programs: String,
    /// The reason why namespaces are unavailable, or `None` if they are available.
    refused: Option<String>,
    /// The tier that the instructor requires.
    required: Option<Level>,
}

impl Tier {
    /// Determines the tier of this machine.
    ///
    /// # Errors
    /// Returns an error if the tier is lower than required. The error says what is missing and what the instructor can
    /// do.
    pub fn probe(lab: &Path, required: Option<Level>) -> Result<Self> {
        let refused = namespaces::works(lab).err().map(|why| format!("{why:#}"));
        let tier = Self { programs: confinement::tier(), refused, required };
        if let Some(why) = tier.too_low() {
            bail!("{why}\nNothing was graded.");
        }
        Ok(tier)
    }

    /// Returns whether each submission is graded in its own namespaces.
    pub fn has_namespaces(&self) -> bool {
        self.refused.is_none()
    }

    /// Returns the tier of a submission that is graded without namespaces because the system has none left.
    ///
    /// # Errors
    /// Returns an error if this tier is lower than required.
    pub fn without_namespaces(&self, why: &str) -> Result<Self> {
        let tier = Self { refused: Some(why.to_owned()), ..self.clone() };
        tier.too_low().map_or(Ok(()), |why| bail!("{why}"))?;
        Ok(tier)
    }

    /// Returns the containment tier as text, as it is written to the record of a graded class.
    pub fn text(&self) -> String {
        match (Level::of(&self.programs), &self.refused) {
            (Some(_), None) => "A".to_owned(),
            (Some(_), Some(why)) => format!("B: {why}"),
            (None, None) => format!("{}; namespaces are used", self.programs),
            (None, Some(_)) => self.programs.clone(),
        }
    }

    /// Returns whether an earlier result has the required tier.
    pub fn allows(&self, tier: Option<&str>) -> bool {
        self.required.is_none() || tier.and_then(Level::of) >= self.required
    }

    fn too_low(&self) -> Option<String> {
        let text = self.text();
        if self.allows(Some(&text)) {
            return None;
        }
        let what_to_do = if Level::of(&text).is_none() {
            "Use Linux 6.12 or newer with Landlock and seccomp."
        } else {
            "Run this as root or on a virtual machine, or allow namespaces. In a container, also grant permission to \
             mount file systems. On Ubuntu, run `sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        };
        let required = self.required?;
        Some(format!(
            "--require-tier asks for {required:?}, but this machine has tier {text}\n{what_to_do}"
        ))
    }
}

/// Returns a short text that names the containment tier of a class's submissions, that is, how they were confined.
pub fn containment(record: &Record) -> String {
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for tier in record.submissions.iter().filter_map(|one| one.tier.as_deref()) {
        if tier != record.tier {
            *others.entry(tier).or_default() += 1;
        }
    }
    let others = others.iter().map(|(tier, count)| format!("; for {count} of them: tier {tier}"));
    format!("containment: tier {}{}", record.tier, others.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{Level, Tier};

    #[test]
    fn a_tier_that_is_required_is_the_least() {
        let tier = |programs: &str, refused: Option<&str>, required| Tier {
            programs: programs.to_owned(),
            refused: refused.map(ToOwned::to_owned),
            required,
        };
        let says = |tier: Tier| tier.too_low().unwrap_or_default();
        assert_eq!(says(tier("B", None, Some(Level::A))), "");
        assert_eq!(says(tier("B", Some("EPERM"), Some(Level::B))), "");
        assert_eq!(says(tier("below B; missing restrictions: x", Some("EPERM"), None)), "");
        let less = says(tier("B", Some("EPERM"), Some(Level::A)));
        assert!(less.contains("asks for A, but this machine has tier B: EPERM\nRun"), "{less}");
        let less = says(tier("below B; missing restrictions: x", None, Some(Level::A)));
        assert!(less.contains("Use Linux"), "{less}");
        let one = tier("B", None, Some(Level::A));
        assert!(one.allows(Some("A")) && !one.allows(Some("B: EPERM")) && !one.allows(None));
        assert!(one.without_namespaces("EPERM").is_err());
    }
}
